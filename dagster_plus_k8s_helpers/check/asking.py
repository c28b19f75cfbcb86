"""Who is asked about what: the functions of every module in ``rules/``, which say it by their decorators."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check import rules
from dagster_plus_k8s_helpers.check.subjects.registry import registered

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.check.subjects.subjects import JobRule, PodRule, TagRule

__all__ = ["JOB_RULES", "RULES_OF_FILES", "RULES_OF_JOBS", "RULES_OF_SERVERS", "TAG_RULES"]

for _module in iter_modules(rules.__path__, f"{rules.__name__}."):
    import_module(_module.name)

TAG_RULES: tuple[TagRule, ...] = registered("tags")
"""For a job as it is written."""

JOB_RULES: tuple[JobRule, ...] = registered("plans")
"""For a job with its plan."""

RULES_OF_SERVERS: tuple[PodRule, ...] = registered("any")
"""For the pod of a code server, as an agent's values and a code location make it."""

RULES_OF_FILES: tuple[PodRule, ...] = registered("any", "run")
"""For the pod of a run, as an agent's values and a code location make it."""

RULES_OF_JOBS: tuple[PodRule, ...] = registered("any", "run", "job")
"""For the pods of a job: of its run, and of its steps.

Who makes the Secrets that a pod names is asked where definitions are at hand, which can say so in a waiver.
"""
