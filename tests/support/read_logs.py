"""Which logs of earlier runs are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.executor.events import usage_history

if TYPE_CHECKING:
    import pytest


def logs_that_are_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of runs whose logs are read from now on, each as often as it is."""
    read: list[str] = []
    pages = usage_history.engine_event_pages

    def counted(instance: Any, run_id: str, *more: Any) -> Any:
        read.append(run_id)
        return pages(instance, run_id, *more)

    monkeypatch.setattr(usage_history, "engine_event_pages", counted)
    return read
