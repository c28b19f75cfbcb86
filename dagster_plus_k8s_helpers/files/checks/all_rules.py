"""Every rule of the checks on files, by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.rules import FILE_RULES
from dagster_plus_k8s_helpers.files.checks.catalogue.locations import LOCATION_RULES
from dagster_plus_k8s_helpers.files.checks.catalogue.values import VALUES_RULES
from dagster_plus_k8s_helpers.files.checks.kinds import KIND_RULES
from dagster_plus_k8s_helpers.files.sections.keys import KEY_RULES

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Rule

__all__ = ["FILE_AND_VALUES_RULES"]


FILE_AND_VALUES_RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*FILE_RULES, *KIND_RULES, *KEY_RULES, *VALUES_RULES, *LOCATION_RULES),
        key=lambda rule: rule.code,
    )
)
