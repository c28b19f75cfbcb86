"""The fields of a config that are a label of the Job, and no field of Kubernetes'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.merge import merge
from dagster_plus_k8s_helpers.pod.objects.names import check_label_value
from dagster_plus_k8s_helpers.pod.objects.schema import read
from dagster_plus_k8s_helpers.pod.parts.rules import check
from dagster_plus_k8s_helpers.pod.queues import KUEUE_PRIORITY, KUEUE_QUEUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject

__all__ = ["JOB_LABELS", "with_job_labels", "without_job_label"]

JOB_LABELS = {"queue": KUEUE_QUEUE, "priority_class": KUEUE_PRIORITY}
"""The key of the label that each such field is."""

_METADATA = "job_metadata"


def with_job_labels(
    sections: dict[str, KubernetesObject], given: Mapping[str, object]
) -> dict[str, KubernetesObject]:
    """The sections with what these fields say.

    Args:
        sections: Of a config.
        given: The fields, by name.

    Raises:
        K8sConfigError: A value that no label can have, or another one than ``job_metadata`` gives the label.
    """
    if not given:
        return sections
    written = sections.get(_METADATA, {})
    for name, value in given.items():
        key = JOB_LABELS[name]
        if not isinstance(value, str) or not value:
            raise K8sConfigError(f"must be a name, not {value!r}", where=name)
        try:
            check_label_value(value, key, "name in label")
        except K8sConfigError as error:
            raise error.within(name) from None
        before = written.get("labels", {}).get(key, value)
        if before != value:
            raise K8sConfigError(f"is {value!r}, and job_metadata labels the Job {key}={before}", where=name)
    labels = {JOB_LABELS[name]: value for name, value in given.items()}
    model = SECTIONS[_METADATA]
    return {**sections, _METADATA: merge(model, written, read(model, {"labels": labels}, check))}


def without_job_label(metadata: Mapping[str, object], name: str) -> KubernetesObject:
    """The metadata of a Job without what one of these fields says, and without labels when that was all."""
    labels = metadata.get("labels")
    given = labels if isinstance(labels, dict) else {}
    kept = {key: value for key, value in given.items() if key != JOB_LABELS[name]}
    rest = {key: value for key, value in metadata.items() if key != "labels"}
    return {**rest, "labels": kept} if kept else rest
