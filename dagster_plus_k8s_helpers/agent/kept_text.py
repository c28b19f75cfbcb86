"""Carrying an edit over into a text that the editor would have written in another style."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

__all__ = ["carried_over"]


def carried_over(original: str, before: str, after: str) -> str:
    """``original`` with the lines changed in which ``after`` differs from ``before``.

    An editor that writes a whole file anew also writes anew what it did not edit: flow style, blanks,
    quotation marks. What it writes without the edit tells these lines from those of the edit.

    Args:
        original: The text as people wrote it; it keeps its line ends, and the edit takes them on.
        before: The same as the editor writes it, without the edit.
        after: The same with the edit.

    Returns:
        The original with the edit; what the editor wrote where the edit is in lines that cannot be told
        apart.
    """
    end = "\r\n" if "\r\n" in original else "\n"
    kept, old, new = (text.splitlines(keepends=True) for text in (original, before, after))
    place = _places(kept, old)
    result: list[str] = []
    done = 0
    for kind, start, stop, new_start, new_stop in _compared(old, new).get_opcodes():
        if kind == "equal":
            continue
        if start not in place or stop not in place:
            return after.replace("\r\n", "\n").replace("\n", end)
        result += kept[done : place[start]]
        if result and not result[-1].endswith("\n"):
            result[-1] += end
        result += [line.rstrip("\r\n") + end for line in new[new_start:new_stop]]
        done = place[stop]
    return "".join([*result, *kept[done:]])


def _places(kept: list[str], old: list[str]) -> dict[int, int]:
    """Where each line of the editor's text begins in the original, for those that are one line there too."""
    places = {len(old): len(kept)}
    opcodes = _compared([_plain(line) for line in kept], [_plain(line) for line in old]).get_opcodes()
    for _, start, stop, old_start, old_stop in opcodes:
        if stop - start == old_stop - old_start:
            places |= {old_start + index: start + index for index in range(stop - start)}
        places |= {old_start: start, old_stop: stop}
    return places


def _plain(line: str) -> str:
    """What is left of a line in whichever style it is written."""
    return re.sub(r"[\s'\",]", "", line)


def _compared(one: list[str], other: list[str]) -> SequenceMatcher[str]:
    return SequenceMatcher(None, one, other, autojunk=False)
