"""From the reason of a refusal to the finding: which rule, what is wrong, what to write."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.files.sections.keys import BOTH_SPELLINGS, MISSPELT_KEY
from dagster_plus_k8s_helpers.files.sections.refusals import IS_ABOVE_LIMIT
from dagster_plus_k8s_helpers.files.values.pods import RUN_MODELS
from dagster_plus_k8s_helpers.files.values.section import camel_case
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.merge_keys import MERGE_KEYS
from dagster_plus_k8s_helpers.pod.objects.schema import field_types, models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = [
    "above_limit",
    "as_written",
    "both_spellings",
    "finding_of",
    "first_line",
    "unknown_field",
]

INVALID_VALUE = Rule(
    "DPK201",
    Severity.ERROR,
    "The chart, Kubernetes or Dagster+ refuses the value, or reads it otherwise than it was meant.",
    "write a value that Kubernetes and Dagster take",
)
QUANTITY = Rule(
    "DPK202",
    Severity.ERROR,
    "Kubernetes refuses the quantity, when the pod is made and not before.",
    "write an amount such as 500m of CPU or 2Gi of memory",
)
RESOURCES_WITHOUT_SIDE = Rule(
    "DPK203",
    Severity.ERROR,
    "Amounts stand under limits or requests; the chart's own comments leave these out.",
    "put the amounts under limits",
)
NO_SUCH_FIELD = Rule(
    "DPK204",
    Severity.ERROR,
    "Kubernetes or the chart has no such field here, and refuses what it does not know.",
    "write the field that was meant, or delete this one",
)
ENV_TWICE = Rule(
    "DPK209",
    Severity.ERROR,
    "Of two environment variables of one name only the last counts.",
    "keep one of the two",
)

_ADVICE = re.compile(r"^(.*?)[;:] ((?:write|keep|use|leave|drop|put|mend) .*)$", re.DOTALL)
_QUOTED = re.compile(r"^(must be text, not [^;]*; write )'[^']*'$")
_YAML_TYPES = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a number",
    "list": "a list",
    "str": "text",
}
_PYTHON_TYPE = re.compile(rf"\bnot ({'|'.join(_YAML_TYPES)})(?=;|$)")
_GIVEN_TWICE = re.compile(r"is given twice, as '([^']+)' and as '([^']+)'")
_MEANT = re.compile(r"^(.*); did you mean (.+)\?$", re.DOTALL)
_SNAKE = re.compile(r"\b_?[a-z0-9]+(?:_[a-z0-9]+)*\b")

_FIXES = (
    (r"is not known here", "delete it"),
    (r"has no field ", "delete it, or write the field that was meant"),
    (r"Dagster overwrites ", "delete it"),
    (r"must be true or false", "write true or false, without quotation marks"),
    (r"must be a (whole )?number", "write a number, without quotation marks"),
    (r"must be text, not (null|a list|a mapping)", "write text"),
    (r"must be text", "put it in quotation marks"),
    (r"must be a list", "write a list, even of one item"),
    (r"must be a mapping", "write a mapping"),
    (r"is missing|has no ", "write it"),
    (r"is empty", "write it or delete it"),
    (r"is none of ", "write one of these"),
    (r"is below |is above ", "write a number within the bounds"),
)


def finding_of(
    document: YamlDocument, path: Path, reason: str, value: object = None, *, quantity: bool = False
) -> Finding:
    """The finding for a value that was refused.

    Args:
        document: The document it stands in.
        path: Where it stands there.
        reason: Why it was refused.
        value: What stands there.
        quantity: Whether it is refused as a quantity.
    """
    if "twice; keep one of the two" in reason and path[-2:-1] in {("env",), ("envVars",)}:
        message = in_camel_case(reason.removesuffix("; keep one of the two"))
        return ENV_TWICE.at(document.where(path), f"{message}{first_line(document, path)}")
    if "twice; keep one of the two" in reason:
        reason = reason.replace("twice", f"twice{first_line(document, path)}")
    rule = QUANTITY if quantity else INVALID_VALUE
    message, fix = _split(in_camel_case(as_written(document, path, reason)))
    if path == ("agentReplicas",) and type(value) is int:
        fix = f"write dagsterCloudAgent: {{replicas: {value}}}"
    elif "must be a mapping" in message and path[-1:] and path[-1] in _AS_MAPPINGS:
        shown = str(value).lower() if isinstance(value, bool) else "true"
        fix = f"write {path[-1]}: {{{_AS_MAPPINGS[str(path[-1])].format(shown)}}}"
    return rule.at(document.where(path), message, fix=fix)


_AS_MAPPINGS = {
    **dict.fromkeys(
        ("agentMetrics", "agentReplicas", "codeServerMetrics", "computeLogs", "isolatedAgents"), "enabled: {}"
    ),
    "custom": "module: ..., class: ..., config: {{}}",
    "image": "repository: ..., tag: ...",
}
"""What to write in mappings of which people write something else."""


def first_line(document: YamlDocument, path: Path) -> str:
    """On which line, in words, a list names first what it names again at ``path``; empty when unknown.

    Args:
        document: The document that holds the list.
        path: Where the item stands that is there twice.
    """
    *above, field, index = path if len(path) > 1 else ("", "")
    items: Any = document.data
    try:
        for part in (*above, field):
            items = items[part]
    except LookupError:
        return ""
    if not isinstance(index, int) or not isinstance(items, list):
        return ""
    key = _FIRST_KEYS.get(str(field).replace("_", "").lower())
    again = _told_apart(items[index], key)
    for earlier in range(index):
        if again is not None and _told_apart(items[earlier], key) == again:
            return f", first on line {document.where((*above, field, earlier)).line}"
    return ""


_FIRST_KEYS = {
    name.replace("_", ""): keys[0].replace("_", "") for name, keys in MERGE_KEYS.items() if len(keys) == 1
}


def _told_apart(item: object, key: str | None) -> object:
    """By what an item of a list is the same as another."""
    if not isinstance(item, dict):
        return item
    return next((value for name, value in item.items() if str(name).replace("_", "").lower() == key), None)


def both_spellings(document: YamlDocument, path: Path, reason: str) -> Finding | None:
    """The finding for a field that an object has in two spellings, of which the second is kept."""
    given = _GIVEN_TWICE.fullmatch(reason)
    if given is None:
        return None
    where = document.where((*path[:-1], given[2]), key=True)
    message = f"{given[1]!r} and {given[2]!r} are one key in two spellings"
    return BOTH_SPELLINGS.at(where, message, fix=f"keep {given[1]!r}")


def as_written(document: YamlDocument, path: Path, reason: str) -> str:
    """A reason in the words of YAML: what a value is, and in quotation marks what the file itself says.

    Args:
        document: The document that holds the value.
        path: Where the value stands in it.
        reason: Why it was refused.
    """
    reason = _PYTHON_TYPE.sub(lambda match: f"not {_YAML_TYPES[match[1]]}", reason)
    text = document.text_at(path)
    advised = _QUOTED.match(reason)
    return f"{advised[1]}{text!r}" if advised and text is not None else reason


def unknown_field(document: YamlDocument, path: Path, reason: str) -> Finding:
    """The finding for a field that Kubernetes does not have, at the path of the field."""
    where = document.where(path, key=True)
    if reason.startswith("ResourceRequirements") and path[-1] not in {"limit", "request"}:
        return RESOURCES_WITHOUT_SIDE.at(
            where,
            f"{path[-1]!r} stands in resources itself, where Kubernetes has limits and requests only",
            fix=f"write limits: {{{path[-1]}: ...}}",
        )
    reason = reason.partition("; it belongs in ")[0]
    message, fix = _split(in_camel_case(reason))
    if len(path) > 1 and path[-2] in RUN_MODELS:
        homes = [name for name, model in RUN_MODELS.items() if path[-1] in _fields(model)]
        fix = f"move it to {homes[0]}" if homes else fix
    meant = _MEANT.match(reason)
    return (MISSPELT_KEY if meant else NO_SUCH_FIELD).at(where, message, fix=fix)


# Hundreds of values are often refused for one reason.
@lru_cache(maxsize=1024)
def in_camel_case(reason: str) -> str:
    """A reason with Kubernetes' fields spelt as in values."""
    return _SNAKE.sub(lambda match: _camel_names().get(match[0], match[0]), reason)


def above_limit(reason: str) -> tuple[str, str]:
    """What is wrong with a request above its limit, and what to write: in a file there are no pairs."""
    return reason.partition(";")[0], "write a limit that is not below the request"


def _split(reason: str) -> tuple[str, str]:
    """What is wrong, and what to write."""
    if IS_ABOVE_LIMIT in reason:
        return above_limit(reason)
    meant = _MEANT.match(reason)
    if meant:
        return reason, f"write {meant[2]}"
    advice = _ADVICE.match(reason)
    if advice:
        return advice[1], advice[2]
    return reason, next((fix for wrong, fix in _FIXES if re.search(wrong, reason)), "")


def _fields(model: str) -> set[str]:
    """The fields of a model, in both spellings."""
    return {spelling for name, row in field_types(model).items() for spelling in (name, row.camel)}


@cache
def _camel_names() -> Mapping[str, str]:
    names = {name: row.camel for model in models() for name, row in field_types(model).items()}
    first = {name: camel_case(name) for name in SECTIONS}
    return {name: camel for name, camel in {**names, **first}.items() if "_" in name}
