"""What the kernel has counted for this container: its memory, CPU time and OOM kills, of cgroup v2 or v1.

The files are where ``dagster._utils.container`` looks for them, or where the same environment variables say.
That module finds the version by a shell; here it shows by the files that are there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PATHS", "Cgroup", "Reading", "content_of"]

PATHS = {
    "DAGSTER_MEMORY_USAGE_PATH_V2": "/sys/fs/cgroup/memory.current",
    "DAGSTER_MEMORY_STAT_PATH_V2": "/sys/fs/cgroup/memory.stat",
    "DAGSTER_CPU_STAT_PATH": "/sys/fs/cgroup/cpu.stat",
    "DAGSTER_MEMORY_USAGE_PATH_V1": "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    "DAGSTER_MEMORY_STAT_PATH_V1": "/sys/fs/cgroup/memory/memory.stat",
    "DAGSTER_CPU_USAGE_PATH": "/sys/fs/cgroup/cpuacct/cpuacct.usage",
    "DAGSTER_CPU_CFS_QUOTA_US_PATH": "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
}
"""Where the files are, by the variable that may say otherwise; what Dagster does not read stands beside."""

# memory.stat is the largest of them, with about 2 kB; the kernel hands it over in one piece.
_MOST = 1 << 14
# In v1 no limit is the largest number of pages.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Reading:
    """What one look at the files brought; ``None`` for what could not be read.

    Args:
        memory: The working set in bytes: memory in use less file pages that were not used lately.
        memory_max: The kernel's own peak in bytes, file pages included.
        anonymous: Bytes that are not of files.
        cpu_seconds: CPU time of the container since its start.
        periods: CPU periods in which something ran.
        throttled: Those of them in which the CPU limit held it back.
        oom_kills: Processes that the kernel killed for memory.
    """

    memory: int | None = None
    memory_max: int | None = None
    anonymous: int | None = None
    cpu_seconds: float | None = None
    periods: int | None = None
    throttled: int | None = None
    oom_kills: int | None = None


class Cgroup:
    """Reads the files again and again.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html,
        https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
    """

    def __init__(self) -> None:
        paths = {name: os.environ.get(name) or path for name, path in PATHS.items()}
        usage = paths["DAGSTER_MEMORY_USAGE_PATH_V2"]
        self._is_v2 = content_of(usage) is not None
        if self._is_v2:
            beside = usage.rpartition("/")[0]
            peak, events, stat = "memory.peak", "memory.events", paths["DAGSTER_MEMORY_STAT_PATH_V2"]
            limit = "memory.max"
        else:
            usage = paths["DAGSTER_MEMORY_USAGE_PATH_V1"]
            beside = usage.rpartition("/")[0]
            peak, events, stat = (
                "memory.max_usage_in_bytes",
                "memory.oom_control",
                paths["DAGSTER_MEMORY_STAT_PATH_V1"],
            )
            limit = "memory.limit_in_bytes"
        self._usage, self._stat = usage, stat
        self._peak, self._events = f"{beside}/{peak}", f"{beside}/{events}"
        self._limit, self._group = f"{beside}/{limit}", f"{beside}/memory.oom.group"
        self._cpu_v2 = paths["DAGSTER_CPU_STAT_PATH"]
        self._cpu_v1 = paths["DAGSTER_CPU_USAGE_PATH"]
        self._throttling_v1 = f"{paths['DAGSTER_CPU_CFS_QUOTA_US_PATH'].rpartition('/')[0]}/cpu.stat"

    @property
    def memory_limit(self) -> int | None:
        """Bytes of memory that the container may use; ``None`` without a limit, or when it is not known."""
        limit = _number(content_of(self._limit))
        return limit if limit is not None and limit < _NO_LIMIT else None

    @property
    def dies_as_one(self) -> bool:
        """Whether an OOM ends every process of the container, as the kubelet has it with cgroup v2."""
        return _number(content_of(self._group)) == 1

    @property
    def oom_kills(self) -> int | None:
        """Processes that the kernel killed for memory; ``None`` when it is not known."""
        return _numbers(content_of(self._events)).get(b"oom_kill")

    def read(self) -> Reading:
        """Look at them; takes about a tenth of a millisecond."""
        used, stat = _number(content_of(self._usage)), _numbers(content_of(self._stat))
        # In v1 the plain names leave out what is in cgroups below.
        inactive = stat.get(b"inactive_file" if self._is_v2 else b"total_inactive_file")
        cpu = _numbers(content_of(self._cpu_v2))
        microseconds = cpu.get(b"usage_usec")
        if microseconds is not None:
            cpu_seconds: float | None = microseconds / 1e6
        else:
            nanoseconds = _number(content_of(self._cpu_v1))
            cpu_seconds = nanoseconds / 1e9 if nanoseconds is not None else None
            cpu = _numbers(content_of(self._throttling_v1))
        return Reading(
            # Without it, what is known would be another thing: memory and the page cache.
            memory=max(used - inactive, 0) if used is not None and inactive is not None else None,
            memory_max=_number(content_of(self._peak)),
            anonymous=stat.get(b"anon" if self._is_v2 else b"total_rss"),
            cpu_seconds=cpu_seconds,
            periods=cpu.get(b"nr_periods"),
            throttled=cpu.get(b"nr_throttled"),
            oom_kills=self.oom_kills,
        )


def content_of(path: str) -> bytes | None:
    """The first 16 KiB of a file; ``None`` when it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(file, _MOST)
    except OSError:
        return None
    finally:
        os.close(file)


def _number(content: bytes | None) -> int | None:
    try:
        return int(content or b"")
    except ValueError:
        return None


def _numbers(content: bytes | None) -> dict[bytes, int]:
    """A file of lines with a name and a number."""
    return dict(_pairs(content or b""))


def _pairs(content: bytes) -> Iterator[tuple[bytes, int]]:
    for line in content.splitlines():
        name, _, number = line.partition(b" ")
        if number.isdigit():
            yield name, int(number)
