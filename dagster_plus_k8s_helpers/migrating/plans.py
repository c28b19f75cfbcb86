"""The plan of a project before and after: made in processes of their own, and compared field by field."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.credentials.telling import looks_like_credential
from dagster_plus_k8s_helpers.errors import PlanError, QuantityError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Plans", "Same", "compared", "plans_of"]


class Plans(NamedTuple):
    """The plans of every job of a project.

    Attributes:
        jobs: By name: what is planned, or what Dagster says against it.
        loaded: Which of the files that are looked at the definitions are made of.
    """

    jobs: Mapping[str, Any]
    loaded: frozenset[str]


class Same(NamedTuple):
    """How much was found to be the same.

    Attributes:
        pods: How many pods.
        jobs: In how many jobs.
        refused: How many jobs have no plan, before and after.
    """

    pods: int
    jobs: int
    refused: int


def plans_of(
    maker: str, request: Mapping[str, Any], files: Sequence[Path], contents: Mapping[Path, bytes]
) -> Plans:
    """The plans of a project, made by a process that imports some files with other contents.

    Args:
        maker: The module that makes them when Python runs it, with what is asked of it in a file, and the
            file to answer into.
        request: What is asked of it.
        files: The files to look at.
        contents: What it imports instead of what some of them hold.

    Raises:
        PlanError: The definitions do not load.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "asked.json"), Path(folder, "answered.json")
        given = {str(path.resolve()): content.decode("latin-1") for path, content in contents.items()}
        names = [str(path.resolve()) for path in files]
        asked.write_text(json.dumps({**request, "files": names, "contents": given}), "utf-8")
        made = subprocess.run(  # noqa: S603 - Python itself, and a module of this package
            [sys.executable, "-m", maker, asked, answered],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if not answered.exists():
            said = made.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise PlanError("".join(said) or f"the process that makes the plan ended with {made.returncode}")
        answer = json.loads(answered.read_text("utf-8"))
    if "error" in answer:
        raise PlanError(answer["error"])
    return Plans(answer["jobs"], frozenset(answer["loaded"]))


def compared(before: Plans, after: Plans) -> Same | list[str]:
    """How much is the same; or every difference, in a line each."""
    differences = list(_differences("", before.jobs, after.jobs))
    if differences:
        return differences
    plans = [job for job in before.jobs.values() if "pods" in job]
    pods = sum(len(job["pods"]) for job in plans)
    return Same(pods, len(plans), len(before.jobs) - len(plans))


_ABSENT = object()


def _differences(where: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            inner = f"{where}.{key}" if where else key
            yield from _differences(inner, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{where}[{index}]", one, other)
    elif before != after and not _is_one_amount(where, before, after):
        yield f"{where}: {_shown(where, before)} before, {_shown(where, after)} after"


def _is_one_amount(where: str, before: Any, after: Any) -> bool:
    """Whether two spellings of an amount mean the same: 1, "1" and "1000m"."""
    if ".resources." not in where and ".asked." not in where:
        return False
    try:
        return Quantity(before) == Quantity(after)
    except (QuantityError, TypeError):
        return False


def _shown(where: str, value: Any) -> str:
    """A value, unless it is one that nobody should read."""
    if value is _ABSENT:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    # A variable's value goes by the name of the variable, which stands beside it.
    if where.endswith(".value") or looks_like_credential(where.rpartition(".")[2], text):
        return "a value that is not shown"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_SHOWN = 120
