"""The parts of a pod from the dictionaries that say the same: resources, tolerations, variables, volumes.

Each function takes an expression and gives another that `K8sConfig` reads as the same; ``None`` where there
is none, and the dictionary stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, Item, Items, Node, gathered, literal
from dagster_plus_k8s_helpers.migrating.fields import Arguments, by_key, fields_of, is_literal_text, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["container", "env", "env_from", "image_pull_secrets", "resources", "toleration", "typed_list"]

_AMOUNTS = {
    "cpu": "cpu",
    "memory": "memory",
    "nvidia.com/gpu": "gpu",
    "ephemeral-storage": "ephemeral_storage",
}
"""The arguments of `Resources` for the resources that have one."""


def typed_list(node: Node, typed: Callable[[Node], Node | None]) -> Items | None:
    """A list with each element typed that can be."""
    items = listed(node)
    if items is None or not isinstance(node, Items):
        return None
    return Items(
        "[]",
        tuple(item if item.stars else item.of(typed(item.node) or item.node) for item in items),
        node.below,
    )


def resources(node: Node) -> Call | None:
    """``{"limits": ..., "requests": ...}`` as ``Resources(...)``."""
    sides = fields_of(node, "V1ResourceRequirements")
    if not sides or set(sides) - {"requests", "limits"}:
        return None
    amounts: dict[str, dict[str, Item]] = {}
    for side, item in sides.items():
        named = by_key(item.node)
        if named is None:
            return None
        for name, amount in named.items():
            amounts.setdefault(name, {})[side] = amount
    if not amounts:
        return None
    own = [_amount(of, Code(_AMOUNTS[name], None)) for name, of in amounts.items() if name in _AMOUNTS]
    others = [
        _amount(of, next(iter(of.values())).key) for name, of in amounts.items() if name not in _AMOUNTS
    ]
    if others:
        own.append(Item(Items("{}", tuple(others)), Code("extended", None)))
    around = [Item(Code("", None), above=item.above, beside=item.beside) for item in sides.values()]
    above, beside = gathered(around)
    below = [
        comment for item in sides.values() if isinstance(item.node, Items) for comment in item.node.below
    ]
    first = Item(own[0].node, own[0].key, above=(*above, *_some(beside), *own[0].above), beside=own[0].beside)
    return Call("Resources", (first, *own[1:]), below=tuple(below))


def _some(comment: str) -> tuple[str, ...]:
    return (comment,) if comment else ()


def _amount(sides: Mapping[str, Item], key: Code | None) -> Item:
    above, beside = gathered([Item(Code("", None), None, "", x.above, x.beside) for x in sides.values()])
    if "requests" not in sides:
        return Item(sides["limits"].node, key, "", above, beside)
    limit = sides["limits"].node if "limits" in sides else literal(None)
    pair = Items("()", (Item(sides["requests"].node), Item(limit)))
    return Item(pair, key, "", above, beside)


def toleration(node: Node) -> Call | None:
    """A toleration that says its operator, as ``Toleration(...)``."""
    fields = fields_of(node, "V1Toleration")
    # Without one, Kubernetes takes Equal, and the call would say so.
    if not fields or "operator" not in fields or not isinstance(node, Items):
        return None
    arguments = Arguments(fields, node.below)
    default = "Equal" if "value" in fields else "Exists"
    if arguments.known("operator") == default and (
        "value" not in fields or arguments.known("value") is not None or default == "Equal"
    ):
        arguments.drop("operator")
    if "key" in fields:
        arguments.positional("key")
        if "value" in fields:
            arguments.positional("value")
    for name in ("key", "value", "operator", "effect", "toleration_seconds"):
        arguments.keyword(name)
    return arguments.call("Toleration")


def env(node: Node) -> Items | None:
    """A list of ``EnvVar`` as names to values."""
    entries = listed(node)
    if not entries or not isinstance(node, Items):
        return None
    found: dict[str, Item] = {}
    for entry in entries:
        variable = None if entry.stars else _variable(entry)
        if variable is None or variable.key is None or variable.key.value in found:
            return None
        found[variable.key.value] = variable
    return Items("{}", tuple(found.values()), node.below)


def _variable(entry: Item) -> Item | None:
    fields = fields_of(entry.node, "V1EnvVar")
    if not fields or not is_literal_text(fields.get("name")) or not isinstance(fields["name"].node, Code):
        return None
    value: Node | None
    if set(fields) == {"name", "value"}:
        value = fields["value"].node
        # A name of the program's may hold a mapping, which would be read as a reference.
        if isinstance(value, Code) and value.value is None:
            return None
    elif set(fields) == {"name", "value_from"}:
        value = _source(fields["value_from"].node)
    else:
        return None
    if value is None:
        return None
    above, beside = gathered([entry])
    kept = Item(value, fields["name"].node)
    return Item(value, kept.key, "", *_less(above, beside, value))


def _less(above: tuple[str, ...], beside: str, node: Node) -> tuple[tuple[str, ...], str]:
    """Comments but for those that an expression brings along itself."""
    rest = Item(node, above=above, beside=beside)
    own = list(gathered([Item(node)])[0]) + [c for c in [gathered([Item(node)])[1]] if c]
    left = list(rest.above)
    for comment in own:
        if comment in left:
            left.remove(comment)
    return tuple(left), beside


_SOURCES = {
    "secret_key_ref": ("SecretKeyRef", "V1SecretKeySelector", ("name", "key"), ("optional",)),
    "config_map_key_ref": ("ConfigMapKeyRef", "V1ConfigMapKeySelector", ("name", "key"), ("optional",)),
    "field_ref": ("FieldRef", "V1ObjectFieldSelector", ("field_path",), ("api_version",)),
    "resource_field_ref": (
        "ResourceFieldRef",
        "V1ResourceFieldSelector",
        ("resource",),
        ("container_name", "divisor"),
    ),
}
"""What makes a reference: the class, Kubernetes' name, the arguments without a name, and those with one."""


def _source(node: Node) -> Node | None:
    sources = fields_of(node, "V1EnvVarSource")
    if not sources or len(sources) != 1 or not isinstance(node, Items):
        return None
    ((kind, item),) = sources.items()
    if kind not in _SOURCES:
        return node
    function, model, first, others = _SOURCES[kind]
    fields = fields_of(item.node, model)
    if not fields or set(first) - set(fields) or not isinstance(item.node, Items):
        return None
    arguments = Arguments(fields, item.node.below)
    for name in first:
        arguments.positional(name)
    for name in others:
        arguments.keyword(name)
    return arguments.call(function)


def env_from(node: Node) -> Call | None:
    """One ``EnvFromSource`` as ``SecretEnvSource(...)`` or ``ConfigMapEnvSource(...)``."""
    fields = fields_of(node, "V1EnvFromSource")
    kinds = {"secret_ref": "SecretEnvSource", "config_map_ref": "ConfigMapEnvSource"}
    named = [kind for kind in kinds if kind in (fields or {})]
    if not fields or len(named) != 1 or not isinstance(node, Items):
        return None
    source = by_key(fields.pop(named[0]).node)
    if not source or "name" not in source or set(source) & set(fields):
        return None
    arguments = Arguments({**source, **fields}, node.below)
    arguments.positional("name")
    arguments.keyword("optional")
    arguments.keyword("prefix")
    return arguments.call(kinds[named[0]])


def image_pull_secrets(node: Node) -> Node | None:
    """``{"name": "regcred"}`` as the name alone."""
    fields = by_key(node)
    if not fields or set(fields) != {"name"} or not is_literal_text(fields["name"]):
        return None
    return fields["name"].node


def container(node: Node, mount: Callable[[Node], Node | None]) -> Call | None:
    """A container beside the main one as ``Container(...)``, or ``Container.sidecar(...)``."""
    fields = fields_of(node, "V1Container")
    if not fields or not {"name", "image"} <= set(fields) or not isinstance(node, Items):
        return None
    arguments = Arguments(fields, node.below)
    function = "Container"
    if arguments.known("restart_policy") == "Always":
        function = "Container.sidecar"
        arguments.drop("restart_policy")
    arguments.positional("name")
    arguments.positional("image")
    typed: dict[str, Callable[[Node], Node | None]] = {
        "resources": resources,
        "env": env,
        "env_from": lambda given: typed_list(given, env_from),
        "volume_mounts": lambda given: typed_list(given, mount),
    }
    for name, item in fields.items():
        arguments.keyword(name, node=typed[name](item.node) if name in typed else None)
    return arguments.call(function)
