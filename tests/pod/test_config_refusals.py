"""What a K8sConfig refuses, and that each message says what is wrong, where, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers import (
    Container,
    K8sConfig,
    K8sConfigError,
    Resources,
    Toleration,
    UnknownFieldError,
    Volume,
    VolumeMount,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def raw(section: str, **fields: object) -> Callable[[], K8sConfig]:
    return lambda: K8sConfig.from_dict({section: fields})


def on_nodes(**condition: object) -> Callable[[], K8sConfig]:
    """A config with one condition on labels of nodes."""
    term = {"match_expressions": [condition]}
    required = {"required_during_scheduling_ignored_during_execution": {"node_selector_terms": [term]}}
    return raw("pod_spec_config", affinity={"node_affinity": required})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: K8sConfig(toleration=[]), "K8sConfig has no field 'toleration'; did you mean 'tolerations'?"),
        (lambda: K8sConfig(priority_class_nam="x"), "K8sConfig has no field 'priority_class_nam'; did you mean 'priority_class_name'?"),
        (lambda: K8sConfig(queue="team a"), "queue: the name in label 'kueue.x-k8s.io/queue-name', 'team a', must be empty or at most 63"),
        (lambda: K8sConfig(priority_class=3), "priority_class: must be a name, not 3"),
        (lambda: K8sConfig(queue="a", job_metadata={"labels": {"kueue.x-k8s.io/queue-name": "b"}}), "queue: is 'a', and job_metadata labels the Job kueue.x-k8s.io/queue-name=b"),
        (lambda: K8sConfig(banana=1), "K8sConfig has no field 'banana'"),
        (lambda: K8sConfig(host_network=True), "K8sConfig does not name the field 'host_network'; write pod_spec_config={'host_network': ...}"),
        (lambda: K8sConfig(image="a", container_config={"image": "b"}), "image: is given twice, as a field of its own and in container_config"),
        (lambda: K8sConfig(node_selector={}, nodeSelector={}), "node_selector: is given twice, in snake_case and in camelCase"),
        (lambda: K8sConfig(container_config={"tolerations": []}), "container_config: Container has no field 'tolerations'; it belongs in pod_spec_config"),
        (lambda: K8sConfig(pod_spec_config={"imagePullPolicy": "Always"}), "pod_spec_config: PodSpec has no field 'imagePullPolicy'"),
        (lambda: K8sConfig(container_config=[]), "container_config: must be a mapping of Container fields, not list"),
        (lambda: K8sConfig(tolerations=[{"key": "a", "efect": "x"}]), "tolerations[0]: Toleration has no field 'efect'; did you mean 'effect'?"),
        (lambda: K8sConfig(tolerations={"key": "a"}), "tolerations: must be a list, not dict"),
        (lambda: K8sConfig(node_selector={"a": 1}), "node_selector['a']: must be text, not int; write '1'"),
        (lambda: K8sConfig(node_selector={"a": True}), "node_selector['a']: must be text, not bool; write 'true'"),
        (lambda: K8sConfig(node_selector={1: "a"}), "node_selector: the key 1 must be text; write '1'"),
        (lambda: K8sConfig(node_selector=["a"]), "node_selector: must be a mapping, not list"),
        (lambda: K8sConfig(node_selector={"a b": "c"}), "node_selector['a b']: label key 'a b': the name must be at most 63"),
        (lambda: K8sConfig(labels={"a": "b c"}), "labels['a']: the value of label 'a', 'b c', must be empty or at most 63"),
        (lambda: K8sConfig(labels={"a": "x" * 64}), "longer text belongs in an annotation"),
        (lambda: K8sConfig(labels={"UPPER.example.com/a": "b"}), "the part before '/' must be a DNS name such as 'example.com'"),
        (lambda: K8sConfig(labels={"ünïcode": "b"}), "label key 'ünïcode': the name must be"),
        (lambda: K8sConfig(annotations={"a": "x" * 300_000}), "annotations: take 300001 bytes together; Kubernetes takes 262144"),
        (lambda: K8sConfig(annotations={"": "x"}), "annotations['']: annotation key ''"),
        (lambda: K8sConfig(image="Team/Project"), "image: 'Team/Project' is not an image reference such as 'registry.example.com/team/project:1.2'; write it in lower case"),
        (lambda: K8sConfig(image=" a"), "image: ' a' is not an image reference"),
        (lambda: K8sConfig(image=""), "image: '' is not an image reference"),
        (lambda: K8sConfig(image_pull_policy="always"), "image_pull_policy: 'always' is none of Always, IfNotPresent, Never; did you mean 'Always'?"),
        (lambda: K8sConfig(image_pull_secrets="regcred"), "image_pull_secrets: must be a list of Secret names, such as ['regcred'], not 'regcred'"),
        (lambda: K8sConfig(image_pull_secrets=["Reg_Cred"]), "image_pull_secrets[0].name: 'Reg_Cred' must be at most 253 of a-z"),
        (lambda: K8sConfig(service_account_name="My SA"), "service_account_name: 'My SA' must be at most 253"),
        (lambda: K8sConfig(env="A=1"), "env: must map names to values, such as {'NAME': 'value'}, not str"),
        (lambda: K8sConfig(env={"A": 1}), "env['A']: must be text or a reference such as SecretKeyRef('name', 'key'), not int"),
        (lambda: K8sConfig(env={"A=B": "c"}), "env[0]: 'A=B' cannot name an environment variable"),
        (lambda: K8sConfig(env={"": "c"}), "env[0]: '' cannot name an environment variable"),
        (lambda: K8sConfig(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), "env[1]: names 'A' twice; keep one of the two"),
        (lambda: K8sConfig(env=[{"value": "1"}]), "env[0]: has no name"),
        (lambda: K8sConfig(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]), "env[0]: A has a value and a value_from; keep one of the two"),
        (lambda: K8sConfig(env={"A": {}}), "env[0]: A must have exactly one source in value_from, not none"),
        (lambda: K8sConfig(env={"A": {"secretKeyRef": {"name": "s"}}}), "env[0]: A: secret_key_ref has no key"),
        (lambda: K8sConfig(env_from=[{"prefix": "A"}]), "env_from[0]: must name one Secret (secret_ref) or one ConfigMap (config_map_ref)"),
        (lambda: K8sConfig(env_from=[{"secretRef": {}}]), "env_from[0]: secret_ref has no name"),
        (lambda: K8sConfig(volumes=Volume.empty_dir("a")), "volumes: must be a list of Volume objects, not Volume"),
        (lambda: K8sConfig(volumes=[{"emptyDir": {}}]), "volumes[0]: has no name"),
        (lambda: K8sConfig(volumes=[{"name": "a", "emptyDir": {}, "hostPath": {"path": "/a"}}]), "volumes[0]: volume 'a' must have one source, not empty_dir, host_path"),
        (lambda: K8sConfig(volumes=[{"name": "a", "emptyDir": {"sizeLimit": "1GB"}}]), "volumes[0].empty_dir.size_limit: '1GB' is not a Kubernetes quantity; write '1Gi' or '1G'"),
        (lambda: K8sConfig(volumes=[Volume.empty_dir("A_B")]), "volumes[0]: volume name 'A_B' must be at most 63 of a-z"),
        (lambda: K8sConfig(volume_mounts=[{"name": "a"}]), "volume_mounts[0]: has no mount_path"),
        (lambda: K8sConfig(volume_mounts=[VolumeMount("a", "/a"), VolumeMount("b", "/a")]), "volume_mounts[1]: names '/a' twice; keep one of the two"),
        (lambda: K8sConfig(volume_mounts=[VolumeMount("a", "/a", sub_path="../b")]), "volume_mounts[0].sub_path: '../b' must be a relative path without '..'"),
        (lambda: K8sConfig(volume_mounts=[VolumeMount("a", "/a", sub_path="b", sub_path_expr="c")]), "sub_path and sub_path_expr cannot both be set"),
        (lambda: K8sConfig(resources={"limits": {"memory": "512m"}}), "resources.limits['memory']: 512m is 0.512 bytes"),
        (lambda: K8sConfig(resources={"limit": {"cpu": 1}}), "resources: ResourceRequirements has no field 'limit'; did you mean 'limits'?"),
        (lambda: K8sConfig(resources={"limits": {"cpu": "1", "memory": "4GB"}}), "resources.limits['memory']: '4GB' is not a Kubernetes quantity"),
        (lambda: K8sConfig(dns_policy="none"), "dns_policy: 'none' is none of ClusterFirst, ClusterFirstWithHostNet, Default, None; did you mean 'None'?"),
        (lambda: K8sConfig(active_deadline_seconds=0), "active_deadline_seconds: 0 is below 1"),
        (lambda: K8sConfig(active_deadline_seconds="60"), "active_deadline_seconds: must be a whole number, not str"),
        (lambda: K8sConfig(active_deadline_seconds=True), "active_deadline_seconds: must be a whole number, not bool"),
        (lambda: K8sConfig(ttl_seconds_after_finished=-1), "ttl_seconds_after_finished: -1 is below 0"),
        (lambda: K8sConfig(termination_grace_period_seconds=1.5), "termination_grace_period_seconds: must be a whole number, not float"),
        (lambda: K8sConfig(init_containers=[{"name": "a"}]), "init_containers[0]: has no image"),
        (lambda: K8sConfig(init_containers=[Container("a", "b"), Container("a", "c")]), "init_containers[1]: names 'a' twice; keep one of the two"),
        (lambda: Container("A", "b"), "name: 'A' must be at most 63 of a-z, 0-9 and '-', and start and end with a letter or digit; write it in lower case"),
        (lambda: Container("a", "b", comand=["x"]), "Container has no field 'comand'; did you mean 'command'?"),
        (lambda: Container("a", "b", command="x"), "command: must be a list, not str"),
        (lambda: K8sConfig(topology_spread_constraints=[{"maxSkew": 1, "topologyKey": "a"}]), "topology_spread_constraints[0]: has no when_unsatisfiable"),
        (on_nodes(key="a", operator="Exists", values=["b"]), "match_expressions[0]: operator 'Exists' takes no values; leave them out, or write 'In'"),
        (on_nodes(key="a", operator="In"), "match_expressions[0]: operator 'In' needs values; write them, or 'Exists'"),
        (on_nodes(key="a", operator="Gt", values=["1", "2"]), "match_expressions[0]: operator 'Gt' takes one value, not 2; write a number"),
        (on_nodes(operator="Exists"), "match_expressions[0]: has no key"),
        (raw("pod_spec_config", hostname="Bad_Host"), "pod_spec_config.hostname: 'Bad_Host' must be at most 63"),
        (raw("pod_spec_config", ephemeral_containers=[{"name": "a", "image": "b"}]), "pod_spec_config.ephemeral_containers: is for pods that run already; leave it out"),
        (raw("pod_spec_config", init_containers=[{"name": "a", "image": "b", "liveness_probe": {"grpc": {"port": 1}}}]), "pod_spec_config.init_containers[0].liveness_probe: is for containers that go on; leave it out, or write restart_policy: Always"),
        (lambda: K8sConfig(topology_spread_constraints=[{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}]), "topology_spread_constraints[0].max_skew: 0 is below 1"),
        (lambda: K8sConfig(security_context={"runAsUser": "1000"}), "security_context.run_as_user: must be a whole number, not str"),
        (lambda: K8sConfig(security_context={"privileged": None}), "security_context.privileged: is null, which does not unset what a lower layer says; leave it out"),
        (lambda: K8sConfig(merge_behavior=["DEEP"]), "merge_behavior: ['DEEP'] is neither DEEP nor SHALLOW"),
        (lambda: K8sConfig(cpu=1), "K8sConfig has no field 'cpu'; write resources=Resources(cpu=...)"),
        (lambda: K8sConfig(service_account="x"), "K8sConfig has no field 'service_account'; did you mean 'service_account_name'?"),
        (lambda: K8sConfig(restart_policy="Never"), "write pod_spec_config={'restart_policy': ...}"),
        (lambda: K8sConfig(volumes=5), "volumes: must be a list of Volume objects, not int"),
        (lambda: K8sConfig(env=5), "env: must map names to values, such as {'NAME': 'value'}, not int"),
        (lambda: K8sConfig().without(None), "K8sConfig has no field None"),
        (lambda: K8sConfig.from_tags(None), "tags must be a mapping, not NoneType"),
        (lambda: Container.from_dict({"name": "a"}), "image: a container must have a image"),
        (lambda: Container("a", "b", env={"A": 1}), "env['A']: must be text or a reference"),
        (lambda: K8sConfig(tolerations=[Resources(cpu=1)]), "tolerations[0]: must be a Toleration, not a Resources"),
        (lambda: K8sConfig(resources=Container("a", "b")), "resources: must be a ResourceRequirements, not a Container"),
        (lambda: K8sConfig(affinity=Toleration("a")), "affinity: must be a Affinity, not a Toleration"),
        (lambda: K8sConfig(container_config={"args": ["x"]}).tags, "container_config.args: Dagster overwrites the arguments of its own pods"),
        (lambda: K8sConfig(container_config={"args": ["x"]}).helm_values(), "Dagster overwrites the arguments of its own pods"),
        (lambda: K8sConfig(job_metadata={"name": "x"}), "job_metadata.name: Dagster names each Job and pod and says where it goes; leave it out"),
        (lambda: K8sConfig(pod_spec_config={"serviceAccount": "x"}), "is deprecated and loses against service_account_name"),
        (lambda: K8sConfig(volumes=[Volume.empty_dir("a", size_limit="512m")]), "volumes[0].empty_dir.size_limit: 512m is 0.512 bytes (m is a thousandth); did you mean '512Mi'?"),
        (lambda: K8sConfig(volumes=[Volume.ephemeral("a", storage="64")]), "resources.requests['storage']: 64 is 64 bytes; did you mean '64Gi'?"),
        (lambda: K8sConfig(volumes=[Volume.secret("a", default_mode=4000)]), "volumes[0].secret.default_mode: 4000 is above 511; write a file mode in octal, such as 0o000"),
        (lambda: Volume.secret("a", items=["k"]), "items: must be a mapping, not list"),
        (lambda: Volume.ephemeral("a", storage="1Gi", access_modes="ReadWriteOnce"), "access_modes: must be a list, not str"),
        (lambda: K8sConfig(container_config={"livenessProbe": {"exec": {}, "grpc": {"port": 1}}}), "container_config.liveness_probe: must have one of exec, grpc, http_get, tcp_socket, not exec, grpc"),
        (lambda: K8sConfig(container_config={"ports": [{"containerPort": 99999}]}), "container_config.ports[0].container_port: 99999 is above 65535"),
        (lambda: K8sConfig(pod_security_context={"fsGroup": -1}), "pod_security_context.fs_group: -1 is below 0"),
        (lambda: Toleration("a", 5), "value: must be text, not int; write '5'"),
        (lambda: Toleration("a", effect="NoExecute", toleration_seconds="5"), "toleration_seconds: must be a whole number, not str"),
        (lambda: Toleration("a", "x", operator="Gt"), "value: operator 'Gt' compares numbers; 'x' is none"),
        (lambda: K8sConfig(merge_behavior="deep"), "merge_behavior: 'deep' is neither DEEP nor SHALLOW"),
        (lambda: Toleration("a", "b", operator="Exists"), "operator 'Exists' takes no value; drop the value 'b' or write 'Equal'"),
        (lambda: Toleration("a", operator="exists"), "operator: 'exists' is none of Exists, Equal, Lt, Gt; did you mean 'Exists'?"),
        (lambda: Toleration("a", effect="NoScedule"), "effect: 'NoScedule' is none of NoSchedule, PreferNoSchedule, NoExecute; did you mean 'NoSchedule'?"),
        (lambda: Toleration(None, "b"), "a toleration without a key tolerates everything and needs operator='Exists'"),
        (lambda: Toleration("a", effect="NoSchedule", toleration_seconds=5), "toleration_seconds has a meaning with effect='NoExecute' only"),
        (raw("container_config", resources={"requests": {"cpu": 2}, "limits": {"cpu": 1}}), "container_config.resources.requests['cpu']: the request 2 is above the limit 1"),
        (raw("resources", limits={}), "'resources' belongs one level further in; write container_config: {resources: ...}"),
        (raw("container_cfg"), "dagster-k8s/config has no field 'container_cfg'; did you mean 'container_config'?"),
        (raw("job_config", metadata={}), "job_config: Dagster overwrites what it holds; write job_metadata"),
        (raw("pod_spec_config", containers=[{"name": "a"}]), "pod_spec_config.containers[0]: has no image"),
        (raw("pod_spec_config", initContainers=[], init_containers=[]), "pod_spec_config.init_containers: is given twice, as 'init_containers' and as 'initContainers'"),
        (lambda: K8sConfig.from_dict({"podSpecConfig": {}, "pod_spec_config": {}}), "pod_spec_config: is given twice"),
        (lambda: K8sConfig.from_dict({"pod_spec_config": None}), "pod_spec_config: must be a mapping of PodSpec fields, not NoneType"),
        (lambda: K8sConfig.from_dict("cpu: 1"), "a k8s config must be a mapping, not str"),
        (lambda: K8sConfig.from_tags({"dagster-k8s/config": "{"}), "dagster-k8s/config: is not JSON"),
        (lambda: K8sConfig.from_tags({"dagster-k8s/config": "[" * 100_000}), "dagster-k8s/config: is JSON that is nested too deeply"),
        (lambda: K8sConfig.from_tags({"dagster-k8s/config": "[]"}), "dagster-k8s/config: a k8s config must be a mapping, not list"),
        (lambda: K8sConfig.from_tags({"dagster-k8s/config": {"container_config": {"imag": "a"}}}), "dagster-k8s/config.container_config: Container has no field 'imag'; did you mean 'image'?"),
    ],
)  # fmt: skip
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        make()

    assert message in str(refusal.value)


def test_an_unknown_field_is_an_error_of_its_own_kind_at_every_depth() -> None:
    with pytest.raises(UnknownFieldError) as refusal:
        K8sConfig(affinity={"nodeAffinity": {"requiredDuringScheduling": {}}})

    assert refusal.value.where == "affinity.node_affinity"
    assert refusal.value.name == "requiredDuringScheduling"


def test_a_refused_env_value_is_not_repeated() -> None:
    with pytest.raises(K8sConfigError) as refusal:
        K8sConfig(env={"PASSWORD": b"hunter2"})  # type: ignore[dict-item]

    assert "hunter2" not in str(refusal.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
section_keys = st.sampled_from(["container_config", "pod_spec_config", "podSpecConfig", "job_metadata", "x"])
field_keys = st.sampled_from(
    ["env", "resources", "tolerations", "volumes", "labels", "image", "affinity", "ports"]
)


@given(st.dictionaries(section_keys, json_values | st.dictionaries(field_keys, json_values)))
def test_any_json_is_read_or_refused_with_our_own_error(config: dict[str, object]) -> None:
    try:
        read = K8sConfig.from_dict(config)
    except K8sConfigError:
        return

    assert K8sConfig.from_dict(read.to_dict()) == read


def test_resources_in_a_config_say_where() -> None:
    with pytest.raises(K8sConfigError, match=r"^init_containers\[0\].resources.limits\['cpu'\]: 'x' is not"):
        K8sConfig(init_containers=[{"name": "a", "image": "b", "resources": {"limits": {"cpu": "x"}}}])
    assert Resources(cpu=1)
