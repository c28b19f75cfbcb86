"""What the executor of a job says of its steps: where they run, what decides their sizes, and their ladders.

Only that of this package says more than whether steps run in Jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from dagster_plus_k8s_helpers._dagster import planning
from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, K8sConfigError, PlanError
from dagster_plus_k8s_helpers.executor.settings import RUNS_IN_TAG
from dagster_plus_k8s_helpers.plan.merge.executor_keys import settings_problem
from dagster_plus_k8s_helpers.plan.merge.from_files import variables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import dagster as dg
    from dagster_k8s.executor import K8sStepHandler

    from dagster_plus_k8s_helpers.executor.beside.placement import Placement
    from dagster_plus_k8s_helpers.plan.run_plan import RunsIn
    from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
    from dagster_plus_k8s_helpers.sizing.strategy import Strategy

__all__ = ["PlannedExecutor"]

_Said = TypeVar("_Said")


class PlannedExecutor:
    """The executor of a run that is planned.

    Args:
        job: The job.
        config: Config of its executor.
        kubeconfig: Path of a kubeconfig file that leads nowhere.

    Attributes:
        max_concurrent: How many steps run at once; ``None`` for no limit.
        run_pod_concurrency: How many of them in the run's pod; ``None`` where the executor has none there.
        handler: What makes the Jobs of steps; ``None`` when they have none.

    Raises:
        PlanError: Dagster, or the executor itself, refuses the config.
    """

    def __init__(self, job: dg.JobDefinition, config: Mapping[str, Any], kubeconfig: str) -> None:
        executor, self.max_concurrent = _executor(job, config, kubeconfig)
        self.run_pod_concurrency: int | None = getattr(executor, "run_pod_concurrency", None)
        self.handler = _step_handler(executor)
        self._placement: Placement | None = getattr(executor, "placement", None)
        self._is_one_pod = isinstance(executor, planning.InProcessExecutor | planning.MultiprocessExecutor)
        self._strategy_of: Callable[[Mapping[str, str]], Strategy | None] = getattr(
            executor, "strategy_of", _nothing
        )
        self._ladder_of: Callable[[Mapping[str, str]], MemoryLadder | None] = getattr(
            executor, "ladder_of", _nothing
        )

    def runs_in(self, step: planning.Step) -> RunsIn:
        """Where a step runs.

        Raises:
            PlanError: What says so makes no sense.
        """
        if self._placement is None:
            if self.handler is not None:
                return "own pod"
            return "run pod" if self._is_one_pod else "elsewhere"
        try:
            inside = self._placement.is_in_run_pod(step.op_name, step.tags, step.node_handle.path[0])
        except DagsterPlusK8sError as error:
            raise PlanError(f"step {step.key!r}: {error}") from None
        return "run pod" if inside else "own pod"

    def placed_by(self, step: planning.Step) -> str:
        """What has a step in the run's pod."""
        return f"the op tag {RUNS_IN_TAG}" if RUNS_IN_TAG in step.tags else "in_run_pod of the executor"

    def strategy_of(self, step: planning.Step) -> Strategy | None:
        """What decides the size of a step.

        Raises:
            PlanError: Its tag holds no strategy.
        """
        return _said_of(step, self._strategy_of)

    def ladder_of(self, step: planning.Step) -> MemoryLadder | None:
        """The ladder that the memory of a step climbs.

        Raises:
            PlanError: Its tag holds no ladder.
        """
        return _said_of(step, self._ladder_of)


def _said_of(step: planning.Step, said: Callable[[Mapping[str, str]], _Said | None]) -> _Said | None:
    try:
        return said(step.tags)
    except K8sConfigError as error:
        raise PlanError(f"step {step.key!r}: {error}") from None


def _nothing(_tags: Mapping[str, str]) -> None:
    """What an executor says that has no such setting."""


def _executor(
    job: dg.JobDefinition, config: Mapping[str, Any], kubeconfig: str
) -> tuple[dg.Executor, int | None]:
    def settled(accepted: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
        offline = {
            "load_incluster_config": False,
            "kubeconfig_file": kubeconfig,
            # A bare KEY is read from the run's pod, which this process is not.
            "env_vars": variables("env_vars", accepted.get("env_vars")),
        }
        return accepted | {key: value for key, value in offline.items() if key in keys}

    where = f"run_config.execution.config (executor {job.executor_def.name!r} of the job {job.name!r})"
    try:
        return planning.executor_of(job, config, settled)
    # An executor raises what it will of a config, and Dagster a Refusal of one that does not fit.
    except Exception as error:  # noqa: BLE001
        raise PlanError(f"{where}: {settings_problem(job.executor_def, config) or reason(error)}") from None


def _step_handler(executor: dg.Executor) -> K8sStepHandler | None:
    from dagster_k8s.executor import K8sStepHandler

    # k8s_executor's own leaves launches to a thread; the Jobs are those of the stock handler beneath it.
    handler = getattr(executor, "stock_step_handler", getattr(executor, "_step_handler", None))
    return handler if isinstance(handler, K8sStepHandler) else None
