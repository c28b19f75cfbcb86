"""What takes long says so: once, on a terminal, and with the words of what is being done inside it."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from dagster_plus_k8s_helpers.commands import progress


class Terminal(io.StringIO):
    """A terminal that somebody looks at."""

    def isatty(self) -> bool:
        return True


def looked_at(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called by a test and no fixture: pytest puts its own stderr in place when the test begins."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", 0)
    return shown


def test_what_is_done_inside_is_shown_in_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = looked_at(monkeypatch)
    started = threading.Event()

    class Timer(threading.Timer):
        def run(self) -> None:
            super().run()
            started.set()

    monkeypatch.setattr(progress, "Timer", Timer)

    with progress.progress("checking [bold]shop"):
        assert started.wait(timeout=60)
        with progress.progress("reading runs") as told:
            told(1, 2, "8 events")

    assert "checking [bold]shop" in terminal.getvalue()
    assert "reading runs (8 events)" in terminal.getvalue()


def test_what_is_done_in_time_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = looked_at(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE", 3_600)

    with progress.progress("checking") as told:
        told(1, 2)

    assert terminal.getvalue() == ""


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_stays_empty(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    terminal = looked_at(monkeypatch)
    monkeypatch.setenv("TERM", kind)

    with progress.progress("checking") as told:
        told(1, 2)

    assert terminal.getvalue() == ""


def test_an_error_inside_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at(monkeypatch)
    with pytest.raises(ValueError, match="why"), progress.progress("checking"):
        raise ValueError("why")

    with progress.progress("again"):
        pass
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
