"""What comes of merging the layers of a pod: what a layer loses, doubles or leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from checked import OP, SHOP, config, container, definitions, found, location
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import k8s_executor
from dagster_plus_k8s_helpers.executor.deployment import Deployment

if TYPE_CHECKING:
    import dagster as dg

TOLERATION = {"key": "team", "operator": "Exists"}


def test_shallow_run_tags_make_the_locations_settings_take_the_place_of_the_agents() -> None:
    agent = {"workspace": {"resources": {"limits": {"cpu": "1", "memory": "2Gi"}}}}
    tags = config(pod_spec_config={"node_selector": {"a": "b"}}, merge_behavior="SHALLOW")

    said = found(
        definitions(job={"tags": tags}),
        agent=agent,
        location=location(container_config={"resources": {"limits": {"memory": "4Gi"}}}),
        job="nightly",
    )

    assert said[-1] == (
        "DPK528",
        "the run's pod: run tags (tags of the run of 'nightly') is SHALLOW and loses "
        'containers[0].resources.limits.cpu, "1" by agent (the agent\'s Helm values); '
        'containers[0].resources.limits is then {"memory": "4Gi"}',
    )


def test_shallow_run_tags_that_lose_nothing_are_not_found() -> None:
    tags = config(pod_spec_config={"node_selector": {"a": "b"}}, merge_behavior="SHALLOW")

    said = found(definitions(job={"tags": tags}), agent={}, location=location(), job="nightly")

    assert "DPK528" not in [code for code, _ in said]


ENV = [{"name": "A", "value": "hidden-below"}, {"name": "C", "value": "hidden-below"}]


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (
            {"pod_spec_config": {"tolerations": [{**TOLERATION, "effect": "NoExecute"}]}},
            {"pod_spec_config": {"tolerations": [{**TOLERATION, "effect": "NoSchedule"}]}},
        ),
        (
            {"pod_spec_config": {"tolerations": [TOLERATION]}},
            {"pod_spec_config": {"tolerations": [TOLERATION]}},
        ),
        ({"pod_spec_config": {"tolerations": [TOLERATION]}}, {"pod_spec_config": {"tolerations": []}}),
        ({"container_config": {"env": ENV}}, {"container_config": {"env": ENV[:1]}}),
        ({"container_config": {"env": ENV}}, {"container_config": {"image_pull_policy": "Always"}}),
        (
            {"container_config": {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}},
            {"container_config": {"resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}},
        ),
    ],
)
def test_a_field_that_a_shallow_layer_writes_anew_is_not_lost(below: Any, above: Any) -> None:
    defs = definitions(config(**above, merge_behavior="SHALLOW"))

    assert found(defs, location=location(**below)) == []


def test_a_key_that_a_shallow_layer_does_not_mention_is_lost() -> None:
    below = location(pod_spec_config={"node_selector": {"pool": "spot", "zone": "b"}})
    above = config(pod_spec_config={"node_selector": {"pool": "own"}}, merge_behavior="SHALLOW")

    assert found(definitions(above), location=below) == [
        (
            "DPK528",
            f"step 'train': {OP} is SHALLOW and loses nodeSelector.zone, \"b\" by {SHOP}; "
            'nodeSelector is then {"pool": "own"}',
        )
    ]


def test_a_list_that_shallow_run_tags_do_not_mention_is_lost_where_the_locations_takes_its_place() -> None:
    tags = config(pod_spec_config={"node_selector": {"a": "b"}}, merge_behavior="SHALLOW")
    agent = {"workspace": {"runK8sConfig": {"containerConfig": {"env": ENV}}}}

    said = found(
        definitions(job={"tags": tags}),
        agent=agent,
        location=location(container_config={"env": [{"name": "B", "value": "hidden-new"}]}),
        job="nightly",
    )

    (message,) = [message for code, message in said if code == "DPK528"]
    assert "hidden" not in message
    assert 'loses containers[0].env[A], {"name": "A", "value": "..."} by agent' in message


def test_the_variables_of_dagster_plus_can_be_lost_though_env_is_written_anew() -> None:
    above = config(container_config={"env": [{"name": "A", "value": "1"}]}, merge_behavior="SHALLOW")

    assert found(definitions(above), deployment=Deployment("full", "prod", in_cluster=True)) == [
        (
            "DPK528",
            f"step 'train': {OP} is SHALLOW and its env loses what Dagster+ sets: "
            "DAGSTER_CLOUD_DEPLOYMENT_NAME, DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT, DAGSTER_CLOUD_LOCATION_NAME",
        )
    ]


@pytest.mark.parametrize("executor", [k8s_job_executor, k8s_executor()])
@pytest.mark.parametrize("said", ["SHALLOW", "DEEP"])
def test_a_merge_behavior_that_dagster_has_read_is_one_as_well(
    executor: dg.ExecutorDefinition, said: str
) -> None:
    own = {"merge_behavior": said, "container_config": {"image_pull_policy": "Always"}}
    configured = executor.configured(
        {"max_concurrent": 4, "step_k8s_config": own, "per_step_k8s_config": {"train": own}}
    )

    assert found(definitions(executor=configured)) == []


def test_a_variable_twice_shows_how_it_is_said_and_not_what() -> None:
    secret = {"name": "A", "value_from": {"secret_key_ref": {"name": "db", "key": "a"}}}

    said = found(
        definitions(container(env=[{"name": "A", "value": "hidden"}])),
        location=location(container_config={"env": [secret]}),
    )

    below = '{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a", "name": "db"}}}'
    assert said == [
        (
            "DPK503",
            f"step 'train': containers[0].env has 'A' twice: {below} by {SHOP} and "
            f'{{"name": "A", "value": "..."}} by {OP}; the last one counts',
        )
    ]


def of_location(**k8s: Any) -> dict[str, Any]:
    return {"location_name": "shop", "container_context": {"k8s": k8s}}


def test_a_bare_variable_may_come_of_a_secret_of_the_runs_pod() -> None:
    defs = definitions(executor=k8s_job_executor.configured({"env_vars": ["REGION"], "max_concurrent": 4}))

    assert found(defs, location=of_location(env_secrets=["shared"])) == []
    assert [code for code, _ in found(defs, location=of_location())] == ["DPK529"]
