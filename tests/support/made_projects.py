"""Projects from the template, in every combination of answers, and importing one beside the modules there are."""

from __future__ import annotations

import importlib
import itertools
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.starting.answers import CLOUDS, SECRETS, Answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

EVERY = [
    Answers("shop", cloud, secrets, gpu=gpu, spot=spot)  # type: ignore[arg-type]
    for cloud, secrets, gpu, spot in itertools.product(CLOUDS, SECRETS, (True, False), (True, False))
]

SOME = [
    Answers("shop", "gke", "vault", gpu=True, spot=True),
    Answers("shop", "gke", "kubernetes", gpu=False, spot=False),
    Answers("shop", "eks", "aws", gpu=True, spot=False),
    Answers("shop-orders", "eks", "vault", gpu=False, spot=True),
    Answers("shop", "aks", "kubernetes", gpu=True, spot=True),
    Answers("shop", "aks", "aws", gpu=False, spot=True),
    Answers("shop", "other", "aws", gpu=True, spot=True),
    Answers("shop", "other", "vault", gpu=False, spot=False),
]
"""Each answer with each answer to another question but for cloud and secrets, of which each occurs twice."""


def told(answers: Answers) -> str:
    """Answers as the name of a test."""
    nodes = [name for name, there in (("gpu", answers.gpu), ("spot", answers.spot)) if there]
    return "-".join([answers.cloud, answers.secrets, *nodes])


@contextmanager
def modules_of(project: Path, package: str) -> Iterator[dict[str, ModuleType]]:
    """The definitions and the agent of a project, imported; afterwards the modules are those of before."""
    names = (package, "deploy")
    aside = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in names}
    sys.path[:0] = [str(project / "src"), str(project)]
    importlib.invalidate_caches()
    try:
        yield {
            "definitions": importlib.import_module(f"{package}.definitions"),
            "agent": importlib.import_module("deploy.agent"),
        }
    finally:
        del sys.path[:2]
        for name in [name for name in sys.modules if name.split(".")[0] in names]:
            del sys.modules[name]
        sys.modules.update(aside)


def files_of(project: Path) -> dict[str, Any]:
    """The text of every file of a project."""
    return {
        path.relative_to(project).as_posix(): path.read_text("utf-8")
        for path in sorted(project.rglob("*"))
        if path.is_file() and not {"__pycache__", ".git"} & set(path.parts)
    }
