"""Rules for what comes of merging the layers of a pod."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.gpus import gpus_of
from dagster_plus_k8s_helpers.check.subjects.registry import of_plans, of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import (
    amount,
    containers,
    layer_of,
    of_no_one,
    said,
    shown,
    twice,
)
from dagster_plus_k8s_helpers.errors import is_one_edit_from
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.plan.merge.unknown import placeholder_of_variable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, Planned, PodGroup, Surroundings
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod

__all__ = ["DUPLICATE_ENV", "DUPLICATE_NAME", "REQUEST_ABOVE_LIMIT"]


REQUEST_ABOVE_LIMIT = Rule(
    "DPK502",
    Severity.ERROR,
    "Kubernetes refuses a container that requests more than its limit; each layer may be right alone.",
    "set the request and the limit in the same layer",
)


@of_pods(REQUEST_ABOVE_LIMIT, whose="any")
def request_above_limit(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A request above its limit, in any container."""
    holders = [("", group.pod.spec), *((f"{path}.", item) for path, item in containers(group.pod.spec))]
    for path, holder in holders:
        resources = holder.get("resources") or {}
        limits = resources.get("limits") or {}
        for name, value in (resources.get("requests") or {}).items():
            request, limit = amount(value), amount(limits.get(name))
            if request is not None and limit is not None and request > limit:
                fields = [f"{path}resources.{side}.{name}" for side in ("requests", "limits")]
                above, below = (said(group.pod, field) for field in fields)
                # Whatever stands above it comes up against what the lower layer says.
                lower, upper = sorted(fields, key=lambda field: _height(group.pod, field))
                yield group.hit(
                    REQUEST_ABOVE_LIMIT,
                    f"{above}, and {below}",
                    *fields,
                    cause=of_no_one(said(group.pod, lower)),
                    part=said(group.pod, upper),
                )


DUPLICATE_ENV = Rule(
    "DPK503",
    Severity.ERROR,
    "Dagster appends the lists of all layers. Of two variables of one name Kubernetes takes the last: a "
    "warning where that is the later layer's, as it mostly is meant to be.",
    "keep one of the two; an upper layer cannot take out what a lower one says",
)


@of_pods(DUPLICATE_ENV, whose="any")
def duplicate_env(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """Two environment variables of one name in a container."""
    for path, container in containers(group.pod.spec):
        for name, places in _repeated(container.get("env") or (), "name"):
            values = _values(group, f"{path}.env", container["env"], places)
            layers = {layer_of(group.pod, f"{path}.env[{place}]") for place in places}
            yield group.hit(
                _OVERRIDDEN_ENV if len(layers) == len(places) else DUPLICATE_ENV,
                f"{path}.env has {name!r} {_times(places)}: {values}; the last one counts",
                *(f"{path}.env[{place}]" for place in _some(places)),
                cause=_twice(group.pod, path, "env", name, places),
            )


DUPLICATE_NAME = Rule(
    "DPK504",
    Severity.ERROR,
    "Dagster appends the lists of all layers; Kubernetes refuses a pod in which two volumes or containers "
    "share a name, or two mounts a path.",
    "keep one of the two, or give them different names",
)


@of_pods(DUPLICATE_NAME, whose="any")
def duplicate_names(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """Two volumes or containers of one name in a pod, or two mounts at one path in a container."""
    spec = group.pod.spec
    by_name: dict[str, list[str]] = {}
    for path, item in containers(spec):
        by_name.setdefault(str(item.get("name")), []).append(path)
    for name, paths in by_name.items():
        others = [path for path in paths if path != _MAIN]
        if len(paths) > 1 and _MAIN in paths:
            text = (
                f"{others[0]} by {layer_of(group.pod, others[0])} has the name {name!r} of the main container"
            )
            yield group.hit(DUPLICATE_NAME, text, *others, fix=_FOR_MAIN)
        elif len(paths) > 1:
            found = " and ".join(f"{path} by {layer_of(group.pod, path)}" for path in paths)
            text = f"{len(paths)} containers have the name {name!r}: {found}"
            yield group.hit(DUPLICATE_NAME, text, *paths)
    lists: list[tuple[str, Sequence[Mapping[str, Any]], str]] = [
        ("volumes", spec.get("volumes") or (), "name"),
        *(
            (f"{path}.volumeMounts", item.get("volumeMounts") or (), "mountPath")
            for path, item in containers(spec)
        ),
    ]
    for path, items, key in lists:
        for name, places in _repeated(items, key):
            values = _values(group, path, items, places)
            holder, _, field = path.rpartition(".")
            yield group.hit(
                DUPLICATE_NAME,
                f"{path} has the {key} {name!r} {_times(places)}: {values}",
                *(f"{path}[{place}]" for place in _some(places)),
                cause=_twice(group.pod, holder, field, name, places),
            )


_MAIN = "containers[0]"
_FOR_MAIN = "write in container_config what is for the main container; any other needs a name of its own"


NO_SUCH_VOLUME = Rule(
    "DPK551",
    Severity.ERROR,
    "Kubernetes refuses a pod in which a container mounts a volume that the pod does not have; a volume may "
    "come from any layer. Source: ValidateVolumeMounts in the API server's validation.go",
    "add the volume to volumes, or correct the name",
)


@of_pods(NO_SUCH_VOLUME, whose="any")
def no_such_volume(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A mount or device of a volume that no layer has; without the agent's values it may be the agent's."""
    names = [str(volume.get("name")) for volume in group.pod.spec.get("volumes") or ()]
    for path, container in containers(group.pod.spec):
        for field in ("volumeMounts", "volumeDevices"):
            for index, mount in enumerate(container.get(field) or ()):
                name = str(mount.get("name"))
                if name in names:
                    continue
                where = f"{path}.{field}[{index}]"
                near = next((other for other in sorted(names) if is_one_edit_from(name, other)), None)
                if around.agent is None and near is None:
                    continue
                yield group.hit(
                    NO_SUCH_VOLUME,
                    f"{where} by {layer_of(group.pod, where)} mounts the volume {name!r}, which no layer has"
                    f"{f'; did you mean {near!r}?' if near else ''}",
                    where,
                    cause=f"volume {name}",
                    part=where,
                )


GPU_FROM_BELOW = Rule(
    "DPK508",
    Severity.WARNING,
    "A GPU in a layer below the op tags goes to every pod, needed or not, and DEEP merging cannot take "
    "it away.",
    "ask for the GPU in op_tags of the steps that need it",
)


@of_pods(GPU_FROM_BELOW)
def gpu_from_below(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A GPU that pods get from the agent or the code location, which speak for all of them."""
    yield from _gpus_from(group, {"agent", "location"})


@of_plans(GPU_FROM_BELOW)
def gpu_from_executor(job: Planned) -> Iterator[Hit]:
    """A GPU that the steps of a job get from its executor; but for the only one, which may want it."""
    for group in job.groups if len(job.plan.steps) > 1 else ():
        yield from _gpus_from(group, {"executor"})


def _gpus_from(group: PodGroup, layers: Collection[str]) -> Iterator[Hit]:
    for path, container in containers(group.pod.spec):
        for name in gpus_of(container):
            field = f"{path}.resources.limits.{name}"
            if layer_of(group.pod, field).name in layers:
                text = f"{said(group.pod, field)}, as in every pod that the layer speaks for"
                yield group.hit(GPU_FROM_BELOW, text, field)


BARE_VARIABLE = Rule(
    "DPK529",
    Severity.ERROR,
    "A bare KEY in the executor's env_vars is read in the run's pod; where it is not set there, no step "
    "starts.",
    "write KEY=VALUE, or leave it to a Secret that env_secrets names",
)


@of_plans(BARE_VARIABLE)
def bare_variables(job: Planned) -> Iterator[Hit]:
    """A bare ``KEY`` of the executor that the run's pod does not have.

    What a Secret or ConfigMap brings in whole may well have it.
    """
    of_run = job.plan.run.spec["containers"][0]
    if of_run.get("envFrom"):
        return
    known = {variable["name"] for variable in of_run.get("env") or ()}
    for group in job.groups[1:]:
        for index, variable in enumerate(group.pod.spec["containers"][0].get("env") or ()):
            name = variable["name"]
            if variable.get("value") != placeholder_of_variable(name) or name in known:
                continue
            layer = layer_of(group.pod, f"containers[0].env[{index}]")
            if layer.name == "executor":
                yield group.hit(
                    BARE_VARIABLE,
                    f"env_vars of {layer} names {name!r} without a value, and no layer sets it in the "
                    "run's pod",
                )


_OVERRIDDEN_ENV = replace(DUPLICATE_ENV, severity=Severity.WARNING)
"""The same where a later layer has the last word, as it is meant to."""


def _height(pod: Pod, path: str) -> int:
    """How far up the layer stands that a field inside the pod's spec comes from."""
    return pod.layers.index(layer_of(pod, path))


def _twice(pod: Pod, holder: str, field: str, name: str, places: Sequence[int]) -> str:
    """The cause of what is twice in a list of a container, or of the pod when there is no holder."""
    layer = layer_of(pod, f"{holder}.{field}[{places[0]}]".removeprefix("."))
    named = {path: str(container.get("name")) for path, container in containers(pod.spec)}
    whose = "" if holder == "containers[0]" else named.get(holder, "")
    return of_no_one(f"{twice(field, name, whose)} by {layer}")


def _repeated(items: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[str, list[int]]]:
    places: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        places.setdefault(str(item.get(key)), []).append(index)
    yield from ((name, found) for name, found in places.items() if len(found) > 1)


def _times(places: Sequence[object]) -> str:
    return "twice" if len(places) == 2 else f"{len(places)} times"


def _values(group: PodGroup, path: str, items: Sequence[Any], places: Sequence[int]) -> str:
    """Elements of a list with the layers they are from."""
    some = [f"{shown(items[place])} by {layer_of(group.pod, f'{path}[{place}]')}" for place in _some(places)]
    more = [f"{len(places) - len(some)} more"] if len(some) < len(places) else []
    return " and ".join([*some, *more])


def _some(places: Sequence[int]) -> Sequence[int]:
    """The places that are worth naming: of very many the first ones, and the last, which counts."""
    return places if len(places) <= _MOST_NAMED else (*places[: _MOST_NAMED - 1], places[-1])


_MOST_NAMED = 4
