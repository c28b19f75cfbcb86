"""What planning takes from inside Dagster that Dagster does not export.

Only planning needs steps, origins and launch contexts.
`tests/plan/test_layer_order.py` fails when one of them moves.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._config import process_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.execution.plan.handle import StepHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import StepKind, UnresolvedMappedExecutionStep
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster._core.executor.step_delegating import StepHandlerContext
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import (
    DEFAULT_DAGSTER_ENTRY_POINT,
    JobPythonOrigin,
    RepositoryPythonOrigin,
    get_python_environment_entry_point,
)
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.system_config.objects import OpConfig, ResolvedRunConfig
from dagster._grpc.types import ExecuteStepArgs

from dagster_plus_k8s_helpers import _dagster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.executor import K8sStepHandler

__all__ = [
    "PARTITION_NAME_TAG",
    "InProcessExecutor",
    "MultiprocessExecutor",
    "Refusal",
    "Step",
    "accepted_config",
    "executor_of",
    "function_of",
    "launch_run",
    "launch_step",
    "nodes_of_assets",
    "run_config_of",
    "run_of",
    "steps_of",
    "subset_of_assets",
    "tags_of_partition",
]

_TOP = "config"


class Refusal(Exception):  # noqa: N818 - what Dagster says, to be put into an error by whoever knows where
    """What Dagster says of a config it does not take."""


class Step(NamedTuple):
    """One step of a job.

    Attributes:
        key: Its key: the path of its op through the graphs, and ``[?]`` for a step that is mapped.
        op_name: Name of the op where it is used.
        tags: Tags of the op's definition and of its use.
        depends_on: Keys of the steps that must end before it starts.
        is_mapped: Whether it runs once for each output of a dynamic step.
        max_retries: How often the op's retry policy starts it again.
        node_handle: Where Dagster keeps the op.
    """

    key: str
    op_name: str
    tags: Mapping[str, str]
    depends_on: frozenset[str]
    is_mapped: bool
    max_retries: int
    node_handle: Any


def steps_of(job: dg.JobDefinition, run_tags: Mapping[str, str]) -> list[Step]:
    """The steps of a job in an order they can run in; only an execution plan knows them.

    The config of ops is taken for given: none of it decides which steps there are.
    """
    no_op_config: Mapping[str, OpConfig] = defaultdict(lambda: OpConfig.from_dict({}))
    plan = ExecutionPlan.build(job, ResolvedRunConfig(ops=no_op_config), tags=dict(run_tags))
    depends_on = plan.get_all_step_deps()
    # The plan's own order takes time that grows with the square of a long job's length.
    level: dict[str, int] = {}
    for key in TopologicalSorter(depends_on).static_order():
        level[key] = 1 + max((level[other] for other in depends_on[key]), default=-1)
    steps = []
    for key in sorted(depends_on, key=lambda key: (level[key], key)):
        step = plan.get_step_by_key(key)
        retries = job.get_retry_policy_for_handle(step.node_handle)
        steps.append(
            Step(
                step.key,
                step.node_handle.name,
                step.tags or {},
                frozenset(depends_on[step.key]),
                isinstance(step, UnresolvedMappedExecutionStep),
                retries.max_retries if retries else 0,
                step.node_handle,
            )
        )
    return steps


def function_of(job: dg.JobDefinition, step: Step) -> Callable[..., Any] | None:
    """The decorated function that a step calls; ``None`` for what is made in another way."""
    definition = job.graph.get_node(step.node_handle).definition
    function: Callable[..., Any] | None = None
    if isinstance(definition, dg.OpDefinition):
        function = getattr(definition.compute_fn, "decorated_fn", None)
    return function if hasattr(function, "__code__") else None


def nodes_of_assets(job: dg.JobDefinition) -> Mapping[dg.AssetKey, str]:
    """The node of a job that computes each asset: the first part of the keys of its steps."""
    return {key: data.node_handle.name for data in job.asset_layer.data for key in data.assets_def.keys}


def subset_of_assets(job: dg.JobDefinition, selection: dg.AssetSelection) -> dg.JobDefinition | None:
    """The job with the selected assets and checks only; ``None`` when it computes none of them."""
    graph = job.asset_layer.asset_graph
    keys = selection.resolve(graph) & set(job.asset_layer.executable_asset_keys)
    checks = set(selection.resolve_checks(graph))
    if not keys and not checks:
        return None
    return job.get_subset(asset_selection=keys, asset_check_selection=checks)


def tags_of_partition(job: dg.JobDefinition, partition: str) -> Mapping[str, str]:
    """The tags that a run of one partition gets beside those of the job."""
    try:
        # Which keys a dynamic partitions definition has, only the instance of a deployment knows.
        if job.partitions_def and not isinstance(job.partitions_def, dg.DynamicPartitionsDefinition):
            with partition_loading_context() as context:
                job.validate_partition_key(partition, selected_asset_keys=None, context=context)
        return job.get_tags_for_partition_key(partition, selected_asset_keys=None)
    except dg.DagsterError as error:
        raise Refusal(str(error)) from None


def run_config_of(
    job: dg.JobDefinition, given: Mapping[str, object] | None, partition: str | None
) -> Mapping[str, object]:
    """The run config that a launch takes: the one given, else that of the partition or of the job.

    A config mapping of the job is applied, as it is at launch.
    """
    if given is None and job.run_config is not None:
        return job.run_config
    if given is None and job.partitioned_config is not None:
        if partition is None:
            return {}
        return job.partitioned_config.get_run_config_for_partition_key(partition)
    if job.run_config is None and job.config_mapping is not None:
        try:
            mapped: Mapping[str, object] = job.config_mapping.resolve_from_unvalidated_config(given or {})
        except dg.DagsterError as error:
            raise Refusal(_reasons(error)) from None
        return mapped
    return given or {}


def executor_of(
    job: dg.JobDefinition,
    config: Mapping[str, object],
    settled: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> tuple[dg.Executor, int | None]:
    """The executor of a job, made as a run worker makes it, and how many steps it runs at once.

    A run would resolve the config of every op and resource as well, which may not be at hand.

    Args:
        job: The job.
        config: What a launch says under ``execution: config:``.
        settled: Makes of the accepted config one that looks for no cluster.
    """
    definition = job.executor_def
    accepted = process_config({_TOP: definition.config_schema.as_field()}, {_TOP: dict(config)})
    if not accepted.success:
        raise Refusal(_reasons(accepted))
    resolved = definition.apply_config_mapping(accepted.value or {})
    if not resolved.success or resolved.value is None:
        raise Refusal(_reasons(resolved))
    context = dg.InitExecutorContext(
        job=InMemoryJob(job),
        executor_def=definition,
        executor_config=settled(resolved.value[_TOP]),
        instance=_Instance(None),
    )
    executor = _dagster.create_executor(definition, context)
    return executor, _max_concurrent(executor, resolved.value[_TOP])


def _max_concurrent(executor: dg.Executor, config: Mapping[str, Any]) -> int | None:
    """As configured; left out, the multiprocess executor counts the CPUs of where it runs."""
    if isinstance(executor, InProcessExecutor):
        return 1
    of_kind = config.get("multiprocess") or config
    return of_kind.get("max_concurrent") or None


def accepted_config(schema: Mapping[str, Any], config: Mapping[str, object]) -> Mapping[str, Any]:
    """A config as Dagster reads it by a schema: checked, and with its defaults."""
    accepted = process_config(schema, dict(config))
    if not accepted.success or accepted.value is None:
        raise Refusal(_reasons(accepted))
    value: Mapping[str, Any] = accepted.value
    return value


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


class _Instance(dg.DagsterInstance):
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


def launch_run(launcher: K8sRunLauncher, run: dg.DagsterRun) -> None:
    """Lets a run launcher launch a run."""
    instance = _Instance(launcher)
    launcher._instance_weakref = None  # noqa: SLF001 - a launcher takes one instance only
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
        _Instance(launcher),
        SimpleNamespace(for_step=lambda _step: step_context),  # type: ignore[arg-type]
        [stand_in],  # type: ignore[list-item]
        arguments,
        run,
    )
    for _event in handler.launch_step(context):
        pass
    return [variable["value"] for variable in arguments.get_command_env()]


def _reasons(refused: Any) -> str:
    errors: Iterable[Any] = getattr(refused, "errors", None) or ()
    return "; ".join(error.message for error in errors) or str(refused)
