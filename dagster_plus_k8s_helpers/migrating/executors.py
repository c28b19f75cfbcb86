"""``k8s_job_executor.configured(...)`` as ``k8s_executor(...)``, where that is the same configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.migrating.errors import CannotMigrateError
from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, Item, Items, Node, literal
from dagster_plus_k8s_helpers.migrating.fields import by_key
from dagster_plus_k8s_helpers.migrating.proof import evaluated, proved
from dagster_plus_k8s_helpers.migrating.reading import is_known
from dagster_plus_k8s_helpers.migrating.typed import config_call
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.migrating.reading import Reader

__all__ = ["typed"]

_SAME = {
    "max_concurrent": "max_concurrent",
    "tag_concurrency_limits": "tag_concurrency_limits",
    "job_namespace": "namespace",
    "job_image": "image",
    "service_account_name": "service_account_name",
    "enable_owner_references": "owner_references",
    "load_incluster_config": "load_incluster_config",
    "kubeconfig_file": "kubeconfig_file",
}
"""What the stock executor calls a setting, and the argument of `k8s_executor`."""


def typed(call: cst.Call, reader: Reader) -> tuple[list[tuple[cst.CSTNode, Call]], str]:
    """What takes the place of what, and why the rest stays.

    Args:
        call: ``k8s_job_executor.configured(...)``.
        reader: Reads what it is given.

    Raises:
        CannotMigrateError: None of it can be rewritten.
    """
    given, name = _arguments(call)
    config = reader.read(given)
    if not isinstance(config, Items) or by_key(config) is None:
        raise CannotMigrateError("what the executor is configured with is no literal dictionary")
    try:
        whole = _executor(config, name, reader)
    except _NotTheSameError as error:
        return _inside(given, config, reader), str(error)
    return [(call, whole)], ""


class _NotTheSameError(Exception):
    """What `k8s_executor` has no argument for."""


def _arguments(call: cst.Call) -> tuple[cst.BaseExpression, cst.BaseExpression | None]:
    found: dict[str, cst.BaseExpression] = {}
    for place, arg in enumerate(call.args):
        key = arg.keyword.value if arg.keyword else ("config_or_config_fn", "name")[place : place + 1]
        found["".join(key)] = arg.value
    if not set(found) <= {"config_or_config_fn", "name"} or "config_or_config_fn" not in found:
        raise CannotMigrateError("it is configured with more than a dictionary and a name")
    return found["config_or_config_fn"], found.get("name")


def _executor(config: Items, name: cst.BaseExpression | None, reader: Reader) -> Call:
    arguments: list[Item] = []
    for key, item in (by_key(config) or {}).items():
        argument, node = _argument(key, item.node, reader)
        if node is not None:
            said = item.of(node)
            arguments.append(Item(said.node, Code(argument, None), above=said.above, beside=said.beside))
    # The stock executor sets none unless told to.
    if "enable_owner_references" not in (by_key(config) or {}):
        arguments.append(Item(literal(value=False), Code("owner_references", None)))
    if name is not None:
        arguments.append(Item(reader.read(name), Code("name", None)))
    made = Call("k8s_executor", tuple(arguments), below=config.below)
    if all(is_known(code) for item in arguments for code in _codes(item.node)):
        _refuse_another(config, made)
    return made


def _argument(key: str, node: Node, reader: Reader) -> tuple[str, Node | None]:
    """The argument for a setting; no expression for one that says nothing."""
    if key == "step_k8s_config":
        return "step_config", _typed_already(node) or _config(node, reader)
    if key == "per_step_k8s_config":
        return "per_step_config", _per_step(node, reader)
    if key == "retries":
        modes = by_key(node)
        if modes is not None and len(modes) == 1 and next(iter(modes)) in {"enabled", "disabled"}:
            return "retries", literal(next(iter(modes)))
    if key == "step_dependency_config":
        said = by_key(node)
        if said is not None and set(said) == {"require_upstream_step_success"}:
            return "require_upstream_step_success", said["require_upstream_step_success"].node
    if key in _SAME and (isinstance(node, Code) or key == "tag_concurrency_limits"):
        return _SAME[key], node
    if key in _SAME:
        raise _NotTheSameError(
            f"k8s_job_executor stays: its {key} is read from the environment when a run begins; k8s_executor "
            f"takes {_SAME[key]} as text"
        )
    raise _NotTheSameError(
        f"k8s_job_executor stays: k8s_executor has no argument that says what {key} says; "
        "what steps need goes into step_config=K8sConfig(...)"
    )


def _per_step(node: Node, reader: Reader) -> Items | None:
    steps = by_key(node)
    if steps is None or not isinstance(node, Items):
        raise _NotTheSameError("k8s_job_executor stays: the program decides its per_step_k8s_config")
    items = [
        item.of(made)
        for item in steps.values()
        if (made := _typed_already(item.node) or _config(item.node, reader)) is not None
    ]
    return Items("{}", tuple(items), node.below) if items else None


def _typed_already(node: Node) -> Code | None:
    """The config whose dictionary is given, where that is typed."""
    if isinstance(node, Code) and node.text.startswith("K8sConfig(") and node.text.endswith(").to_dict()"):
        return Code(node.text.removesuffix(".to_dict()"), node.value)
    return None


def _config(node: Node, reader: Reader) -> Call | None:
    """The config of a dictionary; nothing for one that says nothing."""
    if not isinstance(node, Items) or by_key(node) is None:
        raise _NotTheSameError("k8s_job_executor stays: its step_k8s_config is no literal dictionary")
    if not node.items:
        return None
    return proved(node, reader.holes, config_call, "")


def _inside(given: cst.BaseExpression, config: Items, reader: Reader) -> list[tuple[cst.CSTNode, Call]]:
    """The configs inside a dictionary that stays: each as what a typed one gives."""
    if not isinstance(given, cst.Dict):
        return []
    found: list[tuple[cst.CSTNode, Call]] = []
    for element, item in zip(given.elements, config.items, strict=True):
        key = item.key.value if item.key is not None else None
        if key == "step_k8s_config":
            found += _dictionary(element.value, item.node, reader)
        elif key == "per_step_k8s_config" and isinstance(element.value, cst.Dict):
            steps = item.node.items if isinstance(item.node, Items) else ()
            for step, said in zip(element.value.elements, steps, strict=True):
                found += _dictionary(step.value, said.node, reader)
    return found


def _dictionary(replaced: cst.CSTNode, node: Node, reader: Reader) -> list[tuple[cst.CSTNode, Call]]:
    if _typed_already(node) is not None:
        return []
    try:
        made = _config(node, reader)
    except _NotTheSameError:
        return []
    return [] if made is None else [(replaced, Call(made.function, made.items, ".to_dict()", made.below))]


def _codes(node: Node) -> list[Code]:
    if isinstance(node, Code):
        return [node]
    return [code for item in node.items for code in _codes(item.node)]


def _refuse_another(config: Items, made: Call) -> None:
    """Compares the two executors setting by setting.

    Raises:
        CannotMigrateError: One of them refuses its settings.
        _NotTheSameError: They differ.
    """
    from dagster_k8s import k8s_job_executor

    stock = _dagster.config_fields(k8s_job_executor)
    settings: dict[str, Any] = _value(config)
    try:
        own = _dagster.config_fields(evaluated(made, {}))
    except DagsterPlusK8sError as error:
        raise CannotMigrateError(str(error)) from None
    for key, field in stock.items():
        default = field.default_value if field.default_provided else None
        ours = own[key].default_value if own[key].default_provided else None
        if _plain(key, settings.get(key, default)) != _plain(key, ours):
            raise _NotTheSameError(f"k8s_job_executor stays: {key} would be another one in k8s_executor")


def _plain(key: str, value: Any) -> Any:
    """A setting in the form in which two that mean the same are equal."""
    if key == "step_k8s_config":
        return K8sConfig.from_dict(value or {})
    if key == "per_step_k8s_config":
        return {op: K8sConfig.from_dict(said) for op, said in (value or {}).items() if said}
    if key == "step_dependency_config":
        return value or {"require_upstream_step_success": True}
    return value or None


def _value(node: Items) -> dict[str, Any]:
    def value(node: Node) -> Any:
        if isinstance(node, Code):
            return node.value
        if isinstance(node, Call):
            return None
        if node.is_mapping:
            return {item.key.value: value(item.node) for item in node.items if item.key is not None}
        return [value(item.node) for item in node.items]

    found: Mapping[str, Any] = value(node)
    return dict(found)
