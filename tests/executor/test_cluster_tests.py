"""The tests of tests/cluster, run as somebody with a cluster runs them; the cluster is the stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api_server import Fault
from dry_runs import DRY_RUNS, NOT_BY_HAND

from dagster_plus_k8s_helpers.cluster.kueue import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from api_server import ApiServer

ROOT = Path(__file__).parent.parent.parent


def run_on(
    server: ApiServer, which: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> subprocess.CompletedProcess[str]:
    """Some of the tests of tests/cluster, with the stand-in for a cluster."""
    # What the image of the steps has.
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "support"))
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    values = folder / "values.yaml"
    values.write_text("workspace: {labels: {team: tests}}\n")
    environment = {
        **os.environ,
        "KUBECONFIG": str(server.kubeconfig),
        "DAGSTER_HOME": str(home),
        "DAGSTER_PLUS_K8S_TEST_IMAGE": "tests:1",
        "DAGSTER_PLUS_K8S_TEST_NAMESPACE": "etl",
        "DAGSTER_PLUS_K8S_TEST_VALUES": str(values),
        "DAGSTER_PLUS_K8S_TEST_POD_KUBECONFIG": str(server.kubeconfig),
    }
    command = [sys.executable, "-m", "pytest", "-m", "cluster", "tests/cluster", "-k", which]
    return subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_they_run_as_their_guide_says(
    running_api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With Kueue, its own scenario is played in place of one of them.
    running_api_server.gone |= {f"/apis/kueue.x-k8s.io/{version}" for version in VERSIONS}
    result = run_on(
        running_api_server,
        "early_ttl or worker_evicted or worker_deleted or taken_by",
        tmp_path,
        monkeypatch,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout
    jobs = running_api_server.played.values()
    assert {running_api_server.namespaces[job.name] for job in jobs} == {"etl"}
    assert {job.labels["team"] for job in jobs} == {"tests"}
    assert running_api_server.live_jobs() == []


def test_a_dry_run_is_tested_on_a_cluster_too(
    api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_server.absent = {"there-is-none"}
    body = {"kind": "Status", "message": f'pods "x" is forbidden: {NOT_BY_HAND}', "code": 403}
    has_priority: Callable[[dict[str, Any]], bool] = lambda pod: "priority" in pod["spec"]  # noqa: E731
    api_server.faults.append(Fault("POST", "pods", 403, body=body, matches=has_priority))

    result = run_on(api_server, "judges", tmp_path, monkeypatch)

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(DRY_RUNS)} passed" in result.stdout
    assert api_server.created == []


def test_without_a_cluster_they_say_what_is_missing() -> None:
    environment = {
        key: value for key, value in os.environ.items() if key not in {"KUBECONFIG", "DAGSTER_HOME"}
    }

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "cluster", "tests/cluster", "-rs", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0
    assert (
        "KUBECONFIG, DAGSTER_HOME, DAGSTER_PLUS_K8S_TEST_IMAGE must be set: see tests/cluster/README.md"
        in " ".join(result.stdout.split())
    )
