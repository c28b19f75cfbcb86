"""Calls with an argument that there is not, that is missing, or that stands in the wrong place.

Python's own TypeError says neither which argument was probably meant nor where the setting belongs. What is
decorated with `answering` says both, keeps its signature for type checkers, and looks at a call only after
Python has refused it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import partial, wraps
from pathlib import PurePath
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from dagster_plus_k8s_helpers.errors import ArgumentError, DagsterPlusK8sError, did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["answering", "check_kinds", "unknown_argument"]

Target = TypeVar("Target", bound=Callable[..., object])

_PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_SHORTEST_PART = 3
_FEW = 4
"""So many names are said to who wrote one that is near none of them."""


@overload
def answering(target: Target, /) -> Target: ...
@overload
def answering(
    *, advice: Mapping[str, str] | None = None, otherwise: str = ""
) -> Callable[[Target], Target]: ...
def answering(
    target: Target | None = None, /, *, advice: Mapping[str, str] | None = None, otherwise: str = ""
) -> Any:
    """Decorates a function, or a class with its public methods, so that a call that does not fit is answered.

    Args:
        target: What to decorate; the decorator itself when left out.
        advice: What to write instead, by the name that there is not; ``{name}`` stands for it.
        otherwise: The same for every other name that is near none that there is.
    """

    def decorated(found: Target) -> Target:
        say = _Answers(advice or {}, otherwise)
        if not isinstance(found, type):
            return say.wrapped(found, found.__name__)  # type: ignore[return-value] # of the same signature
        for name, member in _members(found).items():
            if name in {"__init__", "__new__"} and isinstance(member, FunctionType | staticmethod):
                made_by = say.wrapped(getattr(found, name), "", owner=found)
                setattr(found, name, staticmethod(made_by) if name == "__new__" else made_by)
            elif not name.startswith("_") and isinstance(member, FunctionType):
                setattr(found, name, _METHODS.wrapped(member, f".{name}", owner=found))
            elif not name.startswith("_") and isinstance(member, classmethod):
                of_class = _METHODS.wrapped(member.__func__, f".{name}", owner=found)
                setattr(found, name, classmethod(of_class))
        return found

    return decorated if target is None else decorated(target)


def unknown_argument(
    name: str, known: Collection[str], advice: Mapping[str, str], otherwise: str = ""
) -> str:
    """What to write instead of an argument that there is not, after a semicolon; empty when nobody knows.

    Args:
        name: The argument as it was written.
        known: Those that there are.
        advice: What to write, by name.
        otherwise: What to write instead of any other name that is near none of those.
    """
    if name in advice:
        return f"; {advice[name].format(name=name)}"
    near = did_you_mean(name, known)
    if near:
        return near
    part = [candidate for candidate in known if candidate.startswith(name) or candidate.endswith(f"_{name}")]
    if len(part) == 1 and len(name) >= _SHORTEST_PART:
        return f"; did you mean {part[0]!r}?"
    if otherwise:
        return f"; {otherwise.format(name=name)}"
    return f"; it takes {', '.join(known)}" if 0 < len(known) <= _FEW else ""


def check_kinds(value: DataclassInstance) -> None:
    """Refuses a field of a frozen value that is of another kind than it is annotated with.

    Raises:
        ArgumentError: A number where there should be text, and the like.
    """
    annotations = {field.name: field.type for field in fields(value)}
    reason = _first_wrong({name: getattr(value, name) for name in annotations}, annotations)
    if reason:
        raise ArgumentError(f"{type(value).__name__}: {reason}")


class _Answers:
    """What to answer to the calls of one function."""

    def __init__(self, advice: Mapping[str, str], otherwise: str) -> None:
        self._advice = advice
        self._otherwise = otherwise

    def wrapped(
        self, function: Callable[..., Any], of: str, *, owner: type | None = None
    ) -> Callable[..., Any]:
        """The same function, with an answer for calls that do not fit it.

        Args:
            function: The function.
            of: What messages call it, for what is of a class after the name of the class.
            owner: The class that it is of, if it is of one: Python itself then gives its first argument.
        """

        @wraps(function)
        def answered(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except (TypeError, AttributeError) as raised:
                is_said = isinstance(raised, DagsterPlusK8sError) and not isinstance(raised, ArgumentError)
                problem = None if is_said else self._problem(function, of, owner, args, kwargs)
                refused = problem or raised
            # A traceback that shows locals shows this frame, and an argument may be a secret value.
            except BaseException:
                del args, kwargs
                raise
            del args, kwargs
            raise refused

        if of:
            # Where tags are wanted, Python asks what it is given for its keys: op_tags=gpu.
            answered.keys = partial(_not_called, function.__qualname__)  # type: ignore[attr-defined]
        return answered

    def _problem(
        self,
        function: Callable[..., Any],
        of: str,
        owner: type | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, object],
    ) -> ArgumentError | None:
        signature = inspect.signature(function)
        skipped = 0 if owner is None else 1
        if owner is not None and not _is_of(args[:1], owner):
            made = f"{owner.__name__}(...)"
            if of == ".keys":  # which Python asks for where it wants a mapping
                return ArgumentError(f"{owner.__name__} is the class itself; write {made}")
            return ArgumentError(
                f"{of[1:]} is called on the class itself; make an object first: {made}{of}(...)"
            )
        name = f"{_class_name(args[0])}{of}" if skipped else of
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            parameters = list(signature.parameters.values())[skipped:]
            return ArgumentError(self._reason(name, parameters, args[skipped:], kwargs))
        annotations = {key: signature.parameters[key].annotation for key in given}
        reason = _first_wrong(given, annotations)
        return ArgumentError(f"{name}: {reason}") if reason else None  # else it comes from further in

    def _reason(
        self,
        of: str,
        parameters: list[inspect.Parameter],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> str:
        placed = len(args)
        known = [item.name for item in parameters if item.kind not in _STARRED]
        takes_any = any(item.kind is item.VAR_KEYWORD for item in parameters)
        for name in kwargs:
            if name not in known and not takes_any:
                return f"{of} has no argument {name!r}" + unknown_argument(
                    name, known, self._advice, self._otherwise
                )
        places = [item.name for item in parameters if item.kind in _PLACED]
        if placed > len(places):
            return self._too_many(
                of, args, places, [n for n in known if n not in kwargs], takes_any=takes_any
            )
        twice = next((name for name in places[:placed] if name in kwargs), None)
        if twice is not None:
            return f"{of} gets {twice} twice, by its place and by its name; keep one of the two"
        missing = [
            item.name
            for index, item in enumerate(parameters)
            if item.default is item.empty
            and item.kind not in _STARRED
            and item.name not in kwargs
            and index >= placed
        ]
        if len(missing) == 1 and missing[0] in self._advice:
            return f"{of} needs {missing[0]}; {self._advised(missing[0])}"
        return f"{of} needs {' and '.join(missing)}; write {', '.join(f'{name}=...' for name in missing)}"

    def _too_many(
        self, of: str, args: tuple[object, ...], places: list[str], known: list[str], *, takes_any: bool
    ) -> str:
        meant = args[len(places)]
        if isinstance(meant, str) and meant in self._advice:
            return f"{of} takes at most {len(places)} without a name; {self._advised(meant)}"
        others = [name for name in known if name not in places]
        such_as = f", such as {others[0]}=..." if others else ""
        if not places:
            by_name = f"its arguments by name only{such_as}" if known or takes_any else "no argument"
            return f"{of} takes {by_name}"
        by_name = f"; name the others{such_as}" if others else ""
        return f"{of} takes at most {len(places)} without a name, not {len(args)}{by_name}"

    def _advised(self, name: str) -> str:
        return self._advice[name].format(name=name)


def _members(of: type) -> dict[str, Any]:
    """What a class has of its own, and public methods of bases that nobody decorated."""
    inherited = {
        name: member
        for base in reversed(of.__mro__[1:])
        if base.__module__.startswith(f"{__package__}.")
        for name, member in vars(base).items()
        if not name.startswith("_")
    }
    return {**inherited, **vars(of)}


def _not_called(name: str) -> NoReturn:
    raise ArgumentError(f"{name} is not called; write {name}(...)")


def _is_of(first: tuple[object, ...], owner: type) -> bool:
    """Whether what a method gets first is what Python gives it: an object of its class, or a class."""
    return any(
        isinstance(item, owner) or (isinstance(item, type) and issubclass(item, owner)) for item in first
    )


def _class_name(made: object) -> str:
    """The class of the object that a method gets first, or the class that a constructor gets."""
    return (made if isinstance(made, type) else type(made)).__name__


def _first_wrong(given: Mapping[str, object], annotations: Mapping[str, object]) -> str:
    reasons = ((key, _wrong_kind(value, annotations[key])) for key, value in given.items())
    return next((f"{key} {reason}" for key, reason in reasons if reason), "")


def _wrong_kind(value: object, annotation: object) -> str:
    """What is wrong with the kind of an argument, as far as the outermost names of its annotation tell it."""
    names, inner = annotation.__name__ if isinstance(annotation, type) else str(annotation), ""
    while names != inner:
        names, inner = re.sub(r"\[[^\[\]]*\]", "", names), names
    kinds = [name.strip().rpartition(".")[2] for name in names.split("|")]
    if not all(name in _KINDS or name == "None" for name in kinds):
        return ""
    if ("None" in kinds and value is None) or any(_is_kind(value, name) for name in kinds if name != "None"):
        return ""
    words = " or ".join(dict.fromkeys(_KINDS[name][1] for name in kinds if name != "None"))
    what = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    return f"must be {words}, not {what}"


def _is_kind(value: object, name: str) -> bool:
    """Text is no list of its letters."""
    is_text_as_list = isinstance(value, str) and name in {"Iterable", "Sequence"}
    return isinstance(value, _KINDS[name][0]) and not is_text_as_list


_KINDS: Mapping[str, tuple[Any, str]] = {
    "Iterable": (Iterable, "a list"),
    "Mapping": (Mapping, "a mapping"),
    "Path": (PurePath, "a path"),
    "Sequence": (Sequence, "a list"),
    "bool": (bool, "True or False"),
    "bytes": (bytes, "bytes"),
    "float": ((float, int), "a number"),
    "int": (int, "a whole number"),
    "str": (str, "text"),
}
"""What annotations begin with, and what messages call it."""


_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_METHODS = _Answers({}, "")
