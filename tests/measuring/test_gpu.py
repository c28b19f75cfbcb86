"""GPU memory is asked of NVIDIA's library, which a C file of the same names stands for here."""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from step_runs import eventually

from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup
from dagster_plus_k8s_helpers.measuring.gpu import gpus
from dagster_plus_k8s_helpers.measuring.message import MessageFile, taken_apart
from dagster_plus_k8s_helpers.measuring.sampler import Peaks, Sampler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SOURCE = """
typedef struct { unsigned long long total, free, used; } memory;
static unsigned long long used = USED;
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = COUNT; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory *found) {
    if ((long)device < 1 || (long)device > COUNT) return 2;
    found->total = 1; found->free = 1; found->used = used * (long)device; used /= 2;
    return READ;
}
"""


def library(folder: Path, values: Mapping[str, int], source: str = SOURCE) -> tuple[str, tuple[str, ...]]:
    """A device, and where its library is."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no C compiler")
    values = {"USED": 4 * 2**30, "INIT": 0, "COUNT": 1, "READ": 0, **values}
    path, device = folder / "libnvidia-ml.so.1", folder / "nvidiactl"
    (folder / "nvml.c").write_text(source)
    device.touch()
    defined = [
        f"-D{name}={value}ull" if name == "USED" else f"-D{name}={value}" for name, value in values.items()
    ]
    subprocess.run([compiler, "-shared", "-fPIC", *defined, "-o", path, folder / "nvml.c"], check=True)
    return str(device), ("libthere-is-none.so", str(path))


def test_the_memory_of_all_gpus_counts(tmp_path: Path) -> None:
    found = gpus(*library(tmp_path, {"COUNT": 2}))

    assert found is not None
    # The second has twice a half.
    assert found.used() == 8 * 2**30


def test_the_most_that_was_in_use_is_said(tmp_path: Path) -> None:
    peaks = Peaks(Cgroup())
    peaks.gpus = gpus(*library(tmp_path, {}))

    assert [peaks.look()["gpu_memory_peak_bytes"] for _ in range(3)] == [4 * 2**30] * 3


@pytest.mark.parametrize(
    ("values", "source"),
    [({"INIT": 9}, SOURCE), ({}, "int nvmlInit(void) { return 0; }")],
    ids=["the driver is not there", "of an older release"],
)
def test_a_library_that_does_not_work_is_left_alone(
    tmp_path: Path, values: dict[str, int], source: str
) -> None:
    assert gpus(*library(tmp_path, values, source)) is None


@pytest.mark.parametrize("values", [{"READ": 3}, {"COUNT": 0}])
def test_what_a_gpu_does_not_say_is_left_out(tmp_path: Path, values: dict[str, int]) -> None:
    found = gpus(*library(tmp_path, values))

    assert found is not None
    assert found.used() is None
    peaks = Peaks(Cgroup())
    peaks.gpus = found
    assert "gpu_memory_peak_bytes" not in peaks.look()


def message_file(folder: Path) -> MessageFile:
    file = folder / "termination-log"
    file.touch()
    return MessageFile(str(file))


def test_a_driver_that_does_not_answer_holds_up_nobody(tmp_path: Path) -> None:
    """It is asked in the thread alone: neither the beginning of a step nor its end waits for it."""
    asked, answers = threading.Event(), threading.Event()

    def never() -> None:
        asked.set()
        answers.wait()

    sampler = Sampler(Peaks(Cgroup()), message_file(tmp_path), never)
    assert sampler.start()
    assert asked.wait(60)

    sampler.finish()

    answers.set()
    assert "wall_seconds" in taken_apart((tmp_path / "termination-log").read_text())[0]


def test_what_the_thread_finds_is_looked_at(tmp_path: Path) -> None:
    sampler = Sampler(Peaks(Cgroup()), message_file(tmp_path), lambda: gpus(*library(tmp_path, {})))
    assert sampler.start()
    written = tmp_path / "termination-log"
    eventually(lambda: "gpu_memory_peak_bytes" in taken_apart(written.read_text())[0])

    sampler.finish()

    assert taken_apart(written.read_text())[0]["gpu_memory_peak_bytes"] == 4 * 2**30


def test_without_a_gpu_no_library_is_looked_for(tmp_path: Path) -> None:
    _, libraries = library(tmp_path, {})

    assert gpus(str(tmp_path / "there-is-none"), libraries) is None
