"""Labels for the bill reach the pods and Jobs of steps, as the plan shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers import (
    K8sConfig,
    K8sConfigError,
    Resources,
    cost_labels,
    k8s_executor,
    k8s_tags,
    sized_by,
    with_group_labels,
)
from dagster_plus_k8s_helpers.labels import GROUP_LABEL, label_value
from dagster_plus_k8s_helpers.plan import plan

if TYPE_CHECKING:
    from pathlib import Path


def labels_of(definitions: dg.Definitions, step: str) -> list[dict[str, str]]:
    manifest = plan(definitions).steps[step].manifest
    return [manifest["metadata"]["labels"], manifest["spec"]["template"]["metadata"]["labels"]]


def test_labels_are_on_the_pod_and_on_its_job() -> None:
    @dg.asset(op_tags=(cost_labels(team="ml") | K8sConfig(resources=Resources(cpu=1))).tags)
    def orders() -> None: ...

    executor = k8s_executor(step_config=cost_labels(product="shop", team="other"))
    for labels in labels_of(dg.Definitions(assets=[orders], executor=executor), "orders"):
        assert (labels["team"], labels["product"], labels["dagster/op"]) == ("ml", "shop", "orders")


def test_the_group_of_an_asset_is_a_label_beneath_its_own() -> None:
    @dg.asset(group_name="finance")
    def orders() -> None: ...

    @dg.asset(group_name="ml", op_tags=k8s_tags(labels={GROUP_LABEL: "own"}))
    def model() -> None: ...

    @dg.asset
    def plain() -> None: ...

    outside = dg.AssetSpec("outside", group_name="elsewhere")
    definitions = with_group_labels(
        dg.Definitions(assets=[orders, model, plain, outside], executor=k8s_executor())
    )

    said = {step: labels_of(definitions, step)[1][GROUP_LABEL] for step in ("orders", "model", "plain")}
    assert said == {"orders": "finance", "model": "own", "plain": "default"}


SIZES = """
from dagster_plus_k8s_helpers import K8sConfig, StepFacts, cost_labels


def labelled(facts: StepFacts) -> K8sConfig | None:
    return cost_labels(partition=facts.partition_key) if facts.partition_key else None
"""


def test_a_function_may_label_the_partition_at_launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labels_by_partition.py").write_text(SIZES)
    monkeypatch.syspath_prepend(tmp_path)

    @dg.asset(
        partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]),
        op_tags=sized_by("labels_by_partition:labelled"),
    )
    def orders() -> None: ...

    definitions = dg.Definitions(assets=[orders], executor=k8s_executor())
    planned = plan(definitions, tags={"dagster/partition": "us"})

    manifest = planned.steps["orders"].manifest
    assert manifest["metadata"]["labels"]["partition"] == "us"
    assert manifest["spec"]["template"]["metadata"]["labels"]["partition"] == "us"


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({}, r'cost_labels: there is no label in it; write cost_labels\(team="ml"\)'),
        ({"team": 3}, "cost_labels: the value of 'team' must be text, not 3"),
        ({"team": "a b"}, "cost_labels"),
        ({"a/b/c": "a"}, "cost_labels"),
        ({"dagster/run-id": "a"}, "cost_labels: 'dagster/run-id' is a label by which Dagster finds"),
        ({"job-name": "a"}, "cost_labels: 'job-name' is a label by which Kubernetes finds"),
        ({"controller-uid": "a"}, "cost_labels: 'controller-uid' is a label by which Kubernetes finds"),
        (
            {"batch.kubernetes.io/job-name": "a"},
            "cost_labels: 'batch.kubernetes.io/job-name' is a label by which",
        ),
    ],
)
def test_what_is_no_label_is_refused(labels: dict[str, str], told: str) -> None:
    with pytest.raises(K8sConfigError, match=told):
        cost_labels(**labels)


@given(st.text(max_size=90))
def test_any_text_becomes_a_value_that_kubernetes_takes(text: str) -> None:
    value = label_value(text)

    assert len(value) <= 63
    assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", value, re.ASCII)


@pytest.mark.parametrize(("one", "other"), [("ml/a", "ml-a"), ("a" * 70, "a" * 71), ("é", "è"), ("", "-")])
def test_texts_that_differ_stay_apart(one: str, other: str) -> None:
    assert label_value(one) != label_value(other)


def test_a_text_that_is_a_value_stays() -> None:
    assert label_value("ml.train_2") == "ml.train_2"
