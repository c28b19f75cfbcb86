"""Where a field of a manifest comes from, told by rendering the manifest layer by layer.

Nothing here knows how ``dagster_k8s`` merges. Each layer is put in after the other (a *prefix*), and each
alone; what changes from one prefix to the next is that layer's doing, and what a layer alone brings is
what it says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import PlanError, did_you_mean
from dagster_plus_k8s_helpers.plan.merge.elements import ABSENT, Elements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.plan.merge.elements import Path
    from dagster_plus_k8s_helpers.plan.merge.layers import Layer
    from dagster_plus_k8s_helpers.plan.merge.rendering import Manifest

__all__ = ["Action", "History", "Origin", "Said", "Stage", "parsed"]

Action: TypeAlias = Literal["set", "appended", "merged", "replaced", "repeated"]
"""What a layer did to what was there: nothing was there, it was added to (lists), merged into (objects),
taken away, or said once more."""


@answering
@dataclass(frozen=True, slots=True)
class Said:
    """What a layer below says of a field.

    Attributes:
        layer: Which layer.
        value: What it says, alone.
        is_overridden: Whether any of it is missing from the manifest.
    """

    layer: Layer
    value: Any
    is_overridden: bool


@answering
@dataclass(frozen=True, slots=True)
class Origin:
    """Where one field of a manifest comes from.

    Attributes:
        path: The field, such as ``spec.template.spec.tolerations``.
        value: What the manifest says.
        layer: The topmost layer that says it.
        action: What that layer did to what the layers below say.
        below: What they say, from the lowest up.
    """

    path: str
    value: Any
    layer: Layer
    action: Action
    below: tuple[Said, ...]

    def __str__(self) -> str:
        below = "; ".join(
            f"{said.layer.name} said {_text(said.value)}{', overridden' if said.is_overridden else ''}"
            for said in self.below
        )
        return f"{self.path}: {_text(self.value)}, {self.action} by {self.layer}{below and f' ({below})'}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A manifest at one layer.

    Attributes:
        layer: The layer.
        prefix: The manifest of this layer and all below it.
        alone: The manifest of this layer and of what dagster adds.
    """

    layer: Layer
    prefix: Manifest
    alone: Manifest


class History:
    """How a manifest came to be.

    Args:
        stages: A stage a layer, from the lowest up; the first is what dagster adds.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._elements = Elements()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages, from the lowest layer up."""
        return tuple(self._stages)

    def origin(self, text: str) -> Origin:
        """Where a field comes from.

        Args:
            text: Path of the field: ``spec.template.spec.containers[0].env[3]``. A key that holds dots is
                written as it is: ``metadata.labels.app.kubernetes.io/name``.

        Raises:
            PlanError: The manifest has no such field.
        """
        final = self._stages[-1].prefix
        path = parsed(final, text)
        traced = list(self._traced(path))
        values = [
            _at(stage.prefix, where) if where is not None else ABSENT
            for stage, where in zip(self._stages, traced, strict=True)
        ]
        said = [self._said(index, final, path) for index in range(len(self._stages))]
        owner = self._owner(values, said)
        return Origin(
            text,
            values[-1],
            self._stages[owner].layer,
            self._action(owner, traced, values),
            tuple(self._below(owner, values, said)),
        )

    def _traced(self, path: Path) -> Iterator[Path | None]:
        """Where the field was at each stage, lowest first."""
        found: list[Path | None] = [path]
        for upper, lower in zip(self._stages[:0:-1], self._stages[-2::-1], strict=True):
            here = found[-1]
            found.append(None if here is None else self._elements.earlier(upper.prefix, lower.prefix, here))
        return reversed(found)

    def _said(self, index: int, final: Manifest, path: Path) -> Any:
        """What a layer alone brings to a field."""
        alone = self._elements.in_alone(final, self._stages[index].alone, path)
        if index == 0:
            return alone
        base = self._elements.in_alone(final, self._stages[0].alone, path)
        return alone if base is ABSENT else _beyond(base, alone)

    def _owner(self, values: list[Any], said: list[Any]) -> int:
        """The topmost layer that says what the manifest says."""
        changed = [index for index in range(1, len(values)) if values[index] != values[index - 1]]
        final = values[-1]
        says = [
            index
            for index in range(1, len(said))
            if said[index] is not ABSENT and (isinstance(final, dict | list) or said[index] == final)
        ]
        return max([0, *changed[-1:], *says[-1:]])

    def _earlier_list(self, owner: int, path: Path) -> Any:
        now, before = self._stages[owner].prefix, self._stages[owner - 1].prefix
        where = self._elements.earlier(now, before, path)
        return None if where is None else _at(before, where)

    def _action(self, owner: int, traced: list[Path | None], values: list[Any]) -> Action:
        if owner == 0:
            return "set"
        before, now = values[owner - 1], values[owner]
        if _is_placeholder(before):
            return "set"
        if before is ABSENT:
            where = traced[owner]
            assert where  # noqa: S101 - the layer brought the field, so it is there
            parent = _at(self._stages[owner].prefix, where[:-1])
            was = None if len(where) < 2 else self._earlier_list(owner, where[:-1])
            return "appended" if isinstance(parent, list) and was else "set"
        if before == now:
            return "repeated"
        if not _is_within(before, now):
            return "merged" if isinstance(now, dict) and _keeps_a_key(before, now) else "replaced"
        return "appended" if isinstance(now, list) else "merged"

    def _below(self, owner: int, values: list[Any], said: list[Any]) -> Iterator[Said]:
        final = values[-1]
        for index in range(owner):
            value = said[index]
            if value is ABSENT and index and values[index] != values[index - 1]:
                value = values[index]  # an element that a layer above took away again
            if value is ABSENT or value in ([], {}) or _is_placeholder(value):
                continue
            yield Said(self._stages[index].layer, value, not _is_within(value, final))


def parsed(manifest: Manifest, text: str) -> Path:
    """A path as keys and indices; keys are those of the manifest, so that one may hold dots.

    Raises:
        PlanError: The manifest has no such field.
    """
    if not isinstance(text, str) or not text:
        raise PlanError(f"{text!r} is no path of a field; write one such as spec.template.spec.tolerations")
    here: Any = manifest
    path: list[str | int] = []
    rest = text
    while rest:
        done = text[: len(text) - len(rest)].rstrip(".")
        if isinstance(here, list):
            index = re.match(r"\[(\d+)\]\.?", rest)
            if index is None or int(index[1]) >= len(here):
                raise PlanError(f"{done} is a list of {len(here)}, without {rest!r}")
            key: str | int = int(index[1])
            rest = rest[index.end() :]
        else:
            keys = here if isinstance(here, dict) else {}
            fitting = [name for name in keys if re.match(re.escape(name) + r"(\.|\[|$)", rest)]
            if not fitting:
                wanted = re.split(r"[.\[]", rest)[0]
                raise PlanError(
                    f"no layer sets {wanted!r} in {done or 'the Job'}{did_you_mean(wanted, keys)}"
                )
            longest = max(fitting, key=len)
            rest = rest[len(longest) :].removeprefix(".")
            key = longest
        path.append(key)
        here = here[key]
    return tuple(path)


def _at(manifest: Any, path: Path) -> Any:
    for key in path:
        manifest = manifest[key]
    return manifest


def _beyond(base: Any, value: Any) -> Any:
    """What of a value is not in the base."""
    if value is ABSENT or value == base:
        return ABSENT
    if isinstance(value, list) and isinstance(base, list):
        return [item for item in value if item not in base] or ABSENT
    if isinstance(value, dict) and isinstance(base, dict):
        found = {
            key: item if key not in base else _beyond(base[key], item)
            for key, item in value.items()
            if key not in base or base[key] != item
        }
        return {key: item for key, item in found.items() if item is not ABSENT} or ABSENT
    return value


def _is_within(part: Any, whole: Any) -> bool:
    """Whether all of a value is still there in another."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _is_within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(_is_within(item, other) for other in whole) for item in part)
    return bool(part == whole)


def _keeps_a_key(before: Any, now: dict[str, Any]) -> bool:
    return isinstance(before, dict) and not before.keys().isdisjoint(now) and before.keys() <= now.keys()


def _is_placeholder(value: object) -> bool:
    return isinstance(value, str) and value.startswith("<") and value.endswith(">")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
