"""How a run worker ends that is told to end: cancelled with its run, or taken away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.execution import (
    DagsterExecutionInterruptedError,
    interrupts_end_runs,
    is_under_way,
    resumes_allowed,
    will_be_resumed,
)
from dagster_plus_k8s_helpers.deployment import current_deployment
from dagster_plus_k8s_helpers.executor.looking.run_worker import RunWorkerTaken, way_out, what_took

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers._dagster.execution import PlanOrchestrationContext
    from dagster_plus_k8s_helpers.executor.looking.run_worker import Taken
    from dagster_plus_k8s_helpers.executor.step_handler import SupervisedStepHandler

__all__ = ["WorkerEnd"]


class WorkerEnd:
    """Finds out what ends this run worker, and ends it.

    Args:
        plan_context: Of the run.
        handler: Deletes the Jobs of its steps.
    """

    def __init__(self, plan_context: PlanOrchestrationContext, handler: SupervisedStepHandler) -> None:
        self._instance, self._run = plan_context.instance, plan_context.dagster_run
        self._handler = handler
        self._taken: Taken | None = None

    def look(self) -> None:
        """Look at the pod of this run worker, unless its run has ended or is being cancelled.

        Before the Jobs of its steps are deleted, for which a pod may have all the time that is left to it.
        """
        if is_under_way(self._instance, self._run.run_id):
            self._taken = what_took(self._handler.cluster, self._handler.owners.place())

    def error(self, interrupt: DagsterExecutionInterruptedError) -> BaseException:
        """What this run worker ends with.

        A run that is cancelled takes its steps with it. Else the run worker is being taken away: where
        another one goes on, Dagster lets this one end without a final event; elsewhere the run fails with
        the cause.

        Args:
            interrupt: What Dagster's loop ended with.
        """
        run_id, supervisor = self._run.run_id, self._handler.supervisor
        try:
            if self._taken is None:
                self.look()
            if self._taken is None or not is_under_way(self._instance, run_id):
                self._handler.terminate_all()
                return interrupt
            resumed = will_be_resumed(self._instance, run_id)
            ends_by_interrupt = interrupts_end_runs(self._instance, run_id)
            if resumed:
                supervisor.leave()
            else:
                self._handler.terminate_all()
            out = way_out(
                self._run.tags,
                resumes=resumes_allowed(self._instance),
                in_dagster_plus=current_deployment().kind != "local",
            )
            said = supervisor.reports.taken(self._taken, self._handler.owners.owner, out, resumed=resumed)
        # Whether the run goes on is not known, so nothing more is done to its steps.
        except Exception:  # noqa: BLE001
            return interrupt
        if resumed or ends_by_interrupt:
            return DagsterExecutionInterruptedError(said)
        return RunWorkerTaken(said)
