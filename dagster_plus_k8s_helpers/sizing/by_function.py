"""`sized_by`: a function of yours decides the size of a step."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.sizing.strategy import SizeTags

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.pod.config import K8sConfig
    from dagster_plus_k8s_helpers.sizing.facts import StepFacts
    from dagster_plus_k8s_helpers.sizing.strategy import Sized, Strategy

__all__ = ["ByName", "is_name", "sized_by", "written_of"]

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_MISSING = object()
_HOW = "write it as a function at the top of a module: def size(facts): ..."


@dataclass(frozen=True)
class ByName:
    """Decides by what stands at the top of a module; it is imported when it is called.

    Args:
        written: Its name, ``module:name``.
    """

    written: str

    def __call__(self, facts: StepFacts) -> K8sConfig | Sized | None:
        """What the function says."""
        return self.function()(facts)

    def function(self) -> Strategy:
        """What stands there.

        Raises:
            K8sConfigError: There is no such module or name, or it cannot be called.
        """
        module, _, name = self.written.partition(":")
        try:
            imported = import_module(module)
            found = getattr(imported, name, _MISSING)
        # A module may raise anything while it is imported.
        except Exception as error:
            raise _UnusableError(
                f"{self.written}: cannot be imported: {type(error).__name__}: {error}"
            ) from error
        if found is _MISSING:
            raise _UnusableError(f"the module {module!r} has no {name!r} at its top")
        if isinstance(found, type) or not callable(found):
            what = "a class; name an object of it" if isinstance(found, type) else f"{type(found).__name__}"
            raise _UnusableError(f"{self.written} is no function, but {what}")
        return cast("Strategy", found)


class _UnusableError(K8sConfigError):
    """What a strategy itself says of why it cannot decide."""

    of_strategy = True


@answering(
    advice={
        "size": "write sized_by(function)",
        **dict.fromkeys(("fn", "func"), "write sized_by(function)"),
        **dict.fromkeys(("cpu", "memory", "gpu"), "a constant size goes into op_tags=k8s_tags({name}=...)"),
    }
)
def sized_by(function: Strategy | str) -> SizeTags:
    """Op tags that have a function decide the size of a step, in the run worker, just before each launch.

    It gets `StepFacts` and returns a ``K8sConfig``, which is merged above the op tags and below
    ``per_step_config``; ``None`` to leave the size alone; or ``Sized(config, why)``, whose reason the event
    says. An error in it fails that step alone.

    Args:
        function: A function at the top of a module; or its name, ``"module:name"``, which may also be an
            object with ``__call__`` that stands there.

    Raises:
        K8sConfigError: The run worker could not find it by a name: a lambda, a function inside another one or
            a class, a method, a partial, an object, or one of a script.
    """
    if isinstance(function, str):
        if not is_name(function):
            raise K8sConfigError(
                f"{function!r} names no function; write 'module:name', such as 'my_project.sizes:by_rows'",
                where="function",
            )
        return SizeTags(function, ByName(function))
    return SizeTags(written_of(function), function)


def is_name(text: str) -> bool:
    """Whether a text has the form ``module:name``."""
    return _NAME.fullmatch(text) is not None


def written_of(function: Any) -> str:
    """The name by which a run worker finds a function.

    Raises:
        K8sConfigError: It has none.
    """
    reason = _unusable(function)
    if reason:
        raise K8sConfigError(reason, where="function")
    return f"{function.__module__}:{function.__name__}"


def _unusable(function: Any) -> str:
    """Why a function has no name that a run worker finds it by; empty when it has one."""
    if isinstance(function, functools.partial):
        return f"a partial has no name that the run worker could find it by; {_HOW}"
    if isinstance(function, type):
        return f"is the class {function.__name__} itself; {_by_text(function)}"
    if inspect.ismethod(function):
        return f"{function.__qualname__} is a method of an object; {_HOW}"
    if not inspect.isfunction(function):
        if callable(function):
            return (
                f"an object of {type(function).__name__} does not know its name; {_by_text(type(function))}"
            )
        return f"must be a function of StepFacts, not {type(function).__name__}"
    return _not_found(function) or _not_called(function)


def _not_found(function: Any) -> str:
    """Why a run worker does not find a function by its name."""
    module, name, qualified = function.__module__, function.__name__, function.__qualname__
    if name == "<lambda>":
        return f"a lambda has no name that the run worker could find it by; {_HOW}"
    if "." in qualified:
        inside = qualified.rpartition(".")[0].removesuffix(".<locals>")
        return f"{name} is inside of {inside}, where the run worker does not find it; {_HOW}"
    if module == "__main__":
        return f"{name} is in a script, which the run worker does not import; {_HOW}"
    # While the module is being imported, what comes after is not there yet; what is there has its last name.
    if getattr(sys.modules.get(module), name, function) is not function:
        return f"{module}:{name} is another thing than this function; {_HOW}"
    return ""


def _not_called(function: Any) -> str:
    """Why a function cannot be called with facts alone."""
    if inspect.iscoroutinefunction(function):
        return f"{function.__name__} is async; {_HOW}"
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        return f"{function.__name__} must take StepFacts and nothing else: {error}"
    return ""


def _by_text(kind: type) -> str:
    made = f"NAME = {kind.__name__}(...)"
    return f"make one at the top of its module, {made}, and write sized_by('{kind.__module__}:NAME')"
