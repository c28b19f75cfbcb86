"""Files of code locations for tests: strategies for valid ones, for broken ones and for anything at all."""

from __future__ import annotations

import json
from typing import Any

from configs import configs
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.locations.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import (
    Build,
    CodeLocation,
    CodeSource,
    DagsterCloudConfig,
    LocationDefaults,
)
from dagster_plus_k8s_helpers.files.sections.server_config import ServerK8sConfig

_names = st.sampled_from(["a", "b", "c", "data-team"])
_texts = st.text(min_size=1, max_size=12)
_for_servers = configs().filter(
    lambda config: not {"job_metadata", "job_spec_config"} & config.to_dict().keys()
)

_k8s: dict[str, st.SearchStrategy[Any]] = {
    "env_vars": st.dictionaries(st.sampled_from(["LEVEL", "REGION", "A"]), _texts, max_size=3),
    "env": st.dictionaries(st.sampled_from(["a", "b", "c"]), _texts, max_size=3),
    "env_secrets": st.lists(_names, max_size=3),
    "env_config_maps": st.lists(_names, max_size=2),
    "image_pull_policy": st.sampled_from(["Always", "IfNotPresent", "Never"]),
    "image_pull_secrets": st.lists(_names, unique=True),
    "service_account_name": _names,
    "namespace": _names,
    "labels": st.dictionaries(_names, _names),
    "resources": st.sampled_from([{"limits": {"cpu": "1"}}, {"requests": {"memory": "1Gi"}}]),
    "scheduler_name": _names,
    "security_context": st.just({"run_as_user": 1}),
    "volumes": st.lists(
        st.builds(lambda name: {"name": name, "empty_dir": {}}, _names),
        max_size=2,
        unique_by=lambda v: v["name"],
    ),
    "volume_mounts": st.just([{"name": "a", "mount_path": "/a"}]),
    "run_k8s_config": configs(),
    "server_k8s_config": _for_servers
    | st.builds(ServerK8sConfig, _for_servers, service_metadata=st.just({"labels": {"a": "b"}})),
    "server_replica_count": st.integers(1, 3),
}


def _or_none(kind: type) -> Any:
    def make(fields: dict[str, Any]) -> Any:
        try:
            return kind(**fields)
        except K8sConfigError:
            return None

    return make


def contexts() -> st.SearchStrategy[K8sContainerContext]:
    """What ``container_context.k8s`` may hold."""
    fields = st.fixed_dictionaries({}, optional=_k8s)
    return fields.map(_or_none(K8sContainerContext)).filter(lambda found: found is not None)


_common: dict[str, st.SearchStrategy[Any]] = {
    "build": st.builds(lambda directory: Build(directory=directory), _texts),
    "working_directory": _texts,
    "image": st.sampled_from(["etl", "ghcr.io/acme/etl:1", "localhost:5000/a/b", "${IMAGE}"]),
    "executable_path": _texts,
    "container_context": contexts(),
    "agent_queue": _names,
}
_sources = st.sampled_from(list(CodeSource.model_fields)).map(lambda name: CodeSource(**{name: "x"}))


def cloud_configs() -> st.SearchStrategy[DagsterCloudConfig]:
    """What dagster_cloud.yaml may hold."""
    locations = st.lists(
        st.fixed_dictionaries(
            {"location_name": _texts}, optional={**_common, "code_source": _sources, "attribute": _texts}
        ),
        max_size=3,
        unique_by=lambda location: location["location_name"],
    ).map(lambda items: [CodeLocation(**item) for item in items])
    defaults = st.fixed_dictionaries({}, optional=_common).map(lambda fields: LocationDefaults(**fields))
    return st.fixed_dictionaries({"locations": locations}, optional={"defaults": defaults}).map(
        lambda fields: DagsterCloudConfig(**fields)
    )


_words = [
    "defaults",
    "locations",
    "location",
    "location_name",
    "locationName",
    "code_source",
    "module_name",
    "image",
    "build",
    "directory",
    "agent_queue",
    "container_context",
    "k8s",
    "env_vars",
    "env",
    "env_secrets",
    "name",
    "value",
    "image_pull_secrets",
    "resources",
    "limits",
    "cpu",
    "memory",
    "run_k8s_config",
    "runs_k8s_config",
    "server_k8s_config",
    "container_config",
    "containerConfig",
    "volumes",
    "volume_mounts",
    "mount_path",
    "pod_spec_config",
    "merge_behavior",
    "labels",
    "registry",
    "dagsterCloud",
    "workspace",
]
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*_words, "SHALLOW", "KEY=a=b", "PASSWORD=x1y2z3", "1Gi", "4GB", "{{ x }}", "\ud800"])
)
_keys = st.sampled_from(_words) | st.text(max_size=4) | st.integers() | st.booleans() | st.none()


def anything() -> st.SearchStrategy[object]:
    """Whatever YAML can hold, with keys that often mean something."""
    return st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=5),
        max_leaves=30,
    )


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with some of it lost, doubled, moved or replaced."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 20)))
        piece = draw(
            st.sampled_from(
                ["", text[start:end] * 2, "\t", "\n", ": ", "- ", "&a ", "*a ", "!!x ", "{", "]", '"', "|"]
            )
            | st.sampled_from(_words)
            | st.text(max_size=3)
            | _scalars.map(lambda value: json.dumps(value, default=str))
        )
        text = text[:start] + piece + text[end:]
    return text
