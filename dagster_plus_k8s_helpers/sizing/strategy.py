"""A strategy: what decides the size of a step, and the tag that gives a step one."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import dagster as dg
from yaml.representer import Representer, SafeRepresenter

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.immutable import FromYaml
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.lazy import OnlyAtLaunch, UnreadableFact

__all__ = ["SIZE_TAG", "SizeTags", "Sized", "Strategy", "decided", "name_of"]

SIZE_TAG = "dagster-plus-k8s/size"
"""Op tag with what decides the size of a step: JSON of a strategy, ``module:name``, or ``"off"``."""


@answering
@dataclass(frozen=True)
class Sized:
    """A size, and why it is that: what a function may return in place of a ``K8sConfig`` alone.

    Args:
        config: The size; ``None`` to leave the step's size alone.
        why: A sentence or half of one, for the event that the step gets.

    Raises:
        K8sConfigError: Another value than a ``K8sConfig``, or than text; a config that no pod can have that
            runs Dagster.
    """

    config: K8sConfig | None
    why: str = ""

    def __post_init__(self) -> None:
        if self.config is not None and not isinstance(self.config, K8sConfig):
            raise K8sConfigError(f"must be a K8sConfig, not {type(self.config).__name__}", where="config")
        if not isinstance(self.why, str):
            raise K8sConfigError(f"must be text, not {type(self.why).__name__}", where="why")
        try:
            _ = self.config is not None and self.config.tags
        except K8sConfigError as error:
            raise error.within("config") from None


Strategy: TypeAlias = Callable[[StepFacts], K8sConfig | Sized | None]
"""What decides a size: a function, or an object of a class with ``__call__``."""


@answering
class SizeTags(FromYaml, dict[str, str]):
    """Op tags that give a step the strategy which decides its size.

    A dictionary, so that ``op_tags=sized_by(...)`` works, and ``{**SMALL.tags, **sized_by(...)}``.

    Args:
        written: The strategy as text.
        strategy: The same as what can be called.
    """

    def __init__(self, written: str, strategy: Strategy) -> None:
        super().__init__({SIZE_TAG: written})
        self._strategy = strategy

    @property
    def tags(self) -> dict[str, str]:
        """The tags, as a dictionary and nothing else."""
        return dict(self)

    @property
    def strategy(self) -> Strategy:
        """What decides: facts of a step in, a size out."""
        return self._strategy


# PyYAML writes the very class dict only. From these every dumper inherits, those of libyaml too.
for representer in (SafeRepresenter, Representer):
    representer.add_representer(SizeTags, SafeRepresenter.represent_dict)


def decided(strategy: Strategy, facts: StepFacts, is_interrupted: Callable[[], bool] = lambda: True) -> Sized:
    """What a strategy decides for a step, with the reason that it gives.

    Args:
        strategy: Is called once.
        facts: What is known of the step.
        is_interrupted: Whether somebody interrupts this process: else a ``KeyboardInterrupt`` is the
            strategy's own.

    Raises:
        OnlyAtLaunch: It asked for what is known at launch only, in a plan.
        UnreadableFact: It asked for what the storage could not give.
        K8sConfigError: It raised, with where; or returned something else.
    """
    try:
        found = strategy(facts)
    except (OnlyAtLaunch, UnreadableFact, GeneratorExit, dg.DagsterExecutionInterruptedError):
        raise
    # Whatever it raises is about this step alone, and no reason to end the run worker: a task's cancellation
    # of asyncio too, which is no Exception.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and is_interrupted():
            raise
        raise K8sConfigError(_raised(strategy, error), where="size") from error
    if found is None or isinstance(found, K8sConfig):
        try:
            return Sized(found)
        except K8sConfigError as error:
            raise error.renamed("config", f"size: {name_of(strategy)}") from None
    if isinstance(found, Sized):
        return found
    what = f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__
    raise K8sConfigError(
        f"{name_of(strategy)} returned {what}; return a K8sConfig, a Sized(config, why), or None to leave "
        "the size alone",
        where="size",
    )


def name_of(strategy: Strategy) -> str:
    """What a strategy is called in messages."""
    written = getattr(strategy, "written", None)
    if isinstance(written, str):
        return written
    named = strategy if hasattr(strategy, "__qualname__") else type(strategy)
    return f"{named.__module__}:{getattr(named, '__qualname__', '')}"


def _raised(strategy: Strategy, error: BaseException) -> str:
    """What was raised and where: the deepest line outside of this package, where there is one."""
    if isinstance(error, K8sConfigError) and getattr(error, "of_strategy", False):
        return error.reason
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = __file__.rpartition("sizing")[0]
    frame = next((frame for frame in reversed(frames) if not frame.filename.startswith(own)), None)
    place = f" ({frame.filename}, line {frame.lineno})" if frame is not None else ""
    said = f": {error}" if str(error) else ""
    return f"{name_of(strategy)} raised {type(error).__name__}{said}{place}"
