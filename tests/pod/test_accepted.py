"""What looks odd and works: Kubernetes takes each of these, so nothing here is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_plus_k8s_helpers import K8sConfig, Volume

MOUNTED = {"name": "v", "mount_path": "foo/bar"}


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        # The kubelet makes it absolute; so does Dagster's documentation write it.
        ("container_config", {"volume_mounts": [MOUNTED]}),
        ("container_config", {"volume_mounts": [{"name": "v", "mount_path": "/a:b"}]}),
        # Empty is unset where Kubernetes has a default.
        ("container_config", {"image_pull_policy": "", "termination_message_policy": ""}),
        ("container_config", {"ports": [{"container_port": 80, "host_port": 0, "protocol": ""}]}),
        ("container_config", {"env": [{"name": "A", "value": "", "value_from": {"field_ref": {"field_path": "status.podIP"}}}]}),
        ("pod_spec_config", {"dns_policy": "", "priority_class_name": "", "service_account_name": ""}),
        ("pod_spec_config", {"image_pull_secrets": [{"name": ""}, {}]}),
        # A scheduler may have any name.
        ("pod_spec_config", {"scheduler_name": "Team_A/scheduler"}),
        # Treated as one second.
        ("pod_spec_config", {"termination_grace_period_seconds": -1}),
        ("pod_spec_config", {"host_aliases": [{"ip": "10.0.0.1"}]}),
        # Without a source it is an emptyDir.
        ("pod_spec_config", {"volumes": [{"name": "v"}]}),
        ("pod_spec_config", {"volumes": [{"name": "v", "empty_dir": {"size_limit": "0"}}]}),
        ("pod_spec_config", {"volumes": [{"name": "v", "projected": {"sources": [{}]}}]}),
        # Twice does no harm.
        ("pod_spec_config", {"image_pull_secrets": [{"name": "a"}, {"name": "a"}]}),
        ("pod_spec_config", {"tolerations": [{"operator": "Exists"}, {"operator": "Exists"}]}),
        ("pod_spec_config", {"host_aliases": [{"ip": "10.0.0.1", "hostnames": [name]} for name in "ab"]}),
        ("container_config", {"ports": [{"container_port": 80, "name": name} for name in "ab"]}),
        ("container_config", {"env_from": [{"secret_ref": {"name": "a"}}, {"secret_ref": {"name": "a"}}]}),
        # Of the keys of annotations Kubernetes does not mind the case.
        ("pod_template_spec_metadata", {"annotations": {"Example.COM/Owner": "x"}}),
    ],
)  # fmt: skip
def test_accepted_and_written_as_it_is(section: str, fields: dict[str, Any]) -> None:
    config = K8sConfig.from_dict({section: fields})

    assert config.to_dict() == {section: fields}
    assert K8sConfig.from_dict(config.to_dict()) == config


def test_in_python_too() -> None:
    config = K8sConfig(volumes=[Volume.empty_dir("v", "foo/bar")], image_pull_secrets=["a", "a"])

    assert [mount.mount_path for mount in config.volume_mounts] == ["foo/bar"]
    assert config.image_pull_secrets == ("a", "a")


def test_what_stands_twice_on_one_side_is_not_lost_in_merging() -> None:
    aliases = [{"ip": "10.0.0.1", "hostnames": [name]} for name in "ab"]

    merged = K8sConfig(host_aliases=aliases) | K8sConfig(
        host_aliases=[{"ip": "10.0.0.1", "hostnames": ["c"]}]
    )

    assert merged.host_aliases == [{"ip": "10.0.0.1", "hostnames": [name]} for name in "cb"]
