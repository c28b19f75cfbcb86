"""Every rule of ``check``, by its code, from wherever in the package the rule stands."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers import capacity, check, documents, files, findings
from dagster_plus_k8s_helpers.findings.finding import Rule, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ALL_RULES"]

_ROOMS = (capacity, check, documents, files, findings)
"""The rooms that have rules."""


def _rules() -> Iterator[Rule]:
    for room in _ROOMS:
        for found in walk_packages(room.__path__, f"{room.__name__}."):
            values = vars(import_module(found.name)).values()
            # A copy of a rule, with another severity, is not a rule of its own.
            yield from (item for item in values if isinstance(item, Rule) and rule_of(item.code) is item)


ALL_RULES: tuple[Rule, ...] = tuple(sorted(set(_rules()), key=lambda rule: rule.code))
