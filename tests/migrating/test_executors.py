"""The stock executor with a dictionary: the executor of this package where it is configured alike."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers.migrating.rewriting import rewritten
from dagster_plus_k8s_helpers.plan import plan

NO_ARGUMENT = "k8s_executor has no argument that says what {} says; what steps need goes into step_config=K8sConfig(...)"
STOCK = "from dagster_k8s import k8s_job_executor\n"


def executor(source: str) -> dg.ExecutorDefinition:
    made: dict[str, Any] = {}
    exec(source, made)
    found = made["EXECUTOR"]
    assert isinstance(found, dg.ExecutorDefinition)
    return found


def pods(definition: dg.ExecutorDefinition) -> Any:
    @dg.op
    def work() -> None: ...

    @dg.job(executor_def=definition)
    def nightly() -> None:
        work()

    made = plan(dg.Definitions(jobs=[nightly]), job="nightly")
    return made.max_concurrent, made.executor, made.steps["work"].manifest


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        (
            '{"max_concurrent": 5, "step_k8s_config": {"container_config": {"resources": {"limits": {"cpu": "1"}}}}}',
            'max_concurrent=5, step_config=K8sConfig(resources=Resources(cpu="1")), owner_references=False',
        ),
        (
            '{"job_namespace": "etl", "retries": {"disabled": {}}, "enable_owner_references": True}',
            'namespace="etl", retries="disabled", owner_references=True',
        ),
        (
            '{"per_step_k8s_config": {"work": {"pod_spec_config": {"nodeSelector": {"a": "b"}}}}}, name="small"',
            'per_step_config={"work": K8sConfig(node_selector={"a": "b"})}, owner_references=False, name="small"',
        ),
        (
            '{"step_dependency_config": {"require_upstream_step_success": False}}',
            "require_upstream_step_success=False",
        ),
        (
            '{"tag_concurrency_limits": [{"key": "db", "limit": 1}]}',
            'tag_concurrency_limits=[{"key": "db", "limit": 1}]',
        ),
        ("{}", "k8s_executor(owner_references=False)"),
    ],
)
def test_it_becomes_the_executor_of_this_package(config: str, arguments: str) -> None:
    source = f"{STOCK}EXECUTOR = k8s_job_executor.configured({config})\n"

    result = rewritten(source)

    assert (result.done, result.left) == ((2,), ())
    assert arguments in " ".join(result.text.split()).replace("( ", "(").replace(" )", ")")
    assert "k8s_job_executor" not in result.text
    assert pods(executor(result.text)) == pods(executor(source))
    assert rewritten(result.text).text == result.text


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('"env_vars": ["A=1"]', NO_ARGUMENT.format("env_vars")),
        (
            '"job_image": {"env": "IMAGE"}',
            "its job_image is read from the environment when a run begins; k8s_executor takes image as text",
        ),
        ('"labels": {"a": "b"}', NO_ARGUMENT.format("labels")),
    ],
)
def test_what_it_cannot_say_stays_and_its_configs_are_typed_where_they_are(setting: str, reason: str) -> None:
    config = f'{{{setting}, "step_k8s_config": {{"container_config": {{"image": "a:1"}}}}}}'
    source = f"{STOCK}EXECUTOR = k8s_job_executor.configured({config})\n"

    result = rewritten(source)

    assert [left.reason for left in result.left] == [f"k8s_job_executor stays: {reason}"]
    assert f'{{{setting}, "step_k8s_config": K8sConfig(image="a:1").to_dict()}}' in result.text
    again = rewritten(result.text)
    assert (again.text, again.done) == (result.text, ())


def test_a_mistake_in_its_config_is_told() -> None:
    config = '{"step_k8s_config": {"container_config": {"resources": {"limits": {"memory": "1GB"}}}}}'

    result = rewritten(f"{STOCK}EXECUTOR = k8s_job_executor.configured({config})\n")

    assert result.done == ()
    assert "'1GB' is not a Kubernetes quantity" in result.left[0].reason


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("CONFIG", "what the executor is configured with is no literal dictionary"),
        ("{}, description='x'", "it is configured with more than a dictionary and a name"),
        (
            "{'step_k8s_config': CONFIG}",
            "k8s_job_executor stays: its step_k8s_config is no literal dictionary",
        ),
        ("{'max_concurrent': -1}", "max_concurrent: -1 is below 1; leave it out for no limit"),
    ],
)
def test_what_it_is_given_otherwise_stays(arguments: str, reason: str) -> None:
    source = f"{STOCK}EXECUTOR = k8s_job_executor.configured({arguments})\n"

    result = rewritten(source)

    assert (result.text, [left.reason for left in result.left]) == (source, [reason])


def test_expressions_stay_arguments() -> None:
    source = f"{STOCK}import os\nEXECUTOR = k8s_job_executor.configured({{'max_concurrent': int(os.environ['N'])}})\n"

    assert (
        "k8s_executor(max_concurrent=int(os.environ['N']), owner_references=False)" in rewritten(source).text
    )


def test_an_import_in_a_function_and_a_variable_by_the_name_of_the_executor() -> None:
    source = (
        "def pick():\n"
        "    from dagster_k8s import k8s_job_executor\n\n"
        "    k8s_executor = k8s_job_executor.configured({'max_concurrent': 3})\n"
        "    return k8s_executor\n"
    )

    assert rewritten(source).text == (
        "from dagster_plus_k8s_helpers import k8s_executor as typed_k8s_executor\n\n"
        "def pick():\n\n"
        "    k8s_executor = typed_k8s_executor(max_concurrent=3, owner_references=False)\n"
        "    return k8s_executor\n"
    )
