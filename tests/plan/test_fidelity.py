"""The plan shows the Jobs that dagster_k8s really sends, field for field, over HTTP."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from configs import configs
from dagster._core.test_utils import instance_for_test
from dagster_k8s import k8s_job_executor
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from launched import launched

from dagster_plus_k8s_helpers import K8sConfig, PlanError
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.unknown import DAGSTER_HOME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer

LOCATION = {"location_name": "etl/É", "image": "project:1"}
SECTIONS = {
    "container_config": "containerConfig",
    "pod_spec_config": "podSpecConfig",
    "pod_template_spec_metadata": "podTemplateSpecMetadata",
    "job_spec_config": "jobSpecConfig",
    "job_metadata": "jobMetadata",
}
HELM_NAMES = {
    "image_pull_policy": "pullPolicy",
    "service_account_name": "serviceAccountName",
    "job_namespace": "namespace",
    "env_vars": "envVars",
    "volume_mounts": "volumeMounts",
    "volumes": "volumes",
    "labels": "labels",
    "resources": "resources",
    "scheduler_name": "schedulerName",
    "security_context": "securityContext",
}

_names = st.sampled_from(["a", "b", "c"])
_labels = st.dictionaries(_names, _names, max_size=2)
_top_level: dict[str, st.SearchStrategy[Any]] = {
    "image_pull_policy": st.sampled_from(["Always", "Never"]),
    "image_pull_secrets": st.lists(st.builds(lambda name: {"name": name}, _names), max_size=2),
    "env_config_maps": st.lists(_names, max_size=2),
    "env_secrets": st.lists(_names, max_size=2),
    "env_vars": st.lists(st.builds("{}={}".format, _names, _names), max_size=2),
    "volumes": st.lists(st.builds(lambda name: {"name": name, "emptyDir": {}}, _names), max_size=2),
    "volume_mounts": st.lists(st.builds(lambda name: {"name": name, "mountPath": "/m"}, _names), max_size=2),
    "labels": _labels,
    "resources": st.sampled_from([{"limits": {"cpu": "3"}}, {"requests": {"memory": "1Gi"}}]),
    "scheduler_name": _names,
    "security_context": st.sampled_from([{"runAsUser": 7}]),
}
_account = {"service_account_name": _names}
_configs = configs().map(lambda config: config.to_dict())
_without_behavior = _configs.map(
    lambda config: {section: config[section] for section in SECTIONS if section in config}
)
launchers = st.fixed_dictionaries(
    {"job_namespace": _names, "service_account_name": _names},
    optional={**_top_level, "run_k8s_config": _without_behavior},
)
locations = st.fixed_dictionaries(
    {},
    optional={
        "env_vars": st.lists(st.builds("{}={}".format, _names, _names), max_size=2),
        "k8s": st.fixed_dictionaries(
            {}, optional={**_top_level, **_account, "run_k8s_config": _configs, "namespace": _names}
        ),
    },
)
executors = st.fixed_dictionaries(
    {},
    optional={
        **_top_level,
        **_account,
        "step_k8s_config": _configs,
        "per_step_k8s_config": st.dictionaries(st.sampled_from(["first", "other"]), _configs),
        "job_image": st.just("steps:2"),
        "job_namespace": _names,
        "enable_owner_references": st.booleans(),
    },
)


def helm_values(launcher: dict[str, Any]) -> dict[str, Any]:
    """The values out of which the agent's chart makes the config of a launcher."""
    workspace = {HELM_NAMES[key]: value for key, value in launcher.items() if key in HELM_NAMES}
    for key, name in (("env_config_maps", "envConfigMaps"), ("env_secrets", "envSecrets")):
        if key in launcher:
            workspace[name] = [{"name": item} for item in launcher[key]]
    if "run_k8s_config" in launcher:
        workspace["runK8sConfig"] = {
            SECTIONS[section]: value for section, value in launcher["run_k8s_config"].items()
        }
    values: dict[str, Any] = {"workspace": workspace}
    if "image_pull_secrets" in launcher:
        values["imagePullSecrets"] = launcher["image_pull_secrets"]
    return values


def without_launch(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest without run ids, names derived from them, and the arguments that hold one."""
    manifest = copy.deepcopy(manifest)
    template = manifest["spec"]["template"]
    for metadata in (manifest["metadata"], template["metadata"]):
        assert metadata.pop("name").startswith(("dagster-run-", "dagster-step-"))
        assert metadata["labels"].pop("dagster/run-id")
    for reference in manifest["metadata"].get("ownerReferences", ()):
        del reference["name"], reference["uid"]
    (container, *_others) = template["spec"]["containers"]
    container["args"] = container["args"][:3]
    for variable in container["env"]:
        if variable["name"] == "DAGSTER_COMPRESSED_EXECUTE_STEP_ARGS":
            del variable["value"]
    return manifest


def job_of(tags: dict[str, Any], executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    @dg.op(tags=tags)
    def first() -> None: ...

    @dg.graph(name="inside_" * 12)
    def graph() -> None:
        first()

    @dg.job(executor_def=executor, name="a" * 70)
    def job() -> None:
        first()
        first.alias("other")()
        first.alias("_same_pod_as_first_")()
        graph()

    return job


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("HOSTNAME", "run-pod")
    # One database for all runs: the default makes one a run, which takes a second each.
    one_database = {
        "event_log_storage": {
            "module": "dagster._core.storage.event_log",
            "class": "ConsolidatedSqliteEventLogStorage",
            "config": {"base_dir": str(tmp_path)},
        }
    }
    with instance_for_test(temp_dir=str(tmp_path), overrides=one_database) as instance:
        yield instance


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    launcher=launchers,
    context=locations,
    run_tags=st.none() | configs(),
    executor=executors,
    op_tags=st.none() | configs(),
)
def test_the_plan_is_what_reaches_the_api_server(
    launcher: dict[str, Any],
    context: dict[str, Any],
    run_tags: K8sConfig | None,
    executor: dict[str, Any],
    op_tags: K8sConfig | None,
    instance: dg.DagsterInstance,
    api_server: ApiServer,
) -> None:
    tags = run_tags.run_tags if run_tags else {}
    job = job_of(op_tags.tags if op_tags else {}, k8s_job_executor)
    run_config = {"execution": {"config": executor}}
    try:
        sent = launched(
            job,
            instance,
            api_server,
            launcher={**launcher, "dagster_home": DAGSTER_HOME, "instance_config_map": "agent"},
            image=LOCATION["image"],
            container_context=context,
            location_name=LOCATION["location_name"],
            tags=tags,
            run_config=run_config,
        )
    except Exception as refusal:  # noqa: BLE001 - what dagster_k8s refuses, the plan refuses too
        refused: Exception | None = refusal
    else:
        refused = None
    event("refused" if refused else "launched")
    definitions = dg.Definitions(jobs=[job])

    def planned() -> Any:
        return plan(
            definitions,
            job=job.name,
            agent=helm_values(launcher),
            location={**LOCATION, "container_context": context},
            run_config=run_config,
            tags=tags,
        )

    if refused is not None:
        with pytest.raises(PlanError):
            planned()
        return
    run_plan = planned()
    assert without_launch(run_plan.run.manifest) == without_launch(sent.run[0])
    assert run_plan.run.namespace == sent.run[1]
    assert run_plan.steps.keys() == sent.steps.keys()
    for key, (manifest, namespace) in sent.steps.items():
        assert without_launch(run_plan.steps[key].manifest) == without_launch(manifest)
        assert run_plan.steps[key].own_pod.namespace == namespace
