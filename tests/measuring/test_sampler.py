"""A process that looks like a step's measures itself: it says so in one file, and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cgroups import V1, V2, Real, Tree, real_cgroup

from dagster_plus_k8s_helpers.measuring.message import Measured, taken_apart
from dagster_plus_k8s_helpers.measuring.step import SWITCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MEBI = 2**20
STEP_LIKE = Path(__file__).parent.parent / "support" / "step_like.py"


class Step:
    """A container of one process.

    Args:
        folder: Takes in its termination message.
        environment: Of the process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.file = folder / "termination-log"
        self.file.touch()
        self.environment = {
            **os.environ,
            "DAGSTER_RUN_STEP_KEY": "train",
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            SWITCH: str(self.file),
            **environment,
        }
        self.environment = {name: value for name, value in self.environment.items() if value}

    def run(self, *words: str, command: str = "execute_step", code: int = 0) -> str:
        """Do all of it, and say what the process said."""
        process = self.start(*words, command=command)
        said, errors = process.communicate("\n" * 9)
        assert errors == ""
        assert process.returncode == code, said
        return said

    def start(self, *words: str, command: str = "execute_step") -> subprocess.Popen[str]:
        return subprocess.Popen(
            # Every warning is shown, and would be an output.
            [sys.executable, "-W", "always", STEP_LIKE, command, *words],
            env=self.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def measured(self) -> Measured:
        measured, rest = taken_apart(self.file.read_text())
        assert rest == ""
        return measured


@pytest.fixture(params=[V2, V1])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    return Tree(tmp_path / "cgroup", request.param)


@pytest.fixture
def step(tree: Tree, tmp_path: Path) -> Step:
    return Step(tmp_path, tree.environment)


def test_the_peaks_stay_and_what_is_counted_is_the_last_of_it(tree: Tree, step: Step) -> None:
    process = step.start("wait", "sample", "wait")
    assert process.stdin is not None
    assert process.stdout is not None
    tree.set(used=900, inactive=100, anonymous=700, peak=950, cpu=1.0, periods=10, throttled=0)
    assert process.stdout.readline() == "waits\n"
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "waits\n"
    tree.set(used=200, inactive=100, anonymous=50, peak=950, cpu=4.0, periods=40, throttled=10, kills=0)
    said, errors = process.communicate("\n")

    measured = step.measured()
    assert (said, errors, process.returncode) == ("", "", 0)
    assert 0 < float(measured.pop("wall_seconds")) < 3600
    assert measured == {
        "memory_peak_bytes": 800 * MEBI,
        "memory_max_bytes": 950 * MEBI,
        "memory_anonymous_bytes": 700 * MEBI,
        "cpu_seconds": 4.0,
        "cpu_throttled_share": 0.25,
        "oom_killed": False,
    }


def test_a_process_that_the_kernel_kills_beside_it_is_told(tree: Tree, step: Step) -> None:
    tree.set(kills=2)
    process = step.start("wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    assert step.measured()["oom_killed"] is False, "those before it are not its own"
    tree.set(kills=3)
    process.communicate("\n")

    assert step.measured()["oom_killed"] is True


def test_the_last_sample_outlives_a_kill(tree: Tree, step: Step) -> None:
    process = step.start("sample", "wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert step.measured()["memory_peak_bytes"] == 200 * MEBI


@pytest.mark.parametrize(
    "words", [["fork"], ["fork", "fork", "sample"], ["spawn"], ["close_all", "sample"], ["many", "3"]]
)
def test_what_a_step_starts_or_closes_changes_nothing(step: Step, words: list[str]) -> None:
    said = step.run(*words)

    # In a child there is no thread but its own; nor does Python find one to warn of when it forks.
    alone = "threads 2\n" if words[0] == "many" else "threads 1\n"
    assert said == alone * sum(word in {"fork", "spawn", "many"} for word in words)
    assert step.measured()["memory_peak_bytes"] == 200 * MEBI


def test_it_goes_on_after_a_fork(step: Step) -> None:
    """Else this would wait for ever."""
    assert step.run("fork", "sample") == "threads 1\n"


def test_a_step_that_fails_is_measured_too_and_fails_as_it_would(step: Step) -> None:
    step.run("fail", code=3)

    assert step.measured()["memory_peak_bytes"] == 200 * MEBI


@pytest.mark.parametrize("word", ["say", "last_words"])
def test_a_users_own_message_stays(step: Step, word: str) -> None:
    assert step.run(word, "out of luck") == ""

    assert step.file.read_text() == "out of luck"


def test_a_file_that_goes_is_nobodys_trouble(step: Step) -> None:
    assert step.run("remove", "hold", "1") == ""

    assert not step.file.exists()


def test_without_a_cgroup_only_the_time_is_known(tree: Tree, step: Step) -> None:
    for path in tree.folder.iterdir():
        path.unlink()

    assert step.run("many", "1") == "threads 2\n"
    assert set(step.measured()) == {"wall_seconds"}


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        ("execute_run", {}),
        ("execute_step", {"DAGSTER_RUN_STEP_KEY": ""}),
        ("execute_step", {"KUBERNETES_SERVICE_HOST": ""}),
        ("execute_step", {SWITCH: "off"}),
        ("execute_step", {SWITCH: "OFF"}),
        ("execute_step", {SWITCH: "/nowhere/termination-log"}),
        ("execute_step", {SWITCH: "/dev"}),
    ],
)
def test_what_is_no_step_of_a_pod_or_switched_off_is_not_measured(
    tree: Tree, tmp_path: Path, command: str, environment: dict[str, str]
) -> None:
    step = Step(tmp_path, {**tree.environment, **environment})

    assert step.run("many", "2", command=command) == "threads 1\n"
    assert step.file.read_text() == ""


def test_where_nothing_is_measured_nothing_is_loaded() -> None:
    """Every load of definitions asks; a code server need not have more in its memory for it."""
    code = (
        "import sys; from dagster_plus_k8s_helpers.measuring.step import measure_this_step; measure_this_step();"
        "sys.stdout.write(' '.join(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    loaded = set(done.stdout.split())
    assert "dagster_plus_k8s_helpers.measuring.step" in loaded
    assert {"ctypes", "dagster", "pathlib", "dagster_plus_k8s_helpers.measuring.sampler"} & loaded == set()


@pytest.fixture
def real() -> Iterator[Real]:
    with real_cgroup() as real:
        yield real


@pytest.fixture
def contained(real: Real, tmp_path: Path) -> Step:
    """A step in a cgroup of its own, as in a container."""
    return Step(tmp_path, real.environment)


def test_memory_that_is_given_back_was_needed_all_the_same(contained: Step) -> None:
    contained.run("hold", "200", "sample", "drop", "sample")

    measured = contained.measured()
    assert 200 * MEBI <= measured["memory_anonymous_bytes"] < 300 * MEBI
    assert 200 * MEBI <= measured["memory_peak_bytes"] < 300 * MEBI
    assert measured["memory_max_bytes"] >= measured["memory_peak_bytes"] - MEBI
    assert measured["cpu_seconds"] > 0
    assert measured["oom_killed"] is False


def test_a_large_file_that_is_read_is_not_what_a_step_needs(contained: Step, tmp_path: Path) -> None:
    if tmp_path_is_memory(tmp_path):
        pytest.skip("files are kept in memory here")
    large = str(tmp_path / "large")

    contained.run("hold", "50", "write", "600", large, "sample", "read", large, "sample")

    measured = contained.measured()
    assert measured["memory_max_bytes"] > 550 * MEBI
    assert 50 * MEBI <= measured["memory_peak_bytes"] < 200 * MEBI


def tmp_path_is_memory(path: Path) -> bool:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    holds = [(where, kind) for _, where, kind, *_ in mounts if path.is_relative_to(where)]
    return max(holds, key=lambda mount: len(mount[0]))[1] == "tmpfs"


def test_a_step_that_is_killed_for_its_memory_has_said_what_it_had(real: Real, contained: Step) -> None:
    real.limit_memory(150 * MEBI)
    contained.run("hold", "80", "sample", "hold", "200", code=-signal.SIGKILL)

    assert 80 * MEBI <= contained.measured()["memory_peak_bytes"] <= 150 * MEBI


def test_a_process_of_a_step_that_is_killed_for_its_memory_is_told(real: Real, contained: Step) -> None:
    real.limit_memory(150 * MEBI)

    assert contained.run("child", "hold", "300") == f"child {-signal.SIGKILL}\n"
    assert contained.measured()["oom_killed"] is True


def test_a_step_that_its_limit_holds_back_is_told(real: Real, contained: Step) -> None:
    real.limit_cpu(0.2)
    contained.run("spin", "20")

    measured = contained.measured()
    assert measured["cpu_throttled_share"] > 0.5
    assert measured["cpu_seconds"] / measured["wall_seconds"] < 0.5
