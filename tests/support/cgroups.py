"""Cgroups for tests: a real one where this machine lets us make it, and a tree of files that looks like one."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path("/sys/fs/cgroup")
_NUMBERS = itertools.count()
V2, V1 = "v2", "v1"
_LARGE = {"pgfault": 12, "slab": 2**20}


class Tree:
    """Files as the kernel shows them, of either version, where Dagster's variables say.

    Args:
        folder: Takes them in.
        version: Of the cgroup.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self.folder, self.version = folder, version
        folder.mkdir(exist_ok=True)
        names = _FILES[version]
        self._paths = {name: folder / file for name, file in names.items()}
        # Nothing of this machine is to be read instead.
        nowhere = dict.fromkeys((*_FILES[V1], *_FILES[V2]), folder / "nowhere" / "file")
        self.environment = {name: str(path) for name, path in {**nowhere, **self._paths}.items()}
        self.set()

    def dies_as_one(self, *, yes: bool) -> None:
        """Say whether the kernel ends every process of the cgroup when one runs out of memory; v2 only.

        Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
        """
        self._write("memory.oom.group", f"{int(yes)}\n")

    def set(
        self,
        *,
        used: int = 300,
        inactive: int = 100,
        anonymous: int = 150,
        peak: int = 400,
        cpu: float = 2.5,
        periods: int = 200,
        throttled: int = 50,
        kills: int = 0,
    ) -> None:
        """Show these amounts: memory in MiB, CPU in seconds."""
        mebi = 2**20
        if self.version == V2:
            self._write("memory.current", f"{used * mebi}\n")
            self._write("memory.peak", f"{peak * mebi}\n")
            self._write(
                "memory.stat",
                _table({"anon": anonymous * mebi, "file": 1, "inactive_file": inactive * mebi, **_LARGE}),
            )
            self._write(
                "memory.events", _table({"low": 0, "oom": kills, "oom_kill": kills, "oom_group_kill": 0})
            )
            microseconds = round(cpu * 1e6)
            self._write(
                "cpu.stat",
                _table(
                    {
                        "usage_usec": microseconds,
                        "nr_periods": periods,
                        "nr_throttled": throttled,
                        "throttled_usec": 7,
                    }
                ),
            )
            return
        self._write("memory.usage_in_bytes", f"{used * mebi}\n")
        self._write("memory.max_usage_in_bytes", f"{peak * mebi}\n")
        stat = {
            "rss": 1,
            "inactive_file": 1,
            "total_rss": anonymous * mebi,
            "total_inactive_file": inactive * mebi,
        }
        self._write("memory.stat", _table({**stat, **_LARGE}))
        self._write("memory.oom_control", _table({"oom_kill_disable": 0, "under_oom": 0, "oom_kill": kills}))
        self._write("cpuacct.usage", f"{round(cpu * 1e9)}\n")
        self._write(
            "cpu.stat", _table({"nr_periods": periods, "nr_throttled": throttled, "throttled_time": 7})
        )

    def limit(self, amount: int) -> None:
        """Show a memory limit of this many bytes."""
        self._write("memory.max" if self.version == V2 else "memory.limit_in_bytes", f"{amount}\n")

    def break_all(self, content: bytes) -> None:
        """Show something else in every file."""
        for path in self.folder.iterdir():
            path.write_bytes(content)

    def _write(self, name: str, content: str) -> None:
        # As a whole, as the kernel shows it: a process may read it at any time.
        new = self.folder / f".{name}"
        new.write_text(content)
        new.rename(self.folder / name)


_FILES: Mapping[str, Mapping[str, str]] = {
    V2: {
        "DAGSTER_MEMORY_USAGE_PATH_V2": "memory.current",
        "DAGSTER_MEMORY_STAT_PATH_V2": "memory.stat",
        "DAGSTER_CPU_STAT_PATH": "cpu.stat",
    },
    V1: {
        "DAGSTER_MEMORY_USAGE_PATH_V1": "memory.usage_in_bytes",
        "DAGSTER_MEMORY_STAT_PATH_V1": "memory.stat",
        "DAGSTER_CPU_USAGE_PATH": "cpuacct.usage",
        "DAGSTER_CPU_CFS_QUOTA_US_PATH": "cpu.cfs_quota_us",
    },
}


def _table(numbers: Mapping[str, int]) -> str:
    return "".join(f"{name} {number}\n" for name, number in numbers.items())


class Real:
    """A cgroup of the kernel's.

    Args:
        folders: By controller; one and the same for v2.
        version: Which.
    """

    def __init__(self, folders: Mapping[str, Path], version: str) -> None:
        self._folders, self.version = folders, version

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make it the container's."""
        memory, cpu, count = (self._folders[name] for name in ("memory", "cpu", "cpuacct"))
        places = {
            "DAGSTER_MEMORY_USAGE_PATH_V2": memory / "memory.current",
            "DAGSTER_MEMORY_STAT_PATH_V2": memory / "memory.stat",
            "DAGSTER_CPU_STAT_PATH": cpu / ("cpu.stat" if self.version == V2 else "none"),
            "DAGSTER_MEMORY_USAGE_PATH_V1": memory / "memory.usage_in_bytes",
            "DAGSTER_MEMORY_STAT_PATH_V1": memory / "memory.stat",
            "DAGSTER_CPU_USAGE_PATH": count / "cpuacct.usage",
            "DAGSTER_CPU_CFS_QUOTA_US_PATH": cpu / "cpu.cfs_quota_us",
        }
        joined = os.pathsep.join(
            str(folder / "cgroup.procs") for folder in sorted(set(self._folders.values()))
        )
        return {**{name: str(path) for name, path in places.items()}, "TEST_CGROUP_PROCS": joined}

    def limit_memory(self, amount: int) -> None:
        """Give it this many bytes."""
        name = "memory.max" if self.version == V2 else "memory.limit_in_bytes"
        (self._folders["memory"] / name).write_text(str(amount))

    def limit_cpu(self, share: float) -> None:
        """Give it a part of one CPU."""
        folder, quota = self._folders["cpu"], round(100_000 * share)
        if self.version == V2:
            (folder / "cpu.max").write_text(f"{quota} 100000")
        else:
            (folder / "cpu.cfs_quota_us").write_text(str(quota))

    def remove(self) -> None:
        """Take it away, when what ran in it has ended."""
        deadline = time.monotonic() + 60
        for folder in set(self._folders.values()):
            while folder.exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()
                assert time.monotonic() < deadline, folder
                time.sleep(0.02)


@contextlib.contextmanager
def real_cgroup() -> Iterator[Real]:
    """A cgroup of its own; the test is skipped where this machine lets nobody make one."""
    name = f"dagster-plus-k8s-tests-{os.getpid()}-{next(_NUMBERS)}"
    made = None
    try:
        made = _make(name)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        yield made
    finally:
        made.remove()


def _make(name: str) -> Real:
    if (ROOT / "cgroup.controllers").exists():
        (ROOT / "cgroup.subtree_control").write_text("+memory +cpu")
        folder = ROOT / name
        folder.mkdir()
        real = Real(dict.fromkeys(("memory", "cpu", "cpuacct"), folder), V2)
        if not (folder / "memory.current").exists():
            real.remove()
            raise OSError("the memory controller is not there")
        return real
    folders = {controller: ROOT / controller / name for controller in ("memory", "cpu", "cpuacct")}
    for folder in folders.values():
        folder.mkdir()
    return Real(folders, V1)
