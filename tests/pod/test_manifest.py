"""That what a config says reaches the pod: every field, and the same pod from every form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from configs import EVERY_FIELD
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config
from dagster_k8s.pipes import build_pod_body
from kubernetes.client import ApiClient

from dagster_plus_k8s_helpers import K8sConfig

# What dagster decides for its own pods, whatever a config says.
DAGSTERS_OWN = {"merge_behavior"}


def as_json(api_object: object) -> dict[str, Any]:
    content: dict[str, Any] = ApiClient().sanitize_for_serialization(api_object)
    return content


def job_from_tags(tags: dict[str, str]) -> dict[str, Any]:
    """The Job that dagster_k8s makes of run tags."""
    return as_json(
        construct_dagster_k8s_job(
            DagsterK8sJobConfig(job_image="image"),
            args=None,
            job_name="name",
            user_defined_k8s_config=get_user_defined_k8s_config(tags),
        )
    )


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Paths at which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = {**one, **other}
        return [p for key in keys for p in differences(one.get(key), other.get(key), f"{path}.{key}")]
    return [] if one == other else [path]


PATHS = {
    "resources": "container.resources",
    "node_selector": "pod.nodeSelector",
    "tolerations": "pod.tolerations",
    "affinity": "pod.affinity",
    "topology_spread_constraints": "pod.topologySpreadConstraints",
    "priority_class_name": "pod.priorityClassName",
    "runtime_class_name": "pod.runtimeClassName",
    "scheduler_name": "pod.schedulerName",
    "service_account_name": "pod.serviceAccountName",
    "image": "container.image",
    "image_pull_policy": "container.imagePullPolicy",
    "image_pull_secrets": "pod.imagePullSecrets",
    "env": "container.env",
    "env_from": "container.envFrom",
    "volumes": "pod.volumes",
    "volume_mounts": "container.volumeMounts",
    "labels": "template.metadata.labels",
    "annotations": "template.metadata.annotations",
    "security_context": "container.securityContext",
    "pod_security_context": "pod.securityContext",
    "host_aliases": "pod.hostAliases",
    "dns_policy": "pod.dnsPolicy",
    "dns_config": "pod.dnsConfig",
    "init_containers": "pod.initContainers",
    "termination_grace_period_seconds": "pod.terminationGracePeriodSeconds",
    "active_deadline_seconds": "job.activeDeadlineSeconds",
    "ttl_seconds_after_finished": "job.ttlSecondsAfterFinished",
    "queue": "metadata.labels.kueue.x-k8s.io/queue-name",
    "priority_class": "metadata.labels.kueue.x-k8s.io/priority-class",
    "container_config": "container.workingDir",
    "pod_spec_config": "pod.hostNetwork",
    "pod_metadata": "template.metadata.finalizers",
    "job_spec_config": "job.completionMode",
    "job_metadata": "metadata.annotations",
}
"""Where each field must stand in the manifest."""


def at(job: dict[str, Any], path: str) -> Any:
    template = job["spec"]["template"]
    places = {
        "metadata": job["metadata"],
        "job": job["spec"],
        "template": template,
        "pod": template["spec"],
        "container": template["spec"]["containers"][0],
    }
    first, *rest = path.split(".", 2)
    value = places[first]
    for step in rest:
        value = value.get(step) if isinstance(value, dict) else None
    return value


@pytest.mark.parametrize("field", sorted(set(EVERY_FIELD) - DAGSTERS_OWN))
def test_every_declared_field_reaches_the_job_manifest(field: str) -> None:
    without = job_from_tags(K8sConfig().run_tags)
    job = job_from_tags(K8sConfig(**{field: EVERY_FIELD[field]}).run_tags)

    assert at(job, PATHS[field]) is not None
    assert at(job, PATHS[field]) != at(without, PATHS[field])


def test_everything_a_config_says_is_in_the_manifest_as_it_says_it() -> None:
    config = K8sConfig(**EVERY_FIELD)
    values = config.without("merge_behavior").helm_values()["workspace"]["runK8sConfig"]

    job = job_from_tags(config.run_tags)

    template = job["spec"]["template"]
    pod = template["spec"]
    second = pod["containers"][1:]
    expected_pod = {**values["podSpecConfig"], "containers": second}
    assert missing(values["containerConfig"], pod["containers"][0]) == []
    assert missing(expected_pod, {**pod, "containers": second}) == []
    assert missing(values["podTemplateSpecMetadata"], template["metadata"]) == []
    assert missing(values["jobMetadata"], job["metadata"]) == []
    assert missing(values["jobSpecConfig"], job["spec"]) == []


def missing(said: dict[str, Any], sent: dict[str, Any]) -> list[str]:
    """What of ``said`` is not in ``sent``; maps may hold more than was said."""
    return [
        key
        for key, value in said.items()
        if (missing(value, sent[key]) if isinstance(value, dict) and key in sent else sent.get(key) != value)
    ]


def test_tag_container_context_helm_values_and_pipes_lead_to_the_same_pod() -> None:
    config = K8sConfig(**EVERY_FIELD).without(
        "merge_behavior",
        "job_metadata",
        "job_spec_config",
        "ttl_seconds_after_finished",
        "active_deadline_seconds",
    )
    tag = get_user_defined_k8s_config(config.run_tags)
    context = K8sContainerContext.create_from_config(config.container_context()).run_k8s_config
    helm = K8sContainerContext.create_from_config(
        {"k8s": {"run_k8s_config": snake_case_sections(config.helm_values()["workspace"]["runK8sConfig"])}}
    ).run_k8s_config

    assert tag == context == helm

    pipes = as_json(
        build_pod_body(
            "name", None, None, {}, base_pod_meta=config.pod_metadata(), base_pod_spec=config.pod_spec()
        )
    )
    pod = job_from_tags(config.run_tags)["spec"]["template"]
    assert set(differences(pod["spec"], pipes["spec"])) <= {".automountServiceAccountToken", ".containers"}
    assert set(differences(pod["spec"]["containers"][0], pipes["spec"]["containers"][0])) == {".name"}
    assert set(differences(pod["metadata"], pipes["metadata"])) <= {".name"}


def snake_case_sections(values: dict[str, Any]) -> dict[str, Any]:
    """What the agent chart makes of the camelCase keys of ``runK8sConfig``; it leaves what they hold alone."""
    names = {
        "containerConfig": "container_config",
        "podSpecConfig": "pod_spec_config",
        "podTemplateSpecMetadata": "pod_template_spec_metadata",
    }
    return {names[key]: value for key, value in values.items()}


def test_a_code_server_takes_the_same_config_and_nothing_of_a_job() -> None:
    config = K8sConfig(image_pull_policy="Always", labels={"a": "b"})

    context = K8sContainerContext.create_from_config(config.container_context("run", "server"))

    assert context.server_k8s_config.container_config == {"image_pull_policy": "Always"}
    assert context.server_k8s_config == context.run_k8s_config
    assert set(config.helm_values("server")["workspace"]) == {"serverK8sConfig"}
    with pytest.raises(ValueError, match="a code server is no Job and takes no active_deadline_seconds"):
        K8sConfig(active_deadline_seconds=5).container_context("server")
    with pytest.raises(ValueError, match="'web' is neither 'run' nor 'server'"):
        config.container_context("web")  # type: ignore[arg-type]


def test_the_merge_behaviour_goes_to_every_form_but_the_lowest_layers() -> None:
    config = K8sConfig(image="a", merge_behavior="SHALLOW")

    assert config.container_context()["k8s"]["run_k8s_config"]["merge_behavior"] == "SHALLOW"
    assert json.loads(config.run_tags["dagster-k8s/config"])["merge_behavior"] == "SHALLOW"
    with pytest.raises(ValueError, match="merge_behavior: means nothing in the agent's values"):
        config.helm_values()


def test_a_pipes_pod_takes_the_deadline_of_the_job_and_no_other_setting_of_it() -> None:
    assert K8sConfig(active_deadline_seconds=60).pod_spec() == {
        "containers": [{}],
        "active_deadline_seconds": 60,
    }
    with pytest.raises(ValueError, match="a pod outside a Job has no ttl_seconds_after_finished"):
        K8sConfig(ttl_seconds_after_finished=60).pod_spec()
    with pytest.raises(ValueError, match="a pod outside a Job has no job_metadata"):
        K8sConfig(job_metadata={"labels": {"a": "b"}}).pod_spec()
