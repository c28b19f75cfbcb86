"""Finding what a user's module holds: ``my_project.pods:TRAIN`` on a command line."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["imported", "line_of", "load"]

T = TypeVar("T")


def load(reference: str, *kinds: type[T], example: str) -> T:
    """The object that ``module:name`` means, with the working folder on the path as ``python -m`` has it.

    Args:
        reference: The module and the name in it.
        *kinds: What the object may be.
        example: A reference to show to whoever wrote none.

    Raises:
        click.ClickException: The module cannot be imported, or has no such object.
    """
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise click.BadParameter(f"{reference!r} must be MODULE:NAME, such as {example}")
    module = imported(module_name)
    value: object = getattr(module, name, None)
    if isinstance(value, kinds):
        return value
    wanted = " or ".join(kind.__name__ for kind in kinds)
    others = [key for key, item in vars(module).items() if isinstance(item, kinds)]
    shown = f"it has {', '.join(others)}" if others else "it has none"
    raise click.ClickException(f"{module_name} has no {wanted} called {name!r}; {shown}")


def imported(module_name: str) -> ModuleType:
    """A user's module, with the working folder on the path as ``python -m`` has it.

    Raises:
        click.ClickException: It cannot be imported.
    """
    working_folder = str(Path.cwd())
    sys.path.insert(0, working_folder)
    try:
        return importlib.import_module(module_name)
    # A module runs whatever it holds; what goes wrong there is the user's to read, not ours to trace.
    except Exception as error:  # noqa: BLE001
        hint = "; write it as Python imports it" if "/" in module_name or module_name[:1] == "." else ""
        raise click.ClickException(
            f"cannot import {module_name!r}{hint}: {type(error).__name__}: {error}{line_of(error)}"
        ) from None
    finally:
        if working_folder in sys.path:
            sys.path.remove(working_folder)


def line_of(error: Exception) -> str:
    """Where in the user's code the error came up."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(Path.cwd())
    ]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
