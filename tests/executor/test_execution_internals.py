"""What the executor takes from inside Dagster and dagster_k8s is still there: a failure says what moved."""

from __future__ import annotations

import inspect

import pytest
from dagster._core.execution.api import job_execution_iterator
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.executor.step_delegating import StepDelegatingExecutor
from dagster._core.executor.step_delegating.step_handler.base import StepHandlerContext
from dagster._core.instance.methods.run_launcher_methods import RunLauncherMethods
from dagster._grpc.types import ExecuteStepArgs
from dagster_k8s import K8sRunLauncher
from dagster_k8s.executor import K8sStepHandler


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (StepDelegatingExecutor._pop_events, ["self", "instance", "run_id", "seen_storage_ids"]),
        (StepDelegatingExecutor._get_step_handler_context, ["self", "plan_context", "steps", "active_execution"]),
        (StepDelegatingExecutor.log_failure_or_retry_event_after_error, ["self", "step_context", "err_info", "known_state"]),
        (StepDelegatingExecutor.execute, ["self", "plan_context", "execution_plan"]),
        (StepHandlerContext.__init__, ["self", "instance", "plan_context", "steps", "execute_step_args", "dagster_run"]),
        (K8sStepHandler._get_k8s_step_job_name, ["self", "step_handler_context"]),
        (K8sStepHandler._get_step_key, ["self", "step_handler_context"]),
        (K8sStepHandler._get_container_context, ["self", "step_handler_context"]),
        (ExecuteStepArgs.__new__, ["cls", "job_origin", "run_id", "step_keys_to_execute", "instance_ref", "retry_mode", "known_state", "should_verify_step", "print_serialized_events"]),
    ],
)  # fmt: skip
def test_what_is_overridden_or_rebuilt_takes_what_it_took(method: object, parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("owner", "used"),
    [
        (
            StepDelegatingExecutor.__init__,
            ["self._step_handler", "self._check_step_health_interval_seconds", "self._sleep_seconds"],
        ),
        (K8sStepHandler.__init__, ["self._api_client", "self._enable_owner_references"]),
        (
            K8sStepHandler.launch_step,
            [
                "self._api_client.create_namespaced_job_with_retries(body=job, namespace=namespace)",
                "if self._enable_owner_references:",
            ],
        ),
        (
            StepDelegatingExecutor._pop_events,
            ["self._event_cursor,", "limit=self._pop_events_limit", "self._get_pop_events_offset(instance)"],
        ),
        (StepDelegatingExecutor.execute, ["self._pop_events(", "self._check_step_health_interval_seconds"]),
        (
            StepDelegatingExecutor.execute,
            ["if not plan_context.instance.run_will_resume(plan_context.run_id):"],
        ),
        (job_execution_iterator, ["elif job_context.instance.run_will_resume(job_context.run_id):"]),
        (ActiveExecution.__exit__, ["raise DagsterExecutionInterruptedError("]),
        (
            RunLauncherMethods.run_will_resume,
            ["self.run_monitoring_enabled", "self.run_monitoring_max_resume_run_attempts"],
        ),
        (K8sRunLauncher, ["def supports_run_worker_crash_recovery(self)"]),
    ],
)
def test_the_stock_code_does_what_is_built_upon(owner: object, used: list[str]) -> None:
    source = inspect.getsource(owner)  # type: ignore[arg-type]

    assert [part for part in used if part not in source] == []
