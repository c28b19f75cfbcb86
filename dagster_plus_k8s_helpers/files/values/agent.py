"""`DagsterCloudAgent`: the values about the pods of the agent itself."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.image_texts import RepositoryText, check_tag_text
from dagster_plus_k8s_helpers.files.sections.kubernetes_values import (
    AffinityValue,
    AnnotationsValue,
    ContainerSecurityValue,
    Kubernetes,
    LabelsValue,
    MountsValue,
    NodeSelectorValue,
    PodSecurityValue,
    ResourcesValue,
    TolerationsValue,
    VolumesValue,
    with_mounts,
)
from dagster_plus_k8s_helpers.files.values.section import NOT_NULL, Count, PullPolicy, ValuesSection
from dagster_plus_k8s_helpers.pod.objects.names import check_env_name
from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject
from dagster_plus_k8s_helpers.pod.parts import EnvFrom, env_from_from_list

__all__ = ["AgentImage", "DagsterCloudAgent"]


def _check_tag(value: object) -> object:
    if isinstance(value, float):
        raise K8sConfigError(f"must be text, not a number, which loses zeros at its end; write '{value}'")
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise K8sConfigError("must be text")
    if value is not None:
        check_tag_text(str(value))
    return value


def _check_env(value: object) -> object:
    if isinstance(value, dict):
        for name in value:
            try:
                check_env_name(name if isinstance(name, str) else str(name))
            except K8sConfigError as error:
                raise error.within(f"[{name!r}]") from None
    return value


class AgentImage(ValuesSection):
    """The image of the agent.

    Args:
        repository: Where it comes from.
        tag: Version of the agent, such as ``1.11.4``; that of the chart when left out.
        pull_policy: ``Always``, ``IfNotPresent`` or ``Never``.
    """

    repository: RepositoryText | None = None
    tag: Annotated[Any, BeforeValidator(_check_tag)] = None
    pull_policy: PullPolicy = None


@answering
class DagsterCloudAgent(ValuesSection):
    """The pods of the agent itself; those of your code are in `Workspace`.

    Args:
        image: Which image they run.
        replicas: How many of them.
        resources: `Resources` of the container.
        env: Environment variables of the agent, from which a bare name in ``Workspace.env_vars`` is read: by
            name, or Kubernetes' ``EnvVar`` objects.
        env_from: `SecretEnvSource` and `ConfigMapEnvSource` objects.
        heartbeat_tolerance: Seconds without an answer of Dagster+ after which the agent ends.
        deployment_strategy: Kubernetes' ``DeploymentStrategy``.
        readiness_probe: Kubernetes' ``Probe``.
        node_selector: Labels a node must have.
        affinity: Kubernetes' ``Affinity``.
        tolerations: `Toleration` objects.
        scheduler_name: Another scheduler than the default one.
        pod_security_context: Kubernetes' ``PodSecurityContext``.
        security_context: Kubernetes' ``SecurityContext`` of the container.
        annotations: Annotations of the pods.
        labels: Labels of the pods.
        volumes: `Volume` objects; what they are mounted at goes to ``volume_mounts``.
        volume_mounts: `VolumeMount` objects.
        init_containers: Kubernetes' ``Container`` objects, run first.
        logging_config: The agent's own logging, as ``logging.config.dictConfig`` has it.
        k8s_api_ca_bundle_path: Path of a file in the pod with the certificate authorities to trust for the
            Kubernetes API.
        kubeconfig_file: Path of a kubeconfig in the pod, for an agent that starts code in another cluster.
        additional_pod_spec_config: Any other field of ``PodSpec``.
    """

    image: Annotated[AgentImage | None, NOT_NULL] = None
    replicas: Count = None
    resources: Annotated[ResourcesValue, NOT_NULL] = None
    env: Annotated[
        dict[str, str] | tuple[KubernetesObject, ...] | None,
        Kubernetes("V1Container", "env", shown=tuple, or_mapping=True),
        NOT_NULL,
        BeforeValidator(_check_env),
    ] = None
    env_from: Annotated[
        tuple[EnvFrom, ...] | None, Kubernetes("V1Container", "env_from", shown=env_from_from_list)
    ] = None
    heartbeat_tolerance: Count = None
    deployment_strategy: Annotated[KubernetesObject | None, Kubernetes("V1DeploymentStrategy")] = None
    readiness_probe: Annotated[KubernetesObject | None, Kubernetes("V1Container", "readiness_probe")] = None
    node_selector: Annotated[NodeSelectorValue, NOT_NULL] = None
    affinity: Annotated[AffinityValue, NOT_NULL] = None
    tolerations: Annotated[TolerationsValue, NOT_NULL] = None
    scheduler_name: Annotated[str | None, Kubernetes("V1PodSpec", "scheduler_name")] = None
    pod_security_context: Annotated[PodSecurityValue, NOT_NULL] = None
    security_context: Annotated[ContainerSecurityValue, NOT_NULL] = None
    annotations: Annotated[AnnotationsValue, NOT_NULL] = None
    labels: Annotated[LabelsValue, NOT_NULL] = None
    volumes: VolumesValue = None
    volume_mounts: MountsValue = None
    init_containers: Annotated[list[KubernetesObject] | None, Kubernetes("V1PodSpec", "init_containers")] = (
        None
    )
    logging_config: dict[str, Any] | None = None
    k8s_api_ca_bundle_path: str | None = None
    kubeconfig_file: str | None = None
    additional_pod_spec_config: Annotated[KubernetesObject | None, Kubernetes("V1PodSpec")] = None

    @model_validator(mode="before")
    @classmethod
    def _mount_volumes(cls, data: object) -> object:
        return with_mounts(data)

    @classmethod
    def without_downtime(cls, replicas: int = 2, **fields: Any) -> Self:
        """Agents that are replaced one after the other, each once the next has found all code locations.

        Args:
            replicas: How many run at once, at least 1.
            **fields: Anything else that `DagsterCloudAgent` takes.

        Raises:
            K8sConfigError: No replica, or a value that `DagsterCloudAgent` refuses.
        """
        if isinstance(replicas, int) and replicas < 1:
            raise K8sConfigError(f"{replicas} agents serve nothing; write at least 1", where="replicas")
        return cls(**{"replicas": replicas, **_WITHOUT_DOWNTIME, **fields})


_WITHOUT_DOWNTIME = {
    "deployment_strategy": {
        "type": "RollingUpdate",
        "rolling_update": {"max_unavailable": "0%", "max_surge": "200%"},
    },
    # The agent writes the file once it has found every code location a running server.
    "readiness_probe": {
        "_exec": {
            "command": ["/bin/bash", "-c", "test -f /tmp/finished_initial_reconciliation_sentinel.txt"]
        },
        "failure_threshold": 60,
        "initial_delay_seconds": 0,
        "period_seconds": 10,
    },
}
"""What the chart itself recommends in a comment beside these values."""
