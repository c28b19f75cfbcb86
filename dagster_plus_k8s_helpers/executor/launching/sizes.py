"""Decides the size of a step just before it is launched: gathers the facts, and asks its strategy."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.execution import asset_keys_of, is_interrupted
from dagster_plus_k8s_helpers._dagster.step_facts import (
    inputs_of,
    latest_metadata,
    mapping_key_of,
    parents_of,
    partitions_of,
)
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.secrets.redact import mask_secrets
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.lazy import LazyMapping, LazySequence, UnreadableFact
from dagster_plus_k8s_helpers.sizing.reading import size_of_step
from dagster_plus_k8s_helpers.sizing.strategy import Sized, decided, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.execution import ExecutionStep, PlanOrchestrationContext
    from dagster_plus_k8s_helpers._dagster.step_facts import StepOutputHandle
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory

__all__ = ["Sizes"]


class Sizes:
    """The sizes of the steps of one run; used by the thread of the executor's loop.

    Args:
        plan_context: Of the run.
        history: What the event log of the run says of its steps.
        before: What earlier runs know.
        default: What decides for a step whose tags say nothing, as text.
    """

    def __init__(
        self,
        plan_context: PlanOrchestrationContext,
        history: History,
        before: UsageHistory,
        default: str | None,
    ) -> None:
        self._plan_context, self._history, self._before = plan_context, history, before
        self._default = default
        self._partitions = partitions_of(plan_context.dagster_run.tags)

    def decide(self, step: ExecutionStep, tags: Mapping[str, str]) -> tuple[Sized, str] | None:
        """The size of the next attempt of a step, and what decided it; ``None`` when nothing does.

        What cannot be read for it leaves the size alone.

        Args:
            step: The step.
            tags: Tags of its op.

        Raises:
            K8sConfigError: Its tag holds no strategy, or the strategy raised.
        """
        strategy = size_of_step(tags, self._default)
        if strategy is None:
            return None
        try:
            # While an executor runs, Dagster keeps signals for later: it is not raised for one of them.
            return decided(strategy, self.facts(step), is_interrupted), name_of(strategy)
        except UnreadableFact as error:
            return Sized(None, str(error)), name_of(strategy)
        except K8sConfigError as error:
            raise K8sConfigError(mask_secrets(str(error))) from error

    def decides(self, tags: Mapping[str, str]) -> bool:
        """Whether anything decides the size of a step with these tags; what is wrong in them shows later."""
        try:
            return size_of_step(tags, self._default) is not None
        except K8sConfigError:
            return False

    def facts(self, step: ExecutionStep) -> StepFacts:
        """What is known of a step now."""
        key, history = step.key, self._history
        return StepFacts(
            step_key=key,
            op_name=step.op_name,
            asset_keys=tuple(asset_keys_of(step)),
            mapping_key=mapping_key_of(step),
            partition_key=self._partitions.key,
            partition_range=self._partitions.range,
            partition_dimensions=self._partitions.dimensions,
            run_tags=self._plan_context.dagster_run.tags,
            run_id=self._plan_context.dagster_run.run_id,
            attempt=history.attempts[key].made + 1,
            usage=LazySequence(
                _readable("usage", lambda: chain(history.usage.of(key), self._before.usage(step)))
            ),
            usage_of_other_partitions=LazySequence(
                _readable(
                    "usage_of_other_partitions",
                    lambda: chain(history.usage.of_siblings(key), self._before.usage_of_others(step)),
                )
            ),
            upstream=LazyMapping(lambda: dict(_readable("upstream", lambda: self._upstream(step))())),
            inputs=LazyMapping(lambda: self._inputs(step)),
        )

    def _upstream(self, step: ExecutionStep) -> Iterator[tuple[dg.AssetKey, Mapping[str, Any]]]:
        partition = self._partitions.key
        for key, is_alike in parents_of(self._plan_context, asset_keys_of(step)).items():
            found = latest_metadata(self._plan_context.instance, key, partition if is_alike else None)
            if found is not None:
                yield key, found

    def _inputs(self, step: ExecutionStep) -> Mapping[str, Mapping[str, Any]]:
        found = {}
        for name, handles in inputs_of(step).items():
            for handle in handles:
                metadata = self._history.outputs.get(handle)
                if metadata is not None:
                    called = name if len(handles) == 1 else f"{name}[{_part(handle)}]"
                    found[called] = {key: item.value for key, item in metadata.items()}
        return found


def _part(handle: StepOutputHandle) -> str:
    """What tells an output from the others that feed an input."""
    if handle.mapping_key is not None:
        return handle.mapping_key
    mapped = handle.step_key.partition("[")[2].removesuffix("]")
    return mapped or handle.step_key


def _readable(fact: str, read: Callable[[], Iterable[Any]]) -> Callable[[], Iterator[Any]]:
    """Reading a fact, so that what goes wrong says which it is."""

    def items() -> Iterator[Any]:
        try:
            yield from read()
        # Whatever the storage raises.
        except Exception as error:
            raise UnreadableFact(fact, error) from error

    return items
