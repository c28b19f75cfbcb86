"""A size among the layers: above op tags, below ``per_step_k8s_config``, by the merge of ``dagster_k8s``."""

from __future__ import annotations

from typing import Any

import pytest
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import UserDefinedDagsterK8sConfig

from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.pod.scheduling import gpu
from dagster_plus_k8s_helpers.sizing.layer import with_size, within_limits


def sized(size: K8sConfig | None, per_step: K8sConfig | None = None) -> dict[str, Any]:
    entries = {"load": per_step.to_dict()} if per_step is not None else {}
    return dict(with_size({**entries, "other": {}}, "load", size))


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

    found = sized(size, K8sConfig(resources=Resources(memory="4Gi"), labels={"team": "ml"}))

    assert resources(found) == {"limits": {"memory": "4Gi", "cpu": "2"}, "requests": {"cpu": "2"}}
    assert found["load"]["pod_template_spec_metadata"]["labels"] == {"size": "big", "team": "ml"}


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
