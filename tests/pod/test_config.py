"""K8sConfig as a value: made, read, compared, merged, and back from every form without loss."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest
from configs import EVERY_FIELD, configs
from hypothesis import given

import dagster_plus_k8s_helpers as package
from dagster_plus_k8s_helpers import (
    Container,
    K8sConfig,
    Quantity,
    Resources,
    SecretEnvSource,
    SecretKeyRef,
    Toleration,
    UnknownFieldError,
    Volume,
    VolumeMount,
)
from dagster_plus_k8s_helpers.pod.config import K8sConfigFields
from dagster_plus_k8s_helpers.pod.fields import RAW_FIELDS

PUBLIC = {name: getattr(package, name) for name in package.__all__}
EVERYTHING = K8sConfig(**EVERY_FIELD)


def test_the_typed_keywords_are_exactly_the_fields() -> None:
    fields = {*K8sConfig.FIELDS, "queue", "priority_class", *RAW_FIELDS, "merge_behavior"}

    assert set(K8sConfigFields.__annotations__) == fields == set(EVERY_FIELD)
    for name in fields:
        assert re.search(rf"^\s+{name}: ", K8sConfig.__doc__ or "", re.MULTILINE), f"{name} is not documented"


def test_what_is_set_can_be_read_back() -> None:
    assert EVERYTHING.resources == EVERY_FIELD["resources"]
    assert EVERYTHING.node_selector == {"pool": "batch"}
    assert EVERYTHING.tolerations == tuple(EVERY_FIELD["tolerations"])
    assert EVERYTHING.image_pull_secrets == ("regcred",)
    assert EVERYTHING.env == EVERY_FIELD["env"]
    assert EVERYTHING.env_from == tuple(EVERY_FIELD["env_from"])
    assert EVERYTHING.volumes[0] == Volume.empty_dir("scratch", size_limit="10Gi")
    assert EVERYTHING.volume_mounts[0] == VolumeMount("scratch", "/scratch")
    assert EVERYTHING.volume_mounts[-1] == EVERY_FIELD["volume_mounts"][0]
    assert EVERYTHING.init_containers == tuple(EVERY_FIELD["init_containers"])
    assert [container.is_sidecar for container in EVERYTHING.init_containers] == [False, True]
    assert EVERYTHING.active_deadline_seconds == 3600
    assert EVERYTHING.merge_behavior == "SHALLOW"
    assert EVERYTHING.pod_security_context == {"fs_group": 1000}


def test_what_is_not_set_reads_as_nothing() -> None:
    empty = K8sConfig()

    assert empty.resources is None
    assert empty.image is None
    assert empty.tolerations == empty.volumes == ()
    assert empty.node_selector == empty.env == {}
    assert not empty
    assert empty.tags == {}
    assert repr(empty) == "K8sConfig()"


def test_what_is_read_is_a_copy() -> None:
    EVERYTHING.node_selector["pool"] = "other"
    EVERYTHING.to_dict()["pod_spec_config"]["node_selector"]["pool"] = "other"
    EVERYTHING.tags["dagster-k8s/config"].clear()

    assert EVERYTHING.node_selector == {"pool": "batch"}


def test_it_cannot_change() -> None:
    with pytest.raises(AttributeError):
        EVERYTHING.image = "other"  # type: ignore[misc, assignment]


def test_every_form_leads_back_to_an_equal_config() -> None:
    forms = [
        K8sConfig.from_dict(EVERYTHING.to_dict()),
        K8sConfig.from_tags(EVERYTHING.tags),
        K8sConfig.from_tags({**EVERYTHING.run_tags, "team": "data"}),
        K8sConfig.from_dict(EVERYTHING.container_context()["k8s"]["run_k8s_config"]),
        K8sConfig.from_dict(EVERYTHING.without("merge_behavior").helm_values()["workspace"]["runK8sConfig"])
        | K8sConfig(merge_behavior="SHALLOW"),
        pickle.loads(pickle.dumps(EVERYTHING)),
        copy.deepcopy(EVERYTHING),
        eval(repr(EVERYTHING), PUBLIC),
    ]

    for form in forms:
        assert form == EVERYTHING
        assert hash(form) == hash(EVERYTHING)
        assert form.to_dict() == EVERYTHING.to_dict()


def test_camel_case_and_snake_case_are_the_same() -> None:
    camel = {
        "containerConfig": {"imagePullPolicy": "Always", "envFrom": [{"secretRef": {"name": "a"}}]},
        "podSpecConfig": {"nodeSelector": {"kubernetes.io/arch": "arm64"}, "hostIPC": True},
        "jobSpecConfig": {"ttlSecondsAfterFinished": 5},
        "mergeBehavior": "DEEP",
    }
    snake = {
        "container_config": {"image_pull_policy": "Always", "env_from": [{"secret_ref": {"name": "a"}}]},
        "pod_spec_config": {"node_selector": {"kubernetes.io/arch": "arm64"}, "host_ipc": True},
        "job_spec_config": {"ttl_seconds_after_finished": 5},
        "merge_behavior": "DEEP",
    }

    assert K8sConfig.from_dict(camel) == K8sConfig.from_dict(snake)
    assert K8sConfig.from_dict(camel).to_dict() == snake
    assert K8sConfig(nodeSelector={"a": "b"}) == K8sConfig(node_selector={"a": "b"})  # type: ignore[call-arg]


def test_quantities_are_equal_as_numbers_and_keep_their_text() -> None:
    one, thousand = K8sConfig(resources=Resources(cpu=1)), K8sConfig(resources=Resources(cpu="1000m"))

    assert one == thousand
    assert hash(one) == hash(thousand)
    assert thousand.to_dict()["container_config"]["resources"]["limits"] == {"cpu": "1000m"}


def test_a_raw_field_is_the_same_as_the_named_one() -> None:
    assert K8sConfig(container_config={"image": "a"}) == K8sConfig(image="a")
    assert K8sConfig(pod_metadata={"labels": {"a": "b"}}) == K8sConfig(labels={"a": "b"})


def test_typed_values_and_raw_ones_mix() -> None:
    config = K8sConfig(
        pod_spec_config={
            "containers": [{"name": "x", "image": "y", "resources": Resources(cpu=1), "env": []}],
            "tolerations": [Toleration("a")],
        }
    )

    (container,) = config.to_dict()["pod_spec_config"]["containers"]
    assert container["resources"] == {"limits": {"cpu": "1"}}
    assert config.tolerations == (Toleration("a"),)


def test_what_is_read_or_was_passed_in_cannot_change_a_config() -> None:
    passed = {"key_ref": "x"}
    config = K8sConfig(
        env={"A": {"file_key_ref": {"key": "k", "path": "p", "volume_name": "v"}}},
        container_config={"liveness_probe": {"http_get": {"port": "http"}}},
    )
    before = hash(config)

    config.env["A"]["file_key_ref"]["key"] = "other"  # type: ignore[index]
    passed.clear()

    assert hash(config) == before
    assert config.env["A"]["file_key_ref"]["key"] == "k"  # type: ignore[index]


def test_claims_of_devices_stay_with_the_resources() -> None:
    config = K8sConfig(resources={"claims": [{"name": "gpu"}], "limits": {"cpu": 1}})

    assert config.resources == Resources(cpu=1)
    assert eval(repr(config), PUBLIC) == config
    assert K8sConfig.from_dict(config.to_dict()) == config
    assert (config | K8sConfig(resources=Resources(cpu=2))).to_dict()["container_config"]["resources"] == {
        "claims": [{"name": "gpu"}],
        "limits": {"cpu": "2"},
    }


def test_without_says_nothing_in_the_named_fields() -> None:
    bare = EVERYTHING.without(*EVERY_FIELD)

    assert bare == K8sConfig()
    assert EVERYTHING.without("image").image is None
    assert "working_dir" not in EVERYTHING.without("container_config").to_dict()["container_config"]
    with pytest.raises(UnknownFieldError, match="no field 'imag'; did you mean 'image'"):
        EVERYTHING.without("imag")


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        ({"image": "a"}, {"image": "b"}, {"image": "b"}),
        ({"labels": {"a": "1", "b": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
        (
            {"resources": Resources(cpu=("2", "4"), memory="1Gi")},
            {"resources": Resources(cpu="1")},
            {"resources": Resources(cpu="1", memory="1Gi")},
        ),
        (
            {"tolerations": [Toleration("a"), Toleration("b")]},
            {"tolerations": [Toleration("b"), Toleration("b", "c")]},
            {"tolerations": [Toleration("a"), Toleration("b"), Toleration("b", "c")]},
        ),
        (
            {"env": {"A": "1", "B": "1"}},
            {"env": {"A": SecretKeyRef("s", "k"), "C": "2"}},
            {"env": {"A": SecretKeyRef("s", "k"), "B": "1", "C": "2"}},
        ),
        (
            {"env_from": [SecretEnvSource("a"), SecretEnvSource("b")]},
            {"env_from": [SecretEnvSource("a", optional=True)]},
            {"env_from": [SecretEnvSource("a", optional=True), SecretEnvSource("b")]},
        ),
        (
            {"volumes": [Volume.empty_dir("v", "/v"), Volume.secret("s", "/s")]},
            {"volumes": [Volume.config_map("v", "/v")]},
            {"volumes": [Volume.config_map("v", "/v"), Volume.secret("s", "/s")]},
        ),
        (
            {"image_pull_secrets": ["a", "b"]},
            {"image_pull_secrets": ["b", "c"]},
            {"image_pull_secrets": ["a", "b", "c"]},
        ),
        (
            {"init_containers": [Container("a", "x", env={"E": "1"}, command=["one", "two"])]},
            {"init_containers": [Container("a", "y", env={"F": "2"}, command=["three"])]},
            {"init_containers": [Container("a", "y", env={"E": "1", "F": "2"}, command=["three"])]},
        ),
        (
            {"security_context": {"run_as_user": 1, "capabilities": {"add": ["A"]}}},
            {"security_context": {"capabilities": {"add": ["B"]}}},
            {"security_context": {"run_as_user": 1, "capabilities": {"add": ["B"]}}},
        ),
        (
            {"container_config": {"liveness_probe": {"http_get": {"port": 1}}}},
            {"container_config": {"liveness_probe": {"exec": {"command": ["a"]}}}},
            {"container_config": {"liveness_probe": {"exec": {"command": ["a"]}}}},
        ),
        (
            {"pod_security_context": {"seccomp_profile": {"type": "Localhost", "localhost_profile": "a"}}},
            {"pod_security_context": {"seccomp_profile": {"type": "RuntimeDefault"}}},
            {"pod_security_context": {"seccomp_profile": {"type": "RuntimeDefault"}}},
        ),
        (
            {"tolerations": [{"key": "a", "value": "b"}]},
            {"tolerations": [Toleration("a", "b")]},
            {"tolerations": [Toleration("a", "b")]},
        ),
        ({"merge_behavior": "SHALLOW"}, {"image": "a"}, {"merge_behavior": "SHALLOW", "image": "a"}),
        ({"active_deadline_seconds": 1}, {"active_deadline_seconds": 2}, {"active_deadline_seconds": 2}),
    ],
)
def test_merging(left: dict[str, Any], right: dict[str, Any], merged: dict[str, Any]) -> None:
    before = K8sConfig(**left), K8sConfig(**right)

    assert before[0] | before[1] == K8sConfig(**merged)
    assert before == (K8sConfig(**left), K8sConfig(**right)), "merging changed one of the two"


def test_resources_merge_by_resource_so_that_no_request_meets_another_limit() -> None:
    merged = K8sConfig(resources=Resources(memory=("8Gi", "16Gi"))) | K8sConfig(
        resources=Resources(memory="1Gi")
    )

    assert merged.resources == Resources(memory="1Gi")
    assert merged.resources.limits == {"memory": Quantity("1Gi")}


@given(configs(), configs(), configs())
def test_merging_is_associative(a: K8sConfig, b: K8sConfig, c: K8sConfig) -> None:
    assert (a | b) | c == a | (b | c)


@given(configs())
def test_the_empty_config_is_the_identity_of_merging_and_merging_with_itself_changes_nothing(
    config: K8sConfig,
) -> None:
    assert K8sConfig() | config == config | K8sConfig() == config
    assert config | config == config


@given(configs(), configs())
def test_a_merged_config_survives_every_round_trip(a: K8sConfig, b: K8sConfig) -> None:
    merged = a | b

    assert K8sConfig.from_dict(json.loads(json.dumps(merged.to_dict()))) == merged
    assert K8sConfig.from_tags(merged.run_tags) == merged
    assert eval(repr(merged), PUBLIC) == merged


@pytest.mark.parametrize("other", [None, {}, "config", 1])
def test_merging_takes_configs_only(other: object) -> None:
    with pytest.raises(TypeError, match=r"\| merges two K8sConfig"):
        EVERYTHING | other  # type: ignore[operator]
    assert other != EVERYTHING
