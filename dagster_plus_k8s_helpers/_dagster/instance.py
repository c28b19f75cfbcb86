"""As much of a Dagster instance as a launch asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_k8s import K8sRunLauncher

__all__ = ["LaunchInstance"]


class LaunchInstance(dg.DagsterInstance):
    """As much of an instance as a launch asks for. It keeps nothing: a real one imports a database first."""

    def __init__(self, run_launcher: K8sRunLauncher | None) -> None:
        self._launcher = run_launcher

    @property
    def run_launcher(self) -> Any:
        """The launcher of the run, if it is known which."""
        return self._launcher

    def get_ref(self) -> Any:
        """No storage, so nothing a process could be pointed to."""

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Forget them."""

    def report_engine_event(self, *_arguments: Any, **_more: Any) -> Any:
        """Forget it."""
