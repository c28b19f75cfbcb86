"""Rules for what steps used in earlier runs, beside what they ask for now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.subjects.registry import of_plans
from dagster_plus_k8s_helpers.check.subjects.subjects import Hit
from dagster_plus_k8s_helpers.rightsizing.asked import asked_in
from dagster_plus_k8s_helpers.rightsizing.findings import ASKS_TOO_MUCH, NEAR_LIMIT, said_of
from dagster_plus_k8s_helpers.rightsizing.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import Planned


@of_plans(ASKS_TOO_MUCH, NEAR_LIMIT)
def usage(job: Planned) -> Iterator[Hit]:
    """A step that asks for far more than it used, or used nearly all that it may."""
    measured = job.asked.around.usage
    for row in rows_of(list(asked_in(job.plan)), measured) if measured else ():
        for said in said_of(row):
            yield Hit(said.rule, said.text, (row.step,), cause=f"{row.step}: {said.text}", fix=said.fix)
