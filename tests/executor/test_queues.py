"""Steps in a queue of Kueue, in real runs: held back, admitted, taken back, and never started twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from kueue import NO_CPU, NO_MEMORY, TAKEN, preempted, readmitted, workload
from permissions import allowed_by
from plays import Play
from scenarios import ends
from step_runs import eventually, memory

from dagster_plus_k8s_helpers.files.values.manifests import READ_QUEUES, START_STEPS

if TYPE_CHECKING:
    from plays import PlayedJob
    from step_runs import StepRun

QUEUED: dict[str, Any] = {"queue": "team-a", "start_timeout": 1.0}
EVICTED = (
    f"Step \"train\" failed: EvictedByQueue: Kueue took the pod away from the queue 'team-a': Preempted: {TAKEN}. It was "
    "not the step's fault: it starts again (disruption retry 1 of 2)."
)


def job(run: StepRun, attempt: int = 0, step: str = "train") -> PlayedJob:
    eventually(lambda: len(run.server.of_step(step)) > attempt, f"the Job of attempt {attempt}")
    return run.server.of_step(step)[attempt]


def looks(run: StepRun, more: int) -> None:
    """Let this many looks pass."""
    before = run.server.count("LIST jobs")
    eventually(lambda: run.server.count("LIST jobs") >= before + more, "some looks")


def causes(run: StepRun) -> list[str]:
    return [said.partition(": ")[2] for said in run.said('Step "train" waits')]


def test_a_step_that_its_queue_holds_waits_for_as_long_as_it_takes_and_says_why(run: StepRun) -> None:
    run.server.play("train", Play(held=NO_CPU))

    run.start({"train": {}}, QUEUED)
    eventually(lambda: causes(run), "why it waits")
    held = job(run)
    looks(run, 10)
    held.workload_status = NO_MEMORY
    eventually(lambda: len(causes(run)) > 1, "the other cause")
    held.admit(held.workload_status)  # which a look may read before it sees the Job begin

    assert run.finish(), run.messages()
    since = f"JobSuspended: The Job waits in the queue 'team-a' since {held.created}, the first in line: "
    todo = "Wait until other workloads of the queue end, raise its quota, or request less."
    assert causes(run) == [
        f"{since}the flavor 'spot' has 30 of cpu too little unused and the flavor 'on-demand' has 8 of cpu too little "
        f"unused; 2 other workloads are being preempted for it. {todo}",
        f"{since}the flavor 'default' has 2Gi of memory too little unused. {todo}",
    ]
    assert ends(run, "train") == ["STEP_SUCCESS"]
    assert held.labels["kueue.x-k8s.io/queue-name"] == "team-a"
    assert allowed_by(READ_QUEUES) <= run.server.rights <= allowed_by([*START_STEPS, *READ_QUEUES])


def test_a_step_that_waits_says_behind_how_many(run: StepRun) -> None:
    run.server.workloads_of_others = [workload(name, f"team-{name[0]}") for name in ("a1", "b1", "b2", "a2")]
    run.server.play("train", Play(held=NO_MEMORY))

    run.start({"train": {}}, QUEUED)
    eventually(lambda: causes(run), "it waits")
    run.server.workloads_of_others = []
    looks(run, 5)
    job(run).admit(job(run).workload_status)

    assert run.finish(), run.messages()
    (said,) = causes(run)
    assert f"since {job(run).created}, behind 4 others, 2 of them of this queue: the flavor" in said
    (event,) = [event for event in run.events() if "waits: JobSuspended" in (event.message or "")]
    assert run.metadata(event)["in_front"] == 4
    assert run.metadata(event)["in_front_of_queue"] == 2


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        ({"does": "hold"}, ["STEP_FAILURE", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]),
        ({"does": "hold", "max_retries": 1}, ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]),
    ],
    ids=["alone", "policy"],
)
def test_a_step_whose_pod_its_queue_takes_starts_again_for_free_in_a_job_of_its_own(
    run: StepRun, step: dict[str, Any], reported: list[str]
) -> None:
    run.start({"train": step}, QUEUED)
    eventually(run.began("train").exists, "it begins")
    job(run).suspend(preempted())
    eventually(run.began("train", 1).exists, "the second attempt")
    run.go("train")

    assert run.finish(), run.messages()
    assert ends(run, "train") == reported
    assert run.said("not the step's fault") == [EVICTED]
    first, second = run.server.of_step("train")
    assert first.name in run.server.deleted
    assert second.labels["kueue.x-k8s.io/queue-name"] == "team-a"


def test_a_job_that_is_admitted_again_before_a_look_is_of_no_use_any_more(run: StepRun) -> None:
    run.start({"train": {"does": "hold"}}, QUEUED)
    eventually(run.began("train").exists, "it begins")
    looks(run, 3)
    first = job(run)
    first.suspend(readmitted())
    first.admit(readmitted())
    job(run, 1)
    run.go("train")

    assert run.finish(), run.messages()
    assert len(run.said("not the step's fault")) == 1
    assert len(run.server.of_step("train")) == 2
    assert ends(run, "train")[-1] == "STEP_SUCCESS"


def test_a_pod_that_does_start_the_step_again_may_end_it(run: StepRun) -> None:
    run.start({"train": {"does": "hold"}}, QUEUED)
    eventually(run.began("train").exists, "it begins")
    job(run).suspend(preempted())
    # From now on the step's process does not refuse: it is told of fewer attempts than there were.
    eventually(run.began("train", 1).exists, "the second attempt")
    looks(run, 3)
    second = job(run, 1)
    second.suspend(readmitted())
    second.admit(readmitted())
    eventually(run.began("train", 2).exists, "the same attempt once more")
    looks(run, 5)
    run.go("train")

    assert run.finish(), run.messages()
    assert len(run.server.of_step("train")) == 2
    assert second.name not in run.server.deleted
    assert ends(run, "train")[-1] == "STEP_SUCCESS"


def test_a_pod_that_is_killed_without_a_word_is_the_queues_doing_too(run: StepRun) -> None:
    run.start({"train": {"does": "hold"}}, QUEUED)
    eventually(run.began("train").exists, "it begins")
    first = job(run)
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    first.suspend(preempted())
    eventually(run.began("train", 1).exists, "the second attempt")
    run.go("train")

    assert run.finish(), run.messages()
    assert ends(run, "train") == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert run.said("not the step's fault") == [EVICTED]


def test_a_step_that_had_not_begun_keeps_its_job(run: StepRun) -> None:
    run.server.play("train", Play(runs=False, pends=True))

    run.start({"train": {}}, {**QUEUED, "start_timeout": 60.0})
    only = job(run)
    looks(run, 2)
    only.suspend(preempted())
    eventually(lambda: causes(run), "it waits")
    only.play = Play()
    only.admit(readmitted())

    assert run.finish(), run.messages()
    assert ends(run, "train") == ["STEP_SUCCESS"]
    assert len(run.server.of_step("train")) == 1
    assert f"its pod was taken away (Preempted: {TAKEN})" in causes(run)[0]


def test_the_size_of_the_memory_ladder_stays(run: StepRun) -> None:
    run.server.play("train", Play("oom-killed", runs=False))

    run.start(
        {"train": {"does": "hold", "memory": "300Mi"}}, {**QUEUED, "memory_ladder": {}, "start_timeout": 60.0}
    )
    eventually(run.began("train").exists, "the attempt with more memory begins")
    job(run, 1).suspend(preempted())
    eventually(run.began("train", 1).exists, "the third attempt")
    run.go("train")

    assert run.finish(), run.messages()
    assert memory(run, "train") == ["300Mi", "600Mi", "600Mi"]


def test_more_evictions_than_are_forgiven_are_the_steps_own_end(run: StepRun) -> None:
    run.start({"train": {"does": "hold"}}, {**QUEUED, "disruption_retries": 0})
    eventually(run.began("train").exists, "it begins")
    job(run).suspend(preempted())

    assert not run.finish()
    assert ends(run, "train") == ["STEP_FAILURE"]
    assert run.said("was interrupted") == [
        f"Step \"train\" was interrupted: EvictedByQueue: Kueue took the pod away from the queue 'team-a': Preempted: "
        f"{TAKEN}. Give the step a priority_class that the queue prefers, or raise disruption_retries."
    ]
    assert job(run).name in run.server.deleted


def test_who_may_not_read_workloads_is_told_once_and_waits_all_the_same(run: StepRun) -> None:
    run.server.play("train", Play(held=NO_CPU))
    run.server.faults.append(Fault("LIST", "workloads", 403))

    run.start({"train": {}}, QUEUED)
    eventually(lambda: causes(run), "it waits")
    looks(run, 5)
    job(run).admit(job(run).workload_status)

    assert run.finish(), run.messages()
    assert len(run.said("may not list workloads.kueue.x-k8s.io")) == 1
    assert causes(run)[0].endswith(": Kueue starts it when there is room.")
    assert run.server.count("LIST workloads") == 1


@pytest.mark.parametrize("versions", [["v1beta2"], ["v1beta2", "v1beta1"]], ids=["an older one", "none"])
def test_a_cluster_that_has_not_the_newest_api_is_asked_in_its_own(run: StepRun, versions: list[str]) -> None:
    run.server.gone.update(f"/apis/kueue.x-k8s.io/{version}" for version in versions)
    run.server.play("train", Play(held=NO_CPU))

    run.start({"train": {}}, QUEUED)
    eventually(lambda: causes(run), "it waits")
    job(run).admit()

    assert run.finish(), run.messages()
    assert ("the flavor" in causes(run)[0]) is (len(versions) == 1)
    assert run.said("may not list") == []


def test_jobs_that_are_in_no_queue_and_those_that_run_are_not_asked_about(run: StepRun) -> None:
    assert run.start({"a": {}}, {}).finish()
    assert run.start({"a": {}}, {"queue": "team-a", "start_timeout": 60.0}).finish()

    assert run.server.count("LIST workloads") <= 2  # at most while each has ended and its event is not read
