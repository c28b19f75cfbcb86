"""Assertions about the pods of a plan, for pytest."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import ArgumentError
from dagster_plus_k8s_helpers.findings.finding import Finding, Severity, at_or_above

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan

__all__ = ["assert_fits", "assert_matches_snapshot", "assert_no_findings"]

UPDATE = "DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS"
"""Environment variable that makes `assert_matches_snapshot` write the snapshots anew."""

VERSION_LABEL = "app.kubernetes.io/version"
"""Label that changes with every release of dagster, and would change every snapshot."""


@answering
def assert_fits(plan: RunPlan, nodes: Path | str | Sequence[NodePool]) -> None:
    """Every pod of a plan fits an empty node of the cluster.

    Args:
        plan: The plan.
        nodes: The node pools; or the path of a file with them, as `read_nodes` takes it.

    Raises:
        AssertionError: A pod fits no node; the message says why in the scheduler's words.
        InvalidFileError: The file has mistakes.
    """
    from dagster_plus_k8s_helpers.capacity.nodes import read_nodes  # noqa: PLC0415 - only who plans pays for it

    pools = read_nodes(Path(nodes).read_bytes(), str(nodes)) if isinstance(nodes, str | Path) else nodes
    homeless = [f"{name}: {fit.message}" for name, fit in plan.fit(pools).items() if not fit]
    if homeless:
        raise AssertionError("\n".join(homeless))


@answering
def assert_no_findings(findings: Iterable[Finding], *, allow_warnings: bool = False) -> None:
    """A check found nothing.

    Args:
        findings: What `check` returned.
        allow_warnings: Let warnings pass.

    Raises:
        AssertionError: It found something; the message has all of it.
    """
    given = list(findings)
    other = next((item for item in given if not isinstance(item, Finding)), None)
    if isinstance(findings, str) or other is not None:
        what = type(findings if isinstance(findings, str) else other).__name__
        raise ArgumentError(f"assert_no_findings: findings must be what check(...) returned, not {what}")
    found = at_or_above(given, Severity.ERROR if allow_warnings else Severity.WARNING)
    if found:
        raise AssertionError("\n".join(str(finding) for finding in found))


@answering
def assert_matches_snapshot(plan: RunPlan, file: Path | str) -> None:
    """The Jobs of a plan are as they were when the snapshot was reviewed.

    The snapshot is the YAML that ``dagster-plus-k8s plan -o yaml`` prints, without the label that tells the
    version of dagster. It is written when the environment variable ``DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS`` is
    set, and belongs into git.

    Args:
        plan: The plan.
        file: The snapshot.

    Raises:
        AssertionError: The Jobs have changed, or there is no snapshot yet; the message has the difference.
    """
    from dagster_plus_k8s_helpers.plan.show.as_yaml import plan_yaml  # noqa: PLC0415 - only who plans pays for it

    path, now = Path(file), plan_yaml(plan, without_labels=[VERSION_LABEL])
    if os.environ.get(UPDATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(now, encoding="utf-8")
        return
    if not path.exists():
        raise AssertionError(f"there is no snapshot {path}; run pytest with {UPDATE}=1 to write it")
    then = path.read_text(encoding="utf-8")
    if then != now:
        difference = difflib.unified_diff(
            then.splitlines(), now.splitlines(), str(path), "the plan now", lineterm="", n=2
        )
        raise AssertionError("\n".join([*difference, f"if that is meant, run pytest with {UPDATE}=1"]))
