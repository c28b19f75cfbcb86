"""Which rules look at which pods: those that need the files alone, and those that need definitions too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.rules.cluster import CLUSTER_RULES
from dagster_plus_k8s_helpers.check.rules.dry_run import DRY_RUN_RULES
from dagster_plus_k8s_helpers.check.rules.harm import HARM_RULES
from dagster_plus_k8s_helpers.check.rules.layers import GPU_RULES, LAYER_RULES
from dagster_plus_k8s_helpers.check.rules.objects import NEAR_NAMES, OBJECT_RULES
from dagster_plus_k8s_helpers.check.rules.pods import POD_RULES
from dagster_plus_k8s_helpers.check.rules.precedence import PRECEDENCE_RULES
from dagster_plus_k8s_helpers.check.rules.shallow import SHALLOW_RULES
from dagster_plus_k8s_helpers.check.rules.shared import SHARED_POD_RULES

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.check.subjects.subjects import PodRule

__all__ = ["RULES_OF_FILES", "RULES_OF_JOBS", "RULES_OF_SERVERS"]

RULES_OF_SERVERS: tuple[PodRule, ...] = (*LAYER_RULES, *PRECEDENCE_RULES, *SHALLOW_RULES, *NEAR_NAMES)
"""For the pod of a code server, as an agent's values and a code location make it."""

RULES_OF_FILES: tuple[PodRule, ...] = (
    *RULES_OF_SERVERS,
    *GPU_RULES,
    *POD_RULES,
    *HARM_RULES,
    *SHARED_POD_RULES,
    *CLUSTER_RULES,
)
"""For the pod of a run, as an agent's values and a code location make it.

A new rule belongs here when what it looks for can be wrong in a file. It is asked only of pods that are not
`plain_pods`, so a field that it may have something to say of is to be none of the plain ones.
"""

RULES_OF_JOBS: tuple[PodRule, ...] = (*RULES_OF_FILES, *OBJECT_RULES, *DRY_RUN_RULES)
"""For the pods of a job: of its run, and of its steps.

Who makes the Secrets that a pod names is asked where definitions are at hand, which can say so in a waiver.
"""
