"""From what the YAML parser says to a finding with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from dagster_plus_k8s_helpers.documents.rules import SYNTAX, TAB
from dagster_plus_k8s_helpers.findings.finding import Where

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["at_mark", "syntax_finding"]


def at_mark(file: str, mark: Any, path: str) -> Where:
    """Where a mark of the parser, which counts from 0, stands."""
    return Where(file, mark.line + 1, mark.column + 1, path) if mark else Where(file, path=path)


def syntax_finding(error: yaml.YAMLError, file: str, text: str) -> Finding:
    """The finding for text that the parser refuses.

    Args:
        error: What the parser says.
        file: The file as the user named it.
        text: What the file holds.
    """
    if isinstance(error, yaml.MarkedYAMLError):
        where = at_mark(file, error.problem_mark or error.context_mark, "")
        # A tag may be a password that begins with an exclamation mark.
        problem = re.sub(_OWN_TAG, " for the tag here", error.problem or error.context or "cannot be read")
        lines = text.splitlines()
        line = lines[where.line - 1] if 0 < where.line <= len(lines) else ""
        if line[: len(line) - len(line.lstrip())].find("\t") >= 0:
            column = line.index("\t") + 1
            return TAB.at(Where(file, where.line, column), "a tab stands where YAML indents")
        fix = _FILL_IN if re.search(r"\{[{%]", text) else ""
        return SYNTAX.at(where, f"this is not YAML: {problem}", fix=fix)
    position = getattr(error, "position", None)
    if isinstance(position, int):
        before = text[:position]
        where = Where(file, before.count("\n") + 1, position - before.rfind("\n"))
        return SYNTAX.at(where, "a control character stands here, which YAML does not take")
    return SYNTAX.at(Where(file), f"this is not YAML: {error}")


_OWN_TAG = re.compile(
    r" for the tag '(?!tag:yaml\.org,2002:(?:python/|(?:binary|omap|pairs|set)')).*", re.DOTALL
)
_FILL_IN = "mend the YAML at this place, or, if this is a template, fill it in and check what comes out"
