"""The rule for pods that assets start themselves, with ``PipesK8sClient``: no layer gives them anything.

What such a pod gets is written inside a function, which must not be called to be planned. Its source is read
instead, and what cannot be told from there is left alone.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from dagster_plus_k8s_helpers._dagster.planning import function_of
from dagster_plus_k8s_helpers.check.subjects.registry import of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import Hit
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked


_CLIENT = "PipesK8sClient"


PIPES_WITHOUT_RESOURCES = Rule(
    "DPK531",
    Severity.WARNING,
    "No layer reaches a pod that an asset starts itself: without resources of its own it is the first to be "
    "evicted, and takes what it can get.",
    "write base_pod_spec=K8sConfig(resources=...).pod_spec()",
)


@of_tags(PIPES_WITHOUT_RESOURCES)
def pipes_without_resources(asked: Asked) -> Iterator[Hit]:
    """A call of ``PipesK8sClient.run`` whose pod asks for neither CPU nor memory."""
    by_function: dict[Callable[..., Any], list[str]] = {}
    for step in asked.steps:
        function = function_of(asked.job, step)
        if function is not None:
            by_function.setdefault(function, []).append(step.key)
    for function, keys in by_function.items():
        for line, problem in _calls_without_resources(function):
            file = PurePath(inspect.getsourcefile(function) or "").name
            yield Hit(PIPES_WITHOUT_RESOURCES, f"{file}, line {line}: {problem}", tuple(keys))


def _calls_without_resources(function: Callable[..., Any]) -> Iterator[tuple[int, str]]:
    """The line of each call whose pod has no resources, and what is wrong with it."""
    names = _parameters(function)
    if not names and _CLIENT not in function.__code__.co_names:
        return
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError):
        return
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _runs_a_pod(call, names):
            problem = _problem(call, function)
            if problem:
                yield first + call.lineno - 1, problem


def _parameters(function: Callable[..., Any]) -> set[str]:
    """The parameters that are Pipes clients, by their annotations."""
    return {
        name
        for name, annotation in getattr(function, "__annotations__", {}).items()
        if _CLIENT in (annotation if isinstance(annotation, str) else getattr(annotation, "__name__", ""))
    }


def _runs_a_pod(call: ast.Call, names: set[str]) -> bool:
    """Whether it is ``client.run(...)`` or ``PipesK8sClient(...).run(...)``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "run":
        return False
    client = call.func.value
    if isinstance(client, ast.Call):
        made = client.func
        return _CLIENT in {getattr(made, "id", ""), getattr(made, "attr", "")}
    return isinstance(client, ast.Name) and client.id in names


def _problem(call: ast.Call, function: Callable[..., Any]) -> str:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if None in given:  # **options may hold it
        return ""
    if "base_pod_spec" not in given:
        return "PipesK8sClient.run is given no base_pod_spec, so its pod has no resources"
    spec = _value(given["base_pod_spec"], function)
    if not isinstance(spec, Mapping):
        return ""
    containers = spec.get("containers")
    if containers is _UNKNOWN:
        return ""
    first = containers[0] if isinstance(containers, list) and containers else {}
    resources = first.get("resources") if isinstance(first, Mapping) else _UNKNOWN
    if resources is _UNKNOWN or spec.get("resources") or (isinstance(resources, Mapping) and any(resources)):
        return ""
    return "the base_pod_spec of PipesK8sClient.run has no resources in its first container"


_UNKNOWN: Final = object()


def _value(node: ast.expr, function: Callable[..., Any]) -> Any:
    """What an expression stands for, as far as that can be told without running any of it."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=elements):
            return [_value(element, function) for element in elements]
        case ast.Dict(keys=keys, values=values) if all(isinstance(key, ast.Constant) for key in keys):
            return {
                key.value: _value(value, function)  # type: ignore[union-attr] # all are constants
                for key, value in zip(keys, values, strict=True)
            }
        case ast.Name(id=name):
            return inspect.getclosurevars(function).globals.get(name, _UNKNOWN)
        case ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr="pod_spec")):
            config = _value(owner, function)
            return config.pod_spec() if isinstance(config, K8sConfig) else _UNKNOWN
    return _UNKNOWN
