"""The tests of tests/cluster, run as somebody with a cluster runs them; the cluster is the stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from api_server import ApiServer

ROOT = Path(__file__).parent.parent.parent


def test_they_run_as_their_guide_says(
    running_api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the image of the steps has.
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "support"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    values = tmp_path / "values.yaml"
    values.write_text("workspace: {labels: {team: tests}}\n")
    environment = {
        **os.environ,
        "KUBECONFIG": str(running_api_server.kubeconfig),
        "DAGSTER_HOME": str(home),
        "DAGSTER_PLUS_K8S_TEST_IMAGE": "tests:1",
        "DAGSTER_PLUS_K8S_TEST_NAMESPACE": "etl",
        "DAGSTER_PLUS_K8S_TEST_VALUES": str(values),
        "DAGSTER_PLUS_K8S_TEST_POD_KUBECONFIG": str(running_api_server.kubeconfig),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "cluster",
        "tests/cluster",
        "-k",
        "early_ttl or worker_evicted or worker_deleted",
    ]

    result = subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout
    jobs = running_api_server.played.values()
    assert {running_api_server.namespaces[job.name] for job in jobs} == {"etl"}
    assert {job.labels["team"] for job in jobs} == {"tests"}
    assert running_api_server.live_jobs() == []


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
