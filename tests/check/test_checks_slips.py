"""Settings that an executor does not have, pod settings where nobody reads them, and two configs in one dict."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from checked import definitions, found
from click.testing import CliRunner
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import K8sConfig, MemoryLadder, Resources, k8s_executor
from dagster_plus_k8s_helpers._dagster.executor_config import unknown_settings
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = K8sConfig(resources=Resources(cpu=1))

SETTINGS = [
    (k8s_job_executor, {"container_config": {}}, "'container_config'; it belongs one level further in; write step_k8s_config: {container_config: ...}"),
    (k8s_job_executor, {"containerConfig": {}}, "'containerConfig'; it belongs one level further in; write step_k8s_config: {container_config: ...}"),
    (k8s_job_executor, {"node_selector": {}}, "'node_selector'; it belongs in step_k8s_config: {pod_spec_config: {node_selector: ...}}"),
    (k8s_job_executor, {"max_concurent": 4}, "'max_concurent'; did you mean 'max_concurrent'?"),
    (k8s_job_executor, {"job_wait_timeout": 7200}, "'job_wait_timeout'; celery_k8s_job_executor has it; the tag dagster/max_runtime ends a run"),
    (k8s_job_executor, {"memory_ladder": {}}, "'memory_ladder'; only k8s_executor() of dagster-plus-k8s-helpers has it"),
    (k8s_executor, {"step_config": {}}, "'step_config'; write step_k8s_config"),
    (dg.multiprocess_executor, {"step_k8s_config": {}}, "'step_k8s_config'; it is for pods, and this executor makes none; use k8s_executor()"),
    (dg.multiprocess_executor, {"max_concurent": 4}, "'max_concurent'; did you mean 'max_concurrent'?"),
]  # fmt: skip


@pytest.mark.parametrize(("executor", "settings", "told"), SETTINGS)
def test_a_setting_that_the_executor_does_not_have_is_told_in_one_line(
    executor: dg.ExecutorDefinition, settings: dict[str, Any], told: str
) -> None:
    defs = definitions(executor=executor.configured(settings))

    assert found(defs) == [
        ("DPK580", f"the executor: in the config of {executor.name!r} there is no setting {told}")
    ]
    with pytest.raises(PlanError) as refused:
        plan(defs)
    assert str(refused.value).endswith(f"there is no setting {told}")


def test_what_a_job_says_to_its_executor_is_looked_at_as_well() -> None:
    @dg.op
    def work() -> None: ...

    @dg.job(executor_def=k8s_job_executor, config={"execution": {"config": {"max_concurrent": 2}}})
    def nightly() -> None:
        work()

    said = plan(dg.Definitions(jobs=[nightly]), job="nightly")
    with pytest.raises(PlanError, match="there is no setting 'image'; write job_image"):
        plan(
            dg.Definitions(jobs=[nightly]),
            job="nightly",
            run_config={"execution": {"config": {"image": "a"}}},
        )

    assert said.max_concurrent == 2


def test_an_executor_that_takes_anything_is_left_alone() -> None:
    @dg.executor(config_schema=dg.Permissive({"max_concurrent": dg.Field(int, is_required=False)}))
    def anything(_: dg.InitExecutorContext) -> dg.Executor:
        raise NotImplementedError

    assert unknown_settings(anything.configured({"container_config": {}}), {"mine": 1}) == {}


@pytest.mark.parametrize(
    "settings",
    [
        {"max_concurrent": "four"},
        {"retries": "enabled"},
        {"retries": {"on": {}}},
        {"tag_concurrency_limits": [{"key": "a"}]},
        {"env_vars": {"A": "b"}},
        {"volumes": ["a"]},
        {"step_k8s_config": {"containr_config": {}}},
    ],
)
def test_any_other_setting_that_dagster_refuses_is_told_in_a_line(settings: dict[str, Any]) -> None:
    [(_, message), *others] = found(definitions(executor=k8s_job_executor.configured(settings)))

    assert len(message) < 300
    assert not others


TAG = "dagster-k8s/config"
OF_ASSET = "step 'train': metadata of the asset 'train': nobody reads {!r} there; write it into op_tags"


@pytest.mark.parametrize("tags", [SMALL.tags, MemoryLadder().tags])
def test_pod_settings_in_the_metadata_of_an_asset_are_found(tags: dict[str, Any]) -> None:
    defs = definitions(metadata=tags, executor=k8s_executor(max_concurrent=2))

    assert found(defs) == [("DPK581", OF_ASSET.format(*tags))]


def test_a_copy_of_the_op_tags_in_metadata_is_fine() -> None:
    defs = definitions(SMALL, metadata=SMALL, executor=k8s_executor(max_concurrent=2))

    assert found(defs) == []


def test_pod_settings_are_found_wherever_a_job_has_them_in_vain() -> None:
    @dg.op(config_schema=dict)
    def work() -> None: ...

    @dg.graph(tags=SMALL)
    def inner() -> None:
        work()

    config = {"ops": {"inner": {"ops": {"work": {"config": {TAG: {}}}}}}}

    @dg.job(metadata=SMALL, config=config, executor_def=k8s_executor(max_concurrent=2))
    def nightly() -> None:
        inner()

    assert found(dg.Definitions(jobs=[nightly], metadata=SMALL)) == [
        ("DPK581", f"the job: its metadata: nobody reads {TAG!r} there; write tags"),
        ("DPK581", f"the definitions: their metadata: nobody reads {TAG!r} there; write op_tags, or with_k8s_config()"),
        ("DPK581", f"the job: the config of the op 'work': nobody reads {TAG!r} there; write tags of the op"),
        ("DPK581", f"the job: tags of the graph 'inner' in it: nobody reads {TAG!r} there; write tags of its ops"),
    ]  # fmt: skip


def test_nobody_reads_the_tags_of_a_graph_in_a_job() -> None:
    @dg.op
    def work() -> None: ...

    @dg.graph(tags=SMALL)
    def inner() -> None:
        work()

    @dg.job(executor_def=k8s_executor)
    def nightly() -> None:
        inner()

    [step] = plan(dg.Definitions(jobs=[nightly]), job="nightly").steps.values()

    assert step.own_pod.container.limits == {}


PODS = """
import dagster_plus_k8s_helpers as helpers
from dagster_plus_k8s_helpers import K8sConfig, MemoryLadder, Resources, gpu, k8s_tags

A = K8sConfig(resources=Resources(cpu=1))
B = K8sConfig(node_selector={"a": "b"})
A_TAGS = A.tags
X = EXPRESSION
"""
DEFS = """
import dagster as dg
from lost_configs import pods

@dg.asset(op_tags=pods.X)
def orders(): ...

defs = dg.Definitions(assets=[orders], executor=pods.helpers.k8s_executor(max_concurrent=2))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "lost_configs").mkdir()
    (tmp_path / "lost_configs" / "__init__.py").touch()
    (tmp_path / "lost_configs" / "defs.py").write_text(DEFS)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "lost_configs"
    for name in [name for name in sys.modules if name.startswith("lost_configs")]:
        del sys.modules[name]


def checked(project: Path, expression: str, *, waived: str = "") -> list[tuple[str, str, str]]:
    (project / "pods.py").write_text(PODS.replace("EXPRESSION", expression))
    if waived:
        metadata = {"dagster-plus-k8s/ignore": {waived: "B is meant to stand alone"}}
        (project / "defs.py").write_text(DEFS.replace("Definitions(", f"Definitions(metadata={metadata}, "))
    result = CliRunner().invoke(main, ["check", "-m", "lost_configs.defs", "--format", "json"])
    findings = json.loads(result.stdout)
    return [(item["code"], item["message"], item["where"]) for item in findings]


@pytest.mark.parametrize(
    "expression",
    [
        "{**A.tags, **B.tags}",
        "{**A, **B}",
        "{'team': 'data', **A_TAGS, **gpu(1).tags}",
        "{**k8s_tags(cpu=1), **helpers.spot('gke').tags}",
        "{**(A | B).tags, **helpers.shm('1Gi').tags}",
    ],
)
def test_two_configs_in_one_dictionary_are_found(project: Path, expression: str) -> None:
    [(code, message, where)] = checked(project, expression)

    assert (code, where) == ("DPK582", "lost_configs/pods.py:8")
    assert message.endswith(": both have 'dagster-k8s/config', and the last one alone stays")


def test_the_definitions_waive_two_configs_in_one_dictionary(project: Path) -> None:
    assert checked(project, "{**A.tags, **B.tags}", waived="DPK582") == []


@pytest.mark.parametrize(
    "expression",
    [
        "(A | B).tags",
        "{**A.tags, **MemoryLadder().tags}",
        "{**A.tags, 'team': 'data'}",
        "(A | B) | gpu(1)",
        "{**A.tags, **B.tags}  # dagster-plus-k8s: ignore[DPK582] B is meant to stand alone",
    ],
)
def test_what_loses_nothing_is_not(project: Path, expression: str) -> None:
    assert "DPK582" not in [code for code, _, _ in checked(project, expression)]
