"""A size among the layers: above op tags, below ``per_step_k8s_config``, by the merge of ``dagster_k8s``."""

from __future__ import annotations

from typing import Any

import pytest
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import UserDefinedDagsterK8sConfig

from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.pod.scheduling import gpu
from dagster_plus_k8s_helpers.sizing.layer import over_size, with_size, within_limits


def sized(size: K8sConfig | None, per_step: K8sConfig | None = None) -> dict[str, Any]:
    entries = {"load": per_step.to_dict()} if per_step is not None else {}
    return dict(with_size({**entries, "other": {}}, "load", size))


def laid(op_tags: K8sConfig, size: K8sConfig, per_step: K8sConfig) -> dict[str, Any]:
    """What the container gets, merged as the stock handler merges the op tags and the entry of the op."""
    tags, entry = (
        K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(config))
        for config in (op_tags.to_dict(), sized(size, per_step)["load"])
    )
    found = over_size(tags.merge(entry), size, per_step.to_dict())
    return found.run_k8s_config.to_dict()


def resources(found: dict[str, Any]) -> Any:
    return found["load"]["container_config"]["resources"]


@pytest.mark.parametrize("size", [None, K8sConfig()])
def test_no_size_leaves_the_entries_as_they_are(size: K8sConfig | None) -> None:
    assert sized(size) == {"other": {}}


def test_a_limit_alone_is_requested_too_so_that_no_request_beneath_stands_above_it() -> None:
    size = K8sConfig(resources=Resources(memory="1Gi", cpu=("500m", None)))

    assert resources(sized(size)) == {
        "limits": {"memory": "1Gi"},
        "requests": {"memory": "1Gi", "cpu": "500m"},
    }


def test_the_entry_of_the_op_wins_and_what_it_does_not_say_stays() -> None:
    size = K8sConfig(resources=Resources(memory="8Gi", cpu="2"), labels={"size": "big"})

    found = laid(K8sConfig(), size, K8sConfig(resources=Resources(memory="4Gi"), labels={"team": "ml"}))

    assert found["container_config"]["resources"] == {
        "limits": {"memory": "4Gi", "cpu": "2"},
        "requests": {"cpu": "2"},
    }
    assert found["pod_template_spec_metadata"]["labels"] == {"size": "big", "team": "ml"}


def env(name: str, behavior: Any = None) -> K8sConfig:
    return K8sConfig(env={name: "1"}, merge_behavior=behavior)


@pytest.mark.parametrize(
    ("of_size", "of_entry", "names"),
    [
        (None, None, ["TAGS", "SIZE", "ENTRY"]),
        # The size takes the place of the op tags, and the entry is added to it.
        ("SHALLOW", None, ["SIZE", "ENTRY"]),
        ("SHALLOW", "DEEP", ["SIZE", "ENTRY"]),
        ("DEEP", "SHALLOW", ["ENTRY"]),
        ("SHALLOW", "SHALLOW", ["ENTRY"]),
    ],
)
def test_the_size_and_the_entry_are_each_merged_as_they_say(
    of_size: str | None, of_entry: str | None, names: list[str]
) -> None:
    found = laid(env("TAGS"), env("SIZE", of_size), env("ENTRY", of_entry))

    assert [variable["name"] for variable in found["container_config"]["env"]] == names


def test_a_size_that_is_merged_shallowly_keeps_what_the_entry_does_not_touch() -> None:
    tags = K8sConfig(labels={"team": "ml"}, env={"TAGS": "1"})
    size = K8sConfig(resources=Resources(memory="2Gi"), merge_behavior="SHALLOW")

    found = laid(tags, size, K8sConfig(env={"ENTRY": "1"}))

    # Only the resources are the size's: the variables of the entry are added to those of the tags.
    assert [variable["name"] for variable in found["container_config"]["env"]] == ["TAGS", "ENTRY"]
    assert found["pod_template_spec_metadata"]["labels"] == {"team": "ml"}


def test_a_size_may_be_more_than_amounts() -> None:
    assert sized(gpu(1, platform="gke"))["load"]["pod_spec_config"]["tolerations"]


def merged(**resources: dict[str, str]) -> K8sContainerContext:
    config = UserDefinedDagsterK8sConfig.from_dict({"container_config": {"resources": resources}})
    return K8sContainerContext(run_k8s_config=config)


@pytest.mark.parametrize(
    ("request_", "limits", "requests", "capped"),
    [
        ("2300m", {"cpu": "1"}, {"cpu": "2300m", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}),
        ("900m", {"cpu": "1"}, {"cpu": "900m"}, {"cpu": "900m"}),
        ("2300m", {"memory": "1Gi"}, {"cpu": "2300m"}, {"cpu": "2300m"}),
        # Of another layer than the size: it is not for the size to say.
        ("2300m", {"cpu": "1"}, {"cpu": "3"}, {"cpu": "3"}),
    ],
)
def test_a_request_of_the_size_is_no_more_than_the_limit_of_another_layer(
    request_: str, limits: dict[str, str], requests: dict[str, str], capped: dict[str, str]
) -> None:
    size = K8sConfig(resources=Resources(cpu=(request_, None)))

    found = within_limits(merged(limits=limits, requests=requests), size)

    assert found.run_k8s_config.container_config["resources"] == {"limits": limits, "requests": capped}
