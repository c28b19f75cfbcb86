"""Letting a real run launcher and step handler launch, with as little of Dagster around as they ask for.

`tests/plan/test_layer_order.py` fails when something here moves.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.step import StepKind
from dagster._core.executor.step_delegating import StepHandlerContext
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import (
    DEFAULT_DAGSTER_ENTRY_POINT,
    JobPythonOrigin,
    RepositoryPythonOrigin,
    get_python_environment_entry_point,
)
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._grpc.types import ExecuteStepArgs

from dagster_plus_k8s_helpers._dagster.instance import LaunchInstance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.executor import K8sStepHandler

    from dagster_plus_k8s_helpers._dagster.planning import Step

__all__ = ["launch_run", "launch_step", "quiet", "run_of"]


@contextmanager
def quiet() -> Iterator[None]:
    """Without what ``dagster_k8s`` tells an agent's log of each launch: a check says the same as a finding.

    It logs with ``logging.warning``, at the root, which sets a handler up for the whole process where there
    is none.
    """
    root = logging.getLogger()
    stand_in = logging.NullHandler()
    root.addHandler(stand_in)
    root.addFilter(_is_of_others)
    try:
        yield
    finally:
        root.removeFilter(_is_of_others)
        root.removeHandler(stand_in)


def _is_of_others(record: logging.LogRecord) -> bool:
    return Path(record.pathname).parent.name != "dagster_k8s"


def run_of(
    job_name: str,
    run_id: str,
    tags: Mapping[str, str],
    *,
    image: str,
    executable_path: str | None,
    container_context: Mapping[str, object],
    location_name: str,
) -> dg.DagsterRun:
    """A run of a job in a code location, as the launcher sees it."""
    entry_point: Sequence[str] = DEFAULT_DAGSTER_ENTRY_POINT
    if executable_path is not None:
        entry_point = get_python_environment_entry_point(executable_path)
    code = RepositoryPythonOrigin(
        executable_path=executable_path or "python",
        code_pointer=ModuleCodePointer("definitions", "defs"),
        container_image=image,
        entry_point=entry_point,
        container_context=container_context,
    )
    remote = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location_name), "__repository__")
    return dg.DagsterRun(
        job_name=job_name,
        run_id=run_id,
        tags=dict(tags),
        job_code_origin=JobPythonOrigin(job_name, code),
        remote_job_origin=RemoteJobOrigin(remote, job_name),
    )


def launch_run(launcher: K8sRunLauncher, run: dg.DagsterRun) -> None:
    """Lets a run launcher launch a run."""
    instance = LaunchInstance(launcher)
    launcher._instance_weakref = None
    launcher.register_instance(instance)
    launcher.launch_run(LaunchRunContext(run, workspace=None))


def launch_step(
    handler: K8sStepHandler, launcher: K8sRunLauncher, run: dg.DagsterRun, step: Step
) -> Sequence[str]:
    """Lets a step handler launch a step; returns the arguments that hold what is known at launch only."""
    assert run.job_code_origin is not None  # noqa: S101 - run_of gives it one
    arguments = ExecuteStepArgs(run.job_code_origin, run.run_id, [step.key])
    stand_in = SimpleNamespace(
        key=step.key,
        tags=step.tags,
        op_name=step.op_name,
        kind=StepKind.COMPUTE,
        handle=StepHandle(step.node_handle, step.key),
        node_handle=step.node_handle,
    )
    log = SimpleNamespace(log_dagster_event=lambda **_event: None)
    step_context = SimpleNamespace(step=stand_in, job_name=run.job_name, event_tags={}, log=log)
    context = StepHandlerContext(
        LaunchInstance(launcher),
        SimpleNamespace(for_step=lambda _step: step_context),  # type: ignore[arg-type] # all that is asked of it
        [stand_in],  # type: ignore[list-item] # the same
        arguments,
        run,
    )
    for _event in handler.launch_step(context):
        pass
    return [variable["value"] for variable in arguments.get_command_env()]
