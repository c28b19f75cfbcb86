"""Which layer set a field, what those below say of it, and what the merge did."""

from __future__ import annotations

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import (
    Deployment,
    K8sConfig,
    PlanError,
    Resources,
    Toleration,
    gpu,
    k8s_executor,
)
from dagster_plus_k8s_helpers.plan import RunPlan, plan

TRAIN = K8sConfig(
    resources=Resources(cpu=2, memory="4Gi"), env={"LEVEL": "debug"}, labels={"team": "ml"}
) | gpu(1)


@dg.asset(op_tags=TRAIN.tags)
def churn_model() -> None: ...


@dg.asset(op_tags=K8sConfig(tolerations=[Toleration("op")], merge_behavior="SHALLOW").tags)
def shallow() -> None: ...


@dg.asset(op_tags=TRAIN.tags)
def tuned() -> None: ...


DEFINITIONS = dg.Definitions(
    assets=[churn_model, shallow, tuned],
    executor=k8s_executor(
        step_config=K8sConfig(
            resources=Resources(memory="1Gi"), tolerations=[Toleration("executor")], image="steps:2"
        ),
        per_step_config={"tuned": K8sConfig(resources=Resources(cpu=2), labels={"team": "research"})},
    ),
)
AGENT = {
    "workspace": {
        "pullPolicy": "IfNotPresent",
        "envVars": ["LEVEL=info", "FROM_AGENT"],
        "resources": {"limits": {"cpu": "500m"}},
        "runK8sConfig": {
            "podSpecConfig": {"tolerations": [{"key": "agent", "operator": "Exists"}]},
            "containerConfig": {"command": ["agent"]},
        },
    }
}
LOCATION = {
    "location_name": "etl",
    "image": "project:1",
    "container_context": {"k8s": {"labels": {"team": "etl"}, "namespace": "etl"}},
}
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers[0]"


@pytest.fixture(scope="module")
def planned() -> RunPlan:
    return plan(DEFINITIONS, agent=AGENT, location=LOCATION, deployment=Deployment("full", "prod"))


@pytest.mark.parametrize(
    ("step", "path", "layer", "action", "below"),
    [
        ("churn_model", f"{CONTAINER}.resources.limits.cpu", "op tags", "replaced", [("agent", "500m", True)]),
        ("churn_model", f"{CONTAINER}.resources.limits.memory", "op tags", "replaced", [("executor", "1Gi", True)]),
        ("churn_model", f"{CONTAINER}.resources", "op tags", "merged", [("agent", {"limits": {"cpu": "500m"}}, True), ("executor", {"limits": {"memory": "1Gi"}}, True)]),
        ("tuned", f"{CONTAINER}.resources.limits.cpu", "per_step_k8s_config", "repeated", [("agent", "500m", True), ("op tags", "2", False)]),
        ("churn_model", f"{POD}.tolerations[0]", "agent", "set", []),
        ("churn_model", f"{POD}.tolerations[1].key", "executor", "set", []),
        ("churn_model", f"{POD}.tolerations[2]", "op tags", "appended", []),
        ("churn_model", f"{POD}.nodeSelector", "op tags", "set", []),
        ("shallow", f"{POD}.tolerations[0].key", "op tags", "replaced", [("agent", "agent", True)]),
        ("churn_model", f"{CONTAINER}.image", "executor", "replaced", [("location", "project:1", True)]),
        ("churn_model", f"{CONTAINER}.imagePullPolicy", "agent", "replaced", [("dagster", "Always", True)]),
        ("churn_model", f"{CONTAINER}.env[3]", "agent", "appended", []),
        ("churn_model", "metadata.labels.team", "location", "set", []),
        ("tuned", "spec.template.metadata.labels.team", "per_step_k8s_config", "replaced", [("location", "etl", True), ("op tags", "ml", True)]),
        ("churn_model", "metadata.labels.dagster/deployment-name", "Dagster+", "set", []),
        ("churn_model", "metadata.labels.dagster/code-location", "location", "set", []),
        ("churn_model", "metadata.labels.app.kubernetes.io/name", "dagster", "set", []),
        ("churn_model", "metadata.ownerReferences", "executor", "set", []),
        ("churn_model", "spec.backoffLimit", "dagster", "set", []),
    ],
)  # fmt: skip
def test_the_origin_of_a_field(
    step: str, path: str, layer: str, action: str, below: list[tuple[str, object, bool]], planned: RunPlan
) -> None:
    origin = planned.steps[step].origin(path)

    assert (origin.layer.name, origin.action) == (layer, action)
    assert [(said.layer.name, said.value, said.is_overridden) for said in origin.below] == below


def test_a_list_that_was_appended_to_tells_what_each_layer_brought(planned: RunPlan) -> None:
    origin = planned.steps["churn_model"].origin(f"{POD}.tolerations")

    assert (origin.layer.name, origin.action) == ("op tags", "appended")
    assert [(said.layer.name, len(said.value), said.is_overridden) for said in origin.below] == [
        ("agent", 1, False),
        ("executor", 1, False),
    ]


def test_a_shallow_merge_shows_what_it_took_away(planned: RunPlan) -> None:
    origin = planned.steps["shallow"].origin(f"{POD}.tolerations")

    assert (origin.layer.name, origin.action) == ("op tags", "replaced")
    assert [said.is_overridden for said in origin.below] == [True, True]


def test_a_step_is_named_in_its_own_origins_only(planned: RunPlan) -> None:
    origin = planned.steps["churn_model"].origin("metadata.labels.dagster/op")

    assert (origin.value, origin.layer.name) == ("churn_model", "dagster")


def test_the_run_has_origins_too(planned: RunPlan) -> None:
    assert planned.run.origin(f"{CONTAINER}.image").layer.name == "location"
    assert str(planned.run.origin(f"{CONTAINER}.resources.limits.cpu")) == (
        'spec.template.spec.containers[0].resources.limits.cpu: "500m", set by agent (the agent\'s Helm values)'
    )


def test_every_element_of_every_manifest_has_an_origin(planned: RunPlan) -> None:
    for step in planned.steps.values():
        for path in leaves(step.manifest):
            assert step.origin(path).layer in step.own_pod.layers


def leaves(value: object, path: str = "") -> list[str]:
    if isinstance(value, dict):
        found = [leaves(item, f"{path}.{key}" if path else key) for key, item in value.items()]
    elif isinstance(value, list):
        found = [leaves(item, f"{path}[{index}]") for index, item in enumerate(value)]
    else:
        return [path]
    return [leaf for group in found for leaf in group]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("spec.templat.spec", "no layer sets 'templat' in spec; did you mean 'template'?"),
        (f"{POD}.tolerations[9]", "spec.template.spec.tolerations is a list of 3, without '[9]'"),
        (f"{POD}.affinity", "no layer sets 'affinity' in spec.template.spec"),
        ("spec.backoffLimit.x", "no layer sets 'x' in spec.backoffLimit"),
        ("", "'' is no path of a field; write one such as spec.template.spec.tolerations"),
    ],
)
def test_a_field_that_is_not_there(path: str, message: str, planned: RunPlan) -> None:
    with pytest.raises(PlanError) as refusal:
        planned.steps["churn_model"].origin(path)

    assert str(refusal.value) == message
