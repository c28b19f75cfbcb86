"""Each rule for definitions: a case that fires, with its message in full, and a near miss that does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import checked
import dagster as dg
import pytest
from checked import NODES, OP, SHOP, config, container, definitions, dynamic, found, location, resources
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import (
    K8sConfig,
    MemoryLadder,
    PlanError,
    gpu,
    k8s_executor,
    k8s_tags,
    sized_by_partition,
)
from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.plan import NodePool, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.findings.finding import Rule

AGENT = {"workspace": {"onlyAllowUserDefinedK8sConfigFields": {"containerConfig": {"resources": True}}}}
TAG = "op tags, dagster-k8s/config: "
LIST = "onlyAllowUserDefinedK8sConfigFields of the agent has no such field"


MEMORY = location(container_config={"resources": {"limits": {"memory": "1Gi"}}})


Case = tuple[str, dg.Definitions, dict[str, Any], str, dg.Definitions, dict[str, Any]]
WAIVER = {"dagster-plus-k8s/ignore": {"DPK521": "read by nobody"}}
SHORT = k8s_tags(ttl_seconds_after_finished=1)
SMALL = K8sConfig(ttl_seconds_after_finished=3600)
LADDER = MemoryLadder().tags
IN_RUN = {"executor": dg.in_process_executor}
IN_RUN_POD = k8s_executor(max_concurrent=4, in_run_pod=["train"])
FOUR = {"executor": dg.multiprocess_executor.configured({"max_concurrent": 4}), "assets": 6}

# Code; what fires, and with what; its message; the near miss, and with what.
CASES: list[Case] = [
    (
        "DPK500",
        definitions(),
        {"location": location(container_config={"nope": 1})},
        "the job: location.container_context: Unexpected keys in model class V1Container: {'nope'}",
        definitions(),
        {"location": location(container_config={"tty": True})},
    ),
    (
        "DPK501",
        definitions(k8s_tags(memory="2Gi"), **IN_RUN),
        {},
        "step 'train': the executor 'in_process' ignores the op tags, which ask for "
        '{"container_config": {"resources": {"limits": {"memory": "2Gi"}}}}; the step runs in the run\'s pod, with limits {}',
        definitions(k8s_tags(memory="2Gi")),
        {},
    ),
    (
        "DPK502",
        definitions(resources(requests={"memory": "4Gi"})),
        {"location": MEMORY},
        f"step 'train': containers[0].resources.requests.memory is '4Gi' by {OP}, and "
        f"containers[0].resources.limits.memory is '1Gi' by {SHOP}",
        definitions(resources(requests={"memory": "1024Mi"})),
        {"location": MEMORY},
    ),
    (
        "DPK503",
        definitions(container(env=[{"name": "A", "value": "2"}])),
        {"location": location(container_config={"env": [{"name": "A", "value": "1"}]})},
        f"step 'train': containers[0].env has 'A' twice: "
        f'{{"name": "A", "value": "..."}} by {SHOP} and {{"name": "A", "value": "..."}} by {OP}; the last one counts',
        definitions(container(env=[{"name": "A", "value": "1"}])),
        {"location": location(container_config={"env": [{"name": "A", "value": "1"}]})},
    ),
    (
        "DPK504",
        definitions(config(pod_spec_config={"volumes": [{"name": "v", "host_path": {"path": "/x"}}]})),
        {"location": location(pod_spec_config={"volumes": [{"name": "v", "empty_dir": {}}]})},
        f"step 'train': volumes has the name 'v' twice: "
        f'{{"emptyDir": {{}}, "name": "v"}} by {SHOP} and {{"hostPath": {{"path": "/x"}}, "name": "v"}} by {OP}',
        definitions(config(pod_spec_config={"volumes": [{"name": "w", "host_path": {"path": "/x"}}]})),
        {"location": location(pod_spec_config={"volumes": [{"name": "v", "empty_dir": {}}]})},
    ),
    (
        "DPK504",
        definitions(container(volume_mounts=[{"name": "v", "mount_path": "/d"}])),
        {"location": location(container_config={"volume_mounts": [{"name": "w", "mount_path": "/d"}]})},
        f"step 'train': containers[0].volumeMounts has the mountPath '/d' twice: "
        f'{{"mountPath": "/d", "name": "w"}} by {SHOP} and {{"mountPath": "/d", "name": "v"}} by {OP}',
        definitions(container(volume_mounts=[{"name": "v", "mount_path": "/d/e"}])),
        {"location": location(container_config={"volume_mounts": [{"name": "w", "mount_path": "/d"}]})},
    ),
    (
        "DPK504",
        definitions(config(pod_spec_config={"containers": [{"name": "dagster", "image": "x"}]})),
        {},
        f"step 'train': containers[1] by {OP} has the name 'dagster' of the main container",
        definitions(config(pod_spec_config={"init_containers": [{"name": "proxy", "image": "x"}]})),
        {},
    ),
    (
        "DPK504",
        definitions(config(pod_spec_config={"init_containers": [{"name": "dagster", "image": "x"}]})),
        {},
        f"step 'train': initContainers[0] by {OP} has the name 'dagster' of the main container",
        definitions(config(pod_spec_config={"init_containers": [{"name": "init", "image": "x"}]})),
        {},
    ),
    (
        "DPK505",
        definitions(job={"tags": k8s_tags(memory="8Gi")}),
        {"location": MEMORY},
        'step \'train\': resources are {"limits": {"memory": "1Gi"}}; the {"limits": {"memory": "8Gi"}} by run tags '
        "(tags of the run of 'nightly') are for the run's pod only",
        definitions(k8s_tags(memory="2Gi"), job={"tags": k8s_tags(memory="1Gi")}),
        {"location": MEMORY},
    ),
    (
        "DPK506",
        definitions(k8s_tags(memory="2Gi"), job={"tags": k8s_tags(memory="8Gi")}),
        {"location": MEMORY},
        "the run's pod: spec.template.spec.containers[0].resources.limits.memory is '8Gi' by run tags, else '1Gi'",
        definitions(k8s_tags(memory="2Gi"), job={"tags": k8s_tags(memory="1Gi")}),
        {"location": MEMORY},
    ),
    (
        "DPK507",
        definitions(job={"tags": k8s_tags(memory="8Gi"), "run_tags": {"team": "a"}}),
        {},
        'the job: dagster-k8s/config is {"container_config": {"resources": {"limits": {"memory": "8Gi"}}}} in tags, '
        "and nothing in run_tags, which wins",
        definitions(
            k8s_tags(memory="2Gi"), job={"tags": k8s_tags(memory="1Gi"), "run_tags": k8s_tags(memory="1Gi")}
        ),
        {"location": MEMORY},
    ),
    (
        "DPK508",
        definitions(),
        {"location": location(container_config={"resources": {"limits": {"nvidia.com/gpu": 1}}})},
        f"the run's pod: containers[0].resources.limits.nvidia.com/gpu is '1' by {SHOP}, as in every pod that the "
        "layer speaks for",
        definitions(k8s_tags(gpu=1)),
        {"location": MEMORY},
    ),
    (
        "DPK509",
        definitions(k8s_tags(gpu=1)),
        {"nodes": NODES},
        f"step 'train': containers[0].resources.limits.nvidia.com/gpu is '1' by {OP}, and no layer sets "
        "spec.template.spec.tolerations; the nodes with GPUs have taint {nvidia.com/gpu: present}",
        definitions(k8s_tags(gpu=1, tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}])),
        {"nodes": NODES},
    ),
    (
        "DPK510",
        definitions(k8s_tags(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}])),
        {},
        f"step 'train': tolerations[0] is for 'nvidia.com/gpu' by {OP}, and no layer asks for a GPU",
        definitions(gpu(1).tags),
        {},
    ),
    (
        "DPK511",
        definitions(k8s_tags(cpu=4, memory="100Gi")),
        {"nodes": NODES},
        "step 'train': 0/5 nodes are available: 5 Insufficient memory, 2 node(s) had untolerated taint "
        f"{{nvidia.com/gpu: present}} (containers[0].resources.limits.memory is '100Gi' by {OP}; "
        "no layer sets tolerations)",
        definitions(k8s_tags(cpu=4, memory="32Gi")),
        {"nodes": NODES},
    ),
    (
        "DPK512",
        definitions(config(containr_config={})),
        {},
        f"step 'train': {TAG}dagster-k8s/config has no field 'containr_config'; did you mean 'container_config'?",
        definitions(config(container_config={})),
        {},
    ),
    (
        "DPK512",
        definitions(container(volumeMountz=[])),
        {},
        f"step 'train': {TAG}container_config.volumeMountz: Container has no field 'volumeMountz'; did you mean "
        "'volume_mounts'?",
        definitions(container(volumeMounts=[])),
        {},
    ),
    (
        "DPK513",
        definitions(config(containerConfig={})),
        {},
        f"step 'train': {TAG}Dagster ignores 'containerConfig'; write 'container_config'",
        definitions(config(container_config={"imagePullPolicy": "Always"})),
        {},
    ),
    (
        "DPK514",
        definitions({"dagster-k8s/cofnig": {}}),
        {},
        "step 'train': op tags: nobody reads 'dagster-k8s/cofnig'; did you mean 'dagster-k8s/config'?",
        definitions({"dagster/concurrency_key": "a"}),
        {},
    ),
    (
        "DPK515",
        definitions(job={"tags": config(pod_spec_config={"restart_policy": "Sometimes"})}),
        {},
        "the job: its tags, dagster-k8s/config: pod_spec_config.restart_policy: 'Sometimes' is none of Never, OnFailure",
        definitions(job={"tags": config(pod_spec_config={"restart_policy": "Never"})}),
        {},
    ),
    (
        "DPK516",
        definitions(container(args=["x"])),
        {},
        f"step 'train': {TAG}container_config.args: Dagster overwrites it with arguments of its own",
        definitions(container(command=["x"])),
        {},
    ),
    (
        "DPK516",
        definitions(config(job_config={"metadata": {"labels": {"a": "b"}}})),
        {},
        f"step 'train': {TAG}job_config: Dagster overwrites what it holds; write job_metadata for its metadata and "
        "job_spec_config for its spec",
        definitions(config(job_metadata={"labels": {"a": "b"}})),
        {},
    ),
    (
        "DPK517",
        definitions(config(pod_spec_config={"resources": {"limits": {"cpu": "1"}}})),
        {"kubernetes_version": "1.30"},
        f"step 'train': spec.template.spec by {OP}: Kubernetes 1.30 says Additional properties are not allowed "
        "('resources' was unexpected)",
        definitions(config(pod_spec_config={"resources": {"limits": {"cpu": "1"}}})),
        {"kubernetes_version": "1.34"},
    ),
    (
        "DPK518",
        definitions(job={"tags": k8s_tags(node_selector={"a": "b"})}),
        {"agent": AGENT},
        f'the run\'s pod: pod_spec_config.node_selector is {{"a": "b"}} by run tags, and {LIST}',
        definitions(k8s_tags(memory="1Gi"), job={"tags": config(container_config={"resources": {}})}),
        {"agent": AGENT},
    ),
    (
        "DPK518",
        definitions(),
        {"agent": AGENT, "location": location(pod_spec_config={"host_network": True})},
        f"the run's pod: pod_spec_config.host_network is true by the code location 'shop', and {LIST}",
        definitions(),
        {"agent": AGENT, "location": MEMORY},
    ),
    (
        "DPK519",
        definitions(k8s_tags(node_selector={"a": "b"})),
        {"agent": AGENT},
        f'step \'train\': pod_spec_config.node_selector is {{"a": "b"}} by {OP}, and {LIST}',
        definitions(k8s_tags(memory="1Gi")),
        {"agent": AGENT},
    ),
    (
        "DPK520",
        definitions(k8s_tags(job_spec_config={"backoff_limit": 2})),
        {},
        f"step 'train': spec.backoffLimit is 2 by {OP}, instead of 0",
        definitions(k8s_tags(job_spec_config={"backoff_limit": 0})),
        {},
    ),
    (
        "DPK521",
        definitions(k8s_tags(ttl_seconds_after_finished=59)),
        {},
        f"step 'train': spec.ttlSecondsAfterFinished is 59 by {OP}, below 60",
        definitions(k8s_tags(ttl_seconds_after_finished=60)),
        {},
    ),
    (
        "DPK522",
        definitions(),
        {"location": location(job_spec_config={"active_deadline_seconds": 1199})},
        "the run's pod: spec.activeDeadlineSeconds is 1199 by location (the code location 'shop'), below the 1200 "
        "seconds of the default of Dagster+ for run_monitoring.start_timeout_seconds",
        definitions(),
        {"location": location(job_spec_config={"active_deadline_seconds": 1200})},
    ),
    (
        "DPK522",
        definitions(k8s_tags(active_deadline_seconds=599)),
        {},
        f"step 'train': spec.activeDeadlineSeconds is 599 by {OP}, below the 600 seconds of start_timeout",
        definitions(k8s_tags(active_deadline_seconds=600)),
        {},
    ),
    (
        "DPK522",
        definitions(config(pod_spec_config={"active_deadline_seconds": 60})),
        {},
        f"step 'train': spec.template.spec.activeDeadlineSeconds is 60 by {OP}, below the 600 seconds of "
        "start_timeout",
        definitions(
            config(pod_spec_config={"active_deadline_seconds": 60}) | {"dagster-plus-k8s/start-timeout": "60"}
        ),
        {},
    ),
    (
        "DPK522",
        definitions(k8s_tags(active_deadline_seconds=30), executor=k8s_job_executor),
        {},
        f"step 'train': spec.activeDeadlineSeconds is 30 by {OP}, below the 60 seconds that a pod may need for its "
        "node and its image",
        definitions(k8s_tags(active_deadline_seconds=60), executor=k8s_job_executor),
        {},
    ),
    (
        "DPK551",
        definitions(container(volume_mounts=[{"name": "dta", "mount_path": "/d"}])),
        {"agent": {"workspace": {"volumes": [{"name": "data", "emptyDir": {}}]}}},
        f"step 'train': containers[0].volumeMounts[0] by {OP} mounts the volume 'dta', which no layer has; did you "
        "mean 'data'?",
        definitions(container(volume_mounts=[{"name": "data", "mount_path": "/d"}])),
        {"agent": {"workspace": {"volumes": [{"name": "data", "emptyDir": {}}]}}},
    ),
    (
        "DPK523",
        definitions(resources(limits={"memory": "100Gi"}, requests={"memory": "1Gi"})),
        {"nodes": NODES},
        f"step 'train': containers[0].resources.limits.memory is '100Gi' by {OP}; the largest node it fits, of 'cpu', "
        "has 32Gi",
        definitions(resources(limits={"memory": "32Gi"}, requests={"memory": "1Gi"})),
        {"nodes": NODES},
    ),
    (
        "DPK524",
        definitions(k8s_tags(cpu=("10m", "1"))),
        {"nodes": NODES},
        f"step 'train': containers[0].resources.requests.cpu is '10m' by {OP}; a node of 'cpu' has 8, of which the "
        "110 such pods that it takes ask for 1.1",
        definitions(k8s_tags(cpu=("20m", "1"))),
        {"nodes": NODES},
    ),
    (
        "DPK525",
        definitions(executor=k8s_executor(), assets=25),
        {},
        "the job: the executor 'k8s' has no max_concurrent, and 25 steps can be in pods at once",
        definitions(executor=k8s_executor(max_concurrent=25), assets=25),
        {},
    ),
    (
        "DPK525",
        dynamic(k8s_executor()),
        {},
        "step 'train[?]': the executor 'k8s' has no max_concurrent, and there is a pod for each output of a dynamic "
        "step",
        dynamic(k8s_executor(max_concurrent=5)),
        {},
    ),
    (
        "DPK526",
        definitions(**FOUR),
        {"location": location(container_config={"resources": {"limits": {"cpu": "2"}}})},
        "the run's pod: the executor 'multiprocess' has max_concurrent 4, and 4 steps can run at once; limits.cpu is "
        f"'2' by {SHOP}",
        definitions(**FOUR),
        {"location": location(container_config={"resources": {"limits": {"cpu": "4"}}})},
    ),
    (
        "DPK595",
        definitions(k8s_tags(memory="2Gi"), executor=IN_RUN_POD),
        {"location": location(container_config={"resources": {"limits": {"memory": "2Gi"}}})},
        "the run's pod: steps in the run's pod ask for 2Gi of memory at one time, and a run worker takes about "
        f"300Mi; limits.memory is '2Gi' by {SHOP}",
        definitions(k8s_tags(memory="1Gi"), executor=IN_RUN_POD),
        {"location": location(container_config={"resources": {"limits": {"memory": "2Gi"}}})},
    ),
    (
        "DPK596",
        definitions(k8s_tags(gpu=1), executor=IN_RUN_POD),
        {},
        "step 'train': the step runs in the run's pod, and op tags ask for nvidia.com/gpu of its own",
        definitions({**k8s_tags(gpu=1), "dagster-plus-k8s/runs-in": "own-pod"}, executor=IN_RUN_POD),
        {},
    ),
    (
        "DPK597",
        definitions(container(env=[{"name": "A", "value": "b"}]), executor=IN_RUN_POD),
        {},
        "step 'train': the step runs in the run's pod, where nothing reads container_config.env of op tags",
        definitions(k8s_tags(cpu=1), executor=IN_RUN_POD),
        {},
    ),
    (
        "DPK598",
        definitions(
            {**LADDER, "dagster-plus-k8s/runs-in": "run-pod"}, executor=k8s_executor(max_concurrent=4)
        ),
        {},
        "step 'train': the step runs in the run's pod by the op tag dagster-plus-k8s/runs-in, where nothing reads its "
        "op tag dagster-plus-k8s/memory-ladder",
        # Its first OOM moves it into a pod of its own, which has the ladder.
        definitions(LADDER, executor=IN_RUN_POD),
        {},
    ),
    (
        "DPK598",
        definitions(sized_by_partition({"us": K8sConfig()}), executor=IN_RUN_POD),
        {},
        "step 'train': the step runs in the run's pod by in_run_pod of the executor, where nothing reads its op tag "
        "dagster-plus-k8s/size",
        definitions(
            sized_by_partition({"us": K8sConfig()}),
            executor=k8s_executor(max_concurrent=4, in_run_pod="small"),
        ),
        {},
    ),
    (
        "DPK527",
        definitions(container(env=[{"name": "DB_PASSWORD", "value": "hunter2-very"}])),
        {},
        f"step 'train': {TAG}container_config.env[0].value: this looks like a credential, by the name 'DB_PASSWORD'",
        definitions(
            container(
                env=[
                    {
                        "name": "DB_PASSWORD",
                        "value_from": {"secret_key_ref": {"name": "db", "key": "password"}},
                    }
                ]
            )
        ),
        {},
    ),
    (
        "DPK528",
        definitions(
            config(container_config={"resources": {"limits": {"cpu": "1"}}}, merge_behavior="SHALLOW")
        ),
        {"location": MEMORY},
        f"step 'train': {OP} is SHALLOW and loses containers[0].resources.limits.memory, \"1Gi\" by {SHOP}; "
        'containers[0].resources.limits is then {"cpu": "1"}',
        definitions(
            config(container_config={"resources": {"limits": {"memory": "2Gi"}}}, merge_behavior="SHALLOW")
        ),
        {"location": MEMORY},
    ),
    (
        "DPK529",
        definitions(executor=k8s_job_executor.configured({"env_vars": ["REGION"]})),
        {},
        "step 'train': env_vars of executor (the executor 'k8s') names 'REGION' without a value, and no layer sets it "
        "in the run's pod",
        definitions(executor=k8s_job_executor.configured({"env_vars": ["REGION=eu"]})),
        {},
    ),
    (
        "DPK530",
        definitions(metadata={"dagster-plus-k8s/ignore": {"DPK501": " "}}),
        {},
        "step 'train': dagster-plus-k8s/ignore gives no reason for DPK501",
        definitions(metadata={"dagster-plus-k8s/ignore": {"DPK501": "it is small"}}),
        {},
    ),
    (
        "DPK530",
        definitions(metadata={"dagster-plus-k8s/ignore": {"DPK599": "it is small"}}),
        {},
        "step 'train': dagster-plus-k8s/ignore names DPK599, which is no rule for definitions",
        definitions(metadata={"dagster-plus-k8s/ignore": {"dpk501": "it is small"}}),
        {},
    ),
    (
        "DPK540",
        definitions(executor=k8s_executor(max_concurrent=4, per_step_config={"trian": SMALL})),
        {},
        "the executor: per_step_k8s_config['trian']: no job with the executor 'k8s' has an op 'trian'; did you mean "
        "'train'?",
        definitions(executor=k8s_executor(max_concurrent=4, per_step_config={"train": SMALL})),
        {},
    ),
    (
        "DPK541",
        definitions(LADDER, executor=k8s_job_executor.configured({"max_concurrent": 4})),
        {},
        "step 'train': op tags: the executor 'k8s' does not read 'dagster-plus-k8s/memory-ladder'",
        definitions(LADDER),
        {},
    ),
    (
        "DPK542",
        definitions(),
        {"agent": AGENT, "location": location(container_config={"env": [{"name": "REGION", "value": "eu"}]})},
        "the run's pod: 'REGION' in the environment by the code location 'shop' is not in onlyAllowUserDefinedEnvVars "
        "of the agent",
        definitions(),
        {
            "agent": {"workspace": {**AGENT["workspace"], "onlyAllowUserDefinedEnvVars": ["REGION"]}},
            "location": location(container_config={"env": [{"name": "REGION", "value": "eu"}]}),
        },
    ),
    (
        "DPK543",
        definitions(metadata=WAIVER),
        {"agent": {}, "location": location()},
        "step 'train': dagster-plus-k8s/ignore names DPK521, which is not found",
        definitions(SHORT, metadata=WAIVER),
        {"agent": {}, "location": location()},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{index}" for index, case in enumerate(CASES)])
def test_a_rule_fires_and_says_what_and_whose(case: Case) -> None:
    code, defs, given, message, _, _ = case

    assert (code, message) in found(defs, **given)


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{index}" for index, case in enumerate(CASES)])
def test_the_definitions_waive_it(case: Case) -> None:
    code, defs, given, _, _, _ = case
    waiver = {"dagster-plus-k8s/ignore": {code: "it is meant to be so"}}

    said = found(dg.Definitions.merge(defs, dg.Definitions(metadata=waiver)), **given)

    assert code not in [other for other, _ in said]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{index}" for index, case in enumerate(CASES)])
def test_of_a_near_miss_nothing_is_found(case: Case) -> None:
    _, _, _, _, defs, given = case

    assert found(defs, **given) == []


@pytest.mark.parametrize(
    "rule", [rule for rule in ALL_RULES if rule.is_of_definitions], ids=lambda rule: rule.code
)
def test_every_rule_for_definitions_has_a_case(rule: Rule) -> None:
    """Here, or with functions, API servers or files in one of the other files."""
    files = set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__).with_name("test_waivers.py")}

    assert [file for file in files if rule.code in file.read_text("utf-8")]


def test_steps_with_the_same_settings_are_one_finding() -> None:
    (finding,) = check(definitions(k8s_tags(ttl_seconds_after_finished=1), assets=5))

    assert finding.message.startswith("steps 'train', 'train_1', 'train_2' + 2 more: spec.ttl")
    assert finding.steps == ("train", "train_1", "train_2", "train_3", "train_4")
    assert finding.where.path == "the implicit asset job, step 'train'"


def test_a_program_reads_the_names_of_all_steps() -> None:
    (finding,) = check(definitions(SHORT, assets=5))
    (alone,) = check(definitions(SHORT))

    said = f"spec.ttlSecondsAfterFinished is 1 by {OP}, below 60"
    names = "'train', 'train_1', 'train_2', 'train_3', 'train_4'"
    assert finding.to_dict()["message"] == f"steps {names}: {said}"
    assert list(finding.to_dict()) == ["code", "severity", "where", "message", "fix", "docs", "places"]
    assert alone.to_dict()["message"] == f"step 'train': {said}"


def test_a_step_of_two_jobs_is_found_once_and_the_job_alone_all_the_same() -> None:
    defs = definitions(k8s_tags(ttl_seconds_after_finished=1), job={})

    assert [item.where.path for item in check(defs)] == ["the implicit asset job, step 'train'"]
    assert [item.where.path for item in check(defs, job="nightly")] == ["job 'nightly', step 'train'"]


@pytest.mark.parametrize(
    ("defs", "job"),
    [
        (definitions(SHORT, metadata=WAIVER), None),
        (definitions({**SHORT, **WAIVER}), None),
        (definitions(SHORT, job={"metadata": WAIVER}), "nightly"),
    ],
    ids=["asset", "op tags", "job"],
)
def test_a_waiver_with_a_reason_waives(defs: dg.Definitions, job: str | None) -> None:
    assert check(defs, job=job) == []


def test_a_waiver_of_another_code_waives_nothing() -> None:
    defs = definitions(SHORT, metadata={"dagster-plus-k8s/ignore": {"DPK520": "x"}})

    assert [item.code for item in check(defs)] == ["DPK521"]


def test_no_value_of_a_variable_is_repeated() -> None:
    secret = "correct-horse-battery"  # noqa: S105
    tags = container(env=[{"name": "GREETING", "value": secret}])
    lost = {"tags": tags, "run_tags": {"a": "b"}}

    said = [
        *check(definitions(tags, **IN_RUN)),
        *check(definitions(tags, job={"tags": tags}), agent=AGENT),
        *check(definitions(job=lost)),
        *check(definitions(tags, job={"tags": tags})),
    ]

    assert {"DPK501", "DPK506", "DPK507"} <= {item.code for item in said}
    assert [item for item in said if secret in str(item)] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"job": "nightlyy"},
            "job: there is no job 'nightlyy'; did you mean 'nightly'?; there are 'nightly'",
        ),
        ({"kubernetes_version": "1.3"}, "kubernetes_version: '1.3' is none of 1.25, 1.26, "),
        ({"agent": 3}, "agent: must be a mapping or have to_dict(), not int"),
    ],
)
def test_what_cannot_be_checked_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as error:
        check(definitions(job={}), **given)

    assert str(error.value).startswith(message)


@pytest.mark.parametrize("version", ["1.30", "v1.30", "1.30.2", "v1.30.14-gke.1"])
def test_a_version_is_taken_as_a_cluster_says_it(version: str) -> None:
    rules = [{"action": "Restart", "exit_codes": {"operator": "In", "values": [1]}}]
    tags = config(
        pod_spec_config={"resources": {"limits": {"cpu": "1"}}},
        container_config={"restart_policy_rules": rules},
    )

    message = f"by {OP}: Kubernetes 1.30 says Additional properties are not allowed"
    assert found(definitions(tags), kubernetes_version=version) == [
        (
            "DPK517",
            f"step 'train': spec.template.spec.containers[0] {message} ('restartPolicyRules' was unexpected)",
        ),
        ("DPK517", f"step 'train': spec.template.spec {message} ('resources' was unexpected)"),
    ]


def test_definitions_without_anything_in_them_have_nothing_wrong() -> None:
    assert check(dg.Definitions()) == []


def test_files_and_definitions_are_checked_in_one_call(tmp_path: Any) -> None:
    file = tmp_path / "dagster_cloud.yaml"
    file.write_text("location: []\n")

    codes = [item.code for item in check(definitions(SHORT), files=[file])]

    assert codes[-1] == "DPK521"
    assert codes[0].startswith("DPK1")


def test_no_pools_are_no_cluster() -> None:
    nodes: Sequence[NodePool] = ()

    assert check(definitions(k8s_tags(memory="900Gi")), nodes=nodes) == []


def test_a_finding_of_a_step_has_the_line_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(checked.__file__)
    monkeypatch.chdir(file.parent)
    lines = file.read_text().splitlines()

    (finding,) = check(definitions(k8s_tags(ttl_seconds_after_finished=1)))

    assert finding.source is not None
    assert finding.source.file == "checked.py"
    assert lines[finding.source.line - 1].strip().startswith("@dg.asset(name=name")


def test_code_of_another_project_has_no_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    (finding,) = check(definitions(k8s_tags(ttl_seconds_after_finished=1)))

    assert finding.source is None
