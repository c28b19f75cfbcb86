"""The fields of a Kubernetes object in a source, by their names, and calls made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, Item, Items, Node, gathered
from dagster_plus_k8s_helpers.migrating.reading import is_known
from dagster_plus_k8s_helpers.pod.objects.schema import field_types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Arguments", "by_key", "fields_of", "is_literal_text", "listed"]


def by_key(node: Node) -> dict[str, Item] | None:
    """The elements of a mapping by their keys; ``None`` where one is spread out, twice there or not known."""
    if not isinstance(node, Items) or not node.is_mapping:
        return None
    found: dict[str, Item] = {}
    for item in node.items:
        if item.key is None or not isinstance(item.key.value, str) or item.key.value in found:
            return None
        found[item.key.value] = item
    return found


def fields_of(node: Node, model: str) -> dict[str, Item] | None:
    """The fields of an object of Kubernetes in snake_case; ``None`` where they cannot be told."""
    written = by_key(node)
    if written is None:
        return None
    camel = {field.camel: name for name, field in field_types(model).items()}
    found = {camel.get(key, key): item for key, item in written.items()}
    return found if len(found) == len(written) else None


def listed(node: Node) -> tuple[Item, ...] | None:
    """The elements of a list; ``None`` for anything else."""
    return node.items if isinstance(node, Items) and not node.is_mapping else None


def is_literal_text(item: Item | None) -> bool:
    """Whether an element is a text that is known."""
    return item is not None and isinstance(item.node, Code) and isinstance(item.node.value, str)


class Arguments:
    """The arguments of a call, as elements of a mapping are made into them."""

    def __init__(self, fields: Mapping[str, Item], below: Sequence[str] = ()) -> None:
        self._fields = dict(fields)
        self._below = tuple(below)
        self._items: list[Item] = []

    def has(self, name: str) -> bool:
        """Whether a field is there that is not an argument yet."""
        return name in self._fields

    def known(self, name: str) -> object:
        """The value of a field where it is known, else ``None``."""
        item = self._fields.get(name)
        if item is None or not isinstance(item.node, Code) or not is_known(item.node):
            return None
        return item.node.value

    def drop(self, name: str) -> None:
        """Leaves a field out that the call says by itself; its comments go to the next argument."""
        item = self._fields.pop(name, None)
        if item is not None:
            above, beside = gathered([Item(Code("", None), above=item.above, beside=item.beside)])
            self._below += (*above, *([beside] if beside else []))

    def positional(self, name: str) -> None:
        """Makes a field the next argument, without a name."""
        item = self._fields.pop(name)
        self._items.append(Item(item.node, above=item.above, beside=item.beside))

    def keyword(self, name: str, argument: str = "", node: Node | None = None) -> None:
        """Makes a field an argument of a name, if it is there."""
        item = self._fields.pop(name, None)
        if item is not None:
            said = item if node is None else item.of(node)
            self._items.append(
                Item(said.node, Code(argument or name, None), above=said.above, beside=said.beside)
            )

    def call(self, function: str) -> Call | None:
        """The call; ``None`` when a field is left over."""
        return None if self._fields else Call(function, tuple(self._items), below=self._below)
