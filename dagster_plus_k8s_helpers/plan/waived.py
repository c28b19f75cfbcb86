"""Metadata that says why a finding is meant to be so: ``dagster-plus-k8s/ignore: {DPK501: reason}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.plan.rules import BAD_WAIVER
from dagster_plus_k8s_helpers.plan.subjects import Hit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step

__all__ = ["WAIVER_TAG", "Waivers", "waivers_of"]

WAIVER_TAG = "dagster-plus-k8s/ignore"


@dataclass(frozen=True)
class Waivers:
    """What a job and its assets, checks and ops waive.

    Attributes:
        by_step: Codes by key of the step.
        of_job: Codes that the job itself waives.
        mistakes: Waivers that waive nothing, for they say no code or no reason.
    """

    by_step: Mapping[str, frozenset[str]] = field(default_factory=dict)
    of_job: frozenset[str] = frozenset()
    mistakes: tuple[Hit, ...] = ()

    def left_of(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        """The hits without those that are waived."""
        for hit in hits:
            if hit.rule.code in self.of_job:
                continue
            steps = tuple(key for key in hit.steps if hit.rule.code not in self.by_step.get(key, ()))
            if steps or not hit.steps:
                yield hit._replace(steps=steps)


def waivers_of(job: dg.JobDefinition, steps: Iterable[Step]) -> Waivers:
    """What the metadata of a job and of its assets and checks, and the tags of its ops, waive."""
    mistakes: list[Hit] = []
    by_step: dict[str, frozenset[str]] = {}
    by_handle = {str(data.node_handle): data.assets_def for data in job.asset_layer.data}
    for step in steps:
        given = []
        parts = step.key.replace("[?]", "").split(".")
        for depth in range(1, len(parts) + 1):
            assets = by_handle.get(".".join(parts[:depth]))
            if assets is not None:
                given += [spec.metadata.get(WAIVER_TAG) for spec in assets.specs]
                given += [(spec.metadata or {}).get(WAIVER_TAG) for spec in assets.check_specs]
        given.append(step.tags.get(WAIVER_TAG))
        codes: set[str] = set()
        for value in given:
            found, reason = _codes(value)
            codes |= found
            mistakes += [Hit(BAD_WAIVER, reason, (step.key,))] if reason else []
        by_step[step.key] = frozenset(codes)
    of_job, reason = _codes(job.metadata.get(WAIVER_TAG))
    mistakes += [Hit(BAD_WAIVER, reason, of="the job")] if reason else []
    return Waivers(by_step, frozenset(of_job), tuple(mistakes))


def _codes(given: Any) -> tuple[set[str], str]:
    """The codes of a waiver, and what is wrong with it."""
    value = getattr(given, "data", getattr(given, "value", given))
    if value is None:
        return set(), ""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return set(), f"{WAIVER_TAG} is {value!r}, which is no {{CODE: reason}}"
    if not isinstance(value, Mapping):
        return set(), f"{WAIVER_TAG} is {value!r}, which is no {{CODE: reason}}"
    good = {code for code, reason in value.items() if isinstance(reason, str) and reason.strip()}
    bad = ", ".join(str(code) for code in value if code not in good)
    return {str(code).upper() for code in good}, f"{WAIVER_TAG} gives no reason for {bad}" if bad else ""
