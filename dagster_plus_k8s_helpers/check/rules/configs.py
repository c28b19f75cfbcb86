"""What is wrong in a config as it is written, in tags or in the settings of an executor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.check.rules.layers import DUPLICATE_ENV, DUPLICATE_NAME, REQUEST_ABOVE_LIMIT
from dagster_plus_k8s_helpers.check.subjects.subjects import of_no_one, twice
from dagster_plus_k8s_helpers.credentials.telling import find_credentials
from dagster_plus_k8s_helpers.documents.document import shown_path
from dagster_plus_k8s_helpers.documents.shape import at
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.refusals import IS_ABOVE_LIMIT, refusals
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.sections.refusals import Refusal

__all__ = ["CONFIG_RULES", "REFUSED_VALUE", "UNKNOWN_KEY", "WRONG_CASE", "ConfigProblem", "config_problems"]

UNKNOWN_KEY = Rule(
    "DPK512",
    Severity.ERROR,
    "Dagster ignores a key it does not know at the top, and refuses one further in when the pod is launched.",
    "correct the key or delete it",
)
WRONG_CASE = Rule(
    "DPK513",
    Severity.ERROR,
    "Dagster knows the sections of dagster-k8s/config in snake_case only and ignores them in camelCase.",
    "write the section in snake_case",
)
REFUSED_VALUE = Rule(
    "DPK515",
    Severity.ERROR,
    "Kubernetes or Dagster refuses the value, and not before the pod is launched.",
    "write a value that Kubernetes and Dagster take",
)
OVERWRITTEN = Rule(
    "DPK516", Severity.ERROR, "Dagster sets this itself and overwrites what you say.", "leave it out"
)
LITERAL_CREDENTIAL = Rule(
    "DPK527",
    Severity.ERROR,
    "Definitions lie in git, and tags pass through the control plane of Dagster+ and are shown in its UI.",
    "put it into a Kubernetes Secret and refer to that with SecretKeyRef or env_from",
)

CONFIG_RULES = (
    UNKNOWN_KEY,
    WRONG_CASE,
    REFUSED_VALUE,
    OVERWRITTEN,
    LITERAL_CREDENTIAL,
    REQUEST_ABOVE_LIMIT,
    DUPLICATE_ENV,
    DUPLICATE_NAME,
)
"""What `config_problems` finds; the last three are found in pods as well, of layers together."""


class ConfigProblem(NamedTuple):
    """What is wrong in a config.

    Attributes:
        rule: By which rule.
        text: What is wrong, with its path in the config.
        pod_cause: What a rule for pods calls the cause, without the layer, where one says the same of a pod.
    """

    rule: Rule
    text: str
    pod_cause: str = ""

    def cause_in(self, layer: str) -> str:
        """What a rule for pods calls the cause when the config is that of a layer; empty where none does."""
        return of_no_one(f"{self.pod_cause} by {layer}") if self.pod_cause else ""


def config_problems(config: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """What Dagster ignores, overwrites or refuses in a config, what Kubernetes refuses, and credentials."""
    known: dict[str, Any] = {}
    for key, value in config.items():
        if key in _SECTIONS:
            known[key] = value
        elif key in _SPELLINGS:
            yield ConfigProblem(WRONG_CASE, f"Dagster ignores {key!r}; write {_SPELLINGS[key]!r}")
            known.setdefault(_SPELLINGS[key], value)
        else:
            yield ConfigProblem(UNKNOWN_KEY, _reason(key, value))
    for refusal in refusals(K8sConfig.from_dict, known):
        path = shown_path(refusal.path)
        place = refusal.path[:2]
        reason = _OVERWRITTEN.get(place, refusal.reason)
        if place == ("job_config",) or place in _OVERWRITTEN or "Dagster names" in refusal.reason:
            rule = OVERWRITTEN
        else:
            rule = UNKNOWN_KEY if refusal.is_unknown_field else REFUSED_VALUE
        text = f"{path}: {reason}" if path else reason
        yield _of_pods(known, refusal, text) or ConfigProblem(rule, text)
    container = known.get("container_config")
    if isinstance(container, Mapping) and "args" in container:
        text = "container_config.args: Dagster overwrites it with arguments of its own"
        yield ConfigProblem(OVERWRITTEN, text)
    for found, kind in find_credentials(dict(config)):
        yield ConfigProblem(LITERAL_CREDENTIAL, f"{shown_path(found)}: this looks like {kind}")


def _of_pods(config: Mapping[str, Any], refusal: Refusal, text: str) -> ConfigProblem | None:
    """What the rules for pods say as well, which look at layers together: told by their rule and cause."""
    named = _NAMED_TWICE.match(refusal.reason)
    if named and len(refusal.path) > 2:
        *holder, field, _ = refusal.path
        container = at(config, holder)
        is_dagsters = holder == ["container_config"] or not isinstance(container, Mapping)
        whose = "" if is_dagsters or field == "volumes" else str(container.get("name"))
        if field in _LISTS:
            rule = DUPLICATE_ENV if field == "env" else DUPLICATE_NAME
            text = text.removesuffix("; keep one of the two")  # the fix says so
            return ConfigProblem(rule, text, twice(_LISTS[field], named[1], whose))
    if IS_ABOVE_LIMIT in refusal.reason and refusal.path[:2] == ("container_config", "resources"):
        field = ".".join(map(str, refusal.path[1:]))
        value = at(config, refusal.path)
        return ConfigProblem(REQUEST_ABOVE_LIMIT, text, f"containers[0].{field} is {value!r}")
    return None


_LISTS: dict[str | int, str] = {
    "env": "env",
    "volumes": "volumes",
    "volume_mounts": "volumeMounts",
    "volumeMounts": "volumeMounts",
}
_NAMED_TWICE = re.compile(r"names '([^']*)' twice")


_OVERWRITTEN: dict[Path, str] = {
    ("container_config", "args"): "Dagster overwrites it with arguments of its own",
    (
        "job_spec_config",
        "template",
    ): "Dagster overwrites it with the pod that it makes; write pod_spec_config, "
    "and pod_template_spec_metadata for its metadata",
}


_SECTIONS = (*SECTIONS, "merge_behavior", "job_config")
_SPELLINGS = spellings(*_SECTIONS)


def _reason(key: str, value: object) -> str:
    try:
        K8sConfig.from_dict({key: value})
    except K8sConfigError as error:
        return str(error)
    return f"Dagster ignores {key!r}"
