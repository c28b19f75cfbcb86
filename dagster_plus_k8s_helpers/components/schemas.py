"""What JSON schemas of this package are made of: each part has words for who writes something else.

``dg check yaml`` and editors show what a schema says of a value, and nothing else. So a value that does not
fit is refused by a ``const`` that is a sentence: "'a whole number' was expected", in place of "is not valid
under any of the given schemas". Text with ``{{ }}`` is a template, and fits anywhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from dagster_plus_k8s_helpers.pod.objects.schema import FieldType, field_types, shown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "BOOLEAN",
    "NUMBER",
    "QUANTITY",
    "TEXT",
    "WHOLE",
    "Schema",
    "described",
    "descriptions",
    "kubernetes_object",
    "list_of",
    "mapping_of",
    "object_of",
    "of_kubernetes",
    "one_of",
    "worded",
]

Schema: TypeAlias = dict[str, Any]

_TEMPLATE: Schema = {"type": "string", "pattern": r"\{\{"}
_NOTHING: Schema = {"type": "null"}
_SHORTEST = 4
_DEEP = 1
"""So far down Kubernetes' own objects are described; what is wrong below is said when definitions load."""


def worded(fits: Schema, words: str) -> Schema:
    """A schema for what fits another one, and for templates, with words for everything else."""
    return {"if": {"anyOf": [fits, _TEMPLATE, _NOTHING]}, "else": _refused(words)}


def described(schema: Schema, description: str, *examples: object) -> Schema:
    """A schema with what editors show beside it."""
    return {"description": description, **({"examples": [*examples]} if examples else {}), **schema}


def descriptions(of: object) -> dict[str, str]:
    """What the docstring of a class or a function says of each argument."""
    section = (of.__doc__ or "").partition("Args:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {8}(\w+): ((?:.+\n?)(?: {12}.+\n?)*)", section, flags=re.MULTILINE)
    return {
        name: re.sub(r"``|`|\s+", lambda m: " " if m[0].isspace() else "", text).strip()
        for name, text in found
    }


def list_of(items: Schema, words: str = "a list") -> Schema:
    """A list."""
    return {**worded({"type": "array"}, words), "items": items}


def mapping_of(values: Schema, words: str = "a mapping") -> Schema:
    """A mapping from any names."""
    return {**worded({"type": "object"}, words), "additionalProperties": values}


def object_of(
    properties: Mapping[str, Schema],
    words: str,
    *,
    also: Mapping[str, Schema] | None = None,
    unread: Iterable[str] = (),
    slips: Mapping[str, str] | None = None,
    near: bool = False,
) -> Schema:
    """A mapping from names that are known; any other is refused at its own line.

    Args:
        properties: What may be written, by name.
        words: What is expected instead of anything else than a mapping.
        also: Other spellings, which editors do not offer.
        unread: More of them, of what is not described.
        slips: What to write instead of names that there are not.
        near: Whether to say which name was probably meant.
    """
    others = {**(also or {}), **{name: _refused(write) for name, write in (slips or {}).items()}}
    patterns: Schema = {f"^{name}$": schema for name, schema in others.items() if name not in properties}
    names = [name for name in unread if name not in properties]
    if names:
        patterns[f"^({'|'.join(names)})$"] = True
    if near:
        patterns |= _nearly([*properties], [*properties, *others])
    return {
        **worded({"type": "object"}, words),
        "properties": dict(properties),
        **({"patternProperties": patterns} if patterns else {}),
        "additionalProperties": _refused(f"another name: {', '.join(properties)}"),
    }


def _nearly(names: Iterable[str], known: Collection[str]) -> Schema:
    """What to say of names that differ from a known one in a letter or two beside each other."""
    found: Schema = {}
    for name in names:
        if len(name) >= _SHORTEST:
            parts = (f"{name[:at]}.{{0,3}}{name[at + 2 :]}" for at in range(len(name) - 1))
            near = f"(?:{'|'.join(parts)})"
            # Its own name is near too, and so may be another that there is; neither is a mistake.
            right = "|".join(other for other in known if re.fullmatch(near, other))
            found[f"^(?!(?:{right})$){near}$"] = _refused(f"the name {name}")
    return found


def one_of(*values: str) -> Schema:
    """One of some words."""
    return {"if": {"anyOf": [_TEMPLATE, _NOTHING]}, "else": {"enum": [*values]}}


def of_kubernetes(kind: FieldType, deep: int = _DEEP) -> Schema:
    """What one field of Kubernetes holds."""
    if kind.kind == "list" and kind.of:
        return list_of(of_kubernetes(kind.of, deep))
    if kind.kind == "dict" and kind.of:
        return mapping_of(of_kubernetes(kind.of, deep))
    if kind.kind == "model":
        return kubernetes_object(kind.model, deep)
    return _SCALARS.get(kind.kind, {})


def kubernetes_object(model: str, deep: int = _DEEP) -> Schema:
    """An object of Kubernetes, in either spelling of its fields."""
    words = f"a mapping, Kubernetes' {shown_name(model)}"
    if not deep:
        return worded({"type": "object"}, words)
    fields = {name: (kind.camel, of_kubernetes(kind, deep - 1)) for name, kind in field_types(model).items()}
    return object_of(dict(fields.values()), words, unread=fields)


def _refused(words: str) -> Schema:
    return {"const": words, "doNotSuggest": True}


TEXT = worded({"type": "string"}, "text; in quotes, where YAML reads a number, or true or false")
WHOLE = worded({"type": "integer"}, "a whole number")
NUMBER = worded({"type": "number"}, "a number")
BOOLEAN = worded({"type": "boolean"}, "true or false")
QUANTITY: Schema = {
    "if": {"type": "string", "pattern": r"^\s*[0-9.]+\s*([KMGTPEkmgtpe]i?[Bb]|[kmgtpe]i|[gtp]|K)\s*$"},
    "then": _refused("a quantity in Kubernetes' units, as 4Gi or 4G (there is no GB, Gb, gi or K)"),
    "else": worded(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {
                    "type": "string",
                    "pattern": r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
                },
            ]
        },
        "a quantity, such as 500m of CPU or 4Gi of memory",
    ),
}
"""An amount, by Kubernetes' grammar."""
_SCALARS: Mapping[str, Schema] = {
    "str": TEXT,
    "datetime": TEXT,
    "int": WHOLE,
    "bool": BOOLEAN,
    "quantity": QUANTITY,
}
