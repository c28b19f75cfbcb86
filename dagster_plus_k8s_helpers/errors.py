"""Every error this package raises on purpose.

DagsterPlusK8sError
├── K8sConfigError (ValueError)     a value that Kubernetes or Dagster would refuse or ignore
│   ├── QuantityError               text that is not a Kubernetes quantity
│   ├── UnknownFieldError           a field that does not exist, with the nearest one that does
│   └── ArgumentError (TypeError)   a call with an argument that there is not, or without one that it needs
├── InvalidFileError                a file that the platform would refuse or read otherwise than it was meant
├── MissingExtraError               a package that an extra of this one brings and that is not installed
├── StartError (ValueError)         a project that cannot be made: a bad name, a folder that is not empty
├── SelectionError (ValueError)     a selection that reaches nothing the config could apply to
├── PlanError (ValueError)          a plan that cannot be made: no such job, a config Dagster refuses
└── DeploymentError                 a deployment for which nothing was given
"""

from __future__ import annotations

import copy
import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = [
    "ArgumentError",
    "DagsterPlusK8sError",
    "DeploymentError",
    "InvalidFileError",
    "K8sConfigError",
    "MissingExtraError",
    "PlanError",
    "QuantityError",
    "SelectionError",
    "StartError",
    "UnknownFieldError",
]


class DagsterPlusK8sError(Exception):
    """Base of every error this package raises on purpose."""


class K8sConfigError(DagsterPlusK8sError, ValueError):
    """A value that Kubernetes or Dagster would refuse or ignore, refused where it was written.

    Attributes:
        where: Path of the value inside the object, such as ``resources.memory``; may be empty.
        reason: What is wrong with the value and what to write instead.
    """

    def __init__(self, reason: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.where = where
        self.reason = reason

    def __reduce__(self) -> tuple[object, tuple[type[Self], str, dict[str, object]]]:
        return _restored, (type(self), str(self), self.__dict__)

    def renamed(self, old: str, new: str) -> Self:
        """The same error with another name for the outermost part of where it stands."""
        other = copy.copy(self)
        K8sConfigError.__init__(other, self.reason, where=new + self.where.removeprefix(old))
        return other

    def within(self, parent: str) -> Self:
        """The same error seen from one level further out."""
        outer = copy.copy(self)
        K8sConfigError.__init__(outer, self.reason, where=_join(parent, self.where))
        return outer


def _restored(kind: type[K8sConfigError], message: str, state: dict[str, object]) -> K8sConfigError:
    """An error as it was, whatever its class wants to be made from."""
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error


class QuantityError(K8sConfigError):
    """Text that is not a Kubernetes quantity."""


class UnknownFieldError(K8sConfigError):
    """A field that does not exist.

    Attributes:
        name: The field as it was written.
        suggests: Whether the message says which field was probably meant.
    """

    def __init__(
        self, name: str, known: Iterable[str], *, of: str, where: str = "", reason: str = ""
    ) -> None:
        suggestion = did_you_mean(name, known)
        super().__init__(reason or f"{of} has no field {name!r}{suggestion}", where=where)
        self.name = name
        self.suggests = bool(suggestion)


class ArgumentError(K8sConfigError, TypeError):
    """A call with an argument that there is not, without one that it needs, or with one out of place."""


class InvalidFileError(DagsterPlusK8sError):
    """A file that the platform would refuse, or read otherwise than it was meant.

    Attributes:
        findings: Everything that is wrong with it.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Finding, ...]]]:
        return type(self), (self.findings,)


class MissingExtraError(DagsterPlusK8sError):
    """A package that an extra of this one brings and that is not installed."""

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(
            f"this needs {package}; install it with pip install 'dagster-plus-k8s-helpers[{extra}]'"
        )
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[object, ...]:
        return _restored_extra, (type(self), self.package, self.extra)


class SelectionError(DagsterPlusK8sError, ValueError):
    """A selection that reaches nothing the config could apply to."""


class PlanError(DagsterPlusK8sError, ValueError):
    """A plan that cannot be made: a job that does not exist, or a config that Dagster refuses."""


class StartError(DagsterPlusK8sError, ValueError):
    """A project that cannot be made: a name that will not do, or a folder that has something in it."""


class DeploymentError(DagsterPlusK8sError):
    """A deployment for which no executor, or no secrets, were given."""


def _restored_extra(kind: type[MissingExtraError], package: str, extra: str) -> MissingExtraError:
    return kind(package, extra=extra)


_LEAST_LETTERS = 4


def is_one_edit_from(name: str, other: str) -> bool:
    """Whether one letter more, less or other, or two changed over, makes one name of the other.

    A number is not mistyped but counted: ``db-1`` is not meant where ``db-2`` stands. Of names of two or
    three letters too many are neighbours.
    """
    if (
        name == other
        or max(len(name), len(other)) < _LEAST_LETTERS
        or re.sub(r"\d+", "", name) == re.sub(r"\d+", "", other)
    ):
        return False
    shorter, longer = sorted((name, other), key=len)
    start = next((at for at, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    left, right = shorter[start:], longer[start:]
    if len(left) < len(right):
        return left == right[1:]
    swapped = left[1::-1] + left[2:]
    return left[1:] == right[1:] or swapped == right


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the known name nearest to ``name``, or nothing when none is near."""
    return _nearest(str(name), tuple(known))


# A file often has one mistake in many places.
@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...]) -> str:
    by_plain = {_plain(candidate): candidate for candidate in known}
    near = difflib.get_close_matches(_plain(name), by_plain, n=1, cutoff=0.7)
    return f"; did you mean {by_plain[near[0]]!r}?" if near else ""


def _plain(name: object) -> str:
    return str(name).replace("_", "").replace("-", "").lower()


def _join(parent: str, child: str) -> str:
    if not child:
        return parent
    return f"{parent}{child}" if child.startswith("[") else f"{parent}.{child}"
