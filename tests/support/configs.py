"""Pod configs for tests: one value for every named field, and strategies that make any config."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dagster_plus_k8s_helpers import (
    ConfigMapEnvSource,
    ConfigMapKeyRef,
    Container,
    FieldRef,
    K8sConfig,
    K8sConfigError,
    ResourceFieldRef,
    Resources,
    SecretEnvSource,
    SecretKeyRef,
    Toleration,
    Volume,
    VolumeMount,
)

EVERY_FIELD: dict[str, Any] = {
    "resources": Resources(cpu=("1", "2"), memory="2Gi", gpu=1, extended={"example.com/fpga": 1}),
    "node_selector": {"pool": "batch"},
    "tolerations": [Toleration("pool", "batch", effect="NoSchedule"), Toleration("spot")],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}
                ]
            }
        }
    },
    "topology_spread_constraints": [
        {"max_skew": 1, "topology_key": "zone", "when_unsatisfiable": "ScheduleAnyway"}
    ],
    "priority_class_name": "batch-low",
    "runtime_class_name": "nvidia",
    "scheduler_name": "volcano",
    "service_account_name": "etl",
    "image": "registry.example.com:5000/team/project:1.2",
    "image_pull_policy": "IfNotPresent",
    "image_pull_secrets": ["regcred"],
    "env": {
        "LEVEL": "info",
        "PASSWORD": SecretKeyRef("warehouse", "password"),
        "REGION": ConfigMapKeyRef("cluster", "region", optional=True),
        "POD_IP": FieldRef("status.podIP"),
        "MEMORY_MB": ResourceFieldRef("limits.memory", divisor="1Mi"),
    },
    "env_from": [SecretEnvSource("api", optional=True, prefix="API_"), ConfigMapEnvSource("settings")],
    "volumes": [
        Volume.empty_dir("scratch", "/scratch", size_limit="10Gi"),
        Volume.secret("tls", "/etc/tls", secret_name="warehouse-tls", items={"tls.crt": "crt"}),
        Volume.config_map("conf", "/etc/conf", config_map_name="settings", default_mode=0o444),
        Volume.persistent_volume_claim("data", "/data", claim_name="shared"),
        Volume.host_path("docker", "/var/run/docker.sock", "/var/run/docker.sock", type="Socket"),
        Volume.projected(
            "token", "/var/run/vault", sources=[{"service_account_token": {"path": "t", "audience": "vault"}}]
        ),
        Volume.csi(
            "secrets", "secrets-store.csi.k8s.io", "/mnt/secrets", attributes={"a": "b"}, read_only=True
        ),
        Volume.ephemeral("big", "/big", storage="1Ti", storage_class_name="fast"),
    ],
    "volume_mounts": [VolumeMount("agent-cache", "/cache", sub_path="etl")],
    "labels": {"team": "data", "app.example.com/cost-center": "42"},
    "annotations": {"example.com/note": "any text, ünïcode and 'quotes' too"},
    "security_context": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    "pod_security_context": {"fs_group": 1000},
    "host_aliases": [{"ip": "10.0.0.1", "hostnames": ["warehouse.local"]}],
    "dns_policy": "None",
    "dns_config": {"nameservers": ["10.0.0.10"], "options": [{"name": "ndots", "value": "2"}]},
    "init_containers": [
        Container("wait", "busybox:1.36", command=["sh", "-c", "true"], resources=Resources(memory="16Mi")),
        Container.sidecar("proxy", "proxy:2", env={"PORT": "1"}, args=["--quiet"]),
    ],
    "termination_grace_period_seconds": 120,
    "active_deadline_seconds": 3600,
    "ttl_seconds_after_finished": 600,
    "queue": "team-a",
    "priority_class": "batch",
    "container_config": {"working_dir": "/app", "ports": [{"containerPort": 8080}]},
    "pod_spec_config": {
        "hostNetwork": False,
        "containers": [{"name": "second", "image": "second:1"}],
    },
    "pod_metadata": {"finalizers": ["example.com/wait"]},
    "job_spec_config": {"completion_mode": "NonIndexed"},
    "job_metadata": {"labels": {"team": "data"}, "annotations": {"a": "b"}},
    "merge_behavior": "SHALLOW",
}
"""A value for every field that `K8sConfig` takes."""

_names = st.sampled_from(["a", "b", "c"])
_amounts = st.sampled_from(["1", "500m", "2", ("1", "2"), (None, "4"), ("100m", None)])
_bytes = st.sampled_from(["1Gi", "2Gi", ("1Gi", "4Gi"), (None, "512Mi"), ("64Mi", None)])
_fields: dict[str, st.SearchStrategy[Any]] = {
    "resources": st.builds(
        Resources, cpu=st.none() | _amounts, memory=st.none() | _bytes, gpu=st.none() | st.just(1)
    ),
    "node_selector": st.dictionaries(_names, _names, max_size=2),
    "tolerations": st.lists(st.builds(Toleration, _names, st.none() | _names), max_size=3, unique=True),
    "affinity": st.sampled_from(
        [
            {"node_affinity": {"preferred_during_scheduling_ignored_during_execution": []}},
            {"pod_anti_affinity": {"required_during_scheduling_ignored_during_execution": []}},
        ]
    ),
    "service_account_name": _names,
    "image_pull_secrets": st.lists(_names, unique=True),
    "env": st.dictionaries(_names, _names | st.builds(SecretKeyRef, _names, _names), max_size=3),
    "env_from": st.lists(st.builds(SecretEnvSource, _names), max_size=2, unique=True),
    "volumes": st.lists(
        st.builds(Volume.empty_dir, _names, size_limit=st.none() | st.just("1Gi"))
        | st.builds(Volume.secret, _names, st.none() | st.just("/x")),
        max_size=2,
        unique_by=(lambda volume: volume.name, lambda volume: bool(volume.mounts)),
    ),
    "labels": st.dictionaries(_names, _names, max_size=2),
    "security_context": st.sampled_from([{"run_as_user": 1}, {"capabilities": {"add": ["SYS_PTRACE"]}}]),
    "init_containers": st.lists(
        st.builds(
            lambda name, env: Container(name, "image", env=env), _names, st.dictionaries(_names, _names)
        ),
        max_size=2,
        unique_by=lambda container: container.name,
    ),
    "active_deadline_seconds": st.integers(1, 9),
    "pod_spec_config": st.dictionaries(st.sampled_from(["host_network", "host_pid"]), st.booleans()),
    "job_metadata": st.builds(lambda labels: {"labels": labels}, st.dictionaries(_names, _names)),
    "merge_behavior": st.sampled_from(["DEEP", "SHALLOW"]),
}


def configs() -> st.SearchStrategy[K8sConfig]:
    """Configs with any of the fields, from small value sets, so that two of them often disagree."""
    return (
        st.fixed_dictionaries({}, optional=_fields)
        .map(_config_or_none)
        .filter(lambda config: config is not None)
    )


def _config_or_none(fields: dict[str, Any]) -> K8sConfig | None:
    try:
        return K8sConfig(**fields)
    except K8sConfigError:
        return None
