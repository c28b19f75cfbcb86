"""`RunPlan`: what one run of a job will be in the cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.fitting import fit
from dagster_plus_k8s_helpers.capacity.totals import Amounts, Peak, Task, amounts_of, peak_of
from dagster_plus_k8s_helpers.errors import PlanError, did_you_mean
from dagster_plus_k8s_helpers.plan.merge.ladders import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.fitting import Fit
    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.plan.merge.origins import Origin
    from dagster_plus_k8s_helpers.plan.merge.pods import Container, Pod
    from dagster_plus_k8s_helpers.plan.merge.rendering import Manifest
    from dagster_plus_k8s_helpers.plan.merge.sizes import StepSize
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

__all__ = ["RunPlan", "RunPodShare", "RunsIn", "StepPlan", "Steps"]

RunsIn: TypeAlias = Literal["own pod", "run pod", "elsewhere"]
"""``run pod`` with the in-process and multiprocess executors, and by ``in_run_pod`` of `k8s_executor`;
``elsewhere`` with one this package does not know, such as that of Celery or Docker."""


@answering
@dataclass(frozen=True)
class StepPlan:
    """One step of a run.

    Attributes:
        key: Its key; ``[?]`` in it stands for the mapping key of a dynamic step.
        op_name: Name of its op: what ``per_step_k8s_config`` goes by.
        runs_in: Where it runs.
        depends_on: Keys of the steps that end before it starts.
        is_mapped: Whether there is one for each output of a dynamic step.
        max_retries: How often its retry policy starts it again, each time in a new Job of the same
            settings whose name ends in ``-1``, ``-2``, ...
        asked: The container that its op tags ask for, whether or not it gets one.
        pod: Its pod; ``None`` when it has none of its own.
        last_memory: Memory of its last attempt, when a ``MemoryLadder`` raises it.
        size: What decides its size at launch, if anything does, and what it may come to.
        smallest: Its pod at the smallest of its sizes, when it has more than one: ``pod`` is at the largest.
        placed_by: What of ``k8s_executor`` has it in the run's pod.
        unread: Its op tags that say something of later or other sizes, which nothing reads there.
    """

    key: str
    op_name: str
    runs_in: RunsIn
    depends_on: frozenset[str]
    is_mapped: bool
    max_retries: int
    asked: Container
    pod: Pod | None = field(repr=False)
    last_memory: Memory | None = None
    size: StepSize | None = None
    smallest: Pod | None = field(default=None, repr=False)
    placed_by: str = ""
    unread: tuple[str, ...] = ()

    @property
    def own_pod(self) -> Pod:
        """Its pod.

        Raises:
            PlanError: It has none of its own.
        """
        if self.pod is None:
            place = "in the run's pod" if self.runs_in == "run pod" else "where its executor puts it"
            by = f", by {self.placed_by}" if self.placed_by else ""
            unread = f"; nothing reads its op tag {' and '.join(self.unread)} there" if self.unread else ""
            raise PlanError(f"the step {self.key!r} has no pod of its own: it runs {place}{by}{unread}")
        return self.pod

    @property
    def manifest(self) -> Manifest:
        """The Job of its pod, as `Pod.manifest`."""
        return self.own_pod.manifest

    @property
    def container(self) -> Container:
        """The first container of its pod."""
        return self.own_pod.container

    def origin(self, path: str) -> Origin:
        """Where a field of its Job comes from, as `Pod.origin`."""
        return self.own_pod.origin(path)


@answering
class Steps(dict[str, StepPlan]):
    """Steps by key, or by the key of their asset: ``steps["ml/train"]`` is ``steps["ml__train"]``."""

    def __missing__(self, key: object) -> StepPlan:
        found: StepPlan | None = self.get(key)
        if found is None:
            raise PlanError(f"there is no step {key!r}{did_you_mean(str(key), self)}")
        return found

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or super().__contains__(_of_asset(key))

    def get(self, key: object, default: Any = None) -> Any:
        """The step of a key, or of the key of its asset."""
        own = super().get(key, default)  # type: ignore[call-overload] # whatever key: it may be no text
        return super().get(_of_asset(key), default) if own is default else own


def _of_asset(key: object) -> str:
    return str(key).replace("/", "__")


@answering
@dataclass(frozen=True, slots=True)
class RunPodShare:
    """The run's pod beside what the ops that run in it ask for, and do not get.

    Attributes:
        limits: What the run's pod may use, by resource.
        largest: The most that one of its ops asks for.
        total: What all of its ops ask for together.
        ignored: Keys of the steps whose op tags ask for something: their executor does not read them.
        at_once: The most that those of them ask for that can run at one time.
    """

    limits: Mapping[str, str]
    largest: Amounts
    total: Amounts
    ignored: tuple[str, ...]
    at_once: Amounts


@answering
@dataclass(frozen=True)
class RunPlan:
    """What one run of a job will be in the cluster.

    Attributes:
        job: Name of the job.
        executor: Name of its executor.
        max_concurrent: How many steps may run at once, as far as it is configured.
        run: The pod of the run itself.
        steps: Its steps by key, in an order they can run in.
        run_pod_concurrency: How many steps run in the run's pod at once, where its executor says so.
    """

    job: str
    executor: str
    max_concurrent: int | None
    run: Pod
    steps: Steps = field(repr=False)
    run_pod_concurrency: int | None = None

    @cached_property
    def peak(self) -> Peak:
        """The most CPU, memory and GPUs that the run's pods can request at one time, its own included.

        Raises:
            PlanError: A pod asks for something that is no quantity.
        """
        return self._peak(lambda _step, spec: spec)

    @cached_property
    def last_peak(self) -> Peak:
        """The same when every step that has a ``MemoryLadder`` is at its last attempt.

        Raises:
            PlanError: A pod asks for something that is no quantity.
        """
        if all(step.last_memory is None for step in self.steps.values()):
            return self.peak
        return self._peak(_at_last)

    @cached_property
    def smallest_peak(self) -> Peak:
        """The same when every step whose size is decided at launch is at the smallest that it may get.

        Raises:
            PlanError: A pod asks for something that is no quantity.
        """
        if all(step.smallest is None for step in self.steps.values()):
            return self.peak
        return self._peak(lambda step, spec: spec if step.smallest is None else step.smallest.spec_template)

    def _peak(self, spec_of: Callable[[StepPlan, Mapping[str, Any]], Mapping[str, Any]]) -> Peak:
        tasks = [
            Task(
                step.key,
                amounts_of(spec_of(step, step.pod.spec_template), f"step {step.key!r}")
                if step.pod
                else Amounts(),
                step.depends_on,
                step.is_mapped,
            )
            for step in self.steps.values()
        ]
        return peak_of(tasks, self.max_concurrent).plus(amounts_of(self.run.spec_template, "run"))

    def fit(self, pools: Sequence[NodePool]) -> dict[str, Fit]:
        """Where each pod fits: the run's under ``run of JOB``, the steps' under their keys.

        Args:
            pools: The nodes of the cluster, as `read_nodes` gives them.
        """
        pods = {f"run of {self.job}": self.run}
        pods |= {step.key: step.pod for step in self.steps.values() if step.pod is not None}
        found: dict[int, Fit] = {}
        for pod in pods.values():
            if id(pod.spec_template) not in found:
                found[id(pod.spec_template)] = fit(pod.spec_template, pools)
        return {name: found[id(pod.spec_template)] for name, pod in pods.items()}

    def last_fit(self, pools: Sequence[NodePool]) -> dict[str, Fit]:
        """Where the pods of last attempts fit, of the steps that have a ``MemoryLadder``, under their keys.

        Args:
            pools: The nodes of the cluster.
        """
        found: dict[tuple[int, Memory], Fit] = {}
        last = {}
        for step in self.steps.values():
            if step.pod is None or step.last_memory is None:
                continue
            of_pod = (id(step.pod.spec_template), step.last_memory)
            if of_pod not in found:
                found[of_pod] = fit(_at_last(step, step.pod.spec_template), pools)
            last[step.key] = found[of_pod]
        return last

    @cached_property
    def in_run_pod(self) -> RunPodShare | None:
        """What the run's pod holds of its steps; ``None`` when every step has a pod of its own."""
        inside = [step for step in self.steps.values() if step.runs_in == "run pod"]
        if not inside:
            return None
        by_key = {
            step.key: Amounts.of(step.asked.limits, step.asked.requests, f"op tags of {step.key!r}")
            for step in inside
        }
        asked = list(by_key.values())
        tasks = [
            Task(step.key, by_key.get(step.key, Amounts()), step.depends_on, step.is_mapped)
            for step in self.steps.values()
        ]
        at_once = peak_of(tasks, self.run_pod_concurrency or self.max_concurrent)
        return RunPodShare(
            self.run.container.limits,
            Amounts.largest(asked),
            Amounts.total(asked),
            tuple(step.key for step, amounts in zip(inside, asked, strict=True) if amounts != Amounts()),
            at_once.at_least if at_once.at_most is None else at_once.at_most,
        )


def _at_last(step: StepPlan, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return spec if step.last_memory is None else raised(spec, step.last_memory)
