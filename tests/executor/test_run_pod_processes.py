"""Processes of steps in the run's pod, one by one, and what is made of their ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from cgroups import V1, V2, Tree
from step_runs import eventually

from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.beside.exits import REPLACED, Kills, ended_by
from dagster_plus_k8s_helpers.executor.beside.process import StepProcess
from dagster_plus_k8s_helpers.executor.events.attempts import Attempts, Counts, Decision, Rules, decide
from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, MemoryLadder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def started() -> Iterator[list[StepProcess]]:
    found: list[StepProcess] = []
    yield found
    for process in found:
        process.kill()
        eventually(lambda process=process: process.poll(), "it ends")


def start(started: list[StepProcess], code: str, **variables: str) -> StepProcess:
    process = StepProcess([sys.executable, "-c", code], {**os.environ, **variables})
    started.append(process)
    return process


def ended(process: StepProcess) -> int:
    eventually(lambda: process.poll() and process.is_drained, "it ends")
    found = process.poll()
    assert found is not None
    return found.code


def test_its_output_is_handed_on_and_its_end_is_kept(
    started: list[StepProcess], capfd: pytest.CaptureFixture[str]
) -> None:
    code = "import os, sys; print(os.environ['A']); print('err', file=sys.stderr); sys.exit(3)"
    process = start(started, code, A="out")

    assert ended(process) == 3
    assert sorted(process.last_lines(5).splitlines()) == ["err", "out"]
    assert process.last_lines(0) == ""
    assert capfd.readouterr() == ("out\n", "err\n")


def test_of_much_output_the_end_is_kept(
    started: list[StepProcess], capfd: pytest.CaptureFixture[str]
) -> None:
    process = start(started, "for number in range(100_000): print(f'line {number}')")

    assert ended(process) == 0
    assert process.last_lines(2) == "line 99998\nline 99999"
    assert len(capfd.readouterr().out.splitlines()) == 100_000


def test_it_is_the_first_that_the_kernel_takes_and_leads_a_group(
    started: list[StepProcess], capfd: pytest.CaptureFixture[str]
) -> None:
    code = "import os; print(open('/proc/self/oom_score_adj').read().strip(), os.getpgid(0) == os.getpid())"

    assert ended(start(started, code)) == 0
    assert capfd.readouterr().out == "1000 True\n"


def test_it_is_known_what_it_took(started: list[StepProcess]) -> None:
    process = start(started, "held = b'x' * 2**27; sum(range(10**6))")

    assert ended(process) == 0
    found = process.poll()
    assert found is not None
    assert found.memory_peak is not None
    assert found.memory_peak > 2**27
    assert found.cpu_seconds
    assert found.wall_seconds > 0


def test_what_it_has_started_ends_with_it(started: list[StepProcess], tmp_path: Path) -> None:
    said = tmp_path / "pid"
    code = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(said)!r}, 'w').write(str(child.pid))"
    )

    # The child has its output open, which must not hold back its end.
    assert ended(start(started, code)) == 0
    eventually(lambda: is_gone(int(said.read_text())), "the child has ended")


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_command_that_there_is_not_ends_by_itself(started: list[StepProcess]) -> None:
    process = StepProcess(["/nowhere/dagster"], dict(os.environ))
    started.append(process)

    assert ended(process) == 1
    assert "No such file or directory" in process.last_lines(1)


@pytest.fixture(params=[V1, V2])
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree = Tree(tmp_path, request.param)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    return tree


KILLED = -signal.SIGKILL


def test_each_kill_of_the_kernel_is_one_process(tree: Tree) -> None:
    now = 0.0
    kills = Kills(Cgroup(), lambda: now)
    tree.set(kills=2)

    found = [ended_by(KILLED, kills).kind for _ in range(3)]

    assert found == [DiagnosisKind.OOM_KILLED, DiagnosisKind.OOM_KILLED, DiagnosisKind.ERROR]


def test_a_process_may_take_a_while_to_end_and_others_are_forgotten(tree: Tree) -> None:
    now = 0.0
    kills = Kills(Cgroup(), lambda: now)
    tree.set(kills=1)
    kills.look()
    now = 29.0
    assert ended_by(KILLED, kills).kind is DiagnosisKind.OOM_KILLED
    tree.set(kills=2)
    kills.look()
    now = 60.0

    assert ended_by(KILLED, kills).kind is DiagnosisKind.ERROR


def test_kills_before_the_run_are_not_its_own(tree: Tree) -> None:
    tree.set(kills=5)

    assert ended_by(KILLED, Kills(Cgroup())).kind is DiagnosisKind.ERROR


@pytest.mark.parametrize(
    ("limit", "said"), [(2**31, "over its memory limit of 2Gi"), (2**62, "out of memory")]
)
def test_the_limit_is_named_where_there_is_one(tree: Tree, limit: int, said: str) -> None:
    tree.limit(limit)
    kills = Kills(Cgroup())
    tree.set(kills=1)

    assert ended_by(KILLED, kills).summary == f"Killed by the kernel: the run pod is {said}."


def test_without_a_cgroup_nothing_is_said_of_its_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree = Tree(tmp_path, V2)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, str(Path(path).parent / "nowhere" / "file"))

    assert ended_by(KILLED, Kills(Cgroup())).hint == ""


LADDER = MemoryLadder()
OOM = Diagnosis(DiagnosisKind.OOM_KILLED, "", {"runs_in": "run pod"})


@pytest.mark.parametrize(
    ("diagnosis", "rules", "attempts", "wanted"),
    [
        (OOM, Rules(None, None, 2, may_move=True), Attempts(), (True, Counts.PLACE, True)),
        (OOM, Rules(None, LADDER, 2, may_move=False), Attempts(), (False, Counts.POLICY, False)),
        (OOM, Rules(dg.RetryPolicy(), None, 2, may_move=False), Attempts(), (True, Counts.POLICY, False)),
        (OOM, Rules(None, None, 2, allowed=False, may_move=True), Attempts(), (False, Counts.POLICY, False)),
        (REPLACED, Rules(None, None, 2, may_move=True), Attempts(), (True, Counts.DISRUPTION, False)),
        (REPLACED, Rules(None, None, 2, may_move=True), Attempts(1, 1), (True, Counts.DISRUPTION, True)),
        (REPLACED, Rules(None, None, 2, may_move=False), Attempts(1, 1), (True, Counts.DISRUPTION, False)),
        (REPLACED, Rules(None, None, 2, may_move=True), Attempts(2, 2), (False, Counts.POLICY, False)),
    ],
)
def test_where_a_step_starts_again(
    diagnosis: Diagnosis, rules: Rules, attempts: Attempts, wanted: tuple[bool, Counts, bool]
) -> None:
    found: Decision = decide(diagnosis, attempts, rules, Memory())

    assert (found.retry, found.counts, found.own_pod) == wanted
