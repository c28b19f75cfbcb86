"""What `make test-quick` leaves out, and what `make test` keeps in one worker."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from reach import reaches_a_start
from scheduling import scope_of

from tests.secrets import servers

if TYPE_CHECKING:
    from collections.abc import Iterator


class Held:
    @property
    def process(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable])


@contextmanager
def holding() -> Iterator[Held]:
    yield Held()


def by_itself() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def in_a_function_within() -> Any:
    return lambda: subprocess.run([sys.executable], check=True)


def through_a_class_and_a_context() -> None:
    with holding() as held:
        held.process.wait()


def through_a_module() -> None:
    with servers.moto_server():
        pass


def imported_late() -> None:
    import multiprocessing  # noqa: PLC0415 - the case

    multiprocessing.Process().start()


def of_others() -> None:
    json.loads("{}")


def not_the_server_of_its_module() -> int:
    return servers.ROOT_TOKEN.count("-")


@pytest.mark.parametrize(
    "function",
    [by_itself, in_a_function_within, through_a_class_and_a_context, through_a_module, imported_late],
)
def test_what_starts_a_server_or_a_process_is_not_quick(function: Any) -> None:
    assert reaches_a_start(function)


@pytest.mark.parametrize("function", [of_others, not_the_server_of_its_module])
def test_what_starts_neither_is_quick(function: Any) -> None:
    assert not reaches_a_start(function)


def test_a_file_that_starts_a_server_once_stays_in_one_worker() -> None:
    assert (
        scope_of("tests/executor/test_postgres.py::test_scenario[a::b]") == "tests/executor/test_postgres.py"
    )


def test_the_tests_of_other_files_go_to_any_worker() -> None:
    assert scope_of("tests/test_tags.py::test_a[b]") == "tests/test_tags.py::test_a[b]"
