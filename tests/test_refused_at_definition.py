"""The table, in docs/reference/refused.md, of what stock dagster-k8s takes and this package refuses: each row is a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config

from dagster_plus_k8s_helpers import K8sConfig, K8sConfigError

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "refused.md"


def container(**fields: Any) -> dict[str, Any]:
    return {"container_config": fields}


def pod(**fields: Any) -> dict[str, Any]:
    return {"pod_spec_config": fields}


def limits(**amounts: Any) -> dict[str, Any]:
    return container(resources={"limits": amounts})


# What the row says, what is written, and the beginning of what this package answers.
ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("`memory: 4GB`", limits(memory="4GB"), "container_config.resources.limits['memory']: '4GB' is not a Kubernetes quantity; write '4Gi' or '4G'"),
    ("`memory: 512m`", limits(memory="512m"), "container_config.resources.limits['memory']: 512m is 0.512 bytes (m is a thousandth)"),
    ("`memory: 2048`", limits(memory="2048"), "container_config.resources.limits['memory']: 2048 is 2048 bytes, less than the 4Mi any container needs; did you mean '2048Mi'?"),
    ("a request above its limit", container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}), "container_config.resources.requests['cpu']: the request 2 is above the limit 1; did you mean ('1', '2')?"),
    ("half a GPU", limits(**{"nvidia.com/gpu": "0.5"}), "container_config.resources.limits['nvidia.com/gpu']: 0.5 is not whole"),
    ("a GPU as `gpu: 1`", limits(gpu=1), "container_config.resources.limits['gpu']: 'gpu' is no resource; write 'nvidia.com/gpu', or another vendor's name"),
    ("`containerConfg` in a tag", {"containerConfg": {"image": "a"}}, "dagster-k8s/config has no field 'containerConfg'; did you mean 'container_config'?"),
    ("`resources` at the top level", {"resources": {"limits": {"cpu": "1"}}}, "'resources' belongs one level further in; write container_config: {resources: ...}"),
    ("a misspelt `node_selecter`", pod(node_selecter={"pool": "gpu"}), "pod_spec_config: PodSpec has no field 'node_selecter'; did you mean 'node_selector'?"),
    ("`job_config: {metadata: ...}`", {"job_config": {"metadata": {"labels": {"a": "b"}}}}, "job_config: Dagster overwrites what it holds"),
    ("a label with a space", {"pod_template_spec_metadata": {"labels": {"team": "data science"}}}, "pod_template_spec_metadata.labels['team']: the value of label 'team', 'data science',"),
    ("a numeric label value", {"pod_template_spec_metadata": {"labels": {"cost": 42}}}, "pod_template_spec_metadata.labels['cost']: must be text, not int; write '42'"),
    ("a toleration with `effect: NoScedule`", pod(tolerations=[{"key": "gpu", "effect": "NoScedule"}]), "pod_spec_config.tolerations[0].effect: 'NoScedule' is none of"),
    ("a toleration with `Exists` and a value", pod(tolerations=[{"key": "gpu", "operator": "Exists", "value": "a"}]), "pod_spec_config.tolerations[0]: operator 'Exists' takes no value"),
    ("the same env var twice", container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), "container_config.env[1]: names 'A' twice"),
    ("two volumes of one name", pod(volumes=[{"name": "v", "empty_dir": {}}, {"name": "v", "empty_dir": {}}]), "pod_spec_config.volumes[1]: names 'v' twice"),
    ("`sizeLimit: 1GB`", pod(volumes=[{"name": "v", "empty_dir": {"size_limit": "1GB"}}]), "pod_spec_config.volumes[0].empty_dir.size_limit: '1GB' is not a Kubernetes quantity"),
    ("`image_pull_policy: always`", container(image_pull_policy="always"), "container_config.image_pull_policy: 'always' is none of"),
    ("an image in upper case", container(image="Team/Project:1"), "container_config.image: 'Team/Project:1' is not an image reference"),
    ("`active_deadline_seconds: 0`", {"job_spec_config": {"active_deadline_seconds": 0}}, "job_spec_config.active_deadline_seconds: 0 is below 1"),
]  # fmt: skip


@pytest.mark.parametrize(("says", "config", "answer"), ROWS, ids=[row[0] for row in ROWS])
def test_stock_takes_it_and_we_refuse_it(says: str, config: dict[str, Any], answer: str) -> None:
    taken_as_op_tags(config)

    with pytest.raises(K8sConfigError) as refusal:
        K8sConfig.from_dict(config)

    assert str(refusal.value).startswith(answer)
    assert f"| {says} |" in PAGE.read_text("utf-8")


def taken_as_op_tags(config: dict[str, Any]) -> None:
    """Stock Dagster defines an op with it; what is known before a run raises nothing."""

    @dg.op(tags={"dagster-k8s/config": config})
    def op() -> None: ...

    @dg.job
    def job() -> None:
        op()

    assert json.loads(op.tags["dagster-k8s/config"]) == config


def test_every_row_of_the_page_is_here() -> None:
    table = PAGE.read_text("utf-8")
    written = [
        line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")
    ]

    assert written[1:] == [says for says, _, _ in ROWS]


AT_RUN_START = {
    "a misspelt `node_selecter`",
    "`containerConfg` in a tag",
    "`resources` at the top level",
}
"""Rows that stock dagster-k8s refuses too, but not before a run starts."""


def job_from(config: dict[str, Any]) -> object:
    """The Job that stock dagster-k8s makes of a tag when the run starts."""
    tags = {"dagster-k8s/config": json.dumps(config)}
    return construct_dagster_k8s_job(
        DagsterK8sJobConfig(job_image="image"),
        args=None,
        job_name="name",
        user_defined_k8s_config=get_user_defined_k8s_config(tags),
    )


@pytest.mark.parametrize(("says", "config"), [row[:2] for row in ROWS], ids=[row[0] for row in ROWS])
def test_when_the_run_starts_stock_makes_a_job_of_most(says: str, config: dict[str, Any]) -> None:
    if says in AT_RUN_START:
        with pytest.raises(Exception, match=r"Unexpected keys|Error in tags"):
            job_from(config)
    else:
        assert job_from(config)
