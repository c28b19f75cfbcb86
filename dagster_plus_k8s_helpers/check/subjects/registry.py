"""The registry of the rules for definitions: a function that finds something says what it looks at.

::

    @of_pods(SUSPENDED)
    def suspended(group: PodGroup, around: Surroundings) -> Iterator[Hit]: ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import JobRule, PodRule, TagRule
    from dagster_plus_k8s_helpers.findings.finding import Rule

__all__ = ["Whose", "of_plans", "of_pods", "of_tags", "registered"]

F = TypeVar("F", bound=Callable[..., Any])

Whose: TypeAlias = Literal["any", "run", "job"]
"""Whose pods: any, that of a code server among them; those of runs and steps; or those of a job alone.

The first two are told by the files as well, of the pods that they make without definitions.
"""

Subject: TypeAlias = Literal["tags", "plans"] | Whose


class _Finder(NamedTuple):
    subject: Subject
    codes: tuple[str, ...]
    function: Callable[..., Any]


_FINDERS: list[_Finder] = []


def of_tags(*rules: Rule) -> Callable[[TagRule], TagRule]:
    """Registers a function that looks at a job as it is written.

    Args:
        *rules: What it finds.
    """
    return _registering("tags", rules)


def of_plans(*rules: Rule) -> Callable[[JobRule], JobRule]:
    """Registers a function that looks at a job with its plan.

    Args:
        *rules: What it finds.
    """
    return _registering("plans", rules)


def of_pods(*rules: Rule, whose: Whose = "run") -> Callable[[PodRule], PodRule]:
    """Registers a function that looks at pods which are alike.

    What files alone can have wrong is found in them too, unless it is of a job's pods alone. It is asked only
    of pods that are not `plain_pods`, so a field that it may have something to say of is to be none of the
    plain ones.

    Args:
        *rules: What it finds.
        whose: Which pods.
    """
    return _registering(whose, rules)


def registered(*subjects: Subject) -> tuple[Callable[..., Any], ...]:
    """The functions that look at any of these, in the order of their codes."""
    found = [finder for finder in _FINDERS if finder.subject in subjects]
    found.sort(key=lambda finder: (finder.codes[0], finder.function.__module__))
    return tuple(finder.function for finder in found)


def _registering(subject: Subject, rules: Sequence[Rule]) -> Callable[[F], F]:
    codes = tuple(sorted(rule.code for rule in rules))

    def register(function: F) -> F:
        _FINDERS.append(_Finder(subject, codes, function))
        return function

    return register
