"""The rule for what is said of code servers and runs both, in the place of what is said of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import shown
from dagster_plus_k8s_helpers.documents.document import shown_path
from dagster_plus_k8s_helpers.files.places import GENERAL, Field, place_in
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.plan.merge.fields import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings
    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.places import Place


GENERAL_OVER_SPECIFIC = Rule(
    "DPK550",
    Severity.WARNING,
    "What stands at the top of container_context.k8s is for code servers and runs both. The code location is "
    "a later layer than the agent, so that it wins even over what the agent has for runs, or for code "
    "servers, alone.",
    "write it under run_k8s_config or server_k8s_config, for the pods that it is meant for",
)


@of_pods(GENERAL_OVER_SPECIFIC, whose="any")
def general_over_specific(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A general setting of a code location over one that the agent has for just these pods.

    ``resources`` and the like at the top of ``container_context.k8s`` are for code servers and runs both. The
    location is the later layer, so they win over the agent's ``runK8sConfig`` and ``serverK8sConfig``. Lists
    are appended instead, and what is then there twice other rules say.
    """
    if around.agent is None or around.location is None:
        return
    changed: dict[Path, list[_Changed]] = {}
    for item in _changed(group, around.agent, around.location):
        changed.setdefault(item.general.path[:_DEPTH], []).append(item)
    kind = "runs" if group.pods == "run" else "code servers"
    for path, items in changed.items():
        said = "; ".join(f"{item.name} is {shown(item.now)} and not {shown(item.before)}" for item in items)
        specific = shown_path(items[0].specific.path[:_DEPTH])
        yield group.hit(
            GENERAL_OVER_SPECIFIC,
            f"{shown_path(path)} is for code servers and runs both, and takes the place of {specific} of the "
            f"agent, which is for {kind}: {said}",
            *items[0].fields,
        )


_ROOT_OF_LOCATION: Path = ("container_context", "k8s")
_DEPTH = 3
"""``container_context.k8s.resources``, ``workspace.runK8sConfig.containerConfig``."""


class _Changed(NamedTuple):
    """A value that the agent has for some pods and the location changes for all."""

    name: str
    before: Any
    now: Any
    general: Place
    specific: Place
    fields: Sequence[Field]


def _changed(group: PodGroup, agent: Mapping[str, Any], location: Mapping[str, Any]) -> Iterator[_Changed]:
    manifest = group.pod.template.sent.manifest
    for section, key in GENERAL:
        holder = _IN_MANIFEST.get(section)
        probe = Field("agent", (section, key), group.pods)
        below = place_in(agent, ("workspace",), probe)
        if holder is None or below is None or below.is_general or not _is_said(location, section, key):
            continue
        camel = _camel(key)
        value = _at(manifest, f"{holder}.{camel}")
        for path, now in () if isinstance(value, list | None) else paths(value, f"{holder}.{camel}"):
            of_location = group.pod.field(path, group.pods)
            if of_location.layer != "location":
                continue
            general = place_in(location, _ROOT_OF_LOCATION, of_location)
            specific = place_in(agent, ("workspace",), of_location)
            whole = len(of_location.path) - 2
            if not general or not general.is_general or not specific or specific.is_general:
                continue
            before = _value(agent, specific.path) if specific.depth == whole else now
            if str(before) != str(now):
                name = path.removeprefix(f"{holder}.")
                fields = (of_location, of_location._replace(layer="agent"))
                yield _Changed(name, before, now, general, specific, fields)


def _value(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _is_said(location: Mapping[str, Any], section: str, key: str) -> bool:
    """Whether a code location says a field of all its pods."""
    context = location.get("container_context")
    k8s = context.get("k8s") if isinstance(context, Mapping) else None
    return isinstance(k8s, Mapping) and any(k8s.get(name) for name in GENERAL[section, key])


_IN_MANIFEST = {
    "container_config": "spec.template.spec.containers[0]",
    "pod_spec_config": "spec.template.spec",
    "pod_template_spec_metadata": "spec.template.metadata",
    "job_metadata": "metadata",
}


def _at(manifest: Mapping[str, Any], path: str) -> Any:
    here: Any = manifest
    for part in path.replace("[0]", ".0").split("."):
        here = here[int(part)] if isinstance(here, list) else here.get(part)
        if here is None:
            return None
    return here


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
