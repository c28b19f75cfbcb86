"""The plan of every kind of Dagster job."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import (
    Deployment,
    K8sConfig,
    PlanError,
    Resources,
    SelectionError,
    current_deployment,
    executor_for_deployment,
    gpu,
    k8s_executor,
    k8s_tags,
)
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer

LIMITS = "spec.template.spec.containers[0].resources.limits"
PROD = Deployment("full", "prod")


class Unreachable(dg.ConfigurableResource):  # type: ignore[misc]
    url: str

    def setup_for_execution(self, _context: dg.InitResourceContext) -> None:
        raise AssertionError("planning must not initialise a resource")


class Setting(dg.Config):  # type: ignore[misc]
    name: str


@dg.asset(op_tags=k8s_tags(cpu=2), group_name="raw", key_prefix="shop")
def orders(config: Setting, service: Unreachable) -> None: ...


@dg.multi_asset(
    specs=[dg.AssetSpec("customers", group_name="raw"), dg.AssetSpec("regions", group_name="raw")],
    op_tags=k8s_tags(memory="1Gi"),
    can_subset=True,
)
def dimensions() -> Iterator[dg.MaterializeResult[Any]]:
    yield dg.MaterializeResult("customers")


@dg.op(tags=k8s_tags(memory="2Gi"))
def load() -> int:
    return 1


@dg.op(tags=k8s_tags(memory="3Gi"), retry_policy=dg.RetryPolicy(max_retries=2))
def fit(loaded: int) -> int:
    return loaded


@dg.graph_asset(group_name="ml")
def model() -> int:
    return fit(load())


@dg.asset(deps=[model], op_tags=gpu(1).tags, retry_policy=dg.RetryPolicy(max_retries=3), group_name="ml")
def scores() -> None: ...


@dg.asset_check(asset=scores, op_tags=k8s_tags(cpu="250m"))
def scores_are_fresh() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def tags_of_month(partition_key: str) -> dict[str, str]:
    return K8sConfig(resources=Resources(memory=f"{len(partition_key)}Gi")).run_tags


@dg.op(out=dg.DynamicOut(int), tags=k8s_tags(cpu=1))
def fan_out() -> Iterator[dg.DynamicOutput[int]]:
    yield dg.DynamicOutput(1, "one")


@dg.op(tags=k8s_tags(cpu=3))
def mapped(number: int) -> int:
    return number


@dg.op(tags=k8s_tags(cpu=5))
def collected(numbers: list[int]) -> None: ...


@dg.job
def dynamic() -> None:
    collected(fan_out().map(mapped).collect())


@dg.job(
    executor_def=k8s_job_executor.configured({"max_concurrent": 7, "job_image": "own:1"}),
    config={"ops": {"load": {}}},
)
def with_its_own_executor() -> None:
    load()


@dg.job(
    executor_def=k8s_job_executor,
    config={"execution": {"config": {"max_concurrent": 2, "step_k8s_config": k8s_tags(cpu=9)["dagster-k8s/config"]}}},
)  # fmt: skip
def preset() -> None:
    load()


@dg.job(tags=k8s_tags(cpu=1), run_tags=k8s_tags(cpu=4))
def with_run_tags() -> None:
    load()


monthly = dg.define_asset_job(
    "monthly",
    "regions",
    config=dg.PartitionedConfig(
        partitions_def=dg.StaticPartitionsDefinition(["jan", "march"]),
        run_config_for_partition_key_fn=lambda key: {"execution": {"config": {"max_concurrent": len(key)}}},
        tags_for_partition_key_fn=tags_of_month,
    ),
)


def definitions(executor: dg.ExecutorDefinition | None = None) -> dg.Definitions:
    return dg.Definitions(
        assets=[orders, dimensions, model, scores],
        asset_checks=[scores_are_fresh],
        jobs=[
            dg.define_asset_job("nightly", dg.AssetSelection.groups("ml"), tags=k8s_tags(memory="6Gi")),
            monthly,
            dynamic,
            with_its_own_executor,
            preset,
            with_run_tags,
        ],
        resources={"service": Unreachable(url=dg.EnvVar("NOT_SET_AT_HOME"))},
        executor=executor or k8s_executor(max_concurrent=4),
    )


def test_the_implicit_asset_job_has_every_asset_and_check() -> None:
    found = plan(definitions())

    assert found.job == "__ASSET_JOB"
    assert {key: step.container.limits for key, step in found.steps.items()} == {
        "shop__orders": {"cpu": "2"},
        "dimensions": {"memory": "1Gi"},
        "model.load": {"memory": "2Gi"},
        "model.fit": {"memory": "3Gi"},
        "scores": {"nvidia.com/gpu": "1"},
        "scores_scores_are_fresh": {"cpu": "250m"},
    }
    assert found.steps["model.fit"].depends_on == {"model.load"}
    assert found.steps["shop/orders"].key == "shop__orders"
    assert found.run.container.limits == {}, "tags of an asset job are not for the implicit one"


def test_a_job_has_the_assets_it_selects_and_its_own_tags() -> None:
    found = plan(definitions(), job="nightly")

    assert list(found.steps) == ["model.load", "model.fit", "scores", "scores_scores_are_fresh"]
    assert found.run.container.limits == {"memory": "6Gi"}
    assert found.max_concurrent == 4


@pytest.mark.parametrize(
    ("job", "selection", "steps"),
    [
        (None, "group:ml", ["model.load", "model.fit", "scores", "scores_scores_are_fresh"]),
        (None, "regions", ["dimensions"]),
        (None, dg.AssetSelection.assets("scores").without_checks(), ["scores"]),
        (None, dg.AssetSelection.checks_for_assets("scores"), ["scores_scores_are_fresh"]),
        ("nightly", "key:scores", ["scores", "scores_scores_are_fresh"]),
    ],
)
def test_a_selection_keeps_some(job: str | None, selection: Any, steps: list[str]) -> None:
    assert list(plan(definitions(), job=job, selection=selection).steps) == steps


def test_retries_are_told() -> None:
    steps = plan(definitions()).steps

    assert {key: step.max_retries for key, step in steps.items() if step.max_retries} == {
        "model.fit": 2,
        "scores": 3,
    }


def test_a_mapped_step_stands_for_all_and_says_what_is_not_known() -> None:
    found = plan(definitions(), job="dynamic")
    step = found.steps["mapped[?]"]
    (variable,) = (
        entry
        for entry in step.own_pod.spec["containers"][0]["env"]
        if entry["name"] == "DAGSTER_RUN_STEP_KEY"
    )

    assert list(found.steps) == ["fan_out", "mapped[?]", "collected"]
    assert step.is_mapped
    assert variable["value"] == "mapped[<mapping key>]"
    assert step.manifest["metadata"]["labels"]["dagster/op"] == "mapped-<mapping key>"
    assert found.peak.at_most is not None
    assert found.peak.at_least.cpu == 5
    assert found.peak.at_most.cpu >= 4 * 3
    assert not found.peak.is_exact


@pytest.mark.parametrize(
    ("length", "label"),
    [(45, "m" * 45 + "-<mapping key>"), (61, "m" * 61 + "-<mapping key>"), (62, "m" * 62), (70, "m" * 63)],
)
def test_a_long_label_of_a_mapped_step_holds_what_is_known(length: int, label: str) -> None:
    @dg.job(executor_def=k8s_job_executor)
    def job() -> None:
        fan_out().map(mapped.alias("m" * length))

    step = plan(dg.Definitions(jobs=[job]), job="job").steps[f"{'m' * length}[?]"]

    assert step.manifest["metadata"]["labels"]["dagster/op"] == label


def test_dynamic_steps_without_a_limit_have_no_upper_bound() -> None:
    assert plan(definitions(k8s_executor()), job="dynamic").peak.at_most is None


def test_a_job_with_an_executor_of_its_own() -> None:
    found = plan(definitions(dg.in_process_executor), job="with_its_own_executor")

    assert found.max_concurrent == 7
    assert found.steps["load"].container.image == "own:1"


def test_the_config_of_a_job_counts_when_the_launch_has_none() -> None:
    mine = plan(definitions(), job="preset")
    launched = plan(definitions(), job="preset", run_config={"execution": {"config": {"max_concurrent": 1}}})

    assert (mine.max_concurrent, mine.steps["load"].container.limits) == (2, {"cpu": "9", "memory": "2Gi"})
    assert (launched.max_concurrent, launched.steps["load"].container.limits) == (1, {"memory": "2Gi"})


def test_run_config_reaches_the_executor() -> None:
    small = K8sConfig(resources=Resources(cpu="100m")).to_dict()
    large = K8sConfig(resources=Resources(memory="8Gi")).to_dict()
    found = plan(
        definitions(),
        selection="group:ml",
        run_config={
            "execution": {
                "config": {
                    "step_k8s_config": small,
                    "per_step_k8s_config": {"fit": large},
                    "max_concurrent": 1,
                }
            }
        },
    )

    assert found.steps["model.load"].container.limits == {"cpu": "100m", "memory": "2Gi"}
    assert found.steps["model.fit"].container.limits == {"cpu": "100m", "memory": "8Gi"}
    assert found.steps["model.fit"].origin(f"{LIMITS}.memory").layer.name == "per_step_k8s_config"
    assert found.max_concurrent == 1


@pytest.mark.parametrize(
    ("job", "tags", "limits"),
    [
        ("with_run_tags", None, {"cpu": "4"}),
        ("nightly", K8sConfig(resources=Resources(cpu=8)).run_tags, {"cpu": "8"}),
        ("monthly", None, {}),
        ("monthly", {"dagster/partition": "jan"}, {"memory": "3Gi"}),
        ("monthly", {"dagster/partition": "march"}, {"memory": "5Gi"}),
    ],
)
def test_the_tags_of_a_run(job: str, tags: dict[str, str] | None, limits: dict[str, str]) -> None:
    found = plan(definitions(), job=job, tags=tags)

    assert found.run.container.limits == limits
    assert all(step.container.limits != limits for step in found.steps.values())


def test_a_partition_has_a_run_config_of_its_own() -> None:
    assert plan(definitions(), job="monthly", tags={"dagster/partition": "march"}).max_concurrent == 5


@pytest.mark.parametrize("executor", [dg.in_process_executor, dg.multiprocess_executor])
def test_steps_without_pods_are_shown_as_what_they_are(executor: dg.ExecutorDefinition) -> None:
    found = plan(definitions(executor), job="nightly")
    share = found.in_run_pod

    assert {step.runs_in for step in found.steps.values()} == {"run pod"}
    assert found.steps["model.fit"].asked.limits == {"memory": "3Gi"}
    assert share is not None
    assert share.limits == {"memory": "6Gi"}
    assert (share.largest.memory, share.total.memory) == (3 * 2**30, 5 * 2**30)
    assert (share.largest.gpu, str(share.total.cpu)) == (1, "0.25")
    assert share.ignored == tuple(found.steps)
    assert found.peak.at_most == found.peak.at_least
    assert found.peak.at_least.memory == 6 * 2**30
    with pytest.raises(PlanError) as refusal:
        _ = found.steps["model.fit"].manifest
    assert str(refusal.value) == "the step 'model.fit' has no pod of its own: it runs in the run's pod"


@pytest.mark.parametrize(
    ("executor", "config", "limit"),
    [
        (dg.in_process_executor, {}, 1),
        (dg.multiprocess_executor, {}, None),
        (dg.multiprocess_executor, {"max_concurrent": 3}, 3),
        (dg.multi_or_in_process_executor, {"multiprocess": {"max_concurrent": 2}}, 2),
        (dg.multi_or_in_process_executor, {"in_process": {}}, 1),
    ],
)
def test_how_many_run_at_once_is_not_taken_from_this_machine(
    executor: dg.ExecutorDefinition, config: dict[str, Any], limit: int | None
) -> None:
    found = plan(definitions(executor), job="nightly", run_config={"execution": {"config": config}})

    assert found.max_concurrent == limit


def test_an_executor_that_is_not_known_runs_its_steps_elsewhere() -> None:
    @dg.executor(requirements=dg.multiple_process_executor_requirements())
    def other(_context: dg.InitExecutorContext) -> dg.Executor:
        class Other(dg.Executor):  # type: ignore[misc]
            retries = None

            def execute(self, plan_context: object, execution_plan: object) -> Iterator[Any]:
                yield from ()

        return Other()

    found = plan(definitions(other), job="nightly")

    assert {step.runs_in for step in found.steps.values()} == {"elsewhere"}
    assert found.in_run_pod is None
    with pytest.raises(PlanError, match="it runs where its executor puts it"):
        _ = found.steps["scores"].container


def test_a_variable_of_the_environment_is_not_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "home")
    config = {"env_vars": ["REGION", "NOT_SET", "LEVEL=info"]}
    found = plan(
        definitions(),
        agent={"workspace": {"envVars": ["TOKEN"]}},
        location={"container_context": {"env_vars": ["BUCKET"], "k8s": {"env_vars": ["SCHEMA"]}}},
        run_config={"execution": {"config": config}},
    )
    env = found.steps["scores"].container.env

    assert {name: env[name] for name in ("REGION", "NOT_SET", "LEVEL", "TOKEN", "BUCKET", "SCHEMA")} == {
        "REGION": "<REGION of the environment at launch>",
        "NOT_SET": "<NOT_SET of the environment at launch>",
        "LEVEL": "info",
        "TOKEN": "<TOKEN of the environment at launch>",
        "BUCKET": "<BUCKET of the environment at launch>",
        "SCHEMA": "<SCHEMA of the environment at launch>",
    }


def test_every_step_with_a_pod_leaves_nothing_to_share() -> None:
    assert plan(definitions()).in_run_pod is None


def test_definitions_are_loaded_as_in_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME_ONLY", "kept")

    def load_definitions() -> dg.Definitions:
        assert current_deployment().in_cluster
        return definitions(
            executor_for_deployment(
                local=dg.multiprocess_executor, branch=dg.in_process_executor, default=k8s_executor()
            )
        )

    prod = plan(load_definitions, deployment=PROD)
    branch = plan(load_definitions, deployment=Deployment("branch", "pr-7"))

    assert {step.runs_in for step in prod.steps.values()} == {"own pod"}
    assert {step.runs_in for step in branch.steps.values()} == {"run pod"}
    assert branch.run.container.env["DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"] == "1"
    assert prod.steps["scores"].container.env["DAGSTER_CLOUD_DEPLOYMENT_NAME"] == "prod"
    assert current_deployment().kind == "local"


def test_an_allowlist_of_the_agent_is_kept() -> None:
    agent = {"workspace": {"onlyAllowUserDefinedK8sConfigFields": {"containerConfig": {"resources": True}}}}
    location = {
        "container_context": {
            "k8s": {"run_k8s_config": {"container_config": {"env": [{"name": "A", "value": "1"}]}}}
        }
    }
    forbidden = {"container_context": {"k8s": {"run_k8s_config": {"pod_spec_config": {"hostNetwork": True}}}}}

    env = plan(definitions(), agent=agent, location=location, deployment=PROD).run.container.env

    assert "A" not in env
    assert env["DAGSTER_CLOUD_DEPLOYMENT_NAME"] == "prod"
    with pytest.raises(PlanError) as refusal:
        plan(definitions(), agent=agent, location=forbidden)
    assert str(refusal.value) == (
        "run of '__ASSET_JOB', location (the code location '<without a name>'): Attempted to create "
        "a pod with fields that violated the allowed list: pod_spec_config.host_network"
    )  # fmt: skip


def test_files_may_be_objects_that_know_themselves_as_mappings() -> None:
    class Values:
        def to_dict(self) -> dict[str, Any]:
            return {"workspace": {"pullPolicy": "Never", "namespace": "runs"}}

    found = plan(definitions(), agent=Values())

    assert found.run.namespace == "runs"
    assert found.run.spec["containers"][0]["imagePullPolicy"] == "Never"


BAD_TAG = {"dagster-k8s/config": {"container_config": {"resorces": {}}}}


@dg.job(executor_def=k8s_job_executor)
def bad_tag() -> None:
    load.with_hooks(set()).tag(BAD_TAG)()


CASES: list[tuple[dict[str, Any], str]] = [
    ({"job": "nightli"}, "job: there is no job 'nightli'; did you mean 'nightly'?; there are "),
    ({"job": 5}, "job: must be the name of a job, not int"),
    ({"selection": "group:nothing"}, "reaches no asset that the implicit asset job computes"),
    ({"selection": "group:raw", "job": "nightly"}, "reaches no asset that the job 'nightly' computes"),
    ({"selection": "group:ml)("}, "'group:ml)(' is not in Dagster's selection syntax"),
    ({"selection": 5}, "selection: must be text or an AssetSelection, not int"),
    ({"agent": 5}, "agent: must be a mapping or have to_dict(), not int"),
    ({"agent": {"workspace": [1]}}, "agent.workspace: must be a mapping or have to_dict(), not list"),
    ({"agent": {"workspace": {"envVars": "A=1"}}}, "agent.workspace.envVars: must be a list of KEY=VALUE or KEY, not 'A=1'"),
    ({"agent": {"workspace": {"envSecrets": ["a"]}}}, "agent.workspace.envSecrets: must be a list of {name: ...}, not ['a']"),
    ({"agent": {"workspace": {"labels": 5}}}, "agent: "),
    ({"agent": {"workspace": {"runK8sConfig": {"container_config": {}}}}}, "there is no 'container_config' here; did you mean 'containerConfig'?"),
    ({"agent": {"workspace": {"runK8sConfig": {"containerConfig": {"imag": "a"}}}}}, "agent (the agent's Helm values): Unexpected keys in model class V1Container: {'imag'}"),
    ({"location": {"locations": []}}, "location: is a whole dagster_cloud.yaml; pass one entry of its locations"),
    ({"location": {"image": 5}}, "location.image: must be text, not 5"),
    ({"location": {"container_context": {"k8s": {"labls": {}}}}}, "location.container_context: "),
    ({"location": {"container_context": {"k8s": {"run_k8s_config": {"container_config": {"imag": "a"}}}}}}, "location.container_context: Unexpected keys in model class V1Container: {'imag'}"),
    ({"run_config": {"execution": {"config": {"max_concurent": 1}}}}, "run_config.execution.config (executor 'k8s' of the job '__ASSET_JOB'): "),
    ({"run_config": {"execution": {"cofig": {}}}}, "run_config.execution: there is no 'cofig' here; did you mean 'config'?"),
    ({"run_config": {"excution": {}}}, "run_config: there is no 'excution' here; did you mean 'execution'?"),
    ({"run_config": []}, "run_config: must be a mapping, not list"),
    ({"run_config": {"execution": {"config": {"step_k8s_config": {"container_config": {"imag": 1}}}}}}, "Unexpected keys in model class V1Container: {'imag'}"),
    ({"run_config": {"execution": {"config": {"per_step_k8s_config": {"scores": {"pod_spec_config": {"x": 1}}}}}}}, "per_step_k8s_config (per_step_k8s_config['scores'] of the executor): Unexpected keys in model class V1PodSpec: {'x'}"),
    ({"tags": {"dagster-k8s/config": {}}}, "tags['dagster-k8s/config']: must be text, not {}; K8sConfig has run_tags for a run's tags"),
    ({"tags": []}, "tags: must be a mapping of text, not list"),
    ({"tags": {"dagster-k8s/config": "{"}}, "run tags (tags of the run of '__ASSET_JOB'): "),
    ({"tags": {"dagster/partition": "may"}, "job": "monthly"}, "tags['dagster/partition']: Could not find a partition with key `may`"),
    ({"deployment": "prod"}, "deployment: must be a Deployment, not str"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), CASES)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises((PlanError, SelectionError)) as refusal:
        plan(definitions(), **given)

    assert message in str(refusal.value)


def test_an_op_whose_tags_dagster_refuses_is_named() -> None:
    with pytest.raises(PlanError) as refusal:
        plan(dg.Definitions(jobs=[bad_tag]), job="bad_tag")

    assert str(refusal.value) == (
        "step 'load', tags of the op 'load': Unexpected keys in model class V1Container: {'resorces'}"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there are no assets, so no implicit asset job; pass job=, one of 'dynamic'"),
        ({"job": "x"}, "job: there is no job 'x'; there are 'dynamic'"),
    ],
)
def test_definitions_without_assets(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as refusal:
        plan(dg.Definitions(jobs=[dynamic]), **given)

    assert str(refusal.value) == message


def test_what_is_no_definitions() -> None:
    with pytest.raises(PlanError, match=r"^definitions: must be dagster.Definitions, not str$"):
        plan("definitions.py")  # type: ignore[arg-type]


def test_a_step_that_is_not_there_is_named() -> None:
    with pytest.raises(PlanError, match=r"^there is no step 'scoers'; did you mean 'scores'\?$"):
        _ = plan(definitions()).steps["scoers"]


def test_a_quantity_that_is_none_is_named() -> None:
    @dg.op(tags={"dagster-k8s/config": {"container_config": {"resources": {"limits": {"memory": "4GB"}}}}})
    def greedy() -> None: ...

    @dg.job(executor_def=k8s_job_executor)
    def job() -> None:
        greedy()

    found = plan(dg.Definitions(jobs=[job]), job="job")

    with pytest.raises(PlanError, match=r"^step 'greedy': '4GB' is not a Kubernetes quantity"):
        _ = found.peak


def test_a_job_is_rendered_once_for_all_steps_with_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = 0
    step_job = JobRenderer.step_job

    def counted(self: JobRenderer, *arguments: Any) -> Any:
        nonlocal rendered
        rendered += 1
        return step_job(self, *arguments)

    def one(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"asset_{number}", op_tags=k8s_tags(cpu=number % 5 + 1))
        def asset() -> None: ...

        return asset

    monkeypatch.setattr(JobRenderer, "step_job", counted)
    found = plan(dg.Definitions(assets=[one(number) for number in range(50)], executor=k8s_executor()))

    assert rendered == 5
    assert [step.container.limits["cpu"] for step in found.steps.values()] == [
        str(int(key.removeprefix("asset_")) % 5 + 1) for key in found.steps
    ]


def test_a_manifest_may_be_changed_without_changing_the_plan() -> None:
    step = plan(definitions()).steps["scores"]

    step.manifest["spec"]["template"]["spec"]["containers"].clear()

    assert step.container.limits == {"nvidia.com/gpu": "1"}
