"""The memory of a Job that is sent is the one that is spoken of, wherever the limit stands."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import (
    V1Container,
    V1Job,
    V1JobSpec,
    V1PodSpec,
    V1PodTemplateSpec,
    V1ResourceRequirements,
)

from dagster_plus_k8s_helpers.sizing.job_memory import memory_in, raise_memory
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, MemoryLadder, tried_with


def resources(limit: str = "", request: str = "") -> V1ResourceRequirements:
    return V1ResourceRequirements(
        limits={"cpu": "1", "memory": limit} if limit else None,
        requests={"memory": request} if request else None,
    )


def job_with(own: Any = None, whole: Any = None) -> V1Job:
    pod = V1PodSpec(containers=[V1Container(name="dagster", resources=own)], resources=whole)
    return V1Job(spec=V1JobSpec(template=V1PodTemplateSpec(spec=pod)))


def said(found: Any) -> tuple[Any, Any] | None:
    return found and (found.limits, found.requests)


@pytest.mark.parametrize(
    ("job", "memory", "own", "whole"),
    [
        (job_with(resources("1Gi", "1Gi")), Memory("2Gi", "2Gi"), ({"cpu": "1", "memory": "2Gi"}, {"memory": "2Gi"}), None),
        (job_with(), Memory("1Gi", "512Mi"), ({"memory": "1Gi"}, {"memory": "512Mi"}), None),
        (job_with(resources(request="1Gi")), Memory("2Gi", "2Gi"), ({"memory": "2Gi"}, {"memory": "2Gi"}), None),
        (job_with(resources("4Gi")), Memory("2Gi", "2Gi"), ({"cpu": "1", "memory": "4Gi"}, None), None),
        (job_with(whole=resources("1Gi", "1Gi")), Memory("2Gi", "2Gi"), None, ({"cpu": "1", "memory": "2Gi"}, {"memory": "2Gi"})),
        (job_with(resources("1Gi"), resources("3Gi", "2Gi")), Memory("2Gi"), ({"cpu": "1", "memory": "2Gi"}, None), ({"cpu": "1", "memory": "4Gi"}, {"memory": "3Gi"})),
        (job_with(resources("1Gi"), resources("3Gi")), Memory("2Gi"), ({"cpu": "1", "memory": "2Gi"}, None), ({"cpu": "1", "memory": "4Gi"}, None)),
        (job_with(whole=resources(request="2Gi")), Memory("1Gi"), ({"memory": "1Gi"}, None), (None, {"memory": "2Gi"})),
    ],
    ids=["its own", "a LimitRange's", "a request alone", "more already", "the pod's", "both", "both limits", "the pod's request"],
)  # fmt: skip
def test_a_limit_is_raised_where_it_stands(job: V1Job, memory: Memory, own: Any, whole: Any) -> None:
    sent = raise_memory(job, memory)

    pod = job.spec.template.spec
    assert (said(pod.containers[0].resources), said(pod.resources)) == (own, whole)
    assert sent == memory_in(job)


def test_what_was_learned_is_no_more_than_the_maximum_now() -> None:
    ladder = MemoryLadder(maximum="4Gi")

    assert ladder.capped(Memory("8Gi", "2Gi")) == Memory("4Gi", "2Gi")
    assert ladder.capped(Memory("2Gi")) == Memory("2Gi")


@pytest.mark.parametrize(
    ("sizes", "memory", "sentence"),
    [
        (["1Gi", "2Gi"], Memory("4Gi"), "Its memory was raised: it was tried with 1Gi, 2Gi and 4Gi."),
        (["1Gi"], None, ""),
        ([], Memory("4Gi"), ""),
    ],
)
def test_a_failure_after_the_memory_was_raised_says_so(
    sizes: list[str], memory: Memory | None, sentence: str
) -> None:
    assert tried_with(sizes, memory) == sentence
