"""The plan shows the Jobs that dagster_k8s really sends, field for field, over HTTP."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from configs import configs
from dagster_k8s import k8s_job_executor
from examples import fewer
from hypothesis import HealthCheck, assume, example, given
from hypothesis import strategies as st
from instances import instance_in
from kubernetes.client import V1Container, V1JobSpec, V1ObjectMeta, V1PodSpec
from launched import Launched, launched

from dagster_plus_k8s_helpers import Deployment, K8sConfig, PlanError, k8s_executor, kai, kueue
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.merge.unknown import DAGSTER_HOME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer

    from dagster_plus_k8s_helpers.plan import LayerName, RunPlan

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

EVERYTHING: dict[str, Any] = {
    "container_config": dict.fromkeys(V1Container.attribute_map, True),
    "pod_spec_config": dict.fromkeys(V1PodSpec.attribute_map, True),
    "pod_template_spec_metadata": dict.fromkeys(V1ObjectMeta.attribute_map, True),
    "job_spec_config": dict.fromkeys(V1JobSpec.attribute_map, True),
    "job_metadata": dict.fromkeys(V1ObjectMeta.attribute_map, True),
    "namespace": True,
}
ALLOWED = [EVERYTHING, {**EVERYTHING, "job_metadata": {}}]
PR = Deployment("branch", "pr-7")
OF_DAGSTER_PLUS = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "pr-7",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
    "DAGSTER_CLOUD_LOCATION_NAME": LOCATION["location_name"],
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
    optional={
        **_top_level,
        "run_k8s_config": _without_behavior,
        # env is allowed, as the agent does of itself, and with it the variables it lets through.
        "only_allow_user_defined_k8s_config_fields": st.sampled_from(ALLOWED),
        "only_allow_user_defined_env_vars": st.lists(_names, max_size=2).map(
            lambda names: [*names, *OF_DAGSTER_PLUS]
        ),
    },
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
    if "only_allow_user_defined_k8s_config_fields" in launcher:
        workspace["onlyAllowUserDefinedK8sConfigFields"] = {
            SECTIONS.get(section, section): value
            for section, value in launcher["only_allow_user_defined_k8s_config_fields"].items()
        }
    if "only_allow_user_defined_env_vars" in launcher:
        names = launcher["only_allow_user_defined_env_vars"]
        workspace["onlyAllowUserDefinedEnvVars"] = [name for name in names if name not in OF_DAGSTER_PLUS]
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


def job_of(
    tags: dict[str, Any], executor: dg.ExecutorDefinition, tags_of_partition: dict[str, str] | None = None
) -> dg.JobDefinition:
    @dg.op(tags=tags)
    def first() -> None: ...

    @dg.graph(name="inside_" * 12)
    def graph() -> None:
        first()

    config = None
    if tags_of_partition is not None:
        config = dg.PartitionedConfig(
            dg.StaticPartitionsDefinition(["jan"]),
            run_config_for_partition_key_fn=lambda _key: {},
            tags_for_partition_key_fn=lambda _key: tags_of_partition,
        )

    @dg.job(executor_def=executor, name="a" * 70, config=config)
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
    with instance_in(tmp_path, one_database) as instance:
        yield instance


@dataclass(frozen=True)
class Layers:
    """What each layer of a run says."""

    launcher: dict[str, Any]
    context: dict[str, Any]
    run_tags: dict[str, str]
    executor: dict[str, Any]
    op_tags: dict[str, str]
    is_ours: bool
    is_partitioned: bool
    deployment: Deployment | None

    def job(self) -> dg.JobDefinition:
        executor = k8s_executor() if self.is_ours else k8s_job_executor
        return job_of(self.op_tags, executor, self.run_tags if self.is_partitioned else None)

    @property
    def run_config(self) -> dict[str, Any]:
        return {"execution": {"config": self.executor}}

    def planned(self) -> RunPlan:
        job = self.job()
        return plan(
            dg.Definitions(jobs=[job]),
            job=job.name,
            agent=helm_values(self.launcher),
            location={**LOCATION, "container_context": self.context},
            run_config=self.run_config,
            tags={"dagster/partition": "jan"} if self.is_partitioned else self.run_tags,
            deployment=self.deployment,
        )

    def launched(self, instance: dg.DagsterInstance, api_server: ApiServer) -> Launched:
        context = dict(self.context)
        if self.deployment:
            variables = [f"{name}={value}" for name, value in OF_DAGSTER_PLUS.items()]
            context["env_vars"] = [*variables, *context.get("env_vars", ())]
        return launched(
            self.job(),
            instance,
            api_server,
            launcher={**self.launcher, "dagster_home": DAGSTER_HOME, "instance_config_map": "agent"},
            image=LOCATION["image"],
            container_context=context,
            location_name=LOCATION["location_name"],
            tags=self.run_tags,
            run_config=self.run_config,
        )

    def without(self, layer: LayerName) -> Layers:
        """The same with one layer that says nothing."""
        per_step = {key: value for key, value in self.executor.items() if key == "per_step_k8s_config"}
        rest = {key: value for key, value in self.executor.items() if key != "per_step_k8s_config"}
        return {
            "run tags": replace(self, run_tags={}),
            "executor": replace(self, executor=per_step),
            "op tags": replace(self, op_tags={}),
            "per_step_k8s_config": replace(self, executor=rest),
        }[layer]


layers = st.builds(
    Layers,
    launcher=launchers,
    context=locations,
    run_tags=st.just({}) | configs().map(lambda config: config.run_tags),
    executor=executors,
    op_tags=st.just({}) | configs().map(lambda config: config.tags),
    is_ours=st.booleans(),
    is_partitioned=st.booleans(),
    deployment=st.sampled_from([None, PR]),
)


# A field that there is not: of those that are generated, few are refused.
REFUSED = Layers(
    launcher={},
    context={},
    run_tags={},
    executor={},
    op_tags={"dagster-k8s/config": {"container_config": {"imagePullPolicies": "Always"}}},
    is_ours=True,
    is_partitioned=False,
    deployment=None,
)


def test_the_plan_is_what_reaches_the_api_server(instance: dg.DagsterInstance, api_server: ApiServer) -> None:
    outcomes: Counter[str] = Counter()

    @fewer(2, suppress_health_check=[HealthCheck.too_slow])
    @given(layers=layers)
    @example(REFUSED)
    def test(layers: Layers) -> None:
        try:
            sent = layers.launched(instance, api_server)
        except Exception:  # noqa: BLE001 - what dagster_k8s refuses, the plan refuses too
            outcomes["refused"] += 1
            with pytest.raises(PlanError):
                layers.planned()
            return
        outcomes["launched"] += 1
        run_plan = layers.planned()
        assert without_launch(run_plan.run.manifest) == without_launch(sent.run[0])
        assert run_plan.run.namespace == sent.run[1]
        assert run_plan.steps.keys() == sent.steps.keys()
        for key, (manifest, namespace) in sent.steps.items():
            assert without_launch(run_plan.steps[key].manifest) == without_launch(manifest)
            assert run_plan.steps[key].own_pod.namespace == namespace

    test()

    assert outcomes["launched"] >= 0.6 * outcomes.total(), (
        "most combinations must be ones that dagster_k8s takes"
    )
    assert outcomes["refused"], "and some it must refuse"


def test_origins_are_those_of_jobs_without_a_layer(
    instance: dg.DagsterInstance, api_server: ApiServer
) -> None:
    """Without the layer that set a field, a real launch says something else of it; without others, the same."""
    outcomes: Counter[str] = Counter()

    @fewer(6, suppress_health_check=[HealthCheck.too_slow])
    @given(
        layers=layers,
        name=st.sampled_from(["run tags", "executor", "op tags", "per_step_k8s_config"]),
    )
    def test(layers: Layers, name: LayerName) -> None:
        try:
            full = layers.planned()
            sent = layers.without(name).launched(instance, api_server)
        except Exception:  # noqa: BLE001 - the other test is about these
            assume(False)  # noqa: FBT003 - hypothesis' own
        pods = {"": (full.run, sent.run[0])}
        pods |= {key: (step.own_pod, sent.steps[key][0]) for key, step in full.steps.items()}
        for pod, manifest in pods.values():
            now, then = (scalars(without_launch(item)) for item in (pod.manifest, manifest))
            for path, value in now.items():
                origin = pod.origin(path)
                if origin.layer.name == name and origin.action != "repeated":
                    outcomes[f"{origin.action}, gone"] += 1
                    assert then.get(path) != value, origin
                elif all(said.layer.name != name for said in origin.below):
                    outcomes["not its own"] += 1
                    assert then.get(path) == value, origin

    test()

    assert outcomes.keys() >= {"set, gone", "replaced, gone", "not its own"}


def scalars(value: Any, path: str = "") -> dict[str, Any]:
    """The single values of a manifest, those of lists left out: a list moves when a layer is gone."""
    if isinstance(value, dict):
        found = [scalars(item, f"{path}.{key}" if path else key) for key, item in value.items()]
        return {where: item for some in found for where, item in some.items()}
    if isinstance(value, list):
        return scalars(value[0], f"{path}[0]") if path.endswith(".containers") else {}
    return {path: value}


def in_queue(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    """A job with a step for each level that names a queue, and queues of the run's own Job in its tags."""

    @dg.op
    def by_executor() -> None: ...

    @dg.op(tags=kueue("of-op-tags", priority_class="nightly", topology="rack").tags)
    def by_tags() -> None: ...

    @dg.op(tags=K8sConfig(queue="of-op-tags").tags)
    def by_step() -> None: ...

    @dg.op(tags=kai("research").tags)
    def by_scheduler() -> None: ...

    @dg.job(executor_def=executor, tags=kueue("of-job-tags", priority_class="first").tags)
    def job() -> None:
        by_executor()
        by_tags()
        by_step()
        by_scheduler()

    return job


OF_EXECUTOR = k8s_executor(
    queue="of-executor", per_step_config={"by_step": K8sConfig(queue="of-step", priority_class="low")}
)
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
OF_LOCATION = K8sConfig(queue="of-location").container_context()
OF_AGENT = K8sConfig(queue="of-agent", priority_class="last")


@pytest.mark.parametrize(
    ("agent", "location", "run_tags", "of_run"),
    [
        (None, {}, None, {QUEUE: "of-job-tags", PRIORITY: "first"}),
        (None, OF_LOCATION, {}, {QUEUE: "of-location"}),
        (OF_AGENT, {}, {}, {QUEUE: "of-agent", PRIORITY: "last"}),
        # What it names for runs is not what the agent names for them, and a priority of another layer stays.
        (OF_AGENT, OF_LOCATION, {}, {QUEUE: "of-location", PRIORITY: "last"}),
        (OF_AGENT, OF_LOCATION, kueue("of-launch").run_tags, {QUEUE: "of-launch", PRIORITY: "last"}),
    ],
    ids=["job tags", "location", "agent", "agent and location", "launch"],
)
def test_jobs_in_queues_are_sent_as_they_are_planned(
    instance: dg.DagsterInstance,
    api_server: ApiServer,
    agent: K8sConfig | None,
    location: dict[str, Any],
    run_tags: dict[str, str] | None,
    of_run: dict[str, str],
) -> None:
    job = in_queue(OF_EXECUTOR)
    launcher: dict[str, Any] = {"job_namespace": "a", "service_account_name": "b"}
    if agent is not None:
        launcher["run_k8s_config"] = agent.to_dict()
    # The tags of a launch take the place of the job's own.
    tags = None if run_tags is None else {"dagster-k8s/config": "{}", **run_tags}

    sent = launched(
        job,
        instance,
        api_server,
        launcher={**launcher, "dagster_home": DAGSTER_HOME, "instance_config_map": "agent"},
        image=LOCATION["image"],
        container_context=location,
        location_name=LOCATION["location_name"],
        tags=tags,
    )
    planned = plan(
        dg.Definitions(jobs=[job]),
        job=job.name,
        agent=helm_values(launcher),
        location={**LOCATION, "container_context": location},
        tags=tags,
    )

    assert without_launch(planned.run.manifest) == without_launch(sent.run[0])
    assert queues(sent.run[0]) == of_run
    for key, (manifest, _namespace) in sent.steps.items():
        assert without_launch(planned.steps[key].manifest) == without_launch(manifest)
    assert {key: queues(manifest) for key, (manifest, _namespace) in sent.steps.items()} == {
        "by_executor": {QUEUE: "of-executor", **of_agent(agent)},
        "by_tags": {QUEUE: "of-op-tags", PRIORITY: "nightly"},
        "by_step": {QUEUE: "of-step", PRIORITY: "low"},
        "by_scheduler": {QUEUE: "of-executor", **of_agent(agent)},
    }
    pod = sent.steps["by_scheduler"][0]["spec"]["template"]
    assert pod["spec"]["schedulerName"] == "kai-scheduler"
    assert pod["metadata"]["labels"]["kai.scheduler/queue"] == "research"


def of_agent(agent: K8sConfig | None) -> dict[str, str]:
    return {} if agent is None else {PRIORITY: "last"}


def queues(manifest: dict[str, Any]) -> dict[str, str]:
    """What a Job says of queues, and its pod does not."""
    assert not {QUEUE, PRIORITY} & manifest["spec"]["template"]["metadata"]["labels"].keys()
    labels = manifest["metadata"]["labels"]
    return {key: labels[key] for key in (QUEUE, PRIORITY) if key in labels}
