"""`plan`: from definitions and layers to the pods of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster import planning
from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.totals import amounts_of
from dagster_plus_k8s_helpers.deployment import Deployment
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, K8sConfigError, PlanError
from dagster_plus_k8s_helpers.executor.settings import RUNS_IN_TAG
from dagster_plus_k8s_helpers.plan.merge import unknown
from dagster_plus_k8s_helpers.plan.merge.executor_keys import settings_problem
from dagster_plus_k8s_helpers.plan.merge.from_files import (
    LocationFile,
    launcher_config,
    location_of,
    variables,
    variables_of,
)
from dagster_plus_k8s_helpers.plan.merge.jobs import executor_config, job_of, loaded, tags_of
from dagster_plus_k8s_helpers.plan.merge.ladders import last_memory
from dagster_plus_k8s_helpers.plan.merge.layers import RUN_LAYERS, STEP_LAYERS, Layer
from dagster_plus_k8s_helpers.plan.merge.pods import Container, Pod, Template
from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer, make_launcher, offline
from dagster_plus_k8s_helpers.plan.merge.sizes import PartitionsOfJob, StepSize, size_of
from dagster_plus_k8s_helpers.plan.merge.unread import unread_tags
from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, RunsIn, StepPlan, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from decimal import Decimal

    import dagster as dg
    from dagster_k8s.executor import K8sStepHandler

    from dagster_plus_k8s_helpers.executor.beside.placement import Placement
    from dagster_plus_k8s_helpers.plan.merge.from_files import Settings
    from dagster_plus_k8s_helpers.plan.merge.jobs import DefinitionsOrLoader
    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, MemoryLadder
    from dagster_plus_k8s_helpers.sizing.strategy import Sized, Strategy

__all__ = ["plan", "plan_of_job", "steps_of_job", "with_partition"]


@answering
def plan(
    definitions: DefinitionsOrLoader,
    *,
    job: str | None = None,
    selection: str | dg.AssetSelection | None = None,
    agent: Settings | None = None,
    location: Settings | None = None,
    run_config: Mapping[str, object] | dg.RunConfig | None = None,
    partition: str | None = None,
    tags: Mapping[str, str] | None = None,
    deployment: Deployment | None = None,
) -> RunPlan:
    """What a run of a job will be in the cluster: the Job of its own pod and of each step's.

    ``dagster_k8s`` itself merges the layers and makes the Jobs. No cluster is needed, no resource is
    initialised, and no op needs its config.

    Args:
        definitions: The definitions; or a function that loads them, which is called with the environment
            variables of the deployment, so that `executor_for_deployment` picks as it would there.
        job: Name of the job; the implicit asset job, which the UI's *Materialize* launches, when left out.
        selection: Which of its assets to plan for, in Dagster's selection syntax.
        agent: The agent's Helm values; what the agent says is left out without.
        location: The code location's entry in ``dagster_cloud.yaml``.
        run_config: Run config of the launch; the job's own when left out. What it says of ``execution``
            counts, the rest is not looked at.
        partition: The partition of the run, whose tags and sizes it gets. Without one, a step whose size goes
            by the partition is planned at the largest of them.
        tags: Tags of the launch, over those of the job and the partition.
        deployment: The Dagster+ deployment to plan for, whose environment variables the pods get.

    Raises:
        PlanError: There is no such job, a file is not shaped like one, or Dagster refuses a config.
        SelectionError: The selection reaches nothing the job computes.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/configuration
    """
    if deployment is not None and not isinstance(deployment, Deployment):
        raise PlanError(f"deployment: must be a Deployment, not {type(deployment).__name__}")
    found = job_of(loaded(definitions, deployment), job, selection)
    if partition is not None:
        tags = with_partition(tags, partition)
    return plan_of_job(
        found, agent=agent, location=location, run_config=run_config, tags=tags, deployment=deployment
    )


def with_partition(tags: Mapping[str, str] | None, partition: str) -> Mapping[str, str]:
    """Tags of a launch with its partition.

    Raises:
        PlanError: It is no text, or the tags name another.
    """
    if not isinstance(partition, str):
        raise PlanError(f"partition: must be text, not {partition!r}")
    said = (tags or {}).get(planning.PARTITION_NAME_TAG, partition)
    if said != partition:
        raise PlanError(
            f"partition: {partition!r} is another one than tags[{planning.PARTITION_NAME_TAG!r}], {said!r}"
        )
    return {**(tags or {}), planning.PARTITION_NAME_TAG: partition}


def plan_of_job(
    job: dg.JobDefinition,
    *,
    agent: Settings | None = None,
    location: Settings | None = None,
    run_config: Mapping[str, object] | dg.RunConfig | None = None,
    tags: Mapping[str, str] | None = None,
    deployment: Deployment | None = None,
    steps: Sequence[planning.Step] | None = None,
) -> RunPlan:
    """The same of a job at hand, and of some of its steps when those are given; see `plan`."""
    run_tags = tags_of(job, tags)
    config = executor_config(job, run_config, run_tags)
    file = LocationFile() if location is None else location_of(location)
    with offline() as kubeconfig:
        executor, max_concurrent = _executor(job, config, kubeconfig)
        settings = None if agent is None else launcher_config(agent)
        renderer = JobRenderer(
            job.name,
            run_tags,
            file,
            tuple(variables_of(deployment, file.name)),
            make_launcher(settings, kubeconfig),
            make_launcher(None, kubeconfig),
            _step_handler(executor),
        )
        layers = _Layers(job, renderer, has_agent=agent is not None, has_location=location is not None)
        run = Pod(Template(f"run of {job.name!r}", layers.of_run(), renderer.run_job))
        sizes = _Sizes(executor, PartitionsOfJob(job, run_tags), run_tags)
        planner = _Steps(renderer, layers, _placement(executor), _ladders(executor), sizes)
        planned = planner.planned(steps_of_job(job, run_tags) if steps is None else steps)
    concurrency = getattr(executor, "run_pod_concurrency", None)
    return RunPlan(job.name, job.executor_def.name, max_concurrent, run, planned, concurrency)


def steps_of_job(job: dg.JobDefinition, run_tags: Mapping[str, str]) -> list[planning.Step]:
    """The steps of a job in an order they can run in.

    Raises:
        PlanError: Dagster makes no execution plan of it.
    """
    try:
        return planning.steps_of(job, run_tags)
    # What Dagster itself makes of a job that it took as a definition.
    except Exception as error:  # noqa: BLE001
        raise PlanError(f"the job {job.name!r} has no execution plan: {reason(error)}") from None


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


class _Sizes:
    """Tells the size of a step by its tags; only the executor of this package decides any."""

    def __init__(
        self, executor: dg.Executor, partitions: PartitionsOfJob, run_tags: Mapping[str, str]
    ) -> None:
        self._strategy_of: Callable[[Mapping[str, str]], Strategy | None] = getattr(
            executor, "strategy_of", lambda _tags: None
        )
        self._partitions, self._run_tags = partitions, run_tags

    def of(self, step: planning.Step) -> StepSize | None:
        """The sizes that a step may get; ``None`` for one whose size nothing decides.

        Raises:
            PlanError: Its tag holds no strategy, or the strategy fails.
        """
        try:
            strategy = self._strategy_of(step.tags)
        except K8sConfigError as error:
            raise PlanError(f"step {step.key!r}: {error}") from None
        return None if strategy is None else size_of(step, strategy, self._partitions, self._run_tags)


def _ladders(executor: dg.Executor) -> Callable[[Mapping[str, str]], MemoryLadder | None]:
    """Tells the memory ladder of a step by its tags; only the executor of this package has any."""
    return getattr(executor, "ladder_of", lambda _tags: None)


def _placement(executor: dg.Executor) -> Callable[[planning.Step], RunsIn]:
    """Tells where a step runs; only the executor of this package has some of them in the run's pod."""
    placement: Placement | None = getattr(executor, "placement", None)
    if placement is not None:
        return lambda step: _placed(step, placement)
    runs_in = _runs_in(executor)
    return lambda _step: runs_in


def _runs_in(executor: dg.Executor) -> RunsIn:
    if _step_handler(executor) is not None:
        return "own pod"
    in_run = (planning.InProcessExecutor, planning.MultiprocessExecutor)
    return "run pod" if isinstance(executor, in_run) else "elsewhere"


def _placed_by(step: planning.Step) -> str:
    return f"the op tag {RUNS_IN_TAG}" if RUNS_IN_TAG in step.tags else "in_run_pod of the executor"


def _placed(step: planning.Step, placement: Placement) -> RunsIn:
    try:
        inside = placement.is_in_run_pod(step.op_name, step.tags, step.node_handle.path[0])
    except DagsterPlusK8sError as error:
        raise PlanError(f"step {step.key!r}: {error}") from None
    return "run pod" if inside else "own pod"


class _Layers:
    """The layers of a run and of its steps, each with what it says; one that is not given is left out."""

    def __init__(
        self, job: dg.JobDefinition, renderer: JobRenderer, *, has_agent: bool, has_location: bool
    ) -> None:
        self._job = job
        self._renderer = renderer
        present: dict[LayerName, bool] = {
            "agent": has_agent,
            "Dagster+": bool(renderer.dagster_plus),
            "location": has_location,
        }
        self._absent = {name for name, is_there in present.items() if not is_there}

    def of_run(self) -> list[Layer]:
        return [self._layer(name, None) for name in RUN_LAYERS if name not in self._absent]

    def of_step(self, step: planning.Step, size_source: str) -> list[Layer]:
        absent = self._absent if step.size else {*self._absent, "size"}
        return [self._layer(name, step, size_source) for name in STEP_LAYERS if name not in absent]

    def _layer(self, name: LayerName, step: planning.Step | None, size_source: str = "") -> Layer:
        sources: dict[LayerName, str] = {
            "dagster": "dagster",
            "agent": "the agent's Helm values",
            "Dagster+": "environment variables of the deployment",
            "location": f"the code location {self._renderer.location.name or '<without a name>'!r}",
            "run tags": f"tags of the run of {self._job.name!r}",
            "executor": f"the executor {self._job.executor_def.name!r}",
        }
        if step is not None:
            sources["size"] = size_source
            sources["op tags"] = f"tags of the op {step.op_name!r}"
            sources["per_step_k8s_config"] = f"per_step_k8s_config[{step.op_name!r}] of the executor"
        try:
            config, namespace = self._renderer.said_by(name, step)
        # As in Template: dagster_k8s raises what it has at hand.
        except Exception as error:  # noqa: BLE001
            raise PlanError(f"{name} ({sources[name]}): {reason(error)}") from None
        return Layer(name, sources[name], config, namespace)


class _Steps:
    """Plans steps, and renders one Job for all that have the same settings."""

    def __init__(
        self,
        renderer: JobRenderer,
        layers: _Layers,
        runs_in: Callable[[planning.Step], RunsIn],
        ladder_of: Callable[[Mapping[str, str]], MemoryLadder | None],
        sizes: _Sizes,
    ) -> None:
        self._renderer = renderer
        self._layers = layers
        self._runs_in = runs_in
        self._ladder_of, self._sizes = ladder_of, sizes
        self._templates: dict[object, Template] = {}
        self._asked: dict[object, Container] = {}
        self._last: dict[object, Memory | None] = {}

    def planned(self, steps: Sequence[planning.Step]) -> Steps:
        return Steps({step.key: self._planned(step) for step in steps})

    def _planned(self, step: planning.Step) -> StepPlan:
        settings = _settings(step)
        if settings not in self._asked:
            self._asked[settings] = self._container_asked(step)
        runs_in = self._runs_in(step)
        has_pod = self._renderer.handler is not None and runs_in == "own pod"
        size = self._sizes.of(step) if has_pod else None
        smallest, pod = self._pods(step, size) if has_pod else (None, None)
        shares = self._renderer.handler is not None and runs_in == "run pod"
        return StepPlan(
            step.key,
            step.op_name,
            runs_in,
            step.depends_on,
            step.is_mapped,
            step.max_retries,
            self._asked[settings],
            pod,
            None if pod is None else self._last_memory(step, pod),
            size,
            None if smallest is pod else smallest,
            _placed_by(step) if shares else "",
            unread_tags(step.tags) if shares else (),
        )

    def _pods(self, step: planning.Step, size: StepSize | None) -> tuple[Pod, Pod]:
        """The pod of a step at its smallest size and at its largest; one and the same for most."""
        if size is None or not size.sizes:
            pod = self._pod(step, "")
            return pod, pod
        by_amounts = sorted(
            (self._pod(_sized(step, decision), f"{size.by}: {decision.why}") for decision in size.sizes),
            key=lambda pod: _weight(pod, step.key),
        )
        return by_amounts[0], by_amounts[-1]

    def _last_memory(self, step: planning.Step, pod: Pod) -> Memory | None:
        try:
            ladder = self._ladder_of(step.tags)
        except K8sConfigError as error:
            raise PlanError(f"step {step.key!r}: {error}") from None
        if ladder is None:
            return None
        known = (pod.template, ladder, step.max_retries)
        if known not in self._last:
            container = Container.of(pod.spec_template["containers"][0])
            self._last[known] = last_memory(container, ladder, step.max_retries)
        return self._last[known]

    def _pod(self, step: planning.Step, size_source: str) -> Pod:
        settings = _settings(step), json.dumps(dict(step.size), sort_keys=True)
        own = step.op_name if self._renderer.has_per_step_config(step.op_name) else None
        if (settings, own) not in self._templates:
            any_step = step._replace(key=unknown.STEP_KEY)
            self._templates[settings, own] = Template(
                f"step {step.key!r}",
                self._layers.of_step(step, size_source),
                lambda layers: self._renderer.step_job(any_step, layers),
            )
        return Pod(self._templates[settings, own], unknown.mapped_key(step.key))

    def _container_asked(self, step: planning.Step) -> Container:
        try:
            config, _ = self._renderer.said_by("op tags", step)
        except Exception as error:  # noqa: BLE001 - as in Template
            raise PlanError(f"step {step.key!r}, tags of the op {step.op_name!r}: {reason(error)}") from None
        return Container.of(config.get("container_config", {}))


def _sized(step: planning.Step, decision: Sized) -> planning.Step:
    return step if decision.config is None else step._replace(size=decision.config.to_dict())


def _weight(pod: Pod, step_key: str) -> tuple[Decimal, Decimal, Decimal]:
    """What sizes are compared by: memory, CPU, GPUs."""
    amounts = amounts_of(pod.spec_template, f"step {step_key!r}")
    return amounts.memory, amounts.cpu, amounts.gpu


def _settings(step: planning.Step) -> object:
    """What of an op's tags can reach its Job: those that begin as Dagster's and this package's do."""
    tags = {key: _text(value) for key, value in step.tags.items() if key.startswith("dagster-")}
    return tuple(sorted(tags.items()))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
