"""Facts that are read when they are first used, and those that a plan cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, NoReturn, TypeVar

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

__all__ = ["LazyMapping", "LazySequence", "OnlyAtLaunch", "only_at_launch"]

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class OnlyAtLaunch(DagsterPlusK8sError):  # noqa: N818 - it is no fault of whoever asks
    """A fact was asked for that only a launch can know.

    Attributes:
        fact: Its name in `StepFacts`.
    """

    def __init__(self, fact: str) -> None:
        super().__init__(f"{fact} is known at launch only")
        self.fact = fact


def only_at_launch(fact: str) -> Callable[[], NoReturn]:
    """What a plan reads a fact with."""

    def read() -> NoReturn:
        raise OnlyAtLaunch(fact)

    return read


class LazySequence(Sequence[T], Generic[T]):
    """A sequence that is read once, when it is first used.

    Args:
        read: Reads it.
    """

    def __init__(self, read: Callable[[], Sequence[T]]) -> None:
        self._read = read

    @cached_property
    def _items(self) -> Sequence[T]:
        return self._read()

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # as of a list

    def __repr__(self) -> str:
        return repr(self._items) if "_items" in self.__dict__ else "<not read yet>"


class LazyMapping(Mapping[K, V], Generic[K, V]):
    """A mapping that is read once, when it is first used.

    Args:
        read: Reads it.
    """

    def __init__(self, read: Callable[[], Mapping[K, V]]) -> None:
        self._read = read

    @cached_property
    def _items(self) -> Mapping[K, V]:
        return self._read()

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items) if "_items" in self.__dict__ else "<not read yet>"
