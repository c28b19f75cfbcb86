"""Every rule of ``check``, by its code, from wherever in the package the rule stands.

The rules are read in the source: to import them all takes Dagster and seconds, and whoever asks what a code
means waits for neither.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers import capacity, check, documents, files, findings, rightsizing
from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ALL_RULES"]

_ROOMS = (capacity, check, documents, files, findings, rightsizing)
"""The rooms that have rules."""


def _rules() -> Iterator[Rule]:
    for room in _ROOMS:
        for file in Path(str(room.__file__)).parent.rglob("*.py"):
            source = file.read_text("utf-8")
            # Which few files have: to parse one takes longer than to read it.
            for node in ast.parse(source).body if " = Rule(" in source else ():
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                    yield from _rule(node.value)


def _rule(call: ast.Call) -> Iterator[Rule]:
    if ast.unparse(call.func) == "Rule":
        code, severity, reason, fix = call.args
        needs = [Need[ast.unparse(given.value).removeprefix("Need.")] for given in call.keywords]
        level = Severity[ast.unparse(severity).removeprefix("Severity.")]
        yield Rule(ast.literal_eval(code), level, ast.literal_eval(reason), ast.literal_eval(fix), *needs)


ALL_RULES: tuple[Rule, ...] = tuple(sorted(_rules(), key=lambda rule: rule.code))
