"""Small typed values that a config is made of."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import Container, K8sConfig, K8sConfigError, Quantity, ResourceFieldRef, Volume


def test_a_volume_can_be_mounted_in_several_places() -> None:
    volume = Volume.empty_dir("work", "/a").mounted_at("/b", read_only=True, sub_path="x")

    config = K8sConfig(volumes=[volume])

    assert config.to_dict() == {
        "container_config": {
            "volume_mounts": [
                {"name": "work", "mount_path": "/a"},
                {"name": "work", "mount_path": "/b", "read_only": True, "sub_path": "x"},
            ]
        },
        "pod_spec_config": {"volumes": [{"name": "work", "empty_dir": {}}]},
    }


def test_a_volume_of_another_container_needs_no_mount() -> None:
    config = K8sConfig(volumes=[Volume.secret("tls")])

    assert config.volume_mounts == ()
    assert config.volumes[0].source == {"secret": {"secret_name": "tls"}}


def test_equal_volumes_have_equal_hashes() -> None:
    assert hash(Volume.empty_dir("a", "/a")) == hash(Volume.empty_dir("a", "/a"))
    assert Volume.empty_dir("a") != Volume.empty_dir("a", medium="Memory")


def test_a_divisor_is_a_quantity() -> None:
    assert ResourceFieldRef("limits.memory", divisor="1Mi") == ResourceFieldRef(
        "limits.memory", divisor=Quantity("1024Ki")
    )
    with pytest.raises(K8sConfigError, match="'1MB' is not a Kubernetes quantity"):
        ResourceFieldRef("limits.memory", divisor="1MB")


def test_an_environment_keeps_its_order() -> None:
    config = K8sConfig(env={"B": "1", "A": "$(B)"})

    assert [entry["name"] for entry in config.to_dict()["container_config"]["env"]] == ["B", "A"]


def test_a_source_of_another_kind_stays_as_kubernetes_writes_it() -> None:
    source = {"file_key_ref": {"key": "k", "path": "p", "volume_name": "v"}}

    assert K8sConfig(env={"A": source}).env == {"A": source}


def test_containers_are_values() -> None:
    sidecar = Container.sidecar("proxy", "proxy:1", env={"A": "b"})

    assert sidecar.is_sidecar
    assert sidecar.name == "proxy"
    assert sidecar == Container("proxy", "proxy:1", env={"A": "b"}, restart_policy="Always")
    assert hash(sidecar) == hash(Container.from_dict(sidecar.to_dict()))
    assert sidecar != "proxy"
    assert eval(repr(sidecar)) == sidecar
