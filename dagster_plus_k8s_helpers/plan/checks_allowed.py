"""Rules for the agent's allowlist: what it refuses, and what it does not get to see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.layers import launcher_config, location_of
from dagster_plus_k8s_helpers.plan.rules import ALLOWLIST_EVADED, NOT_ALLOWED
from dagster_plus_k8s_helpers.plan.subjects import Hit, shown
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.plan.subjects import Asked, JobRule, Planned, TagRule

__all__ = ["ALLOWED_RULES", "EVADED_RULES", "allowlist_evaded", "not_allowed"]

_LIST = "onlyAllowUserDefinedK8sConfigFields"


def not_allowed(asked: Asked) -> Iterator[Hit]:
    """Fields that the code location or a job's tags set, and the agent refuses."""
    allowed = _allowed(asked.around.agent)
    if allowed is None:
        return
    for source, config in _written(asked):
        for section, field, value in _fields(config):
            if not _is_allowed(allowed, section, field):
                yield Hit(
                    NOT_ALLOWED,
                    _text(section, field, value, source),
                    of="the run's pod",
                )


def allowlist_evaded(job: Planned) -> Iterator[Hit]:
    """Fields that the agent would refuse, in layers that it never sees."""
    allowed = _allowed(job.asked.around.agent)
    if allowed is None:
        return
    for group in job.groups[1:]:
        for layer in group.pod.layers:
            if layer.name not in {"executor", "op tags", "per_step_k8s_config"}:
                continue
            for section, field, value in _fields(layer.config):
                if not _is_allowed(allowed, section, field):
                    yield group.hit(
                        ALLOWLIST_EVADED,
                        _text(section, field, value, layer),
                    )


ALLOWED_RULES: tuple[TagRule, ...] = (not_allowed,)
EVADED_RULES: tuple[JobRule, ...] = (allowlist_evaded,)


def _allowed(agent: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The fields that an agent lets others set; ``None`` when it lets them set all."""
    if agent is None:
        return None
    try:
        found: Mapping[str, Any] | None = launcher_config(agent).get(
            "only_allow_user_defined_k8s_config_fields"
        )
    except PlanError:  # what the plan will say
        return None
    if found is None:
        return None
    return {
        section: {_plain(name) for name, is_allowed in fields.items() if is_allowed}
        for section, fields in found.items()
        if isinstance(fields, Mapping)
    }


def _written(asked: Asked) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The configs that the agent looks at, as far as they can be read."""
    from dagster_k8s.container_context import K8sContainerContext

    if asked.around.location is not None:
        try:
            file = location_of(asked.around.location)
        except PlanError:  # as above
            pass
        else:
            context = K8sContainerContext.create_from_config(file.container_context)
            yield f"the code location {file.name or '<without a name>'!r}", context.run_k8s_config.to_dict()
    text = asked.job.run_tags.get(K8sConfig.TAG)
    if text is not None:
        try:
            config = json.loads(text)
        except ValueError:  # as the rules for tags say
            config = None
        if isinstance(config, Mapping):
            yield "run tags", config


def _fields(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for section, fields in config.items():
        if section in _SECTIONS and isinstance(fields, Mapping):
            yield from ((section, str(field), value) for field, value in fields.items())


_SECTIONS = (
    "container_config",
    "pod_spec_config",
    "pod_template_spec_metadata",
    "job_metadata",
    "job_spec_config",
)


def _text(section: str, field: str, value: object, source: object) -> str:
    return f"{section}.{field} is {shown(value)} by {source}, and {_LIST} of the agent has no such field"


def _is_allowed(allowed: Mapping[str, Any], section: str, field: str) -> bool:
    return _plain(field) in allowed.get(section, ())


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
