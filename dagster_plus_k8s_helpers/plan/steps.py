"""Plans the steps of a run: where each runs, and one Job for all that have the same settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.capacity.totals import amounts_of
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.merge import unknown
from dagster_plus_k8s_helpers.plan.merge.ladders import last_memory
from dagster_plus_k8s_helpers.plan.merge.pods import Container, Pod, Template
from dagster_plus_k8s_helpers.plan.merge.sizes import size_of
from dagster_plus_k8s_helpers.plan.merge.unread import unread_tags
from dagster_plus_k8s_helpers.plan.run_plan import StepPlan, Steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.plan.executors import PlannedExecutor
    from dagster_plus_k8s_helpers.plan.merge.job_layers import JobLayers
    from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer
    from dagster_plus_k8s_helpers.plan.merge.sizes import PartitionsOfJob, StepSize
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory
    from dagster_plus_k8s_helpers.sizing.strategy import Sized

__all__ = ["StepPlanner"]


class StepPlanner:
    """Plans steps.

    Args:
        renderer: Makes their Jobs.
        layers: What each layer says of them.
        executor: What the executor says of them.
        partitions: Of the job, for sizes that go by them.
        run_tags: Of the run.
    """

    def __init__(
        self,
        renderer: JobRenderer,
        layers: JobLayers,
        executor: PlannedExecutor,
        partitions: PartitionsOfJob,
        run_tags: Mapping[str, str],
    ) -> None:
        self._renderer, self._layers, self._executor = renderer, layers, executor
        self._partitions, self._run_tags = partitions, run_tags
        self._templates: dict[object, Template] = {}
        self._asked: dict[object, Container] = {}
        self._last: dict[object, Memory | None] = {}

    def planned(self, steps: Sequence[Step]) -> Steps:
        """What becomes of them.

        Raises:
            PlanError: Something that a step is given makes no sense.
        """
        return Steps({step.key: self._planned(step) for step in steps})

    def _planned(self, step: Step) -> StepPlan:
        settings = _settings(step)
        if settings not in self._asked:
            self._asked[settings] = self._container_asked(step)
        runs_in = self._executor.runs_in(step)
        has_pod = self._renderer.handler is not None and runs_in == "own pod"
        size = self._size(step) if has_pod else None
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
            self._executor.placed_by(step) if shares else "",
            unread_tags(step.tags) if shares else (),
        )

    def _size(self, step: Step) -> StepSize | None:
        """The sizes that a step may get; ``None`` for one whose size nothing decides."""
        strategy = self._executor.strategy_of(step)
        return None if strategy is None else size_of(step, strategy, self._partitions, self._run_tags)

    def _pods(self, step: Step, size: StepSize | None) -> tuple[Pod, Pod]:
        """The pod of a step at its smallest size and at its largest; one and the same for most."""
        if size is None or not size.sizes:
            pod = self._pod(step, "")
            return pod, pod
        by_amounts = sorted(
            (self._pod(_sized(step, decision), f"{size.by}: {decision.why}") for decision in size.sizes),
            key=lambda pod: _weight(pod, step.key),
        )
        return by_amounts[0], by_amounts[-1]

    def _last_memory(self, step: Step, pod: Pod) -> Memory | None:
        ladder = self._executor.ladder_of(step)
        if ladder is None:
            return None
        known = (pod.template, ladder, step.max_retries)
        if known not in self._last:
            container = Container.of(pod.spec_template["containers"][0])
            self._last[known] = last_memory(container, ladder, step.max_retries)
        return self._last[known]

    def _pod(self, step: Step, size_source: str) -> Pod:
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

    def _container_asked(self, step: Step) -> Container:
        try:
            config, _ = self._renderer.said_by("op tags", step)
        except Exception as error:  # noqa: BLE001 - as in Template
            raise PlanError(f"step {step.key!r}, tags of the op {step.op_name!r}: {reason(error)}") from None
        return Container.of(config.get("container_config", {}))


def _sized(step: Step, decision: Sized) -> Step:
    return step if decision.config is None else step._replace(size=decision.config.to_dict())


def _weight(pod: Pod, step_key: str) -> tuple[Decimal, Decimal, Decimal]:
    """What sizes are compared by: memory, CPU, GPUs."""
    amounts = amounts_of(pod.spec_template, f"step {step_key!r}")
    return amounts.memory, amounts.cpu, amounts.gpu


def _settings(step: Step) -> object:
    """What of an op's tags can reach its Job: those that begin as Dagster's and this package's do."""
    tags = {key: _text(value) for key, value in step.tags.items() if key.startswith("dagster-")}
    return tuple(sorted(tags.items()))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
