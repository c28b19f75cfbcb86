"""What users are given to test their own pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import K8sConfig, Resources, k8s_executor
from dagster_plus_k8s_helpers.capacity.nodes import NodePool
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, Where
from dagster_plus_k8s_helpers.plan import RunPlan, plan
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.testing import assert_fits, assert_matches_snapshot, assert_no_findings

if TYPE_CHECKING:
    from pathlib import Path


def planned(memory: str = "2Gi") -> RunPlan:
    @dg.asset(op_tags=K8sConfig(resources=Resources(memory=memory)).tags)
    def orders() -> None: ...

    return plan(dg.Definitions(assets=[orders], executor=k8s_executor()))


def pool(memory: str) -> NodePool:
    return NodePool("small", {"memory": Quantity(memory)})


def test_pods_that_fit_pass() -> None:
    assert_fits(planned(), [pool("4Gi")])


def test_a_pod_that_fits_nowhere_fails_in_the_schedulers_words() -> None:
    with pytest.raises(AssertionError, match=r"^orders: 0/1 nodes are available: 1 Insufficient memory$"):
        assert_fits(planned("8Gi"), [pool("4Gi")])


def test_nodes_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text("pools: [{name: a, allocatable: {memory: 1Gi}}]")

    with pytest.raises(AssertionError, match="Insufficient memory"):
        assert_fits(planned(), file)


def test_findings_fail_with_all_of_them_and_warnings_may_pass() -> None:
    error = Rule("DPK999", Severity.ERROR, "why", "mend it").at(Where("a.yaml", 1, 2), "wrong")
    warning = Rule("DPK998", Severity.WARNING, "why", "look at it").at(Where("b.yaml"), "odd")

    with pytest.raises(AssertionError, match=r"a\.yaml:1:2: error DPK999: wrong; mend it\nb\.yaml: warning"):
        assert_no_findings([error, warning])
    with pytest.raises(AssertionError):
        assert_no_findings([warning])
    assert_no_findings([warning], allow_warnings=True)
    assert_no_findings([])


def test_a_snapshot_is_written_compared_and_updated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "snapshots" / "nightly.yaml"
    with pytest.raises(AssertionError, match=r"there is no snapshot .*nightly.yaml; run pytest with"):
        assert_matches_snapshot(planned(), file)
    monkeypatch.setenv("DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS", "1")
    assert_matches_snapshot(planned(), file)
    monkeypatch.delenv("DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS")

    assert_matches_snapshot(planned(), file)
    with pytest.raises(AssertionError) as caught:
        assert_matches_snapshot(planned("4Gi"), file)

    assert "-            memory: 2Gi\n+            memory: 4Gi" in str(caught.value)


def test_a_snapshot_outlives_a_release_of_dagster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nightly.yaml"
    monkeypatch.setenv("DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS", "1")
    assert_matches_snapshot(planned(), file)
    monkeypatch.delenv("DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS")

    monkeypatch.setattr("dagster_k8s.utils.dagster_version", "9.9.9")

    assert planned().run.manifest["metadata"]["labels"]["app.kubernetes.io/version"] == "9.9.9"
    assert_matches_snapshot(planned(), file)
