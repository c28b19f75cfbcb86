"""Fixtures that more than one part of the tests uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import step_processes
from api_server import ApiServer
from hypothesis import settings
from kubernetes.client import Configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Machines that run tests are busy: an example that takes long once says nothing about the code.
settings.register_profile("project", deadline=None, max_examples=150)
settings.register_profile("thorough", settings.get_profile("project"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


@pytest.fixture(autouse=True)
def _outside_dagster_plus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the deployment it may itself be running in."""
    for name in (
        "DAGSTER_CLOUD_DEPLOYMENT_NAME",
        "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT",
        "KUBERNETES_SERVICE_HOST",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kubernetes_default() -> Iterator[None]:
    """Puts back the default configuration of the Kubernetes client, which dagster_k8s sets for the process."""
    before = Configuration.get_default_copy()
    yield
    Configuration.set_default(before)


@pytest.fixture
def api_server(tmp_path: Path, kubernetes_default: None) -> Iterator[ApiServer]:
    """Records the Jobs that are created."""
    server = ApiServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def running_api_server(tmp_path: Path, kubernetes_default: None) -> Iterator[ApiServer]:
    """Records the Jobs that are created, and runs them."""
    step_processes.warm()
    server = ApiServer(tmp_path, runs_commands=True)
    yield server
    server.close()
