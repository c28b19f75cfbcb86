"""A size among the layers: above op tags, below ``per_step_k8s_config``, by the merge of ``dagster_k8s``."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.pod.scheduling import gpu
from dagster_plus_k8s_helpers.sizing.layer import with_size


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
