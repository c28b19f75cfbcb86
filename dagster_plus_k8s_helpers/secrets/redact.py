"""Masks fetched secrets in what the process writes: logs, Dagster's events, stdout and stderr."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.secrets.spellings import Spelling, spellings
from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagster_plus_k8s_helpers.secrets.value import SecretValue

__all__ = ["mask_secrets", "notice", "redact_secrets"]


@answering
def redact_secrets() -> None:
    """From now on, mask every secret value that this process has fetched and still holds, or will fetch.

    Masked are Python log records, the messages, errors and metadata of Dagster's events, the tags that are
    added to a run, and what Python code writes to ``sys.stdout`` and ``sys.stderr``. A value is recognised as
    it is, as ``repr``, JSON, YAML, URL quoting, HTML and shells write it, each also within another, and in
    base64; a value of several lines, by its longer lines as well, and JSON by the texts in it.

    Not masked: values under 4 characters, which are not searched for; what a subprocess or C code
    writes to the file descriptors directly, or a program to ``sys.stdout.buffer``; a value that comes in
    two writes, or in the ``extra`` of a log record; tags that are Dagster's own, and the tags of a run that
    is requested; a value that a program has changed in another way: compressed, hashed, in hexadecimal, in
    other letter case, or within longer base64 that is broken into lines. It is a net under mistakes, not a
    licence to log.

    Call it where the definitions are made, so that each step process does. Calling it again does
    nothing. The values are kept in memory from then on, also when a resource has been torn down.
    """
    from dagster_plus_k8s_helpers.secrets.redact_hooks import install  # noqa: PLC0415  (it imports Dagster)

    with _lock:
        _state.active = True
        install(mask_secrets)
    _remember(list(_alive.values()))


def mask_secrets(text: str) -> str:
    """``text`` with every known value in it masked; unchanged before :func:`redact_secrets`."""
    for spelling in _state.spellings:
        # Asked here as well: most lines hold none of them, and a call costs more than this.
        if spelling.core in text:
            text = spelling.replaced(text, MASK)
    return text


def notice(values: Iterable[SecretValue]) -> None:
    """Take note of values that were fetched: the base class of the resources calls this."""
    new = [value for value in values if _alive.get(id(value)) is not value]
    for value in new:
        _alive[id(value)] = value
    if _state.active:
        _remember(new)


class _State:
    """What is searched for; ``spellings`` is replaced as a whole, so readers need no lock."""

    def __init__(self) -> None:
        self.active = False
        self.spellings: tuple[Spelling, ...] = ()


_state = _State()
_lock = threading.Lock()
# Values fetched before redaction begins, for as long as anybody holds them.
_alive: weakref.WeakValueDictionary[int, SecretValue] = weakref.WeakValueDictionary()


def _remember(values: Iterable[SecretValue]) -> None:
    known = {spelling.text for spelling in _state.spellings}
    new = {
        spelling.text: spelling
        for value in values
        for spelling in spellings(value.reveal_bytes())
        if spelling.text not in known
    }
    if not new:
        return
    with _lock:
        # Longest first: a value that contains another is masked as one.
        _state.spellings = tuple(
            sorted(
                {**{one.text: one for one in _state.spellings}, **new}.values(),
                key=lambda spelling: (-len(spelling.text), spelling.text),
            )
        )


def _forget_parent() -> None:
    """In a forked child: the lock may be held by a thread that does not exist here."""
    global _lock  # noqa: PLW0603  (a fork is the one event that replaces it)
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
