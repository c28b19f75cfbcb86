"""How a secret value may be written: as it is, escaped by whatever wrote it, and in base64.

A value is looked for by its longest run of letters and digits, which no escaping changes; only where that
occurs is the pattern for all its spellings made and tried.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cached_property
from html.entities import codepoint2name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Spelling", "spellings"]

# Shorter values are too likely to be part of an innocent word: masking "1" would mask every date.
_SHORTEST = 4
_SHORTEST_NUMBER = 6
_SHORTEST_INSIDE_BASE64 = 8
# One line of a value of several, such as a private key: short ones are "}" or "-----".
_SHORTEST_LINE = 16
# Of what a pattern is made of: compiling one takes about a second for each thousand runs.
_LONGEST_PATTERN = 8192
_MOST_RUNS = 500
_RUNS = re.compile(r"[A-Za-z0-9]+|([^A-Za-z0-9])\1*", re.DOTALL)
_MOST_LEAVES = 1000
_WORDS = frozenset({"true", "false", "null", "none"})
# PEM and MIME: https://www.rfc-editor.org/rfc/rfc7468#section-2, https://www.rfc-editor.org/rfc/rfc2045#section-6.8
_WIDTHS = (64, 76)
_BREAK = r"(?:\s|\\+[rn])*"
_OWN_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\0": "0", "\a": "a"}


class Spelling:
    """One text, in every way that it may be written.

    Args:
        text: The text.
        pattern: Matches all spellings; None when the text is never written otherwise.
        core: Part of the text that is in all of them; may be empty.

    Attributes:
        text: As given.
        core: As given.
    """

    def __init__(self, text: str, pattern: str | None, core: str) -> None:
        self.text, self.core = text, core
        self._pattern = pattern

    def replaced(self, text: str, by: str) -> str:
        """``text`` with every spelling replaced."""
        if self.core not in text:
            return text
        return text.replace(self.text, by) if self._pattern is None else self._compiled.sub(by, text)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._pattern or "")


def spellings(raw: bytes) -> Iterator[Spelling]:
    """The spellings of a value: of its text, of the texts in it when it is JSON, of its longer lines."""
    if len(raw) < _SHORTEST:
        return
    yield from _in_base64(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        yield _of_text(repr(raw)[2:-1])
        return
    for leaf in _texts(text):
        if leaf is not text and len(leaf) >= _SHORTEST:
            yield from _in_base64(leaf.encode(errors="surrogatepass"))
        lines = [line for line in leaf.splitlines() if len(line) >= _SHORTEST_LINE]
        for piece in dict.fromkeys((leaf, leaf.strip(), *(lines if "\n" in leaf else []))):
            if len(piece) >= _SHORTEST and piece.lower() not in _WORDS:
                yield _of_text(piece)


def _texts(text: str) -> list[str]:
    """The text and, when it is JSON, every text and longer number in it; also in JSON within JSON."""
    found = [text]
    for one in found:
        nodes = [_json(one)]
        for node in nodes:
            if len(found) >= _MOST_LEAVES:
                return found
            if isinstance(node, dict):
                nodes += node.values()
            elif isinstance(node, list):
                nodes += node
            elif isinstance(node, str):
                found.append(node)
            elif isinstance(node, (int, float)) and len(str(node)) >= _SHORTEST_NUMBER:
                found.append(str(node))
    return found


def _json(text: str) -> object:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    # RecursionError: a text of a hundred thousand brackets is still a text.
    except (ValueError, RecursionError):
        return None


def _of_text(text: str) -> Spelling:
    core = _longest_word(text)
    runs = [found[0] for found in _RUNS.finditer(text[:_LONGEST_PATTERN])]
    if core == text or len(text) > _LONGEST_PATTERN or len(runs) > _MOST_RUNS:
        return Spelling(text, None, text)
    return Spelling(text, "".join(map(_pattern_of_run, runs)), core)


def _pattern_of_run(run: str) -> str:
    if run[0] == "\\":
        # As many as there are, or more; or each of them in a code of its own.
        codes = "|".join(_codes("\\"))
        return rf"(?:\\{{{len(run)},}}|(?:{codes}){{{len(run)}}})"
    if run.isascii() and run.isalnum():
        return run
    # Each way for all of a run: if every character chose for itself, '' would be two or one twice.
    ways = [*_plain(run[0]), *_codes(run[0])]
    return rf"(?:{'|'.join(ways if len(run) == 1 else (rf'(?:{way}){{{len(run)}}}' for way in ways))})"


def _plain(character: str) -> Iterator[str]:
    """A character as it is, after backslashes, or doubled as shells and CSV have it."""
    if character == "'":
        yield from (r"""'\\*"\\*'\\*"\\*'""", r"'\\+''", "''")
    if character == '"':
        yield '""(?!$)'
    if character == " ":
        yield r"\+"
    if character in _OWN_ESCAPES:
        yield rf"\\+{_OWN_ESCAPES[character]}"
    if character == "\n":
        yield r"\r\n"
    yield rf"\\*{re.escape(character)}"


def _codes(character: str) -> Iterator[str]:
    """A character by number: JSON and Python, URLs once or more, bytes in hex and octal, HTML and XML."""
    number = ord(character)
    units = character.encode("utf-16-be", errors="surrogatepass")
    pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    yield "".join(rf"\\+u(?i:{pair})" for pair in pairs)
    yield rf"\\+[uUx](?:0*(?i:{number:x})|\{{0*(?i:{number:x})\}})"
    encoded = character.encode(errors="surrogatepass")
    yield "".join(rf"%(?:25)*(?i:{byte:02x})" for byte in encoded)
    yield "".join(rf"\\+x(?i:{byte:02x})" for byte in encoded)
    yield "".join(rf"\\+{byte:03o}" for byte in encoded)
    name = {"'": "apos"}.get(character, codepoint2name.get(number, ""))
    yield rf"&(?:amp;)*(?:#0*{number}|#[xX]0*(?i:{number:x}){f'|{name}' if name else ''});"


def _in_base64(raw: bytes) -> Iterator[Spelling]:
    """In both alphabets: alone, with line breaks, and as a part of something longer."""
    alone = base64.b64encode(raw).decode().rstrip("=")
    if len(alone) <= _LONGEST_PATTERN:
        breaks = sorted({at for width in _WIDTHS for at in range(0, len(alone), width)})
        pieces = (alone[at:end] for at, end in zip(breaks, [*breaks[1:], None], strict=True))
        pattern = _BREAK.join("".join(_BASE64.get(letter, letter) for letter in piece) for piece in pieces)
        yield Spelling(alone, pattern, _longest_word(alone[: _WIDTHS[0]]))
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode()
        # Letters that the value shares with its neighbours are left.
        inside = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(inside) >= _SHORTEST_INSIDE_BASE64:
            for text in {inside, inside.translate(_URL_SAFE)} - {alone}:
                yield Spelling(text, None, text)


_BASE64 = {"+": r"(?:[+-]|%2[Bb])", "/": "(?:[/_]|%2[Ff]|\\\\+/)"}
_URL_SAFE = str.maketrans("+/", "-_")


def _longest_word(text: str) -> str:
    return max(re.findall(r"[A-Za-z0-9]+", text), key=len, default="")
