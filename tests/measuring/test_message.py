"""The message of a step's container: read back as it was written, and anything else is somebody else's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.measuring.message import (
    MEASURED,
    MOST_MEASURED,
    Measured,
    MessageFile,
    taken_apart,
)

if TYPE_CHECKING:
    from pathlib import Path

MARK = '{"dagster-plus-k8s-usage":'


def measurements(name: str) -> st.SearchStrategy[Any]:
    if MEASURED[name] is bool:
        return st.booleans()
    whole = st.integers(0, int(MOST_MEASURED[name]))
    return whole if MEASURED[name] is int else whole | st.floats(0, MOST_MEASURED[name])


MEASUREMENTS = st.fixed_dictionaries({}, optional={name: measurements(name) for name in MEASURED})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    return path


@given(measured=MEASUREMENTS)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, measured: Measured) -> None:
    path = tmp_path_factory.mktemp("pod") / "termination-log"
    path.touch()

    assert MessageFile(str(path)).write(measured)

    assert taken_apart(path.read_text()) == (measured, "")


def test_it_stays_far_below_what_kubernetes_takes(path: Path) -> None:
    largest: Measured = {
        name: False if kind is bool else kind(MOST_MEASURED[name]) for name, kind in MEASURED.items()
    }

    MessageFile(str(path)).write(largest)

    # The same length each time, so that no shorter text leaves the end of a longer one.
    assert len(path.read_bytes()) == 512
    assert taken_apart(path.read_text()) == (largest, "")


@given(st.text() | st.text().map(lambda text: MARK + text))
def test_any_message_is_taken_apart(message: str) -> None:
    measured, rest = taken_apart(message)

    assert message.endswith(rest.rstrip()) or rest in message
    if not message.startswith(MARK):
        assert (measured, rest) == ({}, message)


@pytest.mark.parametrize(
    "said",
    [
        '1,"memory_peak_bytes":-1}',
        '1,"memory_peak_bytes":true}',
        '1,"memory_peak_bytes":1.5}',
        '1,"memory_peak_bytes":"5"}',
        '1,"memory_peak_bytes":' + "9" * 400 + "}",
        '1,"memory_peak_bytes":' + "9" * 5000 + "}",
        '1,"cpu_seconds":1e999}',
        '1,"cpu_seconds":NaN}',
        '1,"oom_killed":1}',
        '2,"memory_peak_bytes":5}',
        '1,"memory_peak_bytes":5',
        '1,"memory_pea',
        "",
        "[" * 100_000,
        '1,"x":' + "[" * 4000 + "]" * 4000 + "}",
        "{}}",
        f'1,"memory_peak_bytes":{2**50 + 1}}}',
        f'1,"gpu_memory_peak_bytes":{2**63 - 1}}}',
        '1,"cpu_seconds":1e18,"wall_seconds":1.0}',
        '1,"cpu_throttled_share":900}',
    ],
    ids=range(20),
)
def test_what_is_hostile_half_written_or_of_another_version_is_no_usage_and_no_message(said: str) -> None:
    assert taken_apart(MARK + said) == ({}, "")


def test_what_is_not_known_is_passed_by() -> None:
    said = {"dagster-plus-k8s-usage": 1, "memory_peak_bytes": 5, "partition": "no", "memory_limit_bytes": 1}

    assert taken_apart(json.dumps(said, separators=(",", ":"))) == ({"memory_peak_bytes": 5}, "")


def test_what_a_user_says_behind_it_stays(path: Path) -> None:
    MessageFile(str(path)).write({"oom_killed": True})
    with path.open("a") as file:
        file.write("out of luck\n")

    assert taken_apart(path.read_text()) == ({"oom_killed": True}, "out of luck")


@pytest.mark.parametrize("mode", ["w", "a"])
def test_a_file_that_somebody_else_writes_to_is_left_alone(path: Path, mode: str) -> None:
    file = MessageFile(str(path))
    assert file.write({"memory_peak_bytes": 5})
    with path.open(mode) as users:
        users.write("out of luck")
    before = path.read_bytes()

    assert not file.write({"memory_peak_bytes": 6})
    assert path.read_bytes() == before


def test_a_file_that_holds_something_is_not_begun(path: Path) -> None:
    path.write_text("out of luck")

    assert not MessageFile(str(path)).write({})
    assert path.read_text() == "out of luck"


def test_a_file_that_is_gone_is_not_made_anew(path: Path) -> None:
    path.unlink()

    assert not MessageFile(str(path)).write({})
    assert not path.exists()


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)

    assert not MessageFile(str(tmp_path / "link")).write({})
    assert path.read_text() == ""
