"""A process that looks like a step's and does what it is told: ``python step_like.py execute_step WHAT ...``.

Each word is done after the other. It says on its standard output what it has done, and waits for a line where it is
to wait.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

from dagster_plus_k8s_helpers.measuring.step import SWITCH, measure_this_step

MEBI = 2**20
held: list[bytearray] = []


def tell(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def count_threads() -> None:
    tell(f"threads {len(list(Path('/proc/self/task').iterdir()))}")


def join() -> None:
    """Go into the cgroup of the test, as a container's process is in its own."""
    for procs in filter(None, os.environ.get("TEST_CGROUP_PROCS", "").split(os.pathsep)):
        Path(procs).write_text(str(os.getpid()))


def hold(mebi: str) -> None:
    held.append(bytearray(os.urandom(MEBI)) * int(mebi))


def drop() -> None:
    held.clear()


def write(mebi: str, path: str) -> None:
    with Path(path).open("wb") as file:
        file.writelines(os.urandom(MEBI) for _ in range(int(mebi)))
        file.flush()
        os.fsync(file.fileno())


def read(path: str) -> None:
    with Path(path).open("rb") as file:
        while file.read(MEBI):
            pass


def spin(periods: str) -> None:
    """Use CPU until so many periods are counted."""
    stat = Path(os.environ["DAGSTER_CPU_STAT_PATH"])
    stat = stat if stat.exists() else Path(os.environ["DAGSTER_CPU_CFS_QUOTA_US_PATH"]).with_name("cpu.stat")
    while int(stat.read_text().split("nr_periods ")[1].split()[0]) < int(periods):
        pass


def child(*words: str) -> None:
    """Have another process do the rest, in the same container."""
    code = subprocess.run([sys.executable, __file__, "child", *words], check=False).returncode
    tell(f"child {code}")


def fork() -> None:
    """Fork, and end the child as a process of its own would; the threads are counted just before."""
    pid = os.fork()
    if pid == 0:
        hold("30")
        sys.exit(0)
    os.waitpid(pid, 0)


def spawned() -> None:
    count_threads()


def spawn() -> None:
    """Start a process that loads this file again, with the same arguments."""
    process = multiprocessing.get_context("spawn").Process(target=spawned)
    process.start()
    process.join()


def many(count: str) -> None:
    """Ask to be measured again and again, as definitions with many executors do."""
    for _ in range(int(count)):
        measure_this_step()
    count_threads()


def say(what: str) -> None:
    """Write a termination message of the user's own."""
    Path(os.environ[SWITCH]).write_text(what)


def last_words(what: str) -> None:
    atexit.register(say, what)


def remove() -> None:
    Path(os.environ[SWITCH]).unlink()


def close_all() -> None:
    os.closerange(3, 64)


def wait() -> None:
    tell("waits")
    sys.stdin.readline()


def sample() -> None:
    """Wait until what is written has been written anew, twice: a look that began after now has ended by then."""
    path = Path(os.environ[SWITCH])
    for _ in range(2):
        before = path.read_bytes()
        while path.read_bytes() == before:
            time.sleep(0.02)


def fail() -> None:
    raise SystemExit(3)


if __name__ == "__main__" and sys.argv[1] != "child":
    join()
    # The last that is registered runs first.
    os.register_at_fork(before=count_threads)
# As definitions do that are loaded; a process that is spawned loads them as well.
measure_this_step()

if __name__ == "__main__":
    words = sys.argv[2:]
    while words:
        function = globals()[words.pop(0)]
        takes = function.__code__.co_argcount
        if function is child:
            function(*words)
            break
        function(*words[:takes])
        words = words[takes:]
