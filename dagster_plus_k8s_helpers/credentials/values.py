"""How far a value goes that stands behind a name, and whether it says anything.

Read by hand rather than by a pattern: what closes a quotation depends on the backslashes that opened it.
"""

from __future__ import annotations

import re

__all__ = ["is_prose", "is_reference", "value_spans"]

# b'...', N'...', $'...', a YAML tag, an annotation with its default, a call or a list around a quotation.
_BEFORE = re.compile(
    r"(?:!{1,2}[\w/:.-]{0,60}[ \t]+)?(?:&\w{1,60}[ \t]+)?"
    r"(?:(?:str|bytes|SecretStr)(?:[ \t]?\|[ \t]?None)?[ \t]?=[ \t]?)?"
    r"(?:(?:[A-Za-z_][\w.]{0,60}\(|[\[({])[ \t]?(?=[bBuUrRfFN$]{0,2}\\{0,15}[\"']))?"
    r"(?:[bBuUrRfFN$@]{1,2}(?=\\{0,15}[\"']))?"
)
_OPENS = re.compile(r"(\\{0,15})(\"\"\"|'''|[\"'])")
_QUOTE_OR_END = re.compile(r"(\\*+)([\"'])|\n")
_WORD = re.compile(r"[^\s,;&\"')\]}]{1,2000}")
_NEXT_ITEM = re.compile(r"[ \t]?,[ \t]?(?=[bBuUrRfFN]{0,2}\\{0,15}[\"'])")

_REFERENCE = re.compile(
    r"\$\{\w+\}|\$\(\w+\)|\$[A-Z_][A-Z0-9_]*|<[\w .-]{1,60}>|(?:/[\w.-]+)+\.(?:crt|json|key|pem|txt|ya?ml)"
    r"|<[\w.]+"
    r"|(?:self|cls|args|config|settings)\.\w+|os\.(?:environ|getenv)\S*|(?:dg\.)?EnvVar\S*|getenv\S*"
)
_PROSE = re.compile(
    r"any|been|bytes|cannot|could|denied|does|expected|expired|failed|field|found|got|had|has|"
    r"have|int|invalid|is|its|missing|must|not|null|optional|or|permission|required|secretstr|"
    r"should|str|string|the|too|unable|unexpected|unknown|unset|was|were|will|wrong"
)
_READS = re.compile(
    r"\$\{\w+\}|\$\(\w+\)|\{\{|(?:os\.environ(?:\.get)?|os\.getenv|getenv|(?:dg\.)?EnvVar)[\[(]"
)


def value_spans(text: str, start: int, *, in_list: bool = False) -> list[tuple[int, int]]:
    """Where the value that begins at a place stands, without its quotation marks.

    Args:
        text: The text.
        start: Where the value begins.
        in_list: Whether the items of a list of quotations are values too.
    """
    if _READS.match(text, start):
        return []
    before = _BEFORE.match(text, start)
    begin = before.end() if before else start
    if text[begin - 1 : begin] in {"[", "(", "{"} and begin == start + 1 and not in_list:
        return []
    in_list = in_list and text[start:begin].startswith(("[", "("))
    spans: list[tuple[int, int]] = []
    while span := _span(text, begin):
        spans.append(span)
        following = _NEXT_ITEM.match(text, _after_quote(text, span[1])) if in_list else None
        if following is None:
            break
        prefix = _BEFORE.match(text, following.end())
        begin = prefix.end() if prefix else following.end()
    return spans


def is_reference(value: str) -> bool:
    """Whether a value says where the credential is to be had: ``${DB_PASSWORD}``, ``<password>``."""
    return bool(_REFERENCE.fullmatch(value))


def is_prose(value: str) -> bool:
    """Whether a value is the first word of a message about it: ``password: expected str, got None``."""
    return bool(_PROSE.fullmatch(value.rstrip(".,;:!").lower()))


def _span(text: str, begin: int) -> tuple[int, int] | None:
    opens = _OPENS.match(text, begin)
    if opens is None:
        word = _WORD.match(text, begin)
        if word is None:
            return None
        # A backslash before a quotation mark belongs to what surrounds the value.
        end = word.end()
        while end > begin and text[end - 1] == "\\" and text[end : end + 1] in {'"', "'"}:
            end -= 1
        return (begin, end) if end > begin else None
    end = _closing(text, opens)
    return (opens.end(), end) if end > opens.end() else None


def _closing(text: str, opens: re.Match[str]) -> int:
    """Where a quotation ends; one that is never closed ends with its line."""
    escapes, mark = len(opens[1]), opens[2]
    if len(mark) > 1:
        end = text.find(mark, opens.end())
        return end if end >= 0 else len(text)
    skip = -1
    for found in _QUOTE_OR_END.finditer(text, opens.end()):
        if found[2] is None:
            return found.start()
        if found[2] != mark or found.start() < skip:
            continue
        slashes = len(found[1])
        closes = slashes <= escapes if escapes else slashes % 2 == 0
        # Doubled, as YAML and SQL write it: 'it''s'.
        if closes and not slashes and re.compile(rf"{mark}\w").match(text, found.end()):
            skip = found.end() + 1
            continue
        if closes:
            return found.start() if escapes else found.end() - 1
    return len(text)


def _after_quote(text: str, end: int) -> int:
    quote = _OPENS.match(text, end)
    return quote.end() if quote else end
