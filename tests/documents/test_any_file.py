"""Whatever is in a file, `check` says something about it, soon; and what is valid stays as it is.

`HYPOTHESIS_PROFILE=thorough pytest tests/documents/test_any_file.py` tries ten thousand of each.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from location_files import anything, cloud_configs, mutated

from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.documents.document import MAX_BYTES, read_yaml
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, InvalidFileError
from dagster_plus_k8s_helpers.files.checks.locations.check import (
    check_build,
    check_container_context,
    check_locations,
)
from dagster_plus_k8s_helpers.files.checks.locations.env import (
    DEFAULT_WITH_EQUALS_SIGN,
    DUPLICATE_ENV_VAR,
    LOST_MOUNT,
)
from dagster_plus_k8s_helpers.files.checks.locations.reading import WRONG_VALUE
from dagster_plus_k8s_helpers.files.checks.locations.resources import ABOVE_MERGED_LIMIT
from dagster_plus_k8s_helpers.files.locations.locations import CodeLocation, DagsterCloudConfig
from dagster_plus_k8s_helpers.findings.forms import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

# What SARIF is the first to import is not to be counted.
assert ALL_RULES

NAMES = ["dagster_cloud.yaml", "container_context.yaml", "build.yaml", "other.yaml"]
ONLY_MERGED = {
    ABOVE_MERGED_LIMIT.code,
    DUPLICATE_ENV_VAR.code,
    DEFAULT_WITH_EQUALS_SIGN.code,
    LOST_MOUNT.code,
}
"""What is wrong with a file, and with neither its defaults nor its locations alone."""
FILES = {
    "dagster_cloud.yaml": check_locations,
    "container_context.yaml": check_container_context,
    "build.yaml": check_build,
}


@given(cloud_configs())
def test_what_is_valid_is_equal_after_a_round_trip(config: DagsterCloudConfig) -> None:
    try:
        read = DagsterCloudConfig.from_yaml(config.to_yaml())
    except InvalidFileError as refusal:
        assert {finding.code for finding in refusal.findings} <= ONLY_MERGED
        return
    assert read == config
    assert read.to_yaml() == config.to_yaml()


@given(cloud_configs())
def test_what_python_takes_has_no_wrong_value_for_the_check(config: DagsterCloudConfig) -> None:
    (document,), _ = read_yaml(config.to_yaml(), "dagster_cloud.yaml")

    found = check_locations(document)

    assert [item for item in found if item.code == WRONG_VALUE.code or item.code.startswith("DPK1")] == []


@given(mutated(cloud_configs().map(DagsterCloudConfig.to_yaml)), st.sampled_from(NAMES))
def test_a_broken_file_is_checked_in_time(text: str, name: str) -> None:
    checked_in_time(text.encode("utf-8", "surrogatepass"), name)


@given(anything(), st.sampled_from(NAMES))
def test_any_data_is_checked_in_time(data: object, name: str) -> None:
    checked_in_time(yaml.safe_dump(data).encode(), name)


@given(anything(), st.sampled_from(list(FILES)))
def test_any_data_is_checked_as_any_kind_of_file(data: object, name: str) -> None:
    documents, _ = read_yaml(yaml.safe_dump(data), name)

    for document in documents:
        FILES[name](document)


@given(st.binary(max_size=200), st.sampled_from(NAMES))
def test_any_bytes_are_checked_in_time(content: bytes, name: str) -> None:
    checked_in_time(content, name)


@given(anything())
def test_any_data_is_read_or_refused(data: object) -> None:
    for kind in (DagsterCloudConfig, CodeLocation):
        try:
            kind.from_yaml(yaml.safe_dump(data))
        except DagsterPlusK8sError as error:
            assert str(error)


def checked_in_time(content: bytes, name: str) -> None:
    started = time.thread_time()
    findings = check_sources([Source(name, content)])
    for render in FORMATS.values():
        render(findings)
    taken = time.thread_time() - started

    assert taken < 1
    assert all(finding.message and finding.fix and finding.where.file == name for finding in findings)


@pytest.fixture
def as_the_command_checks() -> Iterator[None]:
    """Without the garbage collector, and without what measures coverage, which takes longer than the check."""
    tracer = sys.gettrace()
    gc.disable()
    sys.settrace(None)
    yield
    sys.settrace(tracer)
    gc.enable()


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "a: " * 1000,
        "x" * 1_000_000,
        "eyJ-" * 250_000,
        "key: '" + "a://" * 200_000 + "'",
        "k: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a]\n"
        + "".join(
            f"c{i}: &c{i} [{','.join(['*' + ('b' if i == 0 else f'c{i - 1}')] * 9)}]\n" for i in range(12)
        ),
        "locations:\n" + "  - {location_name: a, image: 1}\n" * 5_000,
        "k8s:\n" + "".join(f"  key_{i}: 1\n" for i in range(20_000)),
        "k8s:\n  env_vars:\n" + "    - A=1\n" * 20_000,
        "k8s:\n  env:\n" + "".join(f"    - {{name: A{i}, value: '{i}'}}\n" for i in range(20_000)),
        "k8s:\n  env:\n" + "".join(f"    - {{name: A{i}}}\n" for i in range(20_000)),
        "k8s:\n  volumes:\n" + "    - {name: a, emptyDir: {}}\n" * 20_000,
        "locations: []  " + "# dagster-plus-k8s: ignore[A" * 30_000,
        "locations:\n" + "  - {image: 1}  # dagster-plus-k8s: ignore[DPK301] why\n" * 10_000,
        "defaults: {container_context: {k8s: {env_vars: ["
        + ", ".join(f"A{i}=1" for i in range(300))
        + "]}}}\nlocations:\n"
        + "".join(
            f"  - {{location_name: l{i}, container_context: {{k8s: {{env_vars: [A0=2]}}}}}}\n"
            for i in range(3_000)
        ),
        "workspace:\n  envVars:\n" + "".join(f"    - A{i}\n" for i in range(60_000)),
        "workspace:\n  envSecrets:\n" + "    - a\n" * 60_000,
    ],
    ids=range(19),
)
@pytest.mark.usefixtures("as_the_command_checks")
def test_the_largest_files_are_checked_in_time(content: str) -> None:
    assert len(content) < MAX_BYTES
    # The slowest takes more than one: what grows with the square of its length takes minutes.
    started = time.thread_time()

    check_sources([Source("dagster_cloud.yaml", content.encode())])

    assert time.thread_time() - started < 4
