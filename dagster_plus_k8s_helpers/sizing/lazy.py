"""Facts that are read when they are first used, and those that a plan cannot know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, NoReturn, TypeVar

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

__all__ = ["LazyMapping", "LazySequence", "OnlyAtLaunch", "UnreadableFact", "only_at_launch"]

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


class UnreadableFact(DagsterPlusK8sError):  # noqa: N818 - it is no fault of whoever asks
    """A fact was asked for that the storage could not give.

    Attributes:
        fact: Its name in `StepFacts`.
    """

    def __init__(self, fact: str, error: Exception) -> None:
        said = f": {error}" if str(error) else ""
        super().__init__(f"{fact} cannot be read: {type(error).__name__}{said}")
        self.fact = fact


def only_at_launch(fact: str, asked: list[str]) -> Callable[[], NoReturn]:
    """What a plan reads a fact with that it does not know.

    Args:
        fact: Its name.
        asked: Gets the name, too: a function may catch whatever comes up while it looks, and decide without.
    """

    def read() -> NoReturn:
        asked.append(fact)
        raise OnlyAtLaunch(fact)

    return read


class LazySequence(Sequence[T], Generic[T]):
    """A sequence that is read once, item by item, as far as it is used.

    Args:
        read: Begins to read it.
    """

    def __init__(self, read: Callable[[], Iterable[T]]) -> None:
        self._read = read
        self._known: list[T] = []
        self._failure: Exception | None = None

    @cached_property
    def _rest(self) -> Iterator[T]:
        return iter(self._read())

    def __iter__(self) -> Iterator[T]:
        index = 0
        while self._reach(index):
            yield self._known[index]
            index += 1

    def __getitem__(self, index: Any) -> Any:
        is_near = isinstance(index, int) and index >= 0
        self._reach(index if is_near else None)
        return self._known[index]

    def __len__(self) -> int:
        self._reach(None)
        return len(self._known)

    def __bool__(self) -> bool:
        return self._reach(0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # as of a list

    def __repr__(self) -> str:
        return repr(list(self)) if "_rest" in self.__dict__ else "<not read yet>"

    def _reach(self, index: int | None) -> bool:
        """Read up to an item, or to the end; whether it is there."""
        while index is None or len(self._known) <= index:
            if self._failure is not None:
                # What was reading has ended with it, and would pass for the end of the sequence.
                raise self._failure
            try:
                self._known.append(next(self._rest))
            except StopIteration:
                return False
            except Exception as error:
                self._failure = error
                raise
        return True


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
