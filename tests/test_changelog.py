"""CHANGELOG.md keeps the form of keepachangelog.com, which readers and tools know."""

from __future__ import annotations

import re
from pathlib import Path

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text("utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_each_release_has_its_version_and_date_and_the_next_comes_first() -> None:
    first, *released = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)

    assert first == "[Unreleased]"
    assert [name for name in released if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", name)] == []


def test_changes_are_grouped_by_kind() -> None:
    for release in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds]


def test_nothing_is_said_twice() -> None:
    items = re.split(r"\n(?=- )", CHANGELOG)

    assert sorted(items) == sorted(set(items))
