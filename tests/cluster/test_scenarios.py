"""The executor on a real cluster: causes are real, down to the OOM kills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scenarios import SCENARIOS

if TYPE_CHECKING:
    from scenarios import Cluster
    from step_runs import StepRun

pytestmark = [
    pytest.mark.cluster,
    # A kubeconfig may say not to verify the API server's certificate.
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario(name: str, cluster_run: tuple[StepRun, Cluster]) -> None:
    SCENARIOS[name](*cluster_run)
