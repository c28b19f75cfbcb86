"""Data that is nearly right, out of bytes: a sample in which a few things are other than they were.

Bytes that are changed at random are hardly ever YAML any more, and then nothing reads the data in them.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import yaml

from fuzz.samples import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Choices", "nearly", "written"]

_OTHERS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 1e308, 2**63, 10**30, float("nan"), float("inf")),
    *(
        "",
        " ",
        "a",
        "1",
        "true",
        "1Gi",
        "500m",
        "4GB",
        "a=b",
        "A=${B}",
        "a.b/c",
        "x" * 300,
        "é\n",
        "\u202e",
        "$(A)",
    ),
    *([], {}, [[]], [None], [{}], {"": ""}, {"name": "a"}, ["a", "a"], {"a": {"a": {"a": []}}}),
)
_MOST_CHANGES = 6


class Choices:
    """Bytes as a row of choices; when they are used up, the first of everything is chosen.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._used = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to choose by."""
        return self._used >= len(self._data)

    def number(self, below: int) -> int:
        """A number from 0."""
        if below <= 1:
            return 0
        count = 1 if below <= 256 else 2
        chosen = self._data[self._used : self._used + count]
        self._used += count
        return int.from_bytes(chosen, "big") % below

    def of(self, options: Sequence[Any]) -> Any:
        """One of some options."""
        return options[self.number(len(options))]

    def text(self) -> str:
        """A short text."""
        chosen = self._data[self._used : self._used + 1 + self.number(8)]
        self._used += len(chosen)
        return chosen.decode("utf-8", "replace")


def nearly(samples: Sequence[Any], choices: Choices) -> Any:
    """One of the samples with some changes."""
    shape = copy.deepcopy(choices.of(samples))
    for _ in range(_MOST_CHANGES):
        if choices.is_over:
            break
        shape = _changed(shape, samples, choices)
    return shape


def written(data: Any, choices: Choices) -> bytes:
    """Data as a file: in blocks, in one line, or as JSON."""
    form = choices.number(3)
    if form == 2:
        return json.dumps(data).encode("utf-8", "surrogatepass")
    text = yaml.safe_dump(data, default_flow_style=form == 1, sort_keys=False, allow_unicode=True)
    return str(text).encode("utf-8", "surrogatepass")


def _changed(shape: Any, samples: Sequence[Any], choices: Choices) -> Any:
    path = choices.of(list(_paths(shape)))
    if not path:
        return shape
    *way, last = path
    holder = shape
    for part in way:
        holder = holder[part]
    match choices.number(6):
        case 0:
            del holder[last]
        case 1 if isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        case 2 if isinstance(holder, dict):
            holder[choices.of([*WORDS, f"{last}s", f"{last}".upper(), choices.text()])] = holder.pop(last)
        case 3:
            # Something that stands elsewhere: right in itself, and in the wrong place.
            other = choices.of(samples)
            for part in choices.of(list(_paths(other))):
                other = other[part]
            holder[last] = copy.deepcopy(other)
        case 4 if isinstance(holder[last], str):
            text, at = holder[last], choices.number(len(holder[last]) + 1)
            holder[last] = text[:at] + choices.of([*WORDS, choices.text()]) + text[at:]
        case _:
            holder[last] = copy.deepcopy(choices.of(_OTHERS))
    return shape


def _paths(shape: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = shape.items() if isinstance(shape, dict) else enumerate(shape) if isinstance(shape, list) else ()
    for key, part in items:
        yield from _paths(part, (*path, key))
