"""Which keys which version was seen to read: of what is not among them only that can be said.

The table is written by ``scripts/generate_known_keys.py`` from the agent's own package ``dagster-cloud``,
from ``dagster-k8s`` and from ``dagster-cloud-cli``, so that none of them needs to be installed.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, TypedDict

from dagster_plus_k8s_helpers.files.sections.keys import meant_key
from dagster_plus_k8s_helpers.files.sections.server_config import SERVER_SECTIONS
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.schema import field_types
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = ["CHART_VERSION", "agent_reads", "is_newer_section", "known_keys", "looked_at", "version_of_agent"]

CHART_VERSION = "1.8.13"
"""The chart whose schema the values are typed after; what newer ones were seen to read is typed, too."""

_AGENT = "the agent's dagster.yaml"
_LOCATION = "a location, as the agent's package has it"


class _Table(TypedDict):
    package: str
    version: str
    keys: list[str]


def agent_reads(path: Path) -> bool:
    """Whether the agent reads a key in its ``dagster.yaml``, which the chart writes out of the values.

    Args:
        path: Where the key stands in the values, in camelCase.
    """
    section, *rest = map(str, path)
    names = ".".join(re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower() for name in rest)
    places = {
        "workspace": ("user_code_launcher.config.",),
        "dagsterCloud": ("dagster_cloud_api.", ""),
    }
    return any(f"{place}{names}" in known_keys(_AGENT) for place in places.get(section, ()))


def version_of_agent() -> str:
    """The version of the agent that was looked at."""
    return _tables()[_AGENT]["version"]


def looked_at(path: Path) -> str:
    """What reads the mapping at a path of dagster_cloud.yaml, and the version of it that was looked at."""
    file = "container_context.k8s" if "k8s" in path else "dagster_cloud.yaml"
    table = _tables()[_LOCATION if path[-1:] == ("container_context",) else file]
    return f"{table['package']} {table['version']}"


def is_newer_section(key: object) -> bool:
    """Whether a key of ``run_k8s_config`` or its kin can only be one that newer versions read.

    It is no section, no slip for one, and nothing that belongs into one.
    """
    known = (*SECTIONS, *SERVER_SECTIONS, "merge_behavior", "job_config")
    if not isinstance(key, str) or key in spellings(*known, *K8sConfig.FIELDS, "resources"):
        return False
    fields = (row for model in SECTIONS.values() for row in field_types(model).items())
    is_field = any(key in {name, row.camel} for name, row in fields)
    return not is_field and meant_key(key, known) == key and not any(_shortens(key, name) for name in known)


def _shortens(key: str, name: str) -> bool:
    """Whether a key is a name of which letters were left out, such as ``podConfig``."""
    letters = iter(name.replace("_", ""))
    return all(letter in letters for letter in key.replace("_", "").lower())


@cache
def known_keys(file: str) -> frozenset[str]:
    """The keys that are read in a file, by their paths without indexes."""
    return frozenset(_tables()[file]["keys"])


@cache
def _tables() -> Mapping[str, _Table]:
    text = files("dagster_plus_k8s_helpers.files.sections").joinpath("known_keys.json").read_text("utf-8")
    tables: dict[str, _Table] = json.loads(text)
    return tables
