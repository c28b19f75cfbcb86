"""What a traceback that shows locals would show: Sentry, rich and ``pytest -l`` print them as ``repr``."""

from __future__ import annotations

from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING

import dagster as dg

import dagster_plus_k8s_helpers
from dagster_plus_k8s_helpers.secrets import SecretValue
from dagster_plus_k8s_helpers.secrets.aws.connection import AwsConnection
from dagster_plus_k8s_helpers.secrets.vault.login import VaultSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_PACKAGE = str(Path(dagster_plus_k8s_helpers.__file__).parent)
_DEEPEST = 8
_HOLDERS = (dg.ConfigurableResource, AwsConnection, VaultSession)


def exposed(failure: BaseException, *hidden: str, everywhere: bool = False) -> list[str]:
    """Which locals, of which frames that an error left through, hold one of the texts.

    Those of its causes and contexts too. A local holds a text when its ``repr`` does, or that of anything
    that can be reached from it by attribute, item or closure; but for what guards its content
    (``SecretValue``), and the settings of a resource and the session that it has logged in for, which are
    there for as long as the resource is.

    Args:
        failure: The error.
        hidden: Texts that nobody may see.
        everywhere: Look into frames outside the package as well, but not into those of tests.
    """
    return [
        f"{frame.f_code.co_name}: {name}{where}"
        for frame in _frames(failure)
        if everywhere or frame.f_code.co_filename.startswith(_PACKAGE)
        if "/tests/" not in frame.f_code.co_filename
        for name, value in frame.f_locals.items()
        for where, shown in _reachable(value)
        if any(text in shown for text in hidden)
    ]


def _frames(failure: BaseException) -> Iterator[FrameType]:
    failures: list[BaseException] = [failure]
    for one in failures:
        failures += [
            other
            for other in (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
            if other is not None and other not in failures
        ]
        trace = one.__traceback__
        while trace is not None:
            yield trace.tb_frame
            trace = trace.tb_next


def _reachable(value: object) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    nodes: list[tuple[str, object, int]] = [("", value, 0)]
    for where, node, depth in nodes:
        if id(node) in seen or isinstance(node, (SecretValue, ModuleType, type)):
            continue
        seen.add(id(node))
        yield where, repr(node)
        if depth < _DEEPEST and not isinstance(node, _HOLDERS):
            nodes += [(f"{where}{part}", inner, depth + 1) for part, inner in _parts(node)]


def _parts(node: object) -> Iterator[tuple[str, object]]:
    if type(node) is dict:
        yield from ((f"[{key!r}]", item) for key, item in list(node.items()))
    elif type(node) in {list, tuple, set, frozenset}:
        yield from ((f"[{number}]", item) for number, item in enumerate(node))
    elif isinstance(node, MethodType):
        yield ".__self__", node.__self__
    elif isinstance(node, FunctionType):
        for name, cell in zip(node.__code__.co_freevars, node.__closure__ or (), strict=True):
            yield f".{name}", cell.cell_contents
    elif not isinstance(node, (str, bytes, int, float, BaseException)):
        yield from ((f".{name}", item) for name, item in list(getattr(node, "__dict__", {}).items()))
        for kind in type(node).__mro__:
            for name in _slots(kind):
                if hasattr(node, name):
                    yield f".{name}", getattr(node, name)


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
