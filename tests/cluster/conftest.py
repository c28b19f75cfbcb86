"""A run on the cluster that the environment names; see README.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import step_runs
import yaml
from dagster._core.instance.ref import InstanceRef
from kubernetes.client import BatchV1Api
from kubernetes.config import new_client_from_config
from step_runs import StepRun

from dagster_plus_k8s_helpers.plan.layers import launcher_config

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "DAGSTER_PLUS_K8S_TEST_"
NEEDED = ("KUBECONFIG", "DAGSTER_HOME", f"{PREFIX}IMAGE")


class ClusterRun(StepRun):
    """A run whose Jobs go to a real cluster."""

    start_timeout = 30.0

    def __init__(self, instance: dg.DagsterInstance, environment: pytest.MonkeyPatch) -> None:
        super().__init__(instance, None, Path("/nowhere"), environment)  # type: ignore[arg-type]
        self._kubeconfig = os.environ["KUBECONFIG"]
        self.namespace = os.environ.get(f"{PREFIX}NAMESPACE", "default")

    @property
    def kubeconfig(self) -> str:
        return self._kubeconfig

    def settings(self, executor: dict[str, Any]) -> dict[str, Any]:
        """What the executor is made with."""
        return {
            "health_check_interval": 2.0,
            "image": os.environ[f"{PREFIX}IMAGE"],
            "namespace": self.namespace,
            "load_incluster_config": False,
            "kubeconfig_file": self._kubeconfig,
            "owner_references": False,
            **executor,
        }

    def clean_up(self) -> None:
        """Delete the Jobs of the run, and their pods."""
        BatchV1Api(new_client_from_config(self._kubeconfig)).delete_collection_namespaced_job(
            self.namespace, label_selector=f"dagster/run-id={self.run_id}", propagation_policy="Background"
        )
        if self.run_id:
            self.instance.delete_run(self.run_id)


def launcher() -> dict[str, Any]:
    """The launcher whose settings the step pods take after: those of the values file's ``workspace``."""
    written = os.environ.get(f"{PREFIX}VALUES")
    values = yaml.safe_load(Path(written).read_text()) if written else {}
    config = {name: value for name, value in launcher_config(values or {}).items() if value is not None}
    config |= {
        "job_image": os.environ[f"{PREFIX}IMAGE"],
        "job_namespace": os.environ.get(f"{PREFIX}NAMESPACE", "default"),
        "load_incluster_config": False,
        "kubeconfig_file": os.environ["KUBECONFIG"],
        "dagster_home": os.environ["DAGSTER_HOME"],
        "instance_config_map": "",
    }
    if not (values or {}).get("workspace", {}).get("serviceAccountName"):
        config["service_account_name"] = "default"
    return {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}}


@pytest.fixture
def cluster_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterRun]:
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        pytest.skip(f"{', '.join(missing)} must be set: see tests/cluster/README.md")
    monkeypatch.setattr(step_runs, "PATIENCE", 600.0)
    reference = InstanceRef.from_dir(os.environ["DAGSTER_HOME"], overrides=launcher())
    with dg.DagsterInstance.from_ref(reference) as instance:
        run = ClusterRun(instance, monkeypatch)
        yield run
        run.clean_up()
