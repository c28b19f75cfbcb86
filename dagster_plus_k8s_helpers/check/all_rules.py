"""Every rule of ``check``, by its code: those for files, for nodes, and for definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.capacity.nodes import NODE_RULES
from dagster_plus_k8s_helpers.check.catalogue.definitions import PLAN_RULES
from dagster_plus_k8s_helpers.check.catalogue.harms import HARM_RULE_TABLE
from dagster_plus_k8s_helpers.files.checks.all_rules import FILE_AND_VALUES_RULES

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Rule

__all__ = ["ALL_RULES", "DEFINITION_RULES"]

DEFINITION_RULES: frozenset[Rule] = frozenset((*PLAN_RULES, *HARM_RULE_TABLE))
"""Those for definitions, which are waived in Python; the others where they stand in a file."""

ALL_RULES: tuple[Rule, ...] = tuple(
    sorted((*FILE_AND_VALUES_RULES, *NODE_RULES, *DEFINITION_RULES), key=lambda rule: rule.code)
)
