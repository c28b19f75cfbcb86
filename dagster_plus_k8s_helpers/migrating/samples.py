"""Values for expressions that only the program knows, so that a config with them can be tried.

Each text and number is another one, so that two that changed places would show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.migrating.errors import CannotMigrateError
from dagster_plus_k8s_helpers.migrating.expressions import Code, Hole, Item, Items, Node
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.schema import FieldType, field_types
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Samples"]

_WORDS: dict[str, str] = {
    "dns_policy": "Default",
    "effect": "NoSchedule",
    "image_pull_policy": "Always",
    "medium": "Memory",
    "merge_behavior": "DEEP",
    "mount_propagation": "None",
    "operator": "Equal",
    "path": "/sample",
    "protocol": "TCP",
    "resource": "limits.cpu",
    "restart_policy": "Always",
    "type": "Directory",
    "when_unsatisfiable": "DoNotSchedule",
}
"""What a field takes that takes a few words only."""

_OBJECTS: dict[str, dict[str, Any]] = {
    "V1Container": {"name": "sample", "image": "sample"},
    "V1EnvVar": {"name": "SAMPLE", "value": "1"},
    "V1EnvVarSource": {"field_ref": {"field_path": "status.podIP"}},
    "V1EnvFromSource": {"secret_ref": {"name": "sample"}},
    "V1HostAlias": {"ip": "10.0.0.1", "hostnames": ["sample"]},
    "V1LocalObjectReference": {"name": "sample"},
    "V1ResourceRequirements": {"limits": {"cpu": "1"}},
    "V1SecurityContext": {"run_as_non_root": True},
    "V1PodSecurityContext": {"run_as_non_root": True},
    "V1Toleration": {"key": "sample", "operator": "Exists"},
    "V1Volume": {"name": "sample", "empty_dir": {}},
    "V1VolumeMount": {"name": "sample", "mount_path": "/sample"},
}
"""An object of each model that cannot be empty."""

_BYTES = {"memory", "ephemeral-storage", "storage"}


class Samples:
    """The value of every hole, found while a dictionary is made with them."""

    def __init__(self) -> None:
        self.values: dict[int, Any] = {}
        self._count = 0

    def config(self, node: Node) -> Any:
        """What ``dagster-k8s/config`` holds, with a value in every hole."""
        if not isinstance(node, Items):
            return self._code(node, {}) if isinstance(node, Code) else {}
        known = spellings(*SECTIONS)
        return {
            self._key(item): self._value(
                item.node, _model(SECTIONS[known[key]]) if key in known else None, key
            )
            for item in node.items
            if (key := str(item.key.value) if item.key else "") is not None
        }

    def _key(self, item: Item) -> Any:
        assert item.key is not None  # noqa: S101 - who asks has seen that there are keys
        found = self._code(item.key, self._text())
        try:
            hash(found)
        except TypeError:
            raise CannotMigrateError(f"{found!r} is no key, and Python refuses it") from None
        return found

    def _value(self, node: Node, kind: FieldType | None, name: str) -> Any:
        if isinstance(node, Code):
            return self._code(node, self._sample(kind, name) if isinstance(node.value, Hole) else None)
        if not isinstance(node, Items):
            return None
        if node.is_mapping:
            return self._mapping(node, kind, name)
        of = kind.of if kind is not None and kind.kind == "list" else None
        items: list[Any] = []
        for item in node.items:
            if item.stars:
                items += self._spread(item.node, kind, [])
            else:
                items.append(self._value(item.node, of, name))
        return tuple(items) if node.brackets == "()" else items

    def _mapping(self, node: Items, kind: FieldType | None, name: str) -> dict[Any, Any]:
        fields: Mapping[str, FieldType] = {}
        of: FieldType | None = None
        if kind is not None and kind.kind == "model":
            types = field_types(kind.model)
            fields = {spelling: row for key, row in types.items() for spelling in (key, row.camel)}
        elif kind is not None and kind.kind == "dict":
            of = kind.of
        found: dict[Any, Any] = {}
        for item in node.items:
            if item.key is None:
                found |= self._spread(item.node, kind, {})
                continue
            key = self._key(item)
            inner = _snake(kind, str(key)) or str(key)
            place = f"{name}.{key}" if name in {"requests", "limits"} else inner
            found[key] = self._value(item.node, fields.get(str(key), of), place)
        return found

    def _spread(self, node: Node, kind: FieldType | None, empty: Any) -> Any:
        found = empty
        if isinstance(node, Items):
            found = self._value(node, kind, "")
        elif isinstance(node, Code):
            found = self._code(node, empty)
        if isinstance(empty, dict) and not isinstance(found, dict):
            raise CannotMigrateError("** spreads out what is no dictionary, and Python refuses it")
        if not isinstance(found, Iterable):
            raise CannotMigrateError("* spreads out what is no list, and Python refuses it")
        return found

    def _code(self, code: Code, sample: Any) -> Any:
        if isinstance(code.value, Hole):
            return self.values.setdefault(code.value.number, sample)
        return code.value

    def _text(self) -> str:
        self._count += 1
        return f"sample-{self._count}"

    def _sample(self, kind: FieldType | None, name: str) -> Any:
        """A value that a field takes."""
        if kind is None:
            return _WORDS.get(name) or self._text()
        self._count += 1
        made: dict[str, Callable[[], Any]] = {
            "model": lambda: dict(_OBJECTS.get(kind.model, {})),
            "list": lambda: [self._sample(kind.of, name)],
            "dict": lambda: {} if _is_of_amounts(kind) else {self._text(): self._text()},
            "int": lambda: self._count,
            "bool": lambda: True,
            "object": dict,
            "datetime": lambda: "2026-01-01T00:00:00Z",
            "quantity": lambda: _amount(name, self._count),
            "str": lambda: _WORDS.get(name) or self._text(),
        }
        return made[kind.kind]()


def _is_of_amounts(kind: FieldType) -> bool:
    return kind.of is not None and kind.of.kind == "quantity"


def _amount(name: str, count: int) -> str:
    """An amount that a request stays below, and a limit above, whatever the program says of the other."""
    side, _, resource = name.partition(".")
    if resource == "cpu":
        return str(200 + count) if side == "limits" else f"{count}m"
    if resource in _BYTES or not resource:
        return f"{900 + count}Gi" if side == "limits" else f"{4 + count}Mi"
    return "1"


def _model(name: str) -> FieldType:
    return FieldType("", "model", model=name)


def _snake(kind: FieldType | None, key: str) -> str | None:
    if kind is None or kind.kind != "model":
        return None
    types = field_types(kind.model)
    return next((name for name, row in types.items() if key in {name, row.camel}), None)
