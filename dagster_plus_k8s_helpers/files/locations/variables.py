"""The environment variables that a code location gives its pods, as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.findings.finding import Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = [
    "PODS",
    "K8sPart",
    "Variable",
    "again",
    "env_lists",
    "listed",
    "mapping",
    "repeated",
    "set_twice",
    "variables",
]

PODS = {"run_k8s_config": "runs", "server_k8s_config": "code servers"}
"""Sections for one kind of pods, and what those are called."""


class K8sPart(NamedTuple):
    """``container_context.k8s`` of the defaults or of one location.

    Attributes:
        k8s: What it holds.
        path: Where it stands.
        where: From a path to its line and column.
    """

    k8s: Mapping[str, object]
    path: Path
    where: Callable[[Path], Where]


class Variable(NamedTuple):
    """A variable as it is written: its name, where it stands, and the text or the entry."""

    name: str
    path: Path
    said: object

    def is_equal_to(self, other: Variable) -> bool:
        """Whether merging takes the two for one."""
        return _as_json(self.said) == _as_json(other.said)


def variables(part: K8sPart, *configs: str) -> list[Variable]:
    """Every variable that a part gives the main container of its run pods or its code servers."""
    found = [
        Variable(text.partition("=")[0], (*part.path, "env_vars", index), text)
        for index, text in enumerate(listed(part.k8s.get("env_vars")))
        if isinstance(text, str)
    ]
    for path, entries in env_lists(part, *configs):
        found += [
            Variable(entry["name"], (*path, index), entry)
            for index, entry in enumerate(entries)
            if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
        ]
    return found


def env_lists(part: K8sPart, *configs: str) -> Iterator[tuple[Path, list[object]]]:
    """The lists of Kubernetes' ``env`` entries: that of all pods, and those of runs or code servers."""
    yield (*part.path, "env"), listed(part.k8s.get("env"))
    for config in configs:
        container = mapping(mapping(part.k8s.get(config)).get("container_config"))
        yield (*part.path, config, "container_config", "env"), listed(container.get("env"))


def repeated(part: K8sPart) -> list[Path]:
    """Where a list of variables names one that it has named before, which `check_env` finds."""
    first: dict[tuple[Path, str], Path] = {}
    return [
        item.path
        for item in variables(part, *PODS)
        if first.setdefault((item.path[:-1], item.name), item.path) != item.path
    ]


def set_twice(k8s: Mapping[str, object]) -> Iterator[tuple[str, Path, Path]]:
    """Variables that one pod would have twice: the name, where it is again, and where it is first.

    Args:
        k8s: What ``container_context.k8s`` holds.
    """
    part = K8sPart(k8s, (), lambda _: Where())
    for config in PODS:
        for item, other in again(part, {}, config):
            yield item.name, item.path, other.path


def again(
    part: K8sPart, below: Mapping[str, Sequence[Variable]], config: str
) -> Iterator[tuple[Variable, Variable]]:
    """Each variable that is there again, with the one that is there first."""
    own = variables(part, config)
    replaced = {item.name for item in own if item.path[-2] == "env_vars"}
    first: dict[str, Variable] = {}
    lists: dict[tuple[Path, str], Variable] = {}
    for item in own:
        inherited = (
            other
            for other in below.get(item.name, ())
            if not (other.path[-2] == "env_vars" and item.name in replaced)
        )
        in_list = lists.setdefault((item.path[:-1], item.name), item)
        if in_list is not item:
            yield item, in_list
            continue
        other = next(inherited, None) or first.setdefault(item.name, item)
        # Equal entries of two lists are merged into one.
        if other is not item and not other.is_equal_to(item):
            yield item, other


def _as_json(said: object) -> str:
    if isinstance(said, str):
        name, _, value = said.partition("=")
        return json.dumps([name, value])
    if isinstance(said, Mapping) and said.keys() == {"name", "value"}:
        return json.dumps([said["name"], said["value"]], default=str)
    return json.dumps(said, default=str)


def listed(value: object) -> list[object]:
    """A list; of anything else, none."""
    return value if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, object]:
    """A mapping; of anything else, none."""
    return value if isinstance(value, Mapping) else {}
