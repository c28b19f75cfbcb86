"""What is fuzzed: functions of bytes that read them with one of the parsers, and say what has to hold.

Whatever the bytes are, a parser takes them or refuses them with an error of this package, and soon. Anything
else that leaves a target is a finding.
"""

from __future__ import annotations

import ast
import copy
import math
import time
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from libcst import ParserSyntaxError

from dagster_plus_k8s_helpers import K8sConfig, Quantity
from dagster_plus_k8s_helpers.capacity.nodes import read_nodes
from dagster_plus_k8s_helpers.capacity.queue_files import read_queues
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.comparing.saved import read_plan
from dagster_plus_k8s_helpers.credentials.forms import mask_credentials
from dagster_plus_k8s_helpers.documents.document import parse_path, read_yaml, shown_path
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, QuantityError
from dagster_plus_k8s_helpers.files.editing.edit import edited
from dagster_plus_k8s_helpers.files.editing.helm_set import parse_set, to_set
from dagster_plus_k8s_helpers.findings.forms import FORMATS
from dagster_plus_k8s_helpers.findings.waivers import read_waiver
from dagster_plus_k8s_helpers.measuring.message import taken_apart
from dagster_plus_k8s_helpers.migrating.rewriting import rewritten
from dagster_plus_k8s_helpers.migrating.yaml_files import python_of
from dagster_plus_k8s_helpers.secrets.env import _parsed as parsed_env_file
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.sizing.reading import strategy_from
from fuzz.samples import TEXTS, data_of, files_of
from fuzz.shapes import Choices, nearly, written

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_SECONDS", "TARGETS", "seeds_of"]

MOST_SECONDS = 5.0
"""Of the processor's time that one input may take; it has 4 kB, and the code counts what it comes by."""

TARGETS: dict[str, Callable[[bytes], None]] = {}
"""The targets, by name."""

_KINDS: dict[str, tuple[str, ...]] = {
    "values": ("values.yaml",),
    "locations": ("dagster_cloud.yaml",),
    "nodes": ("nodes.yaml",),
    "queues": ("queues.yaml",),
    "as_python": ("values.yaml", "dagster_cloud.yaml"),
}
"""Targets that read data, and the samples of it."""


def seeds_of(name: str) -> list[bytes]:
    """Inputs to begin with: texts that the target may read, and some changes of data."""
    texts = [text.encode("utf-8", "surrogatepass") for text in TEXTS.get(name, ())]
    files = [b"\x00" + text.encode() for kind in _KINDS.get(name, ()) for text in files_of(kind)]
    shapes = [bytes([1, *range(start, start + 12)]) for start in range(0, 240, 24)]
    return [b"", *texts, *files, *shapes]


def _target(function: Callable[[bytes], None]) -> Callable[[bytes], None]:
    @wraps(function)
    def timed(data: bytes) -> None:
        begun = time.thread_time()
        function(data)
        taken = time.thread_time() - begun
        if taken > MOST_SECONDS:
            raise TimeoutError(f"{len(data)} bytes took {taken:.1f} s")

    TARGETS[function.__name__] = timed
    return timed


def _content(data: bytes, *kinds: str) -> bytes:
    """A file: the bytes as they are, or a sample with the changes that they choose."""
    if data[:1] <= b"\x00":
        return data[1:]
    choices = Choices(data[1:])
    shape = nearly([data for kind in kinds for data in data_of(kind)], choices)
    return written(shape, choices)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@_target
def quantity(data: bytes) -> None:
    """What is written of a quantity is the same quantity."""
    text = _text(data)
    try:
        read = Quantity(text)
    except QuantityError as refusal:
        assert len(str(refusal)) < 400
        return
    assert str(read) == text
    assert Quantity(read.canonical) == read
    assert read == Quantity(read.value)


@_target
def secret_ref(data: bytes) -> None:
    """What is written of a reference is the same reference."""
    with suppress(DagsterPlusK8sError):
        read = SecretRef.parse(_text(data))
        assert SecretRef.parse(str(read)) == read
        assert read.secret.field is None
        assert read.with_field is None or SecretRef.parse(str(read.with_field)) == read.with_field


@_target
def yaml(data: bytes) -> None:
    """A document, or a finding with its place."""
    documents, findings = read_yaml(data, "a.yaml")
    assert documents or findings
    for finding in findings:
        assert finding.message
        assert finding.where.line >= 0
    for document in documents:
        assert document.where(("a", 0, "b")).file == "a.yaml"
        document.text_at(("a",))
        document.key_at(("a",))


@_target
def path(data: bytes) -> None:
    """What is shown of a path is the same path."""
    parts = [part.removesuffix("\r") for part in _text(data).split("\n")]
    way = tuple(int(part) if part.isdecimal() and len(part) < 6 else part for part in parts)
    assert parse_path(shown_path(way)) == way


@_target
def helm_set(data: bytes) -> None:
    """What is written of an assignment is the same assignment."""
    with suppress(DagsterPlusK8sError):
        for assignment in parse_set(_text(data), as_text=True):
            assert parse_set(to_set(assignment), as_text=True) == [assignment]
        parse_set(_text(data))


@_target
def edit(data: bytes) -> None:
    """The first line sets something in the file below: as asked for, or refused with everything as it was."""
    line, _, content = data.partition(b"\n")
    with suppress(DagsterPlusK8sError):
        result, _ = edited(content, "values.yaml", parse_set(_text(line)))
        edited(result.encode(), "values.yaml", parse_set(_text(line)))


@_target
def values(data: bytes) -> None:
    """A values file is checked, and every form takes what is found."""
    _checked({"values.yaml": _content(data, "values.yaml")})


@_target
def locations(data: bytes) -> None:
    """A file of code locations is checked, alone and merged with its defaults."""
    _checked({"dagster_cloud.yaml": _content(data, "dagster_cloud.yaml")})


@_target
def pair(data: bytes) -> None:
    """Code locations are checked beside the agent that runs them."""
    half = len(data) // 2
    names = ("values.yaml", "dagster_cloud.yaml")
    parts = (b"\x01" + data[:half], b"\x01" + data[half:])
    _checked({name: _content(part, name) for name, part in zip(names, parts, strict=True)})


@_target
def nodes(data: bytes) -> None:
    """Pools, or findings."""
    with suppress(DagsterPlusK8sError):
        for pool in read_nodes(_content(data, "nodes.yaml"), "nodes.yaml"):
            assert pool.count >= 0


@_target
def queues(data: bytes) -> None:
    """Quotas, or findings."""
    with suppress(DagsterPlusK8sError):
        read = read_queues(_content(data, "queues.yaml"), "queues.yaml")
        for name in ("team", "none"):
            read.nominal(name)
            read.free(name)
            read.waiting(name)


@_target
def config(data: bytes) -> None:
    """A config that is read is the same after it was written; what is given stays as it was."""
    given = nearly(data_of("config.yaml"), Choices(data))
    before = copy.deepcopy(given)
    with suppress(DagsterPlusK8sError):
        read = K8sConfig.from_dict(given)
        assert K8sConfig.from_dict(read.to_dict()) == read
        assert hash(K8sConfig.from_dict(read.to_dict())) == hash(read)
        assert K8sConfig.from_tags(read.tags) == read
        assert K8sConfig.from_tags(read.run_tags) == read
        assert repr(read)
        assert (read | read) | read == read | (read | read)
    assert _same(given, before)


@_target
def plan_file(data: bytes) -> None:
    """A plan that was written into a file, or what is wrong with it."""
    with suppress(DagsterPlusK8sError):
        read_plan(data, "plan.json")


@_target
def size(data: bytes) -> None:
    """What is written of a strategy is the same strategy."""
    with suppress(DagsterPlusK8sError):
        read = strategy_from(_text(data))
        if hasattr(read, "to_text"):
            assert strategy_from(read.to_text()) == read


@_target
def message(data: bytes) -> None:
    """A termination message is anybody's."""
    measured, rest = taken_apart(_text(data))
    assert all(math.isfinite(number) for number in measured.values())
    assert len(rest) <= len(_text(data))


@_target
def waiver(data: bytes) -> None:
    """A line with a waiver says where it stands."""
    for line in _text(data).splitlines():
        read = read_waiver(line)
        assert read is None or line[read.column - 1] == "#"


@_target
def log(data: bytes) -> None:
    """What is masked once has nothing left to mask, and a literal is gone."""
    text = _text(data)
    masked = mask_credentials(text, ["hunter2"])
    assert "hunter2" not in masked
    mask_credentials(masked)


@_target
def env_file(data: bytes) -> None:
    """Variables, or the line that is none."""
    read = parsed_env_file(_text(data))
    assert isinstance(read, dict) or read > 0


@_target
def as_python(data: bytes) -> None:
    """A file becomes Python that says the same, or is refused for what is wrong with it."""
    content = _content(data, *_KINDS["as_python"])
    if b"nan" in content.lower():
        # Which equals nothing, and so cannot be shown to be the same.
        return
    try:
        source, _ = python_of(content, "a.yaml")
    except DagsterPlusK8sError as refusal:
        assert "gap in migrate" not in str(refusal), refusal
    else:
        ast.parse(source)


@_target
def migrated(data: bytes) -> None:
    """A module is Python still after its configs were typed, and typing it again changes nothing."""
    source = _text(data)
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    with suppress(ParserSyntaxError):
        once = rewritten(source).text
        ast.parse(once)
        assert rewritten(once).text == once


def _checked(files: dict[str, bytes]) -> None:
    findings = check_sources([Source(name, content) for name, content in files.items()])
    for finding in findings:
        assert finding.message
        assert finding.fix
        assert finding.where.file in files
    for form in FORMATS.values():
        form(findings)


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)
