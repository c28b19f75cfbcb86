"""The rows as JSON, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.rightsizing.rows import Row

__all__ = ["rows_json"]


def rows_json(rows: Sequence[Row]) -> str:
    """A list of rows, amounts in bytes and cores, times in seconds."""
    return json.dumps([_row(row) for row in rows], indent=2, ensure_ascii=False) + "\n"


def _row(row: Row) -> dict[str, Any]:
    return {
        "step": row.step,
        "jobs": list(row.asks.jobs),
        "partitions": None if row.group is None else list(row.group.keys),
        "attempts": len(row.measured),
        "runs": row.runs,
        "memory": asdict(row.memory),
        "cpu": asdict(row.cpu),
        "ooms": row.ooms,
        "throttled_share": row.throttled_share,
        "seconds": row.seconds,
        "attempts_a_month": row.attempts_a_month,
        "why": row.advice.why,
        "risk": row.risk,
        "saving": row.saving,
        "saving_unit": "price" if row.hourly is not None else "GiB hours",
        "cost_a_month": None if row.monthly is None else row.monthly[0],
        "cost_a_month_advised": None if row.monthly is None else row.monthly[1],
        "source": None if row.asks.source is None else str(row.asks.source),
    }
