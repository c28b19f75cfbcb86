"""What a new project is to be like: its name, its cloud, where secrets come from, which nodes there are."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from dagster_plus_k8s_helpers.errors import StartError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CLOUDS", "SECRETS", "Answers", "Cloud", "Secrets", "name_for", "package_of"]

Cloud: TypeAlias = Literal["gke", "eks", "aks", "other"]
Secrets: TypeAlias = Literal["vault", "aws", "kubernetes"]

CLOUDS: tuple[str, ...] = get_args(Cloud)
SECRETS: tuple[str, ...] = get_args(Secrets)

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 40
"""Names of Kubernetes are made of it, some of which end at 63 characters; ``-warehouse`` is put behind it."""

_OTHERWISE = "-project"
"""What is put behind a name that something else has."""

_OF_THE_TEMPLATE = frozenset({"deploy", "tests"})
"""Folders that stand beside the package, whose names it would shadow."""


@dataclass(frozen=True)
class Answers:
    """What a new project is to be like.

    Args:
        name: Name of the project, such as ``shop-orders``; its package is ``shop_orders``.
        cloud: Where the cluster runs: what its GPU and spot nodes are called, and its shared disks.
        secrets: Where secrets come from in a deployment.
        gpu: Whether there are nodes with GPUs.
        spot: Whether there are preemptible nodes.

    Raises:
        StartError: The name is none, or one of the others is none of its alternatives.
    """

    name: str
    cloud: Cloud = "gke"
    secrets: Secrets = "kubernetes"
    gpu: bool = False
    spot: bool = False

    def __post_init__(self) -> None:
        problem = _problem_of_name(self.name)
        if problem:
            raise StartError(f"the name {self.name!r} {problem}")
        for field, given, known in (("cloud", self.cloud, CLOUDS), ("secrets", self.secrets, SECRETS)):
            if given not in known:
                advice = did_you_mean(given, known) or f"; write one of {', '.join(known)}"
                raise StartError(f"{field} cannot be {given!r}{advice}")

    @property
    def package(self) -> str:
        """Name of the Python package."""
        return package_of(self.name)

    def as_data(self) -> dict[str, object]:
        """As the template asks for it."""
        return asdict(self)


def package_of(name: str) -> str:
    """Name of the package of a project."""
    return name.replace("-", "_")


def name_for(folder: Path) -> str:
    """The name that a project in a folder would have: that of the folder, as a name may be written.

    Args:
        folder: Where the project is to be.
    """
    return _near(folder.resolve().name) or "project"


def _near(text: str) -> str:
    """The name nearest to a text; empty where it has no letter that a name may have."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    words = "-".join(re.findall(r"[a-z0-9]+", plain)).lstrip("0123456789-")
    name = words[:_LONGEST].rstrip("-")
    if not name or not _taken(package_of(name)):
        return name
    return f"{name[: _LONGEST - len(_OTHERWISE)]}{_OTHERWISE}"


def _problem_of_name(name: str) -> str:
    """What is wrong with a name, and what to write."""
    package = package_of(name)
    if not _NAME.fullmatch(name):
        instead = _near(name) or "shop-orders"
        return f"is not made of small letters, digits, - and _, from a letter on; write {instead!r}"
    if len(name) > _LONGEST:
        return f"has {len(name)} characters; names of Kubernetes are made of it, write {_LONGEST} at most"
    taken = _taken(package)
    return f"is {taken}; write {_near(name)!r}" if taken else ""


def _taken(package: str) -> str:
    """What else has the name of a package, if anything has."""
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return "a word of Python itself"
    if package in _OF_THE_TEMPLATE:
        return "that of a folder beside the package"
    if package in sys.stdlib_module_names:
        return "a module of Python, which the package would take the place of"
    if _is_installed(package, sys.path):
        return f"an installed package, {package}, which it would take the place of"
    return ""


def _is_installed(package: str, path: Sequence[str]) -> bool:
    """Whether Python finds such a package, but for the working folder: a project may be beside it."""
    here = Path.cwd()
    folders = [folder for folder in path if folder and Path(folder).resolve() != here]
    return PathFinder.find_spec(package, folders) is not None
