"""The Jobs that a real run launcher, step handler and DagsterInstance send to an API server.

A job is found again by name in this module, as a code server finds one, so that it can be any job.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster._config import process_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context_creation_job import (
    PlanOrchestrationContextManager,
    orchestration_context_event_generator,
)
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import StepDelegatingExecutor
from dagster._core.launcher import LaunchRunContext
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster_k8s import K8sRunLauncher

if TYPE_CHECKING:
    import dagster as dg
    from api_server import ApiServer

Manifest = dict[str, Any]

_jobs: dict[str, dg.JobDefinition] = {}
_numbers = itertools.count()


def __getattr__(name: str) -> dg.JobDefinition:
    try:
        return _jobs[name]
    except KeyError:
        raise AttributeError(name) from None


@dataclass(frozen=True)
class Launched:
    """What reached the API server: ``(manifest, namespace)`` of the run and of each step."""

    run: tuple[Manifest, str]
    steps: dict[str, tuple[Manifest, str]]


def launched(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    server: ApiServer,
    *,
    launcher: dict[str, Any],
    image: str,
    container_context: dict[str, Any] | None = None,
    location_name: str,
    tags: dict[str, str] | None = None,
    run_config: dict[str, Any] | None = None,
) -> Launched:
    """Launches a run of a job and each of its steps."""
    server.forget()
    _use_launcher(instance, server, launcher)
    reconstructable = _reconstructable(job, image, container_context)
    location = RegisteredCodeLocationOrigin(location_name)
    run = instance.create_run_for_job(
        job,
        run_config=run_config,
        tags={**job.run_tags, **(tags or {})},
        job_code_origin=reconstructable.get_python_origin(),
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "repository"), job.name),
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    ((name, of_run),) = server.jobs.items()
    run_job = (of_run, server.namespaces[name])
    server.forget()
    return Launched(run_job, _launch_steps(reconstructable, instance, server, run, run_config or {}))


def _launch_steps(
    job: ReconstructableJob,
    instance: dg.DagsterInstance,
    server: ApiServer,
    run: dg.DagsterRun,
    run_config: dict[str, Any],
) -> dict[str, tuple[Manifest, str]]:
    """What the executor does in the run's pod, without waiting for the steps."""
    plan = create_execution_plan(job, run_config)
    manager = PlanOrchestrationContextManager(
        orchestration_context_event_generator, job, plan, run_config, run, instance
    )
    list(manager.prepare_context())
    context = manager.get_context()
    executor: Any = context.executor
    # That of k8s_executor leaves launches to a thread; its Jobs are the stock handler's.
    handler = getattr(executor, "stock_step_handler", executor._step_handler)
    steps = {}
    # What was started is left to itself.
    with (
        suppress(DagsterExecutionInterruptedError),
        plan.start(retry_mode=RetryMode.ENABLED) as execution,
    ):
        for step in plan.get_all_steps_in_topo_order():
            # That of k8s_executor asks for attempts made so far, which only its loop knows.
            step_context = StepDelegatingExecutor._get_step_handler_context(
                executor, context, [step], execution
            )
            list(handler.launch_step(step_context))
            ((name, sent),) = server.jobs.items()
            steps[step.key] = (sent, server.namespaces[name])
            server.forget()
        execution.mark_interrupted()
    list(manager.shutdown_context())
    return steps


def _use_launcher(instance: dg.DagsterInstance, server: ApiServer, config: dict[str, Any]) -> None:
    accepted = process_config(
        K8sRunLauncher.config_type(),
        {**config, "load_incluster_config": False, "kubeconfig_file": str(server.kubeconfig)},
    )
    assert accepted.success, accepted.errors
    launcher = K8sRunLauncher(**(accepted.value or {}))
    instance._run_launcher = launcher
    launcher.register_instance(instance)


def _reconstructable(
    job: dg.JobDefinition, image: str, container_context: dict[str, Any] | None
) -> ReconstructableJob:
    name = f"job_{next(_numbers)}"
    _jobs[name] = job
    repository = ReconstructableRepository(
        ModuleCodePointer("launched", name),
        container_image=image,
        executable_path="python",
        container_context=container_context,
    )
    return ReconstructableJob(repository, job.name)


__all__ = ["Launched", "launched"]
