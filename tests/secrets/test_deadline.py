"""One deadline for everything that happens on behalf of a call."""

from __future__ import annotations

import threading
import time

import pytest

from dagster_plus_k8s_helpers.secrets import SecretsBackendUnavailable
from dagster_plus_k8s_helpers.secrets.deadline import Deadline, call_each, call_within, locked


def test_a_call_in_time_returns_or_raises_what_it_does() -> None:
    assert call_within(5, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        call_within(5, lambda: 1 / 0)


def test_a_call_that_hangs_is_left_behind() -> None:
    release = threading.Event()
    begun = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            call_within(0.1, lambda: release.wait(600))
        assert time.monotonic() - begun < 60
    finally:
        release.set()


def test_at_interpreter_exit_where_no_thread_starts_the_call_is_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert call_within(5, lambda: 42) == 42


def test_a_lock_is_waited_for_until_the_deadline() -> None:
    lock = threading.Lock()
    with locked(lock, Deadline(1)):
        with pytest.raises(SecretsBackendUnavailable, match="another thread"), locked(lock, Deadline(0.1)):
            pass
        assert lock.locked()
    assert not lock.locked()


def test_each_item_is_called_once_at_once_and_in_order() -> None:
    together = threading.Barrier(4)

    def square(number: int) -> int:
        together.wait(60)
        return number * number

    assert call_each(square, [1, 2, 3, 4], 4) == [1, 4, 9, 16]
    assert call_each(str, list(range(20)), 3) == [str(number) for number in range(20)]
    assert call_each(str, [], 3) == []


def test_the_first_failure_of_any_item_ends_them_all() -> None:
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_each(fail, list(range(100)), 2)
    assert len(begun) <= 2


def test_where_no_thread_starts_each_item_is_called_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert call_each(str, [1, 2], 2) == ["1", "2"]
