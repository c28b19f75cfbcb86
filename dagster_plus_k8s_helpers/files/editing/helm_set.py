"""Helm's ``--set`` syntax: ``a.b=c,d[0]={x,y}`` as paths and values.

Source: https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from dagster_plus_k8s_helpers.errors import K8sConfigError

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = ["Assignment", "SetValue", "parse_key", "parse_set", "parse_value", "to_set"]

SetValue: TypeAlias = "str | int | float | bool | list[SetValue] | None"
"""What can be set; ``--set`` itself has no fractions."""

_MOST_INDEX = 65536  # Helm's own limit
_FRACTION = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d{1,2})?", re.ASCII)
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_LEAST_INT, _MOST_INT, _MOST_DIGITS = -(2**63), 2**63 - 1, 20


class Assignment(NamedTuple):
    """One value and where it goes."""

    path: Path
    value: SetValue


def parse_set(text: str, *, as_text: bool = False) -> list[Assignment]:
    """What ``--set``, or ``--set-string``, says.

    Args:
        text: Assignments with commas between them.
        as_text: Whether every value is text, as with ``--set-string``.

    Raises:
        K8sConfigError: Text that Helm refuses.
    """
    reader = _Reader(text)
    assignments = []
    while not reader.at_end:
        path = _key(reader, ends="=")
        assignments.append(Assignment(path, _value(reader, as_text=as_text)))
    if not assignments:
        raise K8sConfigError(f"{text!r} sets nothing; write KEY=VALUE")
    return assignments


def parse_key(text: str) -> Path:
    """A key such as ``workspace.envVars[0]``; a backslash takes a dot or bracket into a name.

    Raises:
        K8sConfigError: Text that is no key.
    """
    reader = _Reader(text)
    path = _key(reader, ends="")
    if not reader.at_end:
        raise K8sConfigError(f"{text!r} is no key; write it like workspace.envVars[0]")
    return path


def parse_value(text: str, *, fractions: bool = False) -> SetValue:
    """A value on its own: typed as ``--set`` does it, with commas that need no backslash.

    Args:
        text: The value.
        fractions: Whether ``0.5`` is a number, which to ``--set`` it is not.
    """
    if text.startswith("{") and text.endswith("}"):
        return _value(_Reader(text), as_text=False)
    typed = _typed(text)
    return float(typed) if fractions and isinstance(typed, str) and _FRACTION.fullmatch(typed) else typed


def to_set(assignment: Assignment) -> str:
    """The inverse of `parse_set`."""
    key = ""
    for part in assignment.path:
        key += f"[{part}]" if isinstance(part, int) else f"{'.' if key else ''}{_escaped(part)}"
    value = assignment.value
    shown = f"{{{','.join(map(_shown, value))}}}" if isinstance(value, list) else _shown(value)
    return f"{key}={shown}"


class _Reader:
    """Text that is read character by character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def until(self, stops: str) -> tuple[str, str]:
        """What comes before the next of the stops, without its backslashes, and the stop; none at the end."""
        found = ""
        while not self.at_end:
            letter = self.text[self.position]
            self.position += 1
            if letter == "\\" and not self.at_end:
                found += self.text[self.position]
                self.position += 1
            elif letter in stops:
                return found, letter
            else:
                found += letter
        return found, ""


def _key(reader: _Reader, *, ends: str) -> Path:
    path: list[str | int] = []
    after_index = False
    while True:
        name, stop = reader.until(".[,=" if ends else ".[")
        if name and after_index:
            raise K8sConfigError(f"after an index comes a dot, not {name!r}, in {reader.text!r}")
        if name:
            path.append(name)
        elif not after_index:
            raise K8sConfigError(f"a part of a key is empty in {reader.text!r}; write it like a.b[0]=c")
        after_index = False
        if stop == "[":
            path.append(_index(reader))
            after_index = True
        elif stop == ".":
            continue
        elif stop == ends:
            return tuple(path)
        else:
            raise K8sConfigError(f"{name or path[-1]!r} has no value in {reader.text!r}; write KEY=VALUE")


def _index(reader: _Reader) -> int:
    digits, stop = reader.until("]")
    if stop != "]" or not (digits.isascii() and digits.isdigit()):
        raise K8sConfigError(f"{digits!r} is no index in {reader.text!r}; write a number, such as a[0]")
    if len(digits) > len(str(_MOST_INDEX)) or int(digits) > _MOST_INDEX:
        raise K8sConfigError(f"the index {digits} is above {_MOST_INDEX}")
    return int(digits)


def _value(reader: _Reader, *, as_text: bool) -> SetValue:
    if reader.text[reader.position : reader.position + 1] == "{":
        reader.position += 1
        return _list(reader, as_text=as_text)
    text, _ = reader.until(",")
    return text if as_text else _typed(text)


def _list(reader: _Reader, *, as_text: bool) -> SetValue:
    items: list[SetValue] = []
    while True:
        text, stop = reader.until(",}")
        if text or stop == "," or items:
            items.append(text if as_text else _typed(text))
        if stop == "":
            raise K8sConfigError(f"a list is not closed in {reader.text!r}; write it like {{a,b}}")
        if stop == "}":
            break
    if not reader.at_end and reader.until(",") != ("", ","):
        raise K8sConfigError(f"after a list comes a comma in {reader.text!r}")
    return items


def _typed(text: str) -> SetValue:
    """Text as Helm types it; a number with a zero in front, or with a fraction, stays text."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if text.lower() == "null":
        return None
    if text == "0" or (_INTEGER.fullmatch(text) and not text.startswith("0")):
        # Go's parser of integers takes no more digits than 64 bits have.
        number = int(text) if len(text) <= _MOST_DIGITS else _MOST_INT + 1
        return number if _LEAST_INT <= number <= _MOST_INT else text
    return text


def _shown(value: SetValue) -> str:
    if isinstance(value, str):
        return _escaped(value)
    return "null" if value is None else str(value).lower()


def _escaped(text: str) -> str:
    return re.sub(r"([\\.,=\[\]{}])", r"\\\1", text)
