"""A nodes file may hold anything: what is not as it must be is a finding at its place, never a traceback."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.errors import InvalidFileError
from dagster_plus_k8s_helpers.plan import read_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
AMOUNTS = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": 1}
NODE = {
    "kind": "Node",
    "metadata": {"name": "n1", "labels": {"disk": "fast"}},
    "spec": {"taints": [TAINT], "unschedulable": False},
    "status": {"allocatable": AMOUNTS},
}
POOL = {"name": "gpu", "count": 2, "allocatable": AMOUNTS, "labels": {"disk": "fast"}, "taints": [TAINT]}
FILES: list[Any] = [{"pools": [POOL]}, NODE, {"kind": "List", "items": [NODE]}]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
SHAPES = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3)
)


def places(shape: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a shape."""
    yield place
    items = shape.items() if isinstance(shape, dict) else enumerate(shape) if isinstance(shape, list) else ()
    for key, part in items:
        yield from places(part, (*place, key))


def with_other(shape: Any, place: tuple[Any, ...], other: Any) -> Any:
    """The shape with something else at a path."""
    if not place:
        return other
    changed = copy.deepcopy(shape)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = other
    return changed


@pytest.mark.parametrize("file", FILES, ids=["pools", "node", "list"])
@given(data=st.data())
def test_whatever_stands_anywhere_is_read_or_a_finding(file: Any, data: st.DataObject) -> None:
    shape = with_other(file, data.draw(st.sampled_from(list(places(file)))), data.draw(SHAPES))

    try:
        pools = read_nodes(json.dumps(shape), "nodes.json")
    except InvalidFileError as error:
        assert error.findings
    else:
        assert isinstance(pools, list)


@pytest.mark.parametrize(
    "text",
    [
        "kind: {a: b}",
        "kind: [Node]",
        "kind: [[]]",
        "kind: 2026-01-01",
        "kind: !!set {Node}",
        "- a",
        "? [a]\n: b",
    ],
)
def test_a_kind_that_is_no_text_is_no_kind_of_nodes(text: str) -> None:
    with pytest.raises(InvalidFileError, match=r"DPK\d+"):
        read_nodes(text, "nodes.yaml")
