"""The places of a module where something is to be done, or nothing can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["Form", "Found", "Left", "Place", "Use"]

Form: TypeAlias = Literal["tags", "run_tags", "dict"]
"""What has to come out: tags, tags as text, or what ``dagster-k8s/config`` holds."""


@dataclass(frozen=True)
class Place:
    """A dictionary to rewrite where it stands.

    Attributes:
        config: The dictionary.
        replaced: What the new expression takes the place of.
        form: What has to come out there.
        spread: Whether it becomes an element of the mapping around it, with ``**`` before it.
        wrapped: Whether it has to be a plain dictionary, as it is merged with others there.
    """

    config: cst.BaseExpression
    replaced: cst.CSTNode
    form: Form
    spread: bool = False
    wrapped: bool = False


@dataclass(frozen=True)
class Use:
    """A name that stands for a config in tags.

    Attributes:
        name: The name.
        place: As for a dictionary that stands there itself.
    """

    name: cst.Name
    place: Place


@dataclass(frozen=True)
class Left:
    """A place that stays as it is.

    Attributes:
        line: Its line, from 1.
        reason: Why.
    """

    line: int
    reason: str


@dataclass
class Found:
    """Everything that was found.

    Attributes:
        places: Dictionaries.
        uses: Names, where they are used.
        executors: Calls of ``k8s_job_executor.configured``.
        left: What stays.
    """

    places: list[Place] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    executors: list[cst.Call] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
