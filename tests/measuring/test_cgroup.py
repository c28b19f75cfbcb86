"""What the kernel says of a container is read alike from cgroup v2 and v1, and whatever is not there is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cgroups import V1, V2, Tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup, Reading

if TYPE_CHECKING:
    from pathlib import Path

MEBI = 2**20


@pytest.fixture(params=[V2, V1])
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree = Tree(tmp_path / "cgroup", request.param)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    return tree


def test_both_versions_say_the_same(tree: Tree) -> None:
    tree.set(used=300, inactive=100, anonymous=150, peak=400, cpu=2.5, periods=200, throttled=50, kills=3)

    assert Cgroup().read() == Reading(
        memory=200 * MEBI,
        memory_max=400 * MEBI,
        anonymous=150 * MEBI,
        cpu_seconds=2.5,
        periods=200,
        throttled=50,
        oom_kills=3,
    )


def test_the_working_set_is_not_guessed(tree: Tree) -> None:
    """Without the share of file pages there is no working set, only memory and page cache together."""
    (tree.folder / "memory.stat").unlink()

    assert Cgroup().read().memory is None


def test_where_there_is_no_cgroup_nothing_is_known(tree: Tree) -> None:
    for path in tree.folder.iterdir():
        path.unlink()

    assert Cgroup().read() == Reading()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_whatever_the_files_hold_they_are_read(tree: Tree, content: bytes) -> None:
    tree.set()
    tree.break_all(content)

    Cgroup().read()
