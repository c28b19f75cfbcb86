"""Run workers that are replaced, in real runs: nothing is lost, told twice, or begun anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from plays import Play
from scenarios import ends
from step_runs import eventually

if TYPE_CHECKING:
    from step_runs import StepRun


def replace_worker(run: StepRun) -> None:
    run.worker.kill()
    run.worker.wait()
    run.start_worker(resume=True)


def test_a_resume_asks_nothing_of_an_api_that_does_not_answer(run: StepRun) -> None:
    steps: dict[str, dict[str, Any]] = {f"s{number}": {} for number in range(6)}
    for step in steps:
        run.server.play(step, Play("running", runs=False))
    run.describe(steps, {"call_timeout": 1.0})
    run.start_worker()
    eventually(
        lambda: len(run.server.created) == len(steps) and run.server.count("LIST jobs"), "all launched"
    )
    run.server.delay = 600

    replace_worker(run)
    eventually(lambda: run.said("cannot be reached"), "the outage is told")
    assert len(run.said("Checking on status of in-progress step")) == len(steps)
    run.server.delay = 0
    eventually(lambda: run.said("answers again"), "the end of the outage is told")
    for step in steps:
        run.server.of_step(step)[0].release(Play("exit-3", runs=False))

    assert not run.finish()
    assert run.said("Including") == []
    assert [len(run.events("STEP_WORKER_STARTING", step)) for step in steps] == [1] * len(steps)
    assert len(run.server.created) == len(steps)


def test_a_step_whose_job_was_never_created_is_launched_by_the_next_run_worker(run: StepRun) -> None:
    run.server.faults.append(Fault("POST", "jobs", 503))
    run.describe({"a": {}}, {})
    run.start_worker()
    eventually(lambda: run.server.count("POST jobs"), "a launch is tried")
    run.worker.kill()
    run.worker.wait()
    run.server.faults.clear()
    run.start_worker(resume=True)

    assert run.finish(), run.messages()
    (job,) = run.server.created
    assert run.said("is launched again") == [
        f'Step "a" is launched again: its Kubernetes job {job} was not created before the run worker was replaced.'
    ]
    assert ends(run, "a") == ["STEP_SUCCESS"]


@pytest.mark.parametrize("reports", [True, False], ids=["interrupted", "killed"])
def test_a_job_that_went_with_its_run_worker_is_no_fault_of_the_step(run: StepRun, *, reports: bool) -> None:
    run.describe({"a": {"does": "hold"}}, {})
    run.start_worker()
    eventually(lambda: run.began("a").exists(), "a begins")
    run.worker.kill()
    run.worker.wait()
    (job,) = run.server.of_step("a")
    assert job.process is not None
    # As the garbage collector does, by the owner reference.
    (job.process.terminate if reports else job.process.kill)()
    job.process.wait()
    run.server.delete(job.name)
    run.start_worker(resume=True)
    eventually(lambda: run.began("a", 1).exists(), "the second attempt")
    run.go("a")

    assert run.finish(), run.messages()
    assert ends(run, "a") == [*(["STEP_FAILURE"] if reports else []), "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert run.said("not the step's fault") == [
        'Step "a" failed: JobDeleted: The Job was gone when this run worker took over: it goes with the pod of '
        "the one that launched it. It was not the step's fault: it starts again (disruption retry 1 of 2)."
    ]


def test_a_step_that_failed_before_its_launch_fails_once(run: StepRun) -> None:
    tags = {"dagster-plus-k8s/memory-ladder": "yes"}
    run.describe({"bad": {"tags": tags}, "a": {"does": "hold"}}, {})
    run.start_worker()
    eventually(lambda: run.began("a").exists() and ends(run, "bad"), "one fails, one begins")

    replace_worker(run)
    eventually(lambda: run.said("Checking on status"), "the next run worker takes over")
    run.go("a")

    assert not run.finish()
    assert [ends(run, step) for step in ("bad", "a")] == [["STEP_FAILURE"], ["STEP_SUCCESS"]]


def test_a_wait_goes_on_where_it_was(run: StepRun) -> None:
    run.server.play("w", Play("unschedulable-gpu", runs=False))
    run.describe({"w": {}}, {})
    run.start_worker()
    eventually(lambda: run.said("waits:"), "the wait is told")

    replace_worker(run)
    before = run.server.count("LIST pods")
    eventually(lambda: run.said("Checking on status") and run.server.count("LIST pods") > before + 3, "looks")
    run.worker.kill()
    run.worker.wait()
    run.server.of_step("w")[0].release(Play("running", runs=False))
    run.start_worker(resume=True)
    eventually(lambda: run.said("has started after all"), "the start is told")
    replace_worker(run)
    before = run.server.count("LIST pods")
    eventually(
        lambda: len(run.said("Checking on status")) == 3 and run.server.count("LIST pods") > before + 3,
        "looks",
    )
    run.server.of_step("w")[0].release(Play("exit-3", runs=False))

    assert not run.finish()
    assert len(run.said("waits:")) == 1
    assert len(run.said("has started after all")) == 1


def test_patience_counts_from_the_creation_of_the_job(run: StepRun) -> None:
    run.server.play("w", Play("unschedulable-gpu", runs=False))
    run.describe({"w": {}}, {"start_timeout": 3600})
    run.start_worker()
    eventually(lambda: run.said("waits:"), "the wait is told")
    run.server.of_step("w")[0].created = "2026-01-01T00:00:00Z"

    replace_worker(run)

    assert not run.finish()
    assert len(run.said("It has not started within its start_timeout of 3600 s.", "w")) == 1


def test_cancelling_names_every_job_while_the_api_does_not_answer(run: StepRun) -> None:
    steps: dict[str, dict[str, Any]] = {f"s{number}": {} for number in range(6)}
    for step in steps:
        run.server.play(step, Play("running", runs=False))
    run.describe(steps, {"call_timeout": 11.0})
    run.start_worker()
    eventually(
        lambda: len(run.server.created) == len(steps) and run.server.count("LIST jobs"), "all launched"
    )
    run.server.delay = 600

    run.worker.terminate()

    # Six Jobs, one after the other, would take longer than this waits.
    eventually(lambda: len(run.said("Could not delete Kubernetes job")) == len(steps), "all are named")
    assert not run.finish()


@pytest.mark.parametrize("hidden", ["STEP_OUTPUT", "STEP_SUCCESS"])
def test_an_ending_that_the_cursor_passed_is_found_before_a_step_is_failed(
    run: StepRun, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    """As on PostgreSQL, where a transaction with a lower id may commit after one with a higher."""
    read = run.instance.get_records_for_run
    passed = {"STEP_SUCCESS", hidden}

    def late(run_id: str, *given: Any, **named: Any) -> Any:
        found = read(run_id, *given, **named)
        if not named.get("ascending", True):
            return found
        kept = [
            record
            for record in found.records
            if record.event_log_entry.step_key != "a"
            or record.event_log_entry.dagster_event_type is None
            or record.event_log_entry.dagster_event_type.value not in passed
        ]
        return found._replace(records=kept)

    monkeypatch.setattr(run.instance, "get_records_for_run", late)

    assert run.start({"a": {}, "b": {"after": ["a"]}}, {}).finish(), run.messages()

    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2
