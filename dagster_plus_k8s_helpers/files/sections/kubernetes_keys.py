"""Checking how the fields of Kubernetes objects in values are spelt, at every depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.files.sections.keys import BOTH_SPELLINGS, WRONG_CASE
from dagster_plus_k8s_helpers.pod.objects.schema import FieldType, field_types

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_spelling", "check_spelling_of_field"]


def check_spelling(document: YamlDocument, model: str, value: object, path: Path) -> Iterator[Finding]:
    """A finding for every field of an object, and of those in it, that is not in camelCase."""
    if not isinstance(value, Mapping):
        return
    types = field_types(model)
    by_camel = {field.camel: field for field in types.values()}
    for key, item in value.items():
        field = by_camel.get(key) or types.get(key)
        if field is None:
            continue
        here = (*path, key)
        if key != field.camel:
            where = document.where(here, key=True)
            if field.camel in value:
                message = f"{key!r} and {field.camel!r} are one key in two spellings"
                yield BOTH_SPELLINGS.at(where, message, fix=f"keep {field.camel!r}")
            else:
                message = f"this file does not spell the key {key!r}"
                yield WRONG_CASE.at(where, message, fix=f"write {field.camel!r}")
        yield from check_spelling_of_field(document, field, item, here)


def check_spelling_of_field(
    document: YamlDocument, field: FieldType, value: object, path: Path
) -> Iterator[Finding]:
    """The same for what one field holds."""
    if field.kind == "model":
        yield from check_spelling(document, field.model, value, path)
    elif field.kind == "list" and field.of is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from check_spelling_of_field(document, field.of, item, (*path, index))
