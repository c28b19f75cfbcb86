"""Every rule of the checks on files, by its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.agent.file_rules import FILE_RULES
from dagster_plus_k8s_helpers.agent.keys import KEY_RULES
from dagster_plus_k8s_helpers.agent.kinds import KIND_RULES
from dagster_plus_k8s_helpers.agent.location_rules import LOCATION_RULES
from dagster_plus_k8s_helpers.agent.values_rules import VALUES_RULES

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings import Rule

__all__ = ["FILE_AND_VALUES_RULES"]


FILE_AND_VALUES_RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*FILE_RULES, *KIND_RULES, *KEY_RULES, *VALUES_RULES, *LOCATION_RULES),
        key=lambda rule: rule.code,
    )
)
