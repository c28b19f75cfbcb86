"""Writing YAML that every parser reads alike: PyYAML by YAML 1.1, Helm's by a mixture of 1.1 and 1.2."""

from __future__ import annotations

import re

import yaml

__all__ = ["reads_as_text", "to_yaml_text"]

# Text that PyYAML takes for text and Helm for a number or a truth value, such as the commit 12e4567.
_NOT_TEXT_TO_HELM = re.compile(
    r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|[-+]?0[bxo][0-9a-fA-F_]+|[-+]?[\d_]+|[yYnN]", re.ASCII
)


def to_yaml_text(data: object) -> str:
    """Plain data as YAML: in its own order, without anchors, in lines of any length."""
    return yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**6
    )


def reads_as_text(text: str) -> bool:
    """Whether text without quotation marks is text to every parser."""
    if _NOT_TEXT_TO_HELM.fullmatch(text):
        return False
    # A scalar's tag is found by its first character and a pattern; that of text is the default.
    tag: str = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag == "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper, without anchors and with lists indented under their keys."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
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
