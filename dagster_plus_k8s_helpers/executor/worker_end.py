"""How a run worker ends that is told to end, and its steps with it: cancelled, or taken away from its run."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.execution import (
    DagsterEvent,
    DagsterExecutionInterruptedError,
    EngineEventData,
    interrupts_end_runs,
    is_under_way,
    resumes_allowed,
    will_be_resumed,
)
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.deployment import current_deployment
from dagster_plus_k8s_helpers.executor.looking.run_worker import RunWorkerTaken, way_out, what_took

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from dagster_plus_k8s_helpers._dagster.execution import PlanOrchestrationContext
    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.executor.launching.owners import Owners
    from dagster_plus_k8s_helpers.executor.looking.run_worker import Taken
    from dagster_plus_k8s_helpers.executor.supervisor import Supervisor

__all__ = ["WorkerEnd"]

# A run pod has 30 s from SIGTERM to its end, unless it was given more.
_DELETION_SECONDS = 20.0


class WorkerEnd:
    """Finds out what ends this run worker, and ends it.

    Args:
        plan_context: Of the run.
        cluster: Where its pod and the Jobs of its steps are.
        owners: Know which pod that is, and what owns the Jobs.
        supervisor: Watches over the steps.
    """

    def __init__(
        self, plan_context: PlanOrchestrationContext, cluster: Cluster, owners: Owners, supervisor: Supervisor
    ) -> None:
        self._instance, self._run = plan_context.instance, plan_context.dagster_run
        self._cluster, self._owners, self._supervisor = cluster, owners, supervisor
        self._deletions: dict[str, Future[None]] | None = None
        self._taken: Taken | None = None

    def terminate(self, step_key: str) -> Iterator[DagsterEvent]:
        """Delete the Job of a step; the first call deletes those of all steps at once."""
        if self._deletions is None:
            # Whatever is wrong with it, the Jobs have to go.
            with suppress(Exception):
                self._look()
        yield from self._terminate(step_key)

    def error(self, interrupt: DagsterExecutionInterruptedError) -> BaseException:
        """What this run worker ends with.

        A run that is cancelled takes its steps with it. Else the run worker is being taken away: where
        another one goes on, Dagster lets this one end without a final event; elsewhere the run fails with
        the cause.

        Args:
            interrupt: What Dagster's loop ended with.
        """
        run_id = self._run.run_id
        try:
            if self._taken is None:
                self._look()
            if self._taken is None or not is_under_way(self._instance, run_id):
                self._terminate_all()
                return interrupt
            resumed = will_be_resumed(self._instance, run_id)
            ends_by_interrupt = interrupts_end_runs(self._instance, run_id)
            if resumed:
                self._supervisor.leave()
            else:
                self._terminate_all()
            out = way_out(
                self._run.tags,
                resumes=resumes_allowed(self._instance),
                in_dagster_plus=current_deployment().kind != "local",
            )
            said = self._supervisor.reports.taken(self._taken, self._owners.owner, out, resumed=resumed)
        # Whether the run goes on is not known, so nothing more is done to its steps.
        except Exception:  # noqa: BLE001
            return interrupt
        if resumed or ends_by_interrupt:
            return DagsterExecutionInterruptedError(said)
        return RunWorkerTaken(said)

    def _look(self) -> None:
        """Look at the pod of this run worker, unless its run has ended or is being cancelled.

        Before the Jobs of its steps are deleted, for which a pod may have all the time that is left to it.
        """
        if is_under_way(self._instance, self._run.run_id):
            self._taken = what_took(self._cluster, self._owners.place())

    def _terminate_all(self) -> None:
        """Delete the Jobs of all steps, unless that was begun.

        Dagster's loop deletes none where run monitoring would replace the run worker, cancelled or not.
        """
        for key in self._supervisor.open_steps() if self._deletions is None else ():
            list(self._terminate(key))

    def _terminate(self, key: str) -> Iterator[DagsterEvent]:
        supervisor = self._supervisor
        if self._deletions is None:
            supervisor.run_pod.stop()
            self._deletions = supervisor.delete_all(_DELETION_SECONDS)
            supervisor.run_pod.finish()
        beside = supervisor.run_pod.holds(key)
        if beside is not None and supervisor.history.is_open(key):
            supervisor.reports.ending_process(beside.context)
        step, deletion = supervisor.step(key), self._deletions.get(key)
        if step is None or deletion is None:
            return
        yield DagsterEvent.engine_event(
            step.context, f"Deleting Kubernetes job {step.job_name} for step", EngineEventData()
        )
        try:
            deletion.result(0)
        except (CallError, TimeoutError) as error:
            supervisor.reports.not_deleted(step.context, step.place, str(error) or "no answer in time")
