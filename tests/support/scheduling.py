"""Which tests stay in one worker: those of a file that makes something once for all of its tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]


class Scheduling(LoadScopeScheduling):
    """Hands out test by test, but such files whole.

    The groups of ``--dist loadgroup`` do not reach the scheduler: xdist 3.8 writes them into an attribute
    that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """What goes to one worker as a whole."""
    file = nodeid.partition("::")[0]
    return file if makes_something_once(file) else nodeid


@cache
def makes_something_once(file: str) -> bool:
    """Whether a file has a fixture for the whole module: a server, a browser, a run."""
    return '@pytest.fixture(scope="module")' in (ROOT / file).read_text(encoding="utf-8")
