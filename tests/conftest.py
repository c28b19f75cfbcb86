"""Fixtures that more than one part of the tests uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import step_processes
from api_server import ApiServer
from hypothesis import settings
from kubernetes.client import Configuration
from reach import starts_something

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_WORKERS = 8
LONG = {
    "test_cluster_tests",
    "test_dg",
    "test_fidelity",
    "test_frame",
    "test_outages",
    "test_resumes",
    "test_scenarios",
    "test_template",
}
"""Files in which a test takes ten seconds or more, most of them waiting."""

# Machines that run tests are busy: an example that takes long once says nothing about the code. Each run has the
# same examples, so that a failure comes from a change; `thorough` looks for others.
settings.register_profile("project", deadline=None, max_examples=150, derandomize=True)
settings.register_profile("thorough", settings.get_profile("project"), max_examples=10_000, derandomize=False)
settings.register_profile("fuzz", settings.get_profile("thorough"), max_examples=1_000)
settings.register_profile("quick", settings.get_profile("project"), max_examples=15)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what starts a server or a process")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--quick"):
        settings.load_profile("quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The tests wait for half of their time: two to a core."""
    return min(2 * (os.cpu_count() or 1), MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files that make something once stay whole."""
    from scheduling import Scheduling  # noqa: PLC0415 - of xdist, which need not be there

    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What waits for long begins first."""
    if config.getoption("--quick"):
        left_out = {item for item in items if isinstance(item, pytest.Function) and starts_something(item)}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: item.path.stem not in LONG)


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
