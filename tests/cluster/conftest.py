"""A run on the cluster that the environment names; see README.md."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
import pytest
import step_runs
import yaml
from api_proxy import ApiProxy
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import WorkerStatus
from dagster._serdes import ConfigurableClassData
from kubernetes.client import (
    ApiException,
    BatchV1Api,
    CoreV1Api,
    CustomObjectsApi,
    V1Eviction,
    V1ObjectMeta,
)
from kubernetes.config import new_client_from_config
from scenarios import pod, success
from step_runs import StepRun

from dagster_plus_k8s_helpers.cluster.kueue import VERSIONS
from dagster_plus_k8s_helpers.plan.merge.from_files import launcher_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster._core.definitions.reconstruct import ReconstructableJob

PREFIX = "DAGSTER_PLUS_K8S_TEST_"
NEEDED = ("KUBECONFIG", "DAGSTER_HOME", f"{PREFIX}IMAGE")
LABEL = "dagster-plus-k8s-test"
STEPS = "app.kubernetes.io/component=step_worker"
KUEUE = "kueue.x-k8s.io"
WORKERS = "app.kubernetes.io/component=run_worker"
# Where the pods have a kubeconfig instead of a service account.
POD_KUBECONFIG = f"{PREFIX}POD_KUBECONFIG"


def kueue_version(custom: CustomObjectsApi) -> str | None:
    """The newest version of Kueue's API that the cluster has; ``None`` where there is no Kueue."""
    for version in VERSIONS:
        try:
            custom.list_cluster_custom_object(KUEUE, version, "clusterqueues", limit=1)
        except ApiException as error:
            if error.status != 404:
                raise
        else:
            return version
    return None


def quota(flavor: str, cpu: str, memory: str) -> dict[str, Any]:
    """The spec of a ClusterQueue of one flavor."""
    resources = [{"name": "cpu", "nominalQuota": cpu}, {"name": "memory", "nominalQuota": memory}]
    group = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": flavor, "resources": resources}]}
    return {"namespaceSelector": {}, "resourceGroups": [group]}


class RealCluster:
    """The cluster as a scenario sees it.

    Args:
        folder: Takes in the proxy's kubeconfig.
    """

    start_timeout = 60.0
    outage_seconds = 30.0

    def __init__(self, folder: Path) -> None:
        self.namespace = os.environ.get(f"{PREFIX}NAMESPACE", "default")
        self.api = ApiProxy(os.environ["KUBECONFIG"], folder, namespace=self.namespace)
        client = new_client_from_config(os.environ["KUBECONFIG"])
        self._core, self._batch = CoreV1Api(client), BatchV1Api(client)
        self._token = uuid4().hex[:8]
        self.unschedulable = pod(node_selector={LABEL: self._token})
        self._labelled: list[str] = []
        self._custom, self._kueue = CustomObjectsApi(client), ""
        self._queues: list[tuple[str, str]] = []

    def evict(self, run: StepRun, step: str) -> None:
        """Ask for an eviction of the pod that runs, as kubectl drain does."""
        selector = f"dagster/run-id={run.run_id},dagster/op={step}"
        pods = self._core.list_namespaced_pod(self.namespace, label_selector=selector).items
        (running,) = [item.metadata.name for item in pods if item.status.phase == "Running"]
        body = V1Eviction(metadata=V1ObjectMeta(name=running, namespace=self.namespace))
        self._core.create_namespaced_pod_eviction(running, self.namespace, body)

    def evict_worker(self, run: StepRun) -> None:
        """Ask for an eviction of the run worker's pod."""
        name = self._worker(run)
        body = V1Eviction(metadata=V1ObjectMeta(name=name, namespace=self.namespace))
        self._core.create_namespaced_pod_eviction(name, self.namespace, body)

    def delete_worker(self, run: StepRun) -> None:
        """Delete the run worker's pod, and not its Job."""
        self._core.delete_namespaced_pod(self._worker(run), self.namespace)

    def worker_has_ended(self, run: StepRun) -> bool:
        """Whether run monitoring would find that the run has no run worker."""
        health = run.instance.run_launcher.check_run_worker_health(run.status)
        return health.status is WorkerStatus.FAILED

    def _worker(self, run: StepRun) -> str:
        selector = f"dagster/run-id={run.run_id},{WORKERS}"
        pods = self._core.list_namespaced_pod(self.namespace, label_selector=selector).items
        (running,) = [item.metadata.name for item in pods if item.status.phase == "Running"]
        return str(running)

    def make_schedulable(self, _run: StepRun, _step: str) -> None:
        """Label a node that takes pods."""
        nodes = [
            node
            for node in self._core.list_node().items
            if not node.spec.unschedulable and not node.spec.taints
        ]
        assert nodes, "the scenario needs a node without taints"
        name = nodes[0].metadata.name
        self._core.patch_node(name, {"metadata": {"labels": {LABEL: self._token}}})
        self._labelled.append(name)

    def suspend(self, run: StepRun, step: str) -> None:
        """Set it of the Job that was created last."""
        self._set_suspended(run, step, suspended=True)

    def resume(self, run: StepRun, step: str) -> None:
        """Unset it."""
        self._set_suspended(run, step, suspended=False)

    def _set_suspended(self, run: StepRun, step: str, *, suspended: bool) -> None:
        selector = f"dagster/run-id={run.run_id},dagster/op={step},{STEPS}"
        found = self._batch.list_namespaced_job(self.namespace, label_selector=selector).items
        newest = max(found, key=lambda job: str(job.metadata.creation_timestamp))
        self._batch.patch_namespaced_job(
            newest.metadata.name, self.namespace, {"spec": {"suspend": suspended}}
        )

    def refuse_kueue(self) -> None:
        """Kueue would hold a Job whose queue there is not."""
        if kueue_version(self._custom) is not None:
            pytest.skip("Kueue is installed, and would hold the Job: held_by_its_queue is for that")

    def full_queue(self) -> str:
        """A LocalQueue of a ClusterQueue without any quota, made for this scenario."""
        version = kueue_version(self._custom)
        if version is None:
            pytest.skip("Kueue is not installed")
        self._kueue, name = version, f"{LABEL}-{self._token}"
        for plural, spec in (("resourceflavors", {}), ("clusterqueues", quota(name, "0", "0"))):
            body = {
                "apiVersion": f"{KUEUE}/{version}",
                "kind": {"resourceflavors": "ResourceFlavor", "clusterqueues": "ClusterQueue"}[plural],
                "metadata": {"name": name},
                "spec": spec,
            }
            self._custom.create_cluster_custom_object(KUEUE, version, plural, body)
            self._queues.append((plural, name))
        local = {
            "apiVersion": f"{KUEUE}/{version}",
            "kind": "LocalQueue",
            "metadata": {"name": name},
            "spec": {"clusterQueue": name},
        }
        self._custom.create_namespaced_custom_object(KUEUE, version, self.namespace, "localqueues", local)
        return name

    def make_room(self) -> None:
        """Give that ClusterQueue a quota."""
        name = f"{LABEL}-{self._token}"
        body = {"spec": quota(name, "10", "100Gi")}
        self._custom.patch_cluster_custom_object(KUEUE, self._kueue, "clusterqueues", name, body)

    def jobs(self, run: StepRun) -> list[str]:
        """Those of steps that are there, also when they are being deleted."""
        return self._jobs(f"dagster/run-id={run.run_id},{STEPS}")

    def _jobs(self, selector: str) -> list[str]:
        found = self._batch.list_namespaced_job(self.namespace, label_selector=selector)
        return [job.metadata.name for job in found.items]

    def clean_up(self, run: StepRun) -> None:
        """Delete the Jobs of a run with their pods, take labels off nodes, and close the proxy."""
        self.api.close()
        for name in self._jobs(f"dagster/run-id={run.run_id}") if run.run_id else ():
            try:
                self._batch.delete_namespaced_job(name, self.namespace, propagation_policy="Background")
            except ApiException as error:
                if error.status != 404:
                    raise
        if self._queues:
            name = f"{LABEL}-{self._token}"
            self._custom.delete_namespaced_custom_object(
                KUEUE, self._kueue, self.namespace, "localqueues", name
            )
        for plural, name in reversed(self._queues):
            self._custom.delete_cluster_custom_object(KUEUE, self._kueue, plural, name)
        for name in self._labelled:
            self._core.patch_node(name, {"metadata": {"labels": {LABEL: None}}})


class ClusterRun(StepRun):
    """A run whose Jobs go to a real cluster, through the proxy."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        cluster: RealCluster,
        folder: Path,
        environment: pytest.MonkeyPatch,
    ) -> None:
        super().__init__(instance, None, folder, environment)  # type: ignore[arg-type]
        self._cluster = cluster

    @property
    def kubeconfig(self) -> str:
        return str(self._cluster.api.kubeconfig)

    def settings(self, executor: dict[str, Any]) -> dict[str, Any]:
        """What the executor is made with."""
        return {
            "health_check_interval": 2.0,
            "image": os.environ[f"{PREFIX}IMAGE"],
            "namespace": self._cluster.namespace,
            "load_incluster_config": False,
            "kubeconfig_file": self.kubeconfig,
            "owner_references": False,
            **executor,
        }

    def describe_in_pods(self, steps: dict[str, dict[str, Any]], executor: dict[str, Any]) -> None:
        """Say what the job is made of; the run worker goes to the API server itself."""
        self.describe(steps, {**executor, **in_pods(), "owner_references": True})

    def ref_in_pods(self) -> InstanceRef:
        """The instance, whose launcher finds the API server from within a pod."""
        config = launcher(self._cluster)["run_launcher"]["config"] | in_pods()
        data = ConfigurableClassData("dagster_k8s", "K8sRunLauncher", yaml.safe_dump(config))
        return self.instance.get_ref()._replace(run_launcher_data=data)

    def job(self) -> ReconstructableJob:
        """As it is, started by ``python -m``: an image may have Python on its PATH and not ``dagster``."""
        job = super().job()
        return job._replace(repository=job.repository._replace(entry_point=["python", "-m", "dagster"]))

    def clean_up(self) -> None:
        """End what still runs, and take the run out of the instance."""
        if self.run_id:
            self.abandon()
            if self._thread is not None:
                self._thread.join(step_runs.PATIENCE)
            self._cluster.clean_up(self)
            self.instance.compute_log_manager.delete_logs(prefix=[self.run_id])
            self.instance.delete_run(self.run_id)
        else:
            self._cluster.clean_up(self)


def in_pods() -> dict[str, Any]:
    """How the API server is reached from within a pod."""
    kubeconfig = os.environ.get(POD_KUBECONFIG)
    return {"load_incluster_config": kubeconfig is None, "kubeconfig_file": kubeconfig}


def launcher(cluster: RealCluster) -> dict[str, Any]:
    """The launcher whose settings the step pods take after: those of the values file's ``workspace``."""
    written = os.environ.get(f"{PREFIX}VALUES")
    values = yaml.safe_load(Path(written).read_text()) if written else {}
    config = {name: value for name, value in launcher_config(values or {}).items() if value is not None}
    config |= {
        "job_image": os.environ[f"{PREFIX}IMAGE"],
        "job_namespace": cluster.namespace,
        "load_incluster_config": False,
        "kubeconfig_file": str(cluster.api.kubeconfig),
        "dagster_home": os.environ["DAGSTER_HOME"],
        "instance_config_map": "",
    }
    if not (values or {}).get("workspace", {}).get("serviceAccountName"):
        config["service_account_name"] = "default"
    return {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}}


@pytest.fixture(scope="session")
def dagster_home() -> str:
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        pytest.skip(f"{', '.join(missing)} must be set: see tests/cluster/README.md")
    return os.environ["DAGSTER_HOME"]


@pytest.fixture(scope="session")
def _image_is_pulled(dagster_home: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs two steps once, so that no scenario about time has an image to wait for."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setattr(step_runs, "PATIENCE", 900.0)
        with _run(dagster_home, tmp_path_factory.mktemp("warm"), environment) as (run, cluster):
            success(run, cluster)


@pytest.fixture
def cluster_run(
    dagster_home: str, _image_is_pulled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ClusterRun, RealCluster]]:
    monkeypatch.setattr(step_runs, "PATIENCE", 600.0)
    with _run(dagster_home, tmp_path, monkeypatch) as found:
        yield found


@contextmanager
def _run(
    dagster_home: str, folder: Path, environment: pytest.MonkeyPatch
) -> Iterator[tuple[ClusterRun, RealCluster]]:
    cluster = RealCluster(folder)
    reference = InstanceRef.from_dir(dagster_home, overrides=launcher(cluster))
    with dg.DagsterInstance.from_ref(reference) as instance:
        run = ClusterRun(instance, cluster, folder, environment)
        try:
            yield run, cluster
        finally:
            run.clean_up()
