"""What Dagster refuses is always said, and hides nothing that is wrong elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from checked import SHOP, config, container, definitions, found, location
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import K8sConfig, k8s_executor, k8s_tags, sized_by
from dagster_plus_k8s_helpers.plan import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.sizing.facts import StepFacts

SHORT = k8s_tags(ttl_seconds_after_finished=1)
OF_GOOD = (
    "DPK521",
    "step 'good': spec.ttlSecondsAfterFinished is 1 by op tags (tags of the op 'good'), below 60",
)
REFUSED_LOCATION = location(container_config={"nope": 1})
OF_LOCATION = (
    "DPK500",
    "the job: location.container_context: Unexpected keys in model class V1Container: {'nope'}",
)


def two(
    bad: Mapping[str, Any], executor: dg.ExecutorDefinition | None = None, **asset: Any
) -> dg.Definitions:
    @dg.asset(name="bad", op_tags=bad, **asset)
    def first() -> None: ...

    @dg.asset(name="good", op_tags=SHORT)
    def second() -> None: ...

    return dg.Definitions(assets=[first, second], executor=executor or k8s_executor(max_concurrent=4))


def stock(**config: Any) -> dg.ExecutorDefinition:
    return k8s_job_executor.configured({"max_concurrent": 4, **config})


def by_rows(facts: StepFacts) -> K8sConfig | None:
    raise ZeroDivisionError(facts.step_key)


def test_a_size_that_fails_says_what_to_do_about_that() -> None:
    findings = check(definitions(sized_by(by_rows), executor=k8s_executor(max_concurrent=4)))

    (refused,) = [item for item in findings if item.code == "DPK500"]
    assert "size: " in refused.message
    assert "by_rows raised ZeroDivisionError" in refused.message
    assert refused.fix.startswith("mend what decides the size; the message says where.")
    (other,) = [item for item in check(definitions(), location=REFUSED_LOCATION) if item.code == "DPK500"]
    assert other.fix == "write what Dagster takes; the message names the layer"


def test_a_misspelt_tag_does_not_hide_that_the_location_is_refused() -> None:
    said = found(definitions({"dagster-k8s/cofnig": {}}), location=REFUSED_LOCATION)

    assert OF_LOCATION in said
    assert [code for code, _ in said] == ["DPK301", "DPK500", "DPK514"]


def test_nor_does_a_waiver_of_it() -> None:
    waived = {"dagster-plus-k8s/ignore": {"DPK514": "an old tag"}}
    defs = definitions({"dagster-k8s/cofnig": {}}, metadata=waived)

    assert OF_LOCATION in found(defs, location=REFUSED_LOCATION)


def test_what_one_step_has_wrong_does_not_hide_what_another_has() -> None:
    said = found(two(container(volumeMountz=[])))

    assert said == [
        (
            "DPK512",
            "step 'bad': op tags, dagster-k8s/config: container_config.volumeMountz: Container has no field "
            "'volumeMountz'; did you mean 'volume_mounts'?",
        ),
        OF_GOOD,
    ]


def test_a_refusal_is_said_when_the_better_finding_of_it_is_waived() -> None:
    waived = {"dagster-plus-k8s/ignore": {"DPK512": "nobody runs it"}}

    said = found(two(container(volumeMountz=[]), metadata=waived))

    assert said == [
        (
            "DPK500",
            "step 'bad': tags of the op 'bad': Unexpected keys in model class V1Container: {'volumeMountz'}",
        ),
        OF_GOOD,
    ]


def test_a_refusal_that_only_the_merge_brings_about_is_of_its_step() -> None:
    executor = stock(step_k8s_config={"container_config": {"command": ["a"]}})

    said = found(
        two(config(container_config={"command": "b"}), executor),
        location=location(container_config={"tty": True}),
    )

    assert [(code, message.partition(":")[0]) for code, message in said] == [
        ("DPK515", "step 'bad'"),
        ("DPK521", "step 'good'"),
    ]


def test_refused_tags_of_a_job_hide_nothing_of_its_steps() -> None:
    @dg.op(tags=SHORT)
    def good() -> None: ...

    @dg.op(tags=container(volumeMountz=[]))
    def bad() -> None: ...

    @dg.job(tags=config(container_config={"tty": "yes", "resorces": {}}), executor_def=stock())
    def nightly() -> None:
        good()
        bad()

    assert [
        (code, message.partition(": ")[0]) for code, message in found(dg.Definitions(jobs=[nightly]))
    ] == [
        ("DPK512", "the job"),
        ("DPK515", "the job"),
        ("DPK512", "step 'bad'"),
        ("DPK521", "step 'good'"),
    ]


WRITTEN = [
    (
        {"containerConfig": {}},
        "DPK513",
        "step_k8s_config: Dagster ignores 'containerConfig'; write 'container_config'",
    ),
    (
        {"container_config": {"resorces": {}}},
        "DPK512",
        "step_k8s_config: container_config.resorces: Container has no field 'resorces'; did you mean "
        "'resources'?",
    ),
]


@pytest.mark.parametrize(("written", "code", "message"), WRITTEN)
def test_an_executors_config_is_read_as_it_is_written(
    written: dict[str, Any], code: str, message: str
) -> None:
    defs = definitions(executor=stock(step_k8s_config=written), job={})

    assert found(defs) == [(code, f"the executor: {message}")]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"job_image": "ghcr.io/Acme/etl:1"},
            "job_image: 'ghcr.io/Acme/etl:1' is not an image reference such as 'registry.example.com/team/project:1.2'; "
            "write it in lower case",
        ),
        (
            {"job_namespace": "a_b"},
            "job_namespace: 'a_b' must be at most 63 of a-z, 0-9 and '-', and start and end with a letter or digit; write 'a-b', without underscores",
        ),
    ],
)
def test_the_stock_executor_takes_what_ours_refuses(config: dict[str, Any], message: str) -> None:
    assert ("DPK515", f"the executor: {message}") in found(definitions(executor=stock(**config), job={}))


def test_what_the_environment_says_of_an_executor_is_not_known() -> None:
    executor = stock(job_image={"env": "IMAGE"})

    assert [code for code, _ in found(definitions(executor=executor, job={})) if code == "DPK515"] == []


def test_what_an_executor_has_for_one_step_does_not_hide_what_another_has() -> None:
    executor = stock(per_step_k8s_config={"bad": {"container_config": {"resorces": {}}}})

    assert found(two({}, executor)) == [
        (
            "DPK512",
            "step 'bad': per_step_k8s_config['bad']: container_config.resorces: Container has no field "
            "'resorces'; did you mean 'resources'?",
        ),
        OF_GOOD,
    ]


def test_a_setting_of_an_executor_is_found_once_whatever_its_spelling() -> None:
    written = {"container_config": {"env": [{"name": "DB_PASSWORD", "value": "hunter2-very"}]}}

    said = found(definitions(executor=stock(step_k8s_config=written)))

    place = "container_config.env[0].value: this looks like a credential, by the name 'DB_PASSWORD'"
    assert said == [("DPK527", f"the executor: step_k8s_config: {place}")]


def test_the_op_of_another_job_with_the_executor_is_one_of_its_ops() -> None:
    executor = k8s_executor(max_concurrent=4, per_step_config={"resize": K8sConfig(image="x")})

    @dg.op
    def resize() -> None: ...

    @dg.job(executor_def=executor)
    def images() -> None:
        resize()

    with_job = dg.Definitions(assets=definitions().assets, jobs=[images], executor=executor)

    assert found(with_job) == []
    assert [code for code, _ in found(definitions(executor=executor))] == ["DPK540"]


def test_a_finding_of_a_layer_does_not_hide_the_refusal_of_another() -> None:
    defs = definitions(container(resources={"limits": {"memory": "4GB"}}))

    assert [code for code, _ in found(defs, location=REFUSED_LOCATION)] == ["DPK301", "DPK500", "DPK515"]
    assert SHOP not in str(found(defs))
