"""What `make fuzz` does for as long as it is given: here with the inputs that it begins with, and no more.

An input that was found is among the seeds of its target, or has a test where the mistake was.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from fuzz import one
from fuzz.samples import data_of, files_of
from fuzz.shapes import Choices, nearly, written
from fuzz.targets import TARGETS, seeds_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_what_it_begins_with(name: str) -> None:
    for seed in seeds_of(name):
        TARGETS[name](seed)


@pytest.mark.parametrize(
    "kind", ["values.yaml", "dagster_cloud.yaml", "nodes.yaml", "queues.yaml", "config.yaml"]
)
def test_there_are_samples_of_every_kind(kind: str) -> None:
    assert files_of(kind)
    assert all(isinstance(data, dict) for data in data_of(kind))


def test_bytes_choose_the_changes_of_a_sample() -> None:
    samples = data_of("values.yaml")
    before = repr(samples)
    bytes_of = random.Random(0).randbytes  # noqa: S311 - the same in each run
    shapes = [nearly(samples, Choices(bytes_of(12))) for _ in range(50)]

    assert len({repr(shape) for shape in shapes}) > 25
    assert repr(samples) == before
    assert nearly(samples, Choices(b"")) == samples[0]
    assert {written({"a": [1]}, Choices(bytes([form]))) for form in range(3)} == {
        b"a:\n- 1\n",
        b"{a: [1]}\n",
        b'{"a": [1]}',
    }


def test_a_finding_leaves_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(_content: bytes, _file: str) -> None:
        raise KeyError("spec")

    monkeypatch.setattr("fuzz.targets.read_nodes", reads)

    with pytest.raises(KeyError, match="spec"):
        TARGETS["nodes"](b"")


def test_what_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.targets.MOST_SECONDS", -1)

    with pytest.raises(TimeoutError, match="0 bytes took"):
        TARGETS["quantity"](b"")


def test_an_input_can_be_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = tmp_path / "crash"
    found.write_bytes(b"1Gi")
    monkeypatch.setattr("sys.argv", ["one", "quantity", str(found)])

    one.main()

    monkeypatch.setattr("fuzz.targets.MOST_SECONDS", -1)
    with pytest.raises(TimeoutError, match="3 bytes took"):
        one.main()
