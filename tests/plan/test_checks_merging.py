"""What comes of merging the layers of a pod: what a layer loses, doubles or leaves open."""

from __future__ import annotations

from typing import Any

from checked import OP, SHOP, config, container, definitions, found, location
from dagster_k8s import k8s_job_executor

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


def test_tolerations_of_one_key_and_different_effects_are_different() -> None:
    above = config(
        pod_spec_config={"tolerations": [{**TOLERATION, "effect": "NoSchedule"}]}, merge_behavior="SHALLOW"
    )
    below = location(pod_spec_config={"tolerations": [{**TOLERATION, "effect": "NoExecute"}]})

    assert found(definitions(above), location=below) == [
        (
            "DPK528",
            f"step 'train': {OP} is SHALLOW and loses tolerations[team:Exists:NoExecute], "
            f'{{"effect": "NoExecute", "key": "team", "operator": "Exists"}} by {SHOP}; tolerations is then '
            '[{"effect": "NoSchedule", "key": "team", "operator": "Exists"}]',
        )
    ]


def test_a_toleration_that_is_said_again_is_not_lost() -> None:
    above = config(pod_spec_config={"tolerations": [TOLERATION]}, merge_behavior="SHALLOW")

    assert found(definitions(above), location=location(pod_spec_config={"tolerations": [TOLERATION]})) == []


def test_no_value_of_a_variable_that_is_lost_is_repeated() -> None:
    below = location(container_config={"env": [{"name": name, "value": "hidden-below"} for name in "AC"]})
    above = config(
        container_config={
            "env": [{"name": "B", "value": "hidden-above"}, {"name": "C", "value": "hidden-new"}]
        },
        merge_behavior="SHALLOW",
    )

    ((code, message),) = found(definitions(above), location=below)

    assert (code, "hidden" in message) == ("DPK528", False)
    assert f'loses containers[0].env[A], {{"name": "A", "value": "..."}} by {SHOP}; ' in message


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
