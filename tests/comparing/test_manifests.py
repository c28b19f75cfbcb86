"""What is different between two Jobs: by field, items of lists by what tells them apart."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dagster_plus_k8s_helpers.comparing.manifests import differences
from dagster_plus_k8s_helpers.comparing.report import PodSide, Row, folded, rows_of_pod
from dagster_plus_k8s_helpers.comparing.words import value_words

TEXT = "hunter2hunter2hunter2"

POD: dict[str, Any] = {
    "containers": [
        {
            "name": "dagster",
            "image": "shop:1",
            "args": ["dagster", "api"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "resources": {"limits": {"memory": "2Gi", "cpu": "1"}},
            "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
        },
        {"name": "sidecar", "image": "proxy:1"},
    ],
    "nodeSelector": {"pool": "jobs"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "serviceAccountName": "dagster",
}


def job(pod: dict[str, Any], labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"labels": labels or {}}
    return {"metadata": metadata, "spec": {"template": {"metadata": metadata, "spec": pod}, **spec}}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The pod with another value at a place such as ``containers.0.image``; ``None`` takes it away."""
    pod = copy.deepcopy(POD)
    *keys, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    holder: Any = pod
    for key in keys:
        holder = holder[key]
    if value is None:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value
    return pod


def rows(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (row.kind, row.field, value_words(row.old), value_words(row.new))
        for row in rows_of_pod("run", PodSide(old, {}), PodSide(new, {}))
    ]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("containers.0.resources.limits.memory", "4Gi", ("changed", "memory limit", "2Gi", "4Gi")),
        ("containers.0.resources.requests", {"cpu": 1}, ("added", "cpu request", "-", "1")),
        ("containers.0.resources.limits.cpu", None, ("removed", "cpu limit", "1", "-")),
        ("containers.0.image", "shop:2", ("changed", "image", "shop:1", "shop:2")),
        ("containers.1.image", "proxy:2", ("changed", "image of container sidecar", "proxy:1", "proxy:2")),
        ("containers.0.args", ["dagster"], ("changed", "args", '["dagster", "api"]', '["dagster"]')),
        ("containers.0.env.1.value", "3", ("changed", "env B", "2", "3")),
        ("containers.0.env.2", {"name": "C", "value": ""}, ("added", "env C", "-", "")),
        ("containers.0.env.0", None, ("removed", "env A", "1", "-")),
        ("containers.0.volumeMounts.1.name", "w", ("changed", "volume mount /b name", "v", "w")),
        ("nodeSelector.pool", "big", ("changed", "node selector pool", "jobs", "big")),
        ("nodeSelector.zone", "a", ("added", "node selector zone", "-", "a")),
        (
            "tolerations.1",
            {"key": "spot"},
            ("added", "toleration", "-", '{"key": "spot"}'),
        ),
        ("volumes.0.emptyDir", {"sizeLimit": "1Gi"}, ("added", "volume v emptyDir.sizeLimit", "-", "1Gi")),
        ("serviceAccountName", "other", ("changed", "service account", "dagster", "other")),
        ("securityContext", {"runAsUser": 1}, ("added", "securityContext.runAsUser", "-", "1")),
    ],
)
def test_a_field_is_told_in_words(path: str, value: Any, told: tuple[str, ...]) -> None:
    assert rows(job(POD), job(changed(path, value))) == [told]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("containers.0.resources.limits.memory", "2048Mi"),
        ("containers.0.resources.limits.cpu", 1),
        ("containers.0.envFrom", []),
        ("securityContext", {}),
        ("containers.0.env", [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]),
    ],
)
def test_what_means_the_same_is_no_difference(path: str, value: Any) -> None:
    assert differences(job(POD), job(changed(path, value))) == []


def test_a_label_that_the_job_has_from_its_pod_is_told_once() -> None:
    assert rows(job(POD), job(POD, {"team": "a"})) == [("added", "label team", "-", "a")]


def test_a_field_of_the_job_says_so() -> None:
    assert rows(job(POD, backoffLimit=0), job(POD, backoffLimit=1)) == [
        ("changed", "Job backoffLimit", "0", "1")
    ]


def test_an_item_that_is_there_twice_is_two() -> None:
    twice = changed("tolerations.1", {"key": "gpu", "operator": "Exists"})

    assert [row[0] for row in rows(job(POD), job(twice))] == ["added"]


def test_a_credential_is_not_shown_but_told_as_changed() -> None:
    old, new = (
        job(changed("containers.0.env.0", {"name": "DB_PASSWORD", "value": value}))
        for value in (TEXT, f"{TEXT}3")
    )

    (row,) = rows_of_pod("run", PodSide(old, {}), PodSide(new, {}))

    assert (row.kind, row.field) == ("changed", "env DB_PASSWORD")
    assert row.new.startswith("<hidden: looks like")
    assert TEXT not in repr(row)


def test_the_layer_of_a_field_is_that_of_what_it_stands_in() -> None:
    layers = {"spec.template.spec.containers[0].env[1]": "op tags"}
    new = job(changed("containers.0.env.1.value", "3"))

    (row,) = rows_of_pod("run", PodSide(job(POD), {}), PodSide(new, layers))

    assert row.layer == "op tags"


def test_what_pods_have_in_common_is_one_row_in_their_order() -> None:
    one = Row("changed", "image", "a", "b", "location", "x")
    several = [Row(one.kind, one.field, "a", "b", "location", "x", (name,)) for name in ("c", "a", "b")]
    other = Row("changed", "image", "a", "b", "op tags", "x", ("d",))

    assert [row.pods for row in folded([*several, other], ["a", "b", "c"])] == [("a", "b", "c"), ("d",)]
