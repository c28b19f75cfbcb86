"""Labels by which a cloud's own bill is grouped: what you say of a team or a product, and the asset group."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.objects.names import check_labels
from dagster_plus_k8s_helpers.tags import with_k8s_config

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GROUP_LABEL", "cost_labels", "label_value", "with_group_labels"]

GROUP_LABEL = "dagster-plus-k8s/asset-group"
"""Label with the group of the asset that a step computes."""

# What Dagster and the Job controller look for: with another value a Job is refused, or its pod not found.
_DAGSTERS = "dagster/"
_TAKEN_PREFIXES = (_DAGSTERS, "batch.kubernetes.io/")
_TAKEN = {"job-name", "controller-uid"}
_LONGEST = 63
_DIGEST = 8


@answering
def cost_labels(**labels: str) -> K8sConfig:
    """Labels of the pod and of its Job, by which costs are grouped.

    It is a config like any other: ``SMALL | cost_labels(team="ml")`` for one step,
    ``k8s_executor(step_config=cost_labels(product="shop"))`` for every step.

    Args:
        **labels: Their keys and values; ``**{"example.com/team": "ml"}`` for a key with a prefix.

    Raises:
        K8sConfigError: No label, a key or value that Kubernetes refuses, or a key by which Dagster or
            Kubernetes find a pod: ``dagster/...``, ``batch.kubernetes.io/...``, ``job-name`` and
            ``controller-uid``.

    Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and
    https://kubernetes.io/docs/reference/labels-annotations-taints/#batch-kubernetes-io-job-name
    """
    if not labels:
        raise K8sConfigError('there is no label in it; write cost_labels(team="ml")', where="cost_labels")
    for key, value in labels.items():
        if not isinstance(value, str):
            raise K8sConfigError(f"the value of {key!r} must be text, not {value!r}", where="cost_labels")
        if key in _TAKEN or key.startswith(_TAKEN_PREFIXES):
            whose = "Dagster" if key.startswith(_DAGSTERS) else "Kubernetes"
            raise K8sConfigError(
                f"{key!r} is a label by which {whose} finds the pods of a Job; write a key of your own, "
                f'such as "team" or "example.com/team"',
                where="cost_labels",
            )
    try:
        check_labels(labels)
    except K8sConfigError as error:
        raise error.within("cost_labels") from None
    return K8sConfig(labels=labels, job_metadata={"labels": labels})


@answering
def with_group_labels(definitions: dg.Definitions) -> dg.Definitions:
    """Labels the pods of assets with their group, beneath what their op tags say.

    ``dagster-plus-k8s/asset-group`` stands beside the labels that Dagster sets of every step anyway:
    ``dagster/op``, which is the key of the asset, ``dagster/job`` and ``dagster/run-id``. A group's name is
    made a label value. An op that computes assets of several groups has the label of the first by name.

    Args:
        definitions: The definitions; they are not changed.

    Raises:
        K8sConfigError: The tags of an op hold a config that Kubernetes or Dagster would refuse.
    """
    if not isinstance(definitions, dg.Definitions):
        raise K8sConfigError(f"must be Definitions, not {type(definitions).__name__}", where="definitions")
    for group in sorted(_groups(definitions.assets or ())):
        labels = cost_labels(**{GROUP_LABEL: label_value(group)})
        definitions = with_k8s_config(definitions, labels, _in_group(group))
    return definitions


def label_value(text: str) -> str:
    """A text as the value of a label: the same for the same text, and another for another.

    What Kubernetes does not take becomes ``-``; where that, or the length, loses something, the text's digest
    is at the end.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
    """
    value = re.sub(r"[^A-Za-z0-9_.-]", "-", text).strip("-_.")
    if value == text and len(value) <= _LONGEST:
        return value
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{value[: _LONGEST - _DIGEST - 1].rstrip('-_.')}-{digest}".lstrip("-")


def _groups(assets: Iterable[Any]) -> set[str]:
    """The groups of the assets that an op computes."""
    return {
        spec.group_name or _DEFAULT
        for asset in assets
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
        for spec in asset.specs
    }


_DEFAULT = "default"


def _in_group(group: str) -> Any:
    return lambda spec: (spec.group_name or _DEFAULT) == group
