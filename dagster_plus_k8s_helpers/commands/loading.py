"""Finding what a command line names: ``my_project.pods:TRAIN`` in a user's module, and a file of nodes."""

from __future__ import annotations

import importlib
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, masked
from dagster_plus_k8s_helpers.commands.given import given
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas

__all__ = [
    "CannotAnswerError",
    "failure",
    "imported",
    "load",
    "on_path",
    "pools_of",
    "quotas_of",
    "quotas_of_cluster",
]

T = TypeVar("T")


def load(reference: str, *kinds: type[T], example: str) -> T:
    """The object that ``module:name`` means.

    Args:
        reference: The module and the name in it.
        *kinds: What the object may be.
        example: A reference to show to whoever wrote none.

    Raises:
        CannotAnswerError: The module cannot be imported, or has no such object.
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
    raise CannotAnswerError(f"{module_name} has no {wanted} called {name!r}; {shown}")


@contextmanager
def on_path(folder: Path | None = None) -> Iterator[None]:
    """With a folder first where Python looks for modules, as ``python -m`` has the working folder."""
    added = str((folder or Path()).resolve())
    sys.path.insert(0, added)
    try:
        yield
    finally:
        if added in sys.path:
            sys.path.remove(added)


def imported(module_name: str, folder: Path | None = None) -> ModuleType:
    """A user's module, from a folder or the working folder.

    What it imports later, as a function that is named by text, is found there until the command has ended.

    Raises:
        CannotAnswerError: It cannot be imported.
    """
    command = click.get_current_context(silent=True)
    if command is not None:
        command.with_resource(on_path(folder))
    with on_path(folder):
        try:
            return importlib.import_module(module_name)
        # A module runs whatever it holds; what goes wrong there is the user's to read, not ours to trace.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            hint = "; write it as Python imports it" if "/" in module_name or module_name[:1] == "." else ""
            hint = hint or _elsewhere(module_name, folder, error)
            raise CannotAnswerError(failure(f"cannot import {module_name!r}{hint}", error)) from None


def _elsewhere(module_name: str, folder: Path | None, error: BaseException) -> str:
    """Where a module is instead, if it was looked for in the working folder and is one up or down."""
    package = module_name.partition(".")[0]
    command = click.get_current_context(silent=True)
    has_option = command is not None and any("-d" in option.opts for option in command.command.params)
    if not has_option or folder is not None:
        return ""
    if not isinstance(error, ModuleNotFoundError) or error.name != package:
        return ""
    for option, place in (("src", Path("src")), ("..", Path("..").resolve())):
        if (place / package).is_dir() or (place / f"{package}.py").is_file():
            return f"; add -d {option}, the folder to import it from"
    return ""


def pools_of(file: str) -> list[NodePool]:
    """The node pools of ``--nodes``; ``-`` is standard input.

    Raises:
        CannotAnswerError: The file has mistakes; the message says where.
    """
    from dagster_plus_k8s_helpers.capacity.nodes import read_nodes

    return _of_file(file, read_nodes)


def quotas_of(file: str) -> Quotas:
    """The queues of ``--queues``; ``-`` is standard input.

    Raises:
        CannotAnswerError: The file has mistakes; the message says where.
    """
    from dagster_plus_k8s_helpers.capacity.queue_files import read_queues

    return _of_file(file, read_queues)


def _of_file(file: str, read: Callable[[bytes, str], T]) -> T:
    name, content = given(file)
    try:
        return read(content, name)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None


def quotas_of_cluster(context: str | None) -> Quotas:
    """The queues of ``--cluster``.

    Args:
        context: Context of the kubeconfig; the current one when ``None``.

    Raises:
        CannotAnswerError: The cluster cannot be asked, or does not say; the message says why.
    """
    from dagster_plus_k8s_helpers.capacity.queue_files import quotas_in
    from dagster_plus_k8s_helpers.cluster.objects import ClusterObjects

    try:
        objects = ClusterObjects.from_kubeconfig(context=context)
        found = objects.queues()
        if found is not None:
            return quotas_in(found, "the cluster's queues")
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    ((question, said),) = objects.refused.items()
    raise CannotAnswerError(f"cluster: it does not say {question}: {said}")


def failure(what: str, error: BaseException) -> str:
    """What went wrong in the user's code, and where, in one line without what looks like a credential."""
    said = masked(" ".join(str(error).split()))
    return f"{what}: {type(error).__name__}: {said}{_line_of(error)}"


def _line_of(error: BaseException) -> str:
    """Where in the user's code the error came up."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        # This file is below the working folder too, where that has the virtual environment in it.
        if frame.filename != __file__ and Path(frame.filename).is_relative_to(Path.cwd())
    ]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
