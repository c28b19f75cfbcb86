"""Rules for what comes of merging the layers of a pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.plan.gpus import is_gpu
from dagster_plus_k8s_helpers.plan.rules import (
    BARE_VARIABLE,
    DUPLICATE_ENV,
    DUPLICATE_NAME,
    GPU_FROM_BELOW,
    REQUEST_ABOVE_LIMIT,
    SHALLOW_LOSES,
)
from dagster_plus_k8s_helpers.plan.subjects import amount, containers, layer_of, said
from dagster_plus_k8s_helpers.plan.unknown import placeholder_of_variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.plan.layers import Layer
    from dagster_plus_k8s_helpers.plan.subjects import Hit, Planned, PodGroup, PodRule, Surroundings

__all__ = [
    "LAYER_RULES",
    "bare_variables",
    "duplicate_env",
    "duplicate_names",
    "gpu_from_below",
    "request_above_limit",
    "shallow_loses",
]


def request_above_limit(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A request above its limit, in any container."""
    holders = [("", group.pod.spec), *((f"{path}.", item) for path, item in containers(group.pod.spec))]
    for path, holder in holders:
        resources = holder.get("resources") or {}
        limits = resources.get("limits") or {}
        for name, value in (resources.get("requests") or {}).items():
            request, limit = amount(value), amount(limits.get(name))
            if request is not None and limit is not None and request > limit:
                below = said(group.pod, f"{path}resources.limits.{name}")
                above = said(group.pod, f"{path}resources.requests.{name}")
                yield group.hit(REQUEST_ABOVE_LIMIT, f"{above}, and {below}")


def duplicate_env(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """Two environment variables of one name in a container."""
    for path, container in containers(group.pod.spec):
        for name, places in _repeated(container.get("env") or (), "name"):
            origins = _and(f"{layer_of(group.pod, f'{path}.env[{place}]')}" for place in places)
            yield group.hit(
                DUPLICATE_ENV,
                f"{path}.env has {name!r} {_times(places)}, from {origins}; the last one counts",
            )


def duplicate_names(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """Two volumes or containers of one name in a pod, or two mounts at one path in a container."""
    spec = group.pod.spec
    lists: list[tuple[str, Sequence[Mapping[str, Any]], str]] = [
        ("volumes", spec.get("volumes") or (), "name"),
        ("containers", spec.get("containers") or (), "name"),
        ("initContainers", spec.get("initContainers") or (), "name"),
        *(
            (f"{path}.volumeMounts", item.get("volumeMounts") or (), "mountPath")
            for path, item in containers(spec)
        ),
    ]
    for path, items, key in lists:
        for name, places in _repeated(items, key):
            origins = _and(f"{layer_of(group.pod, f'{path}[{place}]')}" for place in places)
            yield group.hit(DUPLICATE_NAME, f"{path} has the {key} {name!r} {_times(places)}, from {origins}")


def gpu_from_below(job: Planned) -> Iterator[Hit]:
    """A GPU that pods get from a layer which speaks for all of them."""
    alone = len(job.plan.steps) == 1
    for group in job.groups:
        for path, container in containers(group.pod.spec):
            for name in (container.get("resources") or {}).get("limits") or {}:
                field = f"{path}.resources.limits.{name}"
                if not is_gpu(name):
                    continue
                layer = layer_of(group.pod, field)
                if layer.name in {"agent", "location"} or (layer.name == "executor" and not alone):
                    yield group.hit(
                        GPU_FROM_BELOW, f"{said(group.pod, field)}, as in every pod that the layer speaks for"
                    )


def shallow_loses(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """What a layer with ``merge_behavior: SHALLOW`` takes away of the layers below."""
    layers = group.pod.layers
    for index, layer in enumerate(layers):
        # A location's is lost for a run's pod, which files are checked for.
        if layer.config.get("merge_behavior") != "SHALLOW" or (not group.steps and layer.name == "location"):
            continue
        for section, fields in layer.config.items():
            for field, value in fields.items() if isinstance(fields, Mapping) else ():
                for below in layers[:index]:
                    lost = _missing((below.config.get(section) or {}).get(field), value)
                    if lost:
                        yield group.hit(SHALLOW_LOSES, _lost(layer, f"{section}.{field}", below, lost))


def bare_variables(job: Planned) -> Iterator[Hit]:
    """A bare ``KEY`` of the executor that the run's pod does not have."""
    of_run = job.plan.run.spec["containers"][0].get("env") or ()
    known = {variable["name"] for variable in of_run}
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


LAYER_RULES: tuple[PodRule, ...] = (request_above_limit, duplicate_env, duplicate_names, shallow_loses)


def _repeated(items: Sequence[Mapping[str, Any]], key: str) -> Iterator[tuple[str, list[int]]]:
    places: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        places.setdefault(str(item.get(key)), []).append(index)
    yield from ((name, found) for name, found in places.items() if len(found) > 1)


def _times(places: list[int]) -> str:
    return "twice" if len(places) == 2 else f"{len(places)} times"


def _and(texts: Iterator[str]) -> str:
    return " and from ".join(texts)


def _missing(below: object, above: object) -> list[str]:
    """What of a field's value is not in the one that takes its place."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return [
            f"{key}.{inner}" if inner else str(key)
            for key, value in below.items()
            for inner in ([""] if key not in above else _missing(value, above[key]))
        ]
    if isinstance(below, list) and isinstance(above, list):
        kept = {_name(item) for item in above}
        return [_name(item) for item in below if _name(item) not in kept]
    return []


def _name(item: object) -> str:
    if isinstance(item, Mapping):
        return str(item.get("mount_path") or item.get("name") or item.get("key") or dict(item))
    return str(item)


def _lost(layer: Layer, field: str, below: Layer, lost: list[str]) -> str:
    return f"{field} of {layer} is SHALLOW and loses {', '.join(map(repr, lost))} of {below}"
