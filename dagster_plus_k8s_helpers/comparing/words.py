"""A field of a Job as people call it: ``memory limit``, ``env BUCKET``, ``node selector pool``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["field_words", "is_twice", "value_words"]

_POD = ("spec", "template", "spec")
_METADATA = {"labels": "label", "annotations": "annotation"}
_AMOUNTS = {"limits": "limit", "requests": "request"}
_OF_POD = {
    "nodeSelector": "node selector",
    "tolerations": "toleration",
    "volumes": "volume",
    "serviceAccountName": "service account",
    "imagePullSecrets": "image pull secret",
}
_OF_CONTAINER = {"env": "env", "envFrom": "env from", "volumeMounts": "volume mount", "ports": "port"}
_WHOLE = {"tolerations"}
"""Lists whose items are named by all that they say, which is shown as their value."""


def field_words(keys: Sequence[str], main: str) -> str:
    """What to call a field.

    Args:
        keys: Where it is, see `manifests.Difference`.
        main: Name of the container in which Dagster runs: its fields need not say whose they are.
    """
    if tuple(keys[:3]) == _POD:
        return one_line(_of_pod(list(keys[3:]), main))
    if list(keys[:3]) == ["spec", "template", "metadata"] and len(keys) > 4 and keys[3] in _METADATA:
        return one_line(f"{_METADATA[keys[3]]} {keys[4]}")
    if keys[0] == "metadata" and len(keys) > 2 and keys[1] in _METADATA:
        return one_line(f"Job {_METADATA[keys[1]]} {keys[2]}")
    return one_line(f"Job {_dotted(keys[1:] if keys[0] == 'spec' else keys)}")


def is_twice(keys: Sequence[str]) -> tuple[str, ...] | None:
    """Where the pod says what this label of its Job says; ``None`` for what only the Job has."""
    return ("spec", "template", *keys) if keys[:2] == ("metadata", "labels") else None


def _of_pod(keys: list[str], main: str) -> str:
    if keys[0] in {"containers", "initContainers"} and len(keys) > 1:
        name = keys[1][1:-1]
        kind = "container" if keys[0] == "containers" else "init container"
        if len(keys) == 2:
            return f"{kind} {name}"
        field = _of_container(keys[2:])
        return field if (keys[0], name) == ("containers", main) else f"{field} of {kind} {name}"
    if keys[0] in _WHOLE:
        return _OF_POD[keys[0]]
    return _named(keys, _OF_POD)


def _of_container(keys: list[str]) -> str:
    if keys[0] == "resources" and len(keys) == 3 and keys[1] in _AMOUNTS:
        return f"{keys[2]} {_AMOUNTS[keys[1]]}"
    if keys[0] == "env" and keys[2:] == ["value"]:
        keys = keys[:2]
    return _named(keys, _OF_CONTAINER)


def _named(keys: list[str], known: dict[str, str]) -> str:
    """A field by the word for it, with the name of the item in front of what is below that."""
    if keys[0] not in known:
        return _dotted(keys)
    name = keys[1].removeprefix("[").removesuffix("]") if len(keys) > 1 else ""
    return " ".join(filter(None, [known[keys[0]], name, _dotted(keys[2:])]))


def _dotted(keys: Sequence[str]) -> str:
    return "".join(key if key.startswith("[") else f".{key}" for key in keys).removeprefix(".")


_LONGEST = 200


def value_words(value: Any) -> str:
    """A value in one line; ``-`` for none, and what is long is cut."""
    if value is None:
        return "-"
    if isinstance(value, dict) and set(value) <= {"name", "value"} and "value" in value:
        value = value["value"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = one_line(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
