"""The Jobs that a real run launcher and a real step handler send, without a cluster to send them to.

`JobRenderer` holds what both are made from. Any subset of the layers can be left out, which is how the plan
learns what each of them does: the code that merges is always that of ``dagster_k8s``.
"""

from __future__ import annotations

import copy
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dagster_plus_k8s_helpers._dagster import launching
from dagster_plus_k8s_helpers.plan.merge import unknown
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.layer import entry_of, over_size, with_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import dagster as dg
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.executor import K8sStepHandler
    from kubernetes.client import V1Job

    from dagster_plus_k8s_helpers._dagster import planning
    from dagster_plus_k8s_helpers.plan.merge.from_files import LocationFile
    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName

__all__ = ["JobRenderer", "Manifest", "Sent", "make_launcher", "offline"]

Manifest: TypeAlias = dict[str, Any]
"""A ``batch/v1`` Job as the API server takes it, in camelCase."""


class Sent(NamedTuple):
    """A Job and the namespace it is sent to."""

    manifest: Manifest
    namespace: str


@dataclass(frozen=True)
class JobRenderer:
    """What a run and its steps are launched from.

    Attributes:
        job_name: Name of the Dagster job.
        run_tags: Tags of the run.
        location: The code location.
        dagster_plus: Environment variables that Dagster+ sets, as ``KEY=VALUE``.
        launcher: The agent's run launcher.
        no_launcher: One that says nothing.
        handler: Step handler of the job's executor; ``None`` when its steps are no Jobs.
    """

    job_name: str
    run_tags: Mapping[str, str]
    location: LocationFile
    dagster_plus: tuple[str, ...]
    launcher: K8sRunLauncher
    no_launcher: K8sRunLauncher
    handler: K8sStepHandler | None = None

    def run_job(self, layers: Collection[LayerName]) -> Sent:
        """The Job of the run's pod, from some of its layers."""
        launcher = self._launcher(layers)
        recorder = _record(launcher)
        with launching.quiet():
            launching.launch_run(launcher, self._run(layers))
        return recorder.sent({})

    def step_job(self, step: planning.Step, layers: Collection[LayerName]) -> Sent:
        """The Job of a step's pod, from some of its layers."""
        from dagster_k8s.job import get_k8s_job_name

        handler = self._handler(layers)
        recorder = _record(handler)
        if "op tags" not in layers:
            step = step._replace(tags={})
        if "size" in layers and step.size:
            size = K8sConfig.from_dict(step.size)
            own = handler._per_step_k8s_config
            handler._per_step_k8s_config = dict(with_size(own, step.op_name, size))
            merge = handler._get_container_context
            handler._get_container_context = lambda step_handler_context: over_size(  # type: ignore[method-assign] # the handler is of this call alone
                merge(step_handler_context), size, own.get(step.op_name) or {}
            )
        run = self._run(layers)
        hash_of_step = get_k8s_job_name(run.run_id, step.key)
        with launching.quiet():
            arguments = launching.launch_step(handler, self._launcher(layers), run, step)
        return recorder.sent(
            {hash_of_step: "<hash of the run id and the step key>"}
            | dict.fromkeys(arguments, "<arguments of the step>")
        )

    def said_by(self, name: LayerName, step: planning.Step | None) -> tuple[Mapping[str, Any], str | None]:
        """What one layer says, as ``dagster_k8s`` reads it, and the namespace it says."""
        from dagster_k8s.container_context import K8sContainerContext
        from dagster_k8s.job import UserDefinedDagsterK8sConfig, get_user_defined_k8s_config

        context = K8sContainerContext()
        if name in {"agent", "Dagster+", "location"}:
            run = self._run([name])
            launcher = self.launcher if name == "agent" else None
            with launching.quiet():
                context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=False)
        elif name == "run tags":
            context = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(self.run_tags))
        elif name == "executor" and self.handler is not None:
            context = self.handler._executor_container_context
        elif name == "op tags" and step is not None:
            context = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(step.tags))
        elif name == "size" and step is not None:
            size = entry_of(K8sConfig.from_dict(step.size), {}) if step.size else {}
            context = K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(size))
        elif name == "per_step_k8s_config" and step is not None and self.handler is not None:
            own = self.handler._per_step_k8s_config.get(step.op_name, {})
            context = K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(own))
        said = context.run_k8s_config.to_dict()
        if said["merge_behavior"] == "DEEP":
            del said["merge_behavior"]
        return {section: value for section, value in said.items() if value}, context.namespace

    def has_per_step_config(self, op_name: str) -> bool:
        """Whether ``per_step_k8s_config`` speaks of an op."""
        return self.handler is not None and op_name in self.handler._per_step_k8s_config

    def _launcher(self, layers: Collection[LayerName]) -> K8sRunLauncher:
        return self.launcher if "agent" in layers else self.no_launcher

    def _run(self, layers: Collection[LayerName]) -> dg.DagsterRun:
        location = self.location if "location" in layers else replace(self.location, container_context={})
        variables = self.dagster_plus if "Dagster+" in layers else ()
        context = dict(location.container_context)
        if variables:
            context["env_vars"] = [*variables, *(context.get("env_vars") or ())]
        known = "location" in layers
        return launching.run_of(
            self.job_name,
            unknown.RUN_ID,
            self.run_tags if "run tags" in layers else {},
            image=(location.image if known else None) or unknown.IMAGE,
            executable_path=location.executable_path if known else None,
            container_context=context,
            location_name=(location.name if known else None) or unknown.LOCATION_NAME,
        )

    def _handler(self, layers: Collection[LayerName]) -> K8sStepHandler:
        """The step handler with only what the layers say.

        Its settings have no setters; `tests/plan/test_layer_order.py` fails when one is kept elsewhere.
        """
        from dagster_k8s.container_context import K8sContainerContext

        handler = copy.copy(self.handler)
        assert handler is not None  # noqa: S101 - only steps that are Jobs come here
        if "executor" not in layers:
            handler._executor_container_context = K8sContainerContext()
            handler._executor_image = None
            handler._enable_owner_references = False
        if "per_step_k8s_config" not in layers:
            handler._per_step_k8s_config = {}
        # A step is launched from the run's pod, which knows itself by then.
        handler._detect_current_name_and_uid = lambda: (  # type: ignore[method-assign] # as above
            "<name of the run's pod>",
            "<uid of the run's pod>",
        )
        return handler


def make_launcher(config: Mapping[str, Any] | None, kubeconfig: str) -> K8sRunLauncher:
    """The run launcher of an agent, or one that says nothing of its own."""
    from dagster_k8s import K8sRunLauncher

    nothing = {
        "service_account_name": "",
        "instance_config_map": "",
        "dagster_home": "",
        "image_pull_policy": "",
        "job_namespace": unknown.AGENT_NAMESPACE,
    }
    settings = dict(nothing if config is None else config)
    settings.update(load_incluster_config=False, kubeconfig_file=kubeconfig)
    return K8sRunLauncher(**settings)


@contextmanager
def offline() -> Iterator[str]:
    """Path of a kubeconfig of no cluster: ``dagster_k8s`` wants one when it is made, not when it merges.

    Loading it sets the Kubernetes client's configuration for the whole process, which is put back.
    """
    from kubernetes.client import Configuration

    before = Configuration.get_default_copy()
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        kubeconfig.write_text(_NO_CLUSTER)
        try:
            yield str(kubeconfig)
        finally:
            Configuration.set_default(before)


class _Recorder:
    """Takes the place of the client's ``BatchV1Api``, and keeps what it is told to create."""

    def __init__(self) -> None:
        self._sent: list[tuple[V1Job, str]] = []

    def create_namespaced_job(self, body: V1Job, namespace: str, **_options: object) -> None:
        self._sent.append((body, namespace))

    def sent(self, secrets_of_launch: Mapping[str, str]) -> Sent:
        ((job, namespace),) = self._sent
        manifest = _serializer().sanitize_for_serialization(job)
        arguments = manifest["spec"]["template"]["spec"]["containers"][0]["args"]
        hidden = {text: "<arguments of the run>" for text in arguments if text.startswith("{")}
        return Sent(unknown.shown(manifest, {**hidden, **secrets_of_launch}), namespace)


def _record(sender: K8sRunLauncher | K8sStepHandler) -> _Recorder:
    from dagster_k8s.client import DagsterKubernetesClient

    recorder = _Recorder()
    sender._api_client = DagsterKubernetesClient.production_client(
        batch_api_override=recorder, core_api_override=recorder
    )
    return recorder


@cache
def _serializer() -> Any:
    """What turns the client's models into JSON; making one sets up a connection pool."""
    from kubernetes.client import ApiClient

    return ApiClient()


_NO_CLUSTER = """\
apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "https://cluster.invalid"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
users: [{name: none, user: {}}]
"""
