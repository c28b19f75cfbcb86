"""Writing YAML that every parser reads alike: PyYAML by YAML 1.1, Helm's by a mixture of 1.1 and 1.2."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["TEXT_TAGS", "block_lines", "one_line", "reads_as_text", "tag_of", "to_yaml_text"]

TEXT_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp")
"""What is text here; a time is read as the text that stands there."""

# Text that PyYAML takes for text and Helm for a number or a truth value, such as the commit 12e4567.
_NOT_TEXT_TO_HELM = re.compile(
    r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|[-+]?0[bxo][0-9a-fA-F_]+|[-+]?[\d_]+|[yYnN]", re.ASCII
)


def to_yaml_text(data: object) -> str:
    """Plain data as YAML: in its own order, without anchors, in lines of any length."""
    text: str = yaml.dump(data, Dumper=_Dumper, default_flow_style=False, **_AS_IT_IS)
    return text


_AS_IT_IS: Any = {"sort_keys": False, "allow_unicode": True, "width": 10**6}


def reads_as_text(text: str) -> bool:
    """Whether text without quotation marks is text to every parser."""
    return not _NOT_TEXT_TO_HELM.fullmatch(text) and tag_of(text) == TEXT_TAGS[0]


def tag_of(text: str) -> str:
    """What PyYAML takes text without quotation marks for."""
    # A scalar's tag is found by its first character and a pattern; that of text is the default.
    tag: str = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag


def one_line(data: object, *, quote: str = "", flow: bool = False) -> str:
    """Plain data in one line, to stand in a document.

    Args:
        data: A scalar; or a mapping or list, which is written in brackets.
        quote: The quotation marks that text has; as few as it needs when empty.
        flow: Whether it stands in brackets itself, where text needs quotation marks more often.
    """
    dumper = _WITH_QUOTES[quote]
    in_brackets = flow or isinstance(data, dict | list)
    written: str = yaml.dump([data], Dumper=dumper, default_flow_style=in_brackets, **_AS_IT_IS)
    return written[1:-2] if in_brackets else written.strip().removeprefix("-").lstrip()


def block_lines(data: object, *, mapping_indent: int, list_indent: int) -> list[str]:
    """A mapping or list as the lines of a block.

    Args:
        data: What is in it; in brackets are only what is empty in it.
        mapping_indent: By how much a mapping is indented under its key.
        list_indent: By how much a list is.
    """
    lines: list[str] = []
    for key, value in data.items() if isinstance(data, dict) else [(None, item) for item in data]:  # type: ignore[attr-defined] # a list
        mark = "-" if key is None else one_line(key, flow=True) + ":"
        if not value or not isinstance(value, dict | list):
            lines.append(f"{mark} {one_line(value)}")
            continue
        inner = block_lines(value, mapping_indent=mapping_indent, list_indent=list_indent)
        if key is None:
            lines += [f"- {inner[0]}", *(f"  {line}" for line in inner[1:])]
        else:
            indent = mapping_indent if isinstance(value, dict) else list_indent
            lines += [mark, *(" " * indent + line for line in inner)]
    return lines


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper, without anchors and with lists indented under their keys."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        super().increase_indent(flow, indentless=False)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Some parsers take these for the end of a line; escaped, all read them alike.
    if any(letter in text for letter in "\x85\u2028\u2029") or _NOT_TEXT_TO_HELM.fullmatch(text):
        style: str | None = '"'
    else:
        # PyYAML takes another style by itself where a block cannot hold the text.
        style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


class _OneLine(_Dumper):
    """The same dumper for text in one line."""

    quote = ""


class _DoubleQuotes(_OneLine):
    quote = '"'


class _SingleQuotes(_OneLine):
    quote = "'"


_WITH_QUOTES = {dumper.quote: dumper for dumper in (_OneLine, _DoubleQuotes, _SingleQuotes)}


def _write_one_line(dumper: _OneLine, text: str) -> yaml.ScalarNode:
    plain = reads_as_text(text)
    needs_escapes = any(letter in text for letter in "\n\r\x85\u2028\u2029")
    style = '"' if needs_escapes or not (plain or dumper.quote) else dumper.quote or None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_OneLine.add_representer(str, _write_one_line)
for _dumper in (_DoubleQuotes, _SingleQuotes):
    _dumper.add_representer(str, _write_one_line)
