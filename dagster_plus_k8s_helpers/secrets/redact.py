"""Masks fetched secrets in what the process writes: logs, Dagster's events, stdout and stderr."""

from __future__ import annotations

import base64
import json
import os
import threading
import weakref
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dagster_plus_k8s_helpers.secrets.value import SecretValue

__all__ = ["mask_secrets", "notice", "redact_secrets"]

# Shorter values are too likely to be part of an innocent word: masking "1" would mask every date.
_SHORTEST = 4
# One line of a value of several, such as a private key: short ones are "}" or "-----".
_SHORTEST_LINE = 16


@answering
def redact_secrets() -> None:
    """From now on, mask every secret value that this process has fetched and still holds, or will fetch.

    Masked are Python log records, the messages, errors and metadata of Dagster's events, and what Python
    code writes to ``sys.stdout`` and ``sys.stderr``. A value is recognised as it is, and as ``repr``, JSON,
    URL quoting and base64 write it; a value of several lines, by its longer lines as well.

    Not masked: values under 4 characters, which are not searched for; what a subprocess or C code
    writes to the file descriptors directly, or a program to ``sys.stdout.buffer``; a value that comes in
    two writes, or in the ``extra`` of a log record; a value that a program has changed in another way, such
    as the base64 of ``user:password``. It is a net under mistakes, not a licence to log.

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
    for needle in _state.needles:
        if needle in text:
            text = text.replace(needle, MASK)
    return text


def notice(values: Iterable[SecretValue]) -> None:
    """Take note of values that were fetched: the base class of the resources calls this."""
    new = [value for value in values if _alive.get(id(value)) is not value]
    for value in new:
        _alive[id(value)] = value
    if _state.active:
        _remember(new)


class _State:
    """What is searched for; ``needles`` is replaced as a whole, so readers need no lock."""

    def __init__(self) -> None:
        self.active = False
        self.needles: tuple[str, ...] = ()


_state = _State()
_lock = threading.Lock()
# Values fetched before redaction begins, for as long as anybody holds them.
_alive: weakref.WeakValueDictionary[int, SecretValue] = weakref.WeakValueDictionary()


def _remember(values: Iterable[SecretValue]) -> None:
    known = set(_state.needles)
    new = {needle for value in values for needle in _needles(value)} - known
    if not new:
        return
    with _lock:
        # Longest first: a value that contains another is masked as one.
        _state.needles = tuple(sorted({*_state.needles, *new}, key=lambda needle: (-len(needle), needle)))


def _needles(value: SecretValue) -> Iterator[str]:
    raw = value.reveal_bytes()
    encoded = base64.b64encode(raw).decode()
    if len(raw) >= _SHORTEST:
        yield encoded.rstrip("=")
        yield repr(raw)[2:-1]
    text = raw.decode(errors="replace")
    if "\ufffd" in text or len(text) < _SHORTEST:
        return
    lines = [line for line in text.splitlines() if len(line) >= _SHORTEST_LINE]
    for piece in (text, text.strip(), *(lines if len(lines) > 1 or "\n" in text else [])):
        if len(piece) < _SHORTEST:
            continue
        yield piece
        yield repr(piece)[1:-1]
        yield json.dumps(piece)[1:-1]
        yield json.dumps(piece, ensure_ascii=False)[1:-1]
        yield from (quote(piece, safe=""), quote(piece), quote_plus(piece))


def _forget_parent() -> None:
    """In a forked child: the lock may be held by a thread that does not exist here."""
    global _lock  # noqa: PLW0603  (a fork is the one event that replaces it)
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
