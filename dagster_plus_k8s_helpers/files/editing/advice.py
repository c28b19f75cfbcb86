"""What to write instead of an edit that types a value otherwise than the chart wants it."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, get_args

from dagster_plus_k8s_helpers.documents.document import shown_path
from dagster_plus_k8s_helpers.files.editing.helm_set import to_set
from dagster_plus_k8s_helpers.files.sections.keys import names_of
from dagster_plus_k8s_helpers.files.sections.section import Section
from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["advised", "takes_fractions"]


def takes_fractions(path: Path) -> bool:
    """Whether the chart's value at a path is a number that need not be whole; ``image.tag`` is none."""
    kinds: tuple[object, ...] = (AgentValues,)
    for part in path:
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
        annotation = names_of(section).get(str(part)) if section else None
        kinds = get_args(annotation) or (annotation,)
    return float in kinds


def advised(finding: Finding, assignments: Sequence[Assignment]) -> Finding:
    """A finding about a value that was set, with what to write on the command line and not in the file."""
    for assignment in assignments:
        shown = shown_path(assignment.path)
        if finding.where.path != shown and not finding.where.path.startswith(f"{shown}["):
            continue
        if finding.message.startswith("must be text"):
            return dataclasses.replace(finding, fix=f"write --set-string {shlex.quote(to_set(assignment))}")
        if finding.message.startswith("must be a number") and takes_fractions(assignment.path):
            return dataclasses.replace(finding, fix=f"write agent set {shlex.quote(shown)} NUMBER FILE")
    return finding
