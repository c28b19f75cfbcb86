"""The Kubernetes Jobs of a Dagster job, as ``dagster_k8s`` itself merges and builds them.

Nothing here imitates ``dagster_k8s``: a real ``K8sStepHandler`` merges the layers and
``construct_dagster_k8s_job`` makes the manifest. What is known at launch only is left out of the
manifest: the name, the command, the run id, and what the agent of a deployment adds.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.executor import K8sStepHandler
    from kubernetes.client import V1Job

__all__ = ["Manifest", "run_manifest", "step_manifests"]

Manifest = dict[str, Any]
"""A ``batch/v1`` Job as the API server takes it, in camelCase."""


def step_manifests(job: dg.JobDefinition) -> dict[str, Manifest]:
    """The Job of each step of a Dagster job, by step key.

    Takes in what the executor, the op tags and the per-step config say; the agent and the code location
    say nothing here. No cluster is needed, and no resource is initialised.

    Args:
        job: The job, with an executor made by `k8s_executor` or ``dagster_k8s.k8s_job_executor``.

    Raises:
        DeploymentError: The job has another executor, which runs every step in the run's own pod, or the
            stock one made by ``.configured({...})``.
    """
    with _offline_step_handler(job) as handler:
        return {
            step.key: _manifest(_container_context(handler, job, step), "dagster-step", "step_worker")
            for step in _dagster.steps_of(job)
        }


def run_manifest(job: dg.JobDefinition) -> Manifest:
    """The Job of the run's own pod, from the tags of the job."""
    from dagster_k8s.container_context import K8sContainerContext

    context = K8sContainerContext.create_for_run(_dagster.run_of(job), None, include_run_tags=True)
    return _manifest(context, "dagster-run", "run_worker")


def _container_context(
    handler: K8sStepHandler, job: dg.JobDefinition, step: _dagster.Step
) -> K8sContainerContext:
    """All layers of one step, merged by the handler that would launch it."""
    launch = SimpleNamespace(
        execute_step_args=SimpleNamespace(step_keys_to_execute=[step.key]),
        dagster_run=_dagster.run_of(job),
        instance=SimpleNamespace(run_launcher=None),
        step_tags={step.key: step.tags},
        get_step_context=lambda _key: SimpleNamespace(step=step),
    )
    return _dagster.merged_container_context(handler, launch)


def _manifest(context: K8sContainerContext, name: str, component: str) -> Manifest:
    from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job

    job: V1Job = construct_dagster_k8s_job(
        job_config=DagsterK8sJobConfig(),
        args=None,
        job_name=name,
        pod_name=name,
        component=component,
        user_defined_k8s_config=context.run_k8s_config,
    )
    return _as_sent(job)


def _as_sent(job: V1Job) -> Manifest:
    from kubernetes.client import ApiClient

    manifest: Manifest = ApiClient().sanitize_for_serialization(job)
    del manifest["metadata"]["name"], manifest["spec"]["template"]["metadata"]["name"]
    return manifest


@contextmanager
def _offline_step_handler(job: dg.JobDefinition) -> Iterator[K8sStepHandler]:
    """The step handler of the job's executor, which wants the address of a cluster when it is made."""
    from dagster_k8s.executor import K8sStepHandler
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException

    before = Configuration.get_default_copy()
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        kubeconfig.write_text(_NO_CLUSTER)
        handler: K8sStepHandler | None = None
        offline = {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
        try:
            with suppress(ConfigException):
                handler = _dagster.step_handler_of(job, offline, K8sStepHandler)
            if handler is None:
                raise DeploymentError(
                    f"the executor {job.executor_def.name!r} of the job {job.name!r} starts no pods of its "
                    "own, or was made by .configured(), which leaves nothing to override; load the "
                    "definitions as the deployment would and make the executor with k8s_executor(...)"
                )
            yield handler
        finally:
            Configuration.set_default(before)


_NO_CLUSTER = """\
apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "https://cluster.invalid"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
users: [{name: none, user: {}}]
"""
