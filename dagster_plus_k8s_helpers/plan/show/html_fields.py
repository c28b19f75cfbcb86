"""The fields of a pod as a report lists them: what each says, which layer set it, what those below said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.plan.merge import unknown
from dagster_plus_k8s_helpers.plan.merge.fields import key_of, paths
from dagster_plus_k8s_helpers.plan.merge.masked import masked

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.merge.origins import Action
    from dagster_plus_k8s_helpers.plan.merge.pods import Template

__all__ = ["BelowRow", "FieldRow", "fields_of"]

STEP_KEY = "<step key>"

_ORDER = (
    "spec.template.spec.containers[0].resources",
    "spec.template.spec.containers[0].image",
    "spec.template.spec.containers[0]",
    "spec.template.spec",
    "spec.template",
    "spec",
    "",
)


@dataclass(frozen=True, slots=True)
class BelowRow:
    """What a layer beneath says of a field.

    Attributes:
        layer: Its name.
        value: What it says.
        is_overridden: Whether any of it is missing from the Job.
    """

    layer: str
    value: str
    is_overridden: bool


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a Job.

    Attributes:
        path: Where it is, as `Pod.origin` takes it.
        name: Name of an element of a list, such as that of a variable or volume; empty for other fields.
        value: What the Job says.
        layer: Name of the layer that set it.
        source: Where that layer is written.
        action: What the layer did to what was there.
        below: What the layers beneath say.
    """

    path: str
    name: str
    value: str
    layer: str
    source: str
    action: Action
    below: tuple[BelowRow, ...]

    @property
    def is_dagsters(self) -> bool:
        """Whether no layer but Dagster itself has a say in it."""
        return self.layer == "dagster"


def fields_of(template: Template) -> list[FieldRow]:
    """Every field of a Job, what is set most often first.

    Values that look like credentials are hidden.
    """
    manifest = template.sent.manifest
    rows = []
    for path, value in paths(manifest):
        origin = template.history.origin(path)
        rows.append(
            FieldRow(
                path,
                _name(value),
                _text(value, key_of(path)),
                origin.layer.name,
                _replaced(origin.layer.source),
                origin.action,
                tuple(
                    BelowRow(said.layer.name, _text(said.value, key_of(path)), said.is_overridden)
                    for said in origin.below
                ),
            )
        )
    return sorted(rows, key=lambda row: _rank(row.path))


def _rank(path: str) -> int:
    return next(place for place, start in enumerate(_ORDER) if path.startswith(start))


def _name(value: Any) -> str:
    """What an element of a list goes by."""
    name = value.get("name") if isinstance(value, dict) else None
    return _replaced(name) if isinstance(name, str) else ""


def _text(value: Any, key: str) -> str:
    shown = masked(value, key)
    if isinstance(shown, dict) and isinstance(shown.get("name"), str) and len(shown) > 1:
        shown = {key: item for key, item in shown.items() if key != "name"}
        shown = shown["value"] if shown.keys() == {"value"} else shown
    return _replaced(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, default=str))


def _replaced(text: str) -> str:
    return text.replace(unknown.STEP_KEY, STEP_KEY)
