"""`check --cluster --dry-run` on a real cluster: what it takes, what it refuses, and that nothing is made."""

from __future__ import annotations

import os

import pytest
from dry_runs import DRY_RUNS, judged

from dagster_plus_k8s_helpers.plan import ClusterObjects

pytestmark = [
    pytest.mark.cluster,
    # A kubeconfig may say not to verify the API server's certificate.
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]


@pytest.mark.usefixtures("dagster_home")
@pytest.mark.parametrize("name", sorted(DRY_RUNS))
def test_the_cluster_judges_and_makes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The client reads the variable when it is imported, and then never again.
    location = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(location, os.environ["KUBECONFIG"])
    namespace = os.environ.get("DAGSTER_PLUS_K8S_TEST_NAMESPACE", "default")

    assert (
        judged(name, ClusterObjects.from_kubeconfig(namespace=namespace, dry_run=True)) == DRY_RUNS[name][1]
    )
