"""Volumes and mounts from the dictionaries that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, Item, Items, Node, gathered, literal
from dagster_plus_k8s_helpers.migrating.fields import Arguments, by_key, fields_of, is_literal_text, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["mount", "paired", "volume"]


def mount(node: Node) -> Call | None:
    """A mount as ``VolumeMount(...)``."""
    fields = fields_of(node, "V1VolumeMount")
    if not fields or not {"name", "mount_path"} <= set(fields) or not isinstance(node, Items):
        return None
    arguments = Arguments(fields, node.below)
    arguments.positional("name")
    arguments.positional("mount_path")
    for name in fields:
        arguments.keyword(name)
    return arguments.call("VolumeMount")


def volume(node: Node, path: Item | None = None) -> Call | None:
    """A volume as the method of `Volume` that makes its kind, or as ``Volume(name, {...})``.

    Args:
        node: Kubernetes' ``Volume``.
        path: Where the main container sees it, where the method can say so.
    """
    fields = fields_of(node, "V1Volume")
    if not fields or "name" not in fields or len(fields) != 2 or not isinstance(node, Items):
        return None
    name = fields.pop("name")
    ((kind, source),) = fields.items()
    made = _of_kind(kind, name, source, path)
    if made is None and path is None:
        around = Items("{}", (source,))
        made = Call("Volume", (Item(name.node, above=name.above, beside=name.beside), Item(around)))
    return made if made is None else Call(made.function, made.items, below=(*made.below, *node.below))


_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "empty_dir": ("V1EmptyDirVolumeSource", {"size_limit": "size_limit", "medium": "medium"}),
    "secret": (
        "V1SecretVolumeSource",
        {
            "secret_name": "secret_name",
            "items": "items",
            "default_mode": "default_mode",
            "optional": "optional",
        },
    ),
    "config_map": (
        "V1ConfigMapVolumeSource",
        {
            "name": "config_map_name",
            "items": "items",
            "default_mode": "default_mode",
            "optional": "optional",
        },
    ),
    "persistent_volume_claim": (
        "V1PersistentVolumeClaimVolumeSource",
        {"claim_name": "claim_name", "read_only": "read_only"},
    ),
    "host_path": ("V1HostPathVolumeSource", {"path": "", "type": "type"}),
    "projected": ("V1ProjectedVolumeSource", {"sources": "sources", "default_mode": "default_mode"}),
    "csi": (
        "V1CSIVolumeSource",
        {"driver": "", "volume_attributes": "attributes", "read_only": "read_only"},
    ),
}
"""Kubernetes' name of each kind, and the argument of each of its fields; one without a name is positional."""

_NEEDED = {"secret": "secret_name", "config_map": "name", "persistent_volume_claim": "claim_name"}
"""The field that is the volume's name where it is left out, and that Kubernetes does not default so."""


def _of_kind(kind: str, name: Item, source: Item, path: Item | None) -> Call | None:
    if kind not in _KINDS or not isinstance(source.node, Items):
        return None
    model, names = _KINDS[kind]
    fields = fields_of(source.node, model)
    if fields is None or not _can_be_said(kind, fields):
        return None
    around = (*source.above, *((source.beside,) if source.beside else ()), *source.node.below)
    arguments = Arguments({**fields, _NAME: name, **({_PATH: path} if path is not None else {})}, around)
    needed = _NEEDED.get(kind, "")
    if is_literal_text(name) and isinstance(name.node, Code) and arguments.known(needed) == name.node.value:
        arguments.drop(needed)
    for field in (_NAME, *(field for field, argument in names.items() if not argument), _PATH):
        if arguments.has(field):
            arguments.positional(field)
    for field, argument in names.items():
        if argument:
            node = _files(fields[field].node) if field == "items" and field in fields else None
            arguments.keyword(field, argument, node)
    return arguments.call(f"Volume.{kind}")


def _files(node: Node) -> Items | None:
    """``[{"key": ..., "path": ...}]`` as keys to files."""
    found: dict[object, Item] = {}
    for item in listed(node) or ():
        fields = by_key(item.node)
        if not fields or set(fields) != {"key", "path"} or not is_literal_text(fields["key"]):
            return None
        key = fields["key"].node
        if not isinstance(key, Code) or key.value in found:
            return None
        above, beside = gathered([item])
        found[key.value] = Item(fields["path"].node, key, "", above, beside)
    return Items("{}", tuple(found.values())) if found else None


_NAME, _PATH = " name", " path"
"""What the arguments are called here that are no field of the source."""


def _can_be_said(kind: str, fields: Mapping[str, Item]) -> bool:
    """Whether the method of a kind has an argument for each field, and is given those that it needs."""
    names = _KINDS[kind][1]
    needed = {field for field, argument in names.items() if not argument or field == _NEEDED.get(kind)}
    if "items" in fields and _files(fields["items"].node) is None:
        return False
    is_null = any(isinstance(item.node, Code) and item.node.value is None for item in fields.values())
    return needed <= set(fields) <= set(names) and not is_null


_READ_ONLY = {"secret", "config_map", "projected"}
"""Kinds that `Volume` mounts read-only, whatever is said."""
_SAYS_SO = {"persistent_volume_claim", "csi"}
"""Kinds whose mount is read-only where the volume is."""


def paired(volumes: Items, mounts: Items) -> tuple[Items, Items]:
    """Volumes with the mounts that they can say themselves, and the mounts that are left.

    What `Volume` says of mounts comes before all others, so a mount is taken only as long as none before it
    is left.
    """
    left = list(mounts.items)
    typed: list[Item] = []
    for item in volumes.items:
        found = None
        if left and not item.stars and not left[0].stars and _mounts_of(item, mounts.items) == 1:
            found = _with_mount(item, left[0])
        if found is not None:
            left.pop(0)
        typed.append(found or (item if item.stars else item.of(volume(item.node) or item.node)))
    rest = tuple(item if item.stars else item.of(mount(item.node) or item.node) for item in left)
    return Items("[]", tuple(typed), volumes.below), Items("[]", rest, mounts.below)


def _mounts_of(item: Item, mounts: Sequence[Item]) -> int:
    name = _name(item, "V1Volume")
    if name is None or any(other.stars or _name(other, "V1VolumeMount") is None for other in mounts):
        return 0
    return sum(_name(other, "V1VolumeMount") == name for other in mounts)


def _name(item: Item, model: str) -> str | None:
    fields = fields_of(item.node, model)
    named = (fields or {}).get("name")
    if named is None or not isinstance(named.node, Code) or not isinstance(named.node.value, str):
        return None
    return named.node.value


def _with_mount(item: Item, other: Item) -> Item | None:
    """A volume that says its mount; ``None`` where the two are not one."""
    if _name(item, "V1Volume") != _name(other, "V1VolumeMount"):
        return None
    fields = fields_of(other.node, "V1VolumeMount") or {}
    kinds = set(fields_of(item.node, "V1Volume") or {}) - {"name"}
    if len(kinds) != 1 or "mount_path" not in fields:
        return None
    (kind,) = kinds
    said = set(fields) - {"name", "mount_path"}
    wanted = {"read_only"} if kind in _READ_ONLY or (kind in _SAYS_SO and said) else set[str]()
    if said != wanted or (said and fields["read_only"].node != literal(value=True)):
        return None
    if kind in _SAYS_SO and bool(said) != _is_read_only(item, kind):
        return None
    made = volume(item.node, fields["mount_path"])
    if made is None:
        return None
    dressed = item.of(made)
    above, beside = gathered([Item(Code("", None), above=other.above, beside=other.beside)])
    inside = [c for name, x in fields.items() if name != "mount_path" for c in (*x.above, x.beside) if c]
    more = (*above, *([beside] if beside else []), *inside)
    return Item(dressed.node, None, "", (*dressed.above, *more), dressed.beside)


def _is_read_only(item: Item, kind: str) -> bool:
    fields = fields_of(item.node, "V1Volume") or {}
    source = fields_of(fields[kind].node, _KINDS[kind][0]) if kind in _KINDS else None
    return "read_only" in (source or {})
