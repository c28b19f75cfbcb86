"""Every task at the level of a code location: said in Python, written as YAML, read back, taken by Dagster."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml
from dagster_k8s.container_context import K8sContainerContext as DagstersOwn

from dagster_plus_k8s_helpers import K8sConfig, Resources, SecretEnvSource, SecretKeyRef, Volume, VolumeMount
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.files.checks.locations.check import check_locations
from dagster_plus_k8s_helpers.files.locations.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import Build, CodeLocation, DagsterCloudConfig
from dagster_plus_k8s_helpers.files.sections.server_config import ServerK8sConfig

SMALL = K8sConfig(resources=Resources(cpu="500m", memory="1Gi"))
SMALL_DICT = {"container_config": {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}}

CONTEXTS: list[tuple[K8sContainerContext, dict[str, Any]]] = [
    (K8sContainerContext(namespace="data"), {"namespace": "data"}),
    (
        K8sContainerContext(image_pull_secrets=["regcred", {"name": "other"}]),
        {"image_pull_secrets": [{"name": "regcred"}, {"name": "other"}]},
    ),
    (K8sContainerContext(image_pull_policy="Always"), {"image_pull_policy": "Always"}),
    (K8sContainerContext(env_secrets=["warehouse"]), {"env_secrets": ["warehouse"]}),
    (K8sContainerContext(env_config_maps=["settings"]), {"env_config_maps": ["settings"]}),
    (
        K8sContainerContext(
            run_k8s_config=K8sConfig(env_from=[SecretEnvSource("warehouse", optional=True)]),
            server_k8s_config=K8sConfig(env_from=[SecretEnvSource("warehouse", optional=True)]),
        ),
        {
            kind: {
                "container_config": {"env_from": [{"secret_ref": {"name": "warehouse", "optional": True}}]}
            }
            for kind in ("run_k8s_config", "server_k8s_config")
        },
    ),
    (K8sContainerContext(env_vars={"LEVEL": "info"}), {"env_vars": ["LEVEL=info"]}),
    (K8sContainerContext(env_vars=["LEVEL=info"]), {"env_vars": ["LEVEL=info"]}),
    (
        K8sContainerContext(env={"PASSWORD": SecretKeyRef("warehouse", "password")}),
        {
            "env": [
                {
                    "name": "PASSWORD",
                    "value_from": {"secret_key_ref": {"name": "warehouse", "key": "password"}},
                }
            ]
        },
    ),
    (K8sContainerContext(service_account_name="etl"), {"service_account_name": "etl"}),
    (K8sContainerContext(labels={"team": "data"}), {"labels": {"team": "data"}}),
    (K8sContainerContext(resources=Resources(cpu=1)), {"resources": {"limits": {"cpu": "1"}}}),
    (K8sContainerContext(scheduler_name="volcano"), {"scheduler_name": "volcano"}),
    (K8sContainerContext(security_context={"runAsUser": 1}), {"security_context": {"run_as_user": 1}}),
    (
        K8sContainerContext(
            volumes=[Volume.secret("tls", secret_name="tls")], volume_mounts=[VolumeMount("tls", "/etc/tls")]
        ),
        {
            "volumes": [{"name": "tls", "secret": {"secret_name": "tls"}}],
            "volume_mounts": [{"name": "tls", "mount_path": "/etc/tls"}],
        },
    ),
    (K8sContainerContext(run_k8s_config=SMALL), {"run_k8s_config": SMALL_DICT}),
    (K8sContainerContext(server_k8s_config=SMALL), {"server_k8s_config": SMALL_DICT}),
    (
        K8sContainerContext(
            server_k8s_config=ServerK8sConfig(
                SMALL,
                deployment_metadata={"labels": {"team": "data"}},
                service_metadata={"annotations": {"a.example.com/b": "c"}},
                service_spec_config={"type": "ClusterIP"},
            )
        ),
        {
            "server_k8s_config": {
                **SMALL_DICT,
                "deployment_metadata": {"labels": {"team": "data"}},
                "service_metadata": {"annotations": {"a.example.com/b": "c"}},
                "service_spec_config": {"type": "ClusterIP"},
            }
        },
    ),
    (K8sContainerContext(server_replica_count=2), {"server_replica_count": 2}),
]
LOCATIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"agent_queue": "eu"}, {"agent_queue": "eu"}),
    ({"code_source": "team.definitions"}, {"code_source": {"module_name": "team.definitions"}}),
    ({"image": "registry.example.com/team:1"}, {"image": "registry.example.com/team:1"}),
    (
        {"build": Build(directory=".", registry="registry.example.com/team")},
        {"build": {"directory": ".", "registry": "registry.example.com/team"}},
    ),
    (
        {"working_directory": "/app", "executable_path": "/venv/bin/python", "attribute": "defs"},
        {"working_directory": "/app", "executable_path": "/venv/bin/python", "attribute": "defs"},
    ),
    *(({"container_context": said}, {"container_context": {"k8s": written}}) for said, written in CONTEXTS),
]


@pytest.mark.parametrize(("said", "written"), LOCATIONS, ids="-".join)
def test_a_task_is_said_in_python_and_in_yaml_alike(said: dict[str, Any], written: dict[str, Any]) -> None:
    config = DagsterCloudConfig(locations=[CodeLocation(location_name="team", **said)])

    text = config.to_yaml()

    assert yaml.safe_load(text) == {"locations": [{"location_name": "team", **written}]}
    assert DagsterCloudConfig.from_yaml(text) == config
    assert load_dagster_cloud_yaml(text).locations[0].location_name == "team"
    (document,), _ = read_yaml(text, "dagster_cloud.yaml")
    assert check_locations(document) == []


# Where Dagster has each key of a container context, and how it writes what the key holds.
IN_CONTAINER = {
    "image_pull_policy": ("image_pull_policy", lambda said: said),
    "env_secrets": ("env_from", lambda said: [{"secret_ref": {"name": name}} for name in said]),
    "env_config_maps": ("env_from", lambda said: [{"config_map_ref": {"name": name}} for name in said]),
    "env_vars": (
        "env",
        lambda said: [dict(zip(("name", "value"), text.split("="), strict=True)) for text in said],
    ),
    "env": ("env", lambda said: said),
    "resources": ("resources", lambda said: said),
    "security_context": ("security_context", lambda said: said),
    "volume_mounts": ("volume_mounts", lambda said: said),
}
IN_POD = ("image_pull_secrets", "service_account_name", "scheduler_name", "volumes")


@pytest.mark.parametrize(
    ("said", "written"),
    CONTEXTS,
    ids=lambda item: "" if isinstance(item, dict) else "-".join(sorted(item.model_fields_set)),
)
def test_dagster_has_what_a_container_context_says(
    said: K8sContainerContext, written: dict[str, Any]
) -> None:
    context = DagstersOwn.create_from_config({"k8s": said.to_dict()})

    for key, value in written.items():
        if key in {"run_k8s_config", "server_k8s_config"}:
            config = getattr(context, key).to_dict()
            assert {section: config[section] for section in value} == value
        elif key in {"namespace", "server_replica_count"}:
            assert getattr(context, key) == value
        else:
            for pods in (context.run_k8s_config, context.server_k8s_config):
                if key in IN_CONTAINER:
                    field, expected = IN_CONTAINER[key]
                    assert pods.container_config[field] == expected(value)
                elif key in IN_POD:
                    assert pods.pod_spec_config[key] == value
                else:
                    assert pods.pod_template_spec_metadata[key] == value


def test_what_was_said_reaches_the_pods_of_runs_and_of_code_servers_apart() -> None:
    said = K8sContainerContext(
        run_k8s_config=SMALL,
        server_k8s_config=ServerK8sConfig(
            K8sConfig(labels={"a": "b"}), service_metadata={"labels": {"c": "d"}}
        ),
        server_replica_count=3,
    )

    context = DagstersOwn.create_from_config({"k8s": said.to_dict()})

    assert context.run_k8s_config.container_config == SMALL_DICT["container_config"]
    assert context.server_k8s_config.container_config == {}
    assert context.server_k8s_config.pod_template_spec_metadata == {"labels": {"a": "b"}}
    assert context.server_k8s_config.service_metadata == {"labels": {"c": "d"}}
    assert context.server_replica_count == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"namespce": "x"},
            "K8sContainerContext has no field 'namespce'; did you mean 'namespace'?",
        ),
        ({"env_vars": {"A": 1}}, "env_vars.A: must be text, not int"),
        ({"server_replica_count": 0}, "server_replica_count: 0 leaves no code server; write 1 or more"),
        (
            {"image_pull_policy": "Sometimes"},
            "image_pull_policy: 'Sometimes' is none of Always, IfNotPresent, Never",
        ),
        ({"resources": {"cpu": 1}}, "resources: ResourceRequirements has no field 'cpu'"),
        (
            {"server_k8s_config": K8sConfig(ttl_seconds_after_finished=1)},
            "server_k8s_config.job_spec_config: a code server is no Job and takes no ttl_seconds_after_finished; "
            "leave it out with .without(...)",
        ),
        (
            {"run_k8s_config": {"container_config": {"args": ["x"]}}},
            "run_k8s_config.container_config.args: Dagster overwrites the arguments of its own pods; only "
            ".pod_spec() can have them",
        ),
        (
            {"server_k8s_config": {"service_spec_config": {"selector": {"a": "b"}}}},
            "server_k8s_config.service_spec_config.selector: Dagster overwrites it for the Service of a code "
            "server; leave it out",
        ),
        (
            {"env_secrets": ["Upper"]},
            "env_secrets[0]: 'Upper' must be at most 253 of a-z, 0-9, '-' and '.', and start and end with a letter or digit; write it in lower case",
        ),
    ],
)
def test_python_refuses_what_the_platform_would(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".*") as refusal:
        K8sContainerContext(**fields)

    assert str(refusal.value) == message
