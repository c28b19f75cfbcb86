"""Steps in the run's own pod: real processes of a real run, beside steps in pods of the stand-in."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cgroups import V1, V2, Tree, real_cgroup
from step_runs import eventually, kinds

if TYPE_CHECKING:
    from step_runs import StepRun

IN_RUN_POD = {"dagster-plus-k8s/runs-in": "run-pod"}
OWN_POD = {"dagster-plus-k8s/runs-in": "own-pod"}


def process_of(run: StepRun, step: str, attempt: int = 0) -> int:
    """The process of a step that has said which it is."""
    path = run.folder / f"{step}.pid.{attempt}"
    eventually(lambda: path.exists() and path.read_text(), f"{step} runs")
    return int(path.read_text())


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_steps_run_in_the_run_pod_beside_steps_in_pods(run: StepRun) -> None:
    steps: dict[str, dict[str, Any]] = {
        "small": {"tags": IN_RUN_POD},
        "large": {"after": ["small"]},
        "last": {"after": ["large"], "tags": IN_RUN_POD},
    }

    assert run.start(steps, {}).finish(), run.messages()

    assert len(run.server.created) == len(run.server.of_step("large")) == 1
    assert [kinds(run, step) for step in steps] == [["STEP_SUCCESS"]] * 3
    assert run.messages("STEP_WORKER_STARTING", "small") == ['Executing step "small" in the run\'s pod.']
    used = [event for event in run.events("ENGINE_EVENT", "small") if "usage_of_job" in shown(run, event)]
    (usage,) = [run.metadata(event) for event in used]
    assert usage["memory_peak_bytes"] > 2**20
    assert usage["cpu_seconds"] > 0


def shown(run: StepRun, event: Any) -> dict[str, Any]:
    return run.metadata(event) if event.event_specific_data.metadata else {}


def test_some_run_at_once_and_the_others_wait(run: StepRun) -> None:
    steps = {name: {"does": "hold", "tags": IN_RUN_POD} for name in "abc"}
    run.start(steps, {"run_pod_concurrency": 2})
    eventually(lambda: len(list(run.folder.glob("*.began.0"))) == 2, "two run")
    eventually(lambda: len(run.events("STEP_WORKER_STARTING")) == 3, "the third is on its way")
    first, second = sorted(path.name[0] for path in run.folder.glob("*.began.0"))
    (third,) = set("abc") - {first, second}

    run.go(first)
    eventually(lambda: kinds(run, first), "the first ends")
    eventually(lambda: run.began(third).exists(), "the third runs")
    run.go(second)
    run.go(third)
    assert run.finish(), run.messages()


def test_the_retry_policy_counts_there_too(run: StepRun) -> None:
    steps: dict[str, dict[str, Any]] = {
        "own": {"does": "fail", "tags": IN_RUN_POD, "max_retries": 1},
        "dead": {"does": "exit", "tags": IN_RUN_POD, "max_retries": 1},
    }

    assert not run.start(steps, {}).finish()

    assert kinds(run, "own") == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert kinds(run, "dead") == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert run.said("in the run's pod ended", "dead") == [
        'Step "dead" failed: Error: Its process in the run\'s pod ended with exit code 3. It starts again (retry 1 of 1 of its RetryPolicy).',
        'Step "dead" failed: Error: Its process in the run\'s pod ended with exit code 3. The only retry of its RetryPolicy is used up.',
    ]
    (failed,) = run.events("STEP_FAILURE", "dead")
    metadata = run.metadata(failed)
    assert metadata["runs_in"] == "run pod"
    assert "job" not in metadata
    assert "STEP_RESTARTED" in metadata["log"]


def test_a_process_that_was_killed_is_named_and_leaves_nothing_behind(run: StepRun) -> None:
    run.start({"a": {"does": "fork", "tags": IN_RUN_POD}}, {})
    process, child = process_of(run, "a"), process_of(run, "a", 1)

    os.kill(process, signal.SIGKILL)

    assert not run.finish()
    (failure,) = run.messages("STEP_FAILURE", "a")
    assert failure.startswith('Step "a" failed: Error: Its process in the run\'s pod was killed by SIGKILL.')
    assert not Path(f"/proc/{process}").exists()
    eventually(lambda: not is_there(child), "what it started has ended")


def test_a_process_that_is_told_to_end_says_so_itself(run: StepRun) -> None:
    run.start({"a": {"does": "hold", "tags": IN_RUN_POD}}, {})
    pid = process_of(run, "a")
    eventually(lambda: run.began("a").exists(), "it holds")

    os.kill(pid, signal.SIGTERM)

    assert not run.finish()
    assert kinds(run, "a") == ["STEP_FAILURE"]
    assert run.begun("a") == 1
    (failure,) = run.messages("STEP_FAILURE", "a")
    assert "in the run's pod" not in failure


def test_a_run_that_is_cancelled_ends_its_processes_too(run: StepRun) -> None:
    steps: dict[str, dict[str, Any]] = {
        "gentle": {"does": "hold", "tags": IN_RUN_POD},
        "pod": {"does": "hold"},
    }
    run.describe(steps, {})
    run.start_worker()
    pid = process_of(run, "gentle")
    eventually(lambda: run.began("pod").exists() and run.began("gentle").exists(), "both run")
    run.instance.report_run_canceling(run.status)

    run.worker.terminate()
    run.worker.wait(60)

    assert run.status.status.value == "CANCELED"
    assert not is_there(pid)
    assert run.said("Ending the process of step", "gentle") == ['Ending the process of step "gentle"']
    assert run.said("interrupt", "gentle") or run.events("STEP_FAILURE", "gentle")
    assert run.server.count("DELETE jobs") == 1


def test_a_process_that_ignores_its_signal_is_killed(run: StepRun) -> None:
    run.describe({"deaf": {"does": "ignore", "tags": IN_RUN_POD}}, {})
    run.start_worker()
    pid = process_of(run, "deaf", 1)
    run.instance.report_run_canceling(run.status)

    run.worker.terminate()
    run.worker.wait(60)

    assert run.status.status.value == "CANCELED"
    assert not is_there(pid)


def test_steps_end_with_a_run_worker_that_is_killed_and_the_next_one_starts_them_again(run: StepRun) -> None:
    steps: dict[str, dict[str, Any]] = {
        "begun": {"does": "hold", "tags": IN_RUN_POD},
        "waits": {"tags": IN_RUN_POD},
        "pod": {"does": "hold"},
    }
    run.describe(steps, {"run_pod_concurrency": 1})
    run.resumes = 3
    run.start_worker()
    pid = process_of(run, "begun")
    eventually(lambda: run.begun("begun") and run.began("pod").exists(), "both run")
    eventually(lambda: run.events("STEP_WORKER_STARTING", "waits"), "the third is on its way")

    run.worker.kill()
    run.worker.wait()
    eventually(lambda: not is_there(pid), "it ends with the run worker")
    run.go("begun")
    run.go("pod")
    run.start_worker(resume=True)

    assert run.finish(), run.messages()
    assert kinds(run, "begun") == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert kinds(run, "waits") == kinds(run, "pod") == ["STEP_SUCCESS"]
    assert run.said("RunWorkerReplaced", "begun") == [
        "Step \"begun\" failed: RunWorkerReplaced: It ran in the run's pod, and ended with the run worker that was replaced. It was not the step's fault: it starts again (disruption retry 1 of 2)."
    ]
    assert run.said("in the run's pod again", "waits")


def test_steps_of_a_run_worker_that_is_drained_start_again_for_free(run: StepRun) -> None:
    run.describe({"a": {"does": "hold", "tags": IN_RUN_POD}}, {})
    run.resumes = 3
    run.start_worker()
    pid = process_of(run, "a")
    eventually(lambda: run.began("a").exists(), "it holds")

    run.worker.terminate()
    run.worker.wait(60)
    assert not is_there(pid)
    assert not run.status.is_finished
    run.go("a")
    run.start_worker(resume=True)

    assert run.finish(), run.messages()
    assert kinds(run, "a")[-1] == "STEP_SUCCESS"
    assert run.begun("a") == 2


@pytest.mark.parametrize("version", [V1, V2])
def test_an_oom_is_told_by_the_kernels_count_and_the_step_moves(
    run: StepRun, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(run.folder / "cgroup", version)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    tree.limit(2 * 2**30)
    executor = {"in_run_pod": ["a"], "run_pod_concurrency": 1}
    run.start({"a": {"does": "hold", "memory": "300Mi"}}, executor)
    pid = process_of(run, "a")

    tree.set(kills=1)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: run.server.of_step("a"), "it gets a pod")
    run.go("a")

    assert run.finish(), run.messages()
    assert run.said("OOMKilled", "a")[0] == (
        'Step "a" failed: OOMKilled: Killed by the kernel: the run pod is over its memory limit of 2Gi. '
        "It starts again in a pod of its own, at no cost to its RetryPolicy."
    )
    assert kinds(run, "a") == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]


AS_ONE = "An OOM in the run's pod ends the run worker with all steps in it (memory.oom.group)."


@pytest.mark.parametrize(("version", "told"), [(V2, True), (V2, False), (V1, False)])
def test_a_run_says_when_its_container_dies_as_one(
    run: StepRun, version: str, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    tree = Tree(run.folder / "cgroup", version)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    if version == V2:
        tree.dies_as_one(yes=told)

    assert run.start({"a": {"tags": IN_RUN_POD}, "b": {"tags": IN_RUN_POD}}, {}).finish(), run.messages()

    assert len(run.said(AS_ONE)) == told


def test_an_oom_that_ends_the_whole_container_moves_the_step_when_it_happens_again(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel does with memory.oom.group: it kills the run worker and its steps at once."""
    tree = Tree(run.folder / "cgroup", V2)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    tree.dies_as_one(yes=True)
    run.describe({"a": {"does": "hold"}}, {"in_run_pod": ["a"]})
    run.resumes = 3
    for attempt in range(2):
        run.start_worker(resume=attempt > 0)
        eventually(run.began("a", attempt).exists, "it holds")
        pid = process_of(run, "a", attempt)
        tree.set(kills=2 * attempt + 2)
        # The first is not to see the end of the second.
        run.worker.kill()
        run.worker.wait()
        eventually(lambda pid=pid: not is_there(pid), "the step goes too")
    run.start_worker(resume=True)
    eventually(lambda: run.server.of_step("a"), "it gets a pod")
    run.go("a")

    assert run.finish(), run.messages()
    assert kinds(run, "a") == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    lost = 'Step "a" failed: RunWorkerReplaced: It ran in the run\'s pod, and ended with the run worker that was replaced. '
    assert run.said("RunWorkerReplaced", "a") == [
        f"{lost}It was not the step's fault: it starts again (disruption retry 1 of 2).",
        f"{lost}It was not the step's fault: it starts again in a pod of its own (disruption retry 2 of 2).",
    ]


def test_a_step_that_the_kernel_kills_for_memory(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with real_cgroup() as cgroup:
        cgroup.limit_memory(200 * 2**20)
        for name, text in cgroup.environment.items():
            monkeypatch.setenv(name, text)
        steps = {"a": {"does": "overuse 400", "tags": IN_RUN_POD}}

        assert not run.start(steps, {}).finish()

    (failure,) = run.messages("STEP_FAILURE", "a")
    assert failure.startswith(
        'Step "a" failed: OOMKilled: Killed by the kernel: the run pod is over its memory limit of 200Mi.'
    )
