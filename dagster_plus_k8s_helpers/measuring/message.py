"""What a step leaves for its pod's status: one line of JSON in the termination message of its container.

Kubernetes puts the content of a file of the container, 4 KiB at most, into the status of the pod when the
container has ended, however it ended. Who lists the pods has it, without another call or permission.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEASURED", "MOST_CORES", "MOST_MEASURED", "Measured", "MessageFile", "taken_apart"]

Measured: TypeAlias = dict[str, int | float | bool]
"""What was measured, by the names of `MEASURED`."""

MEASURED: Mapping[str, type] = {
    "memory_peak_bytes": int,
    "memory_max_bytes": int,
    "memory_anonymous_bytes": int,
    "cpu_seconds": float,
    "cpu_throttled_share": float,
    "wall_seconds": float,
    "gpu_memory_peak_bytes": int,
    "oom_killed": bool,
}
"""What a message may say, as ``sizing.Usage`` names it, with its type."""

_PEBIBYTE = 2**50
_DECADES = 10**9
MOST_CORES = 10_000
"""More CPUs than a node has."""

MOST_MEASURED: Mapping[str, float] = {
    "memory_peak_bytes": _PEBIBYTE,
    "memory_max_bytes": _PEBIBYTE,
    "memory_anonymous_bytes": _PEBIBYTE,
    "cpu_seconds": MOST_CORES * _DECADES,
    "cpu_throttled_share": 1,
    "wall_seconds": _DECADES,
    "gpu_memory_peak_bytes": _PEBIBYTE,
}
"""The most of each that any node can have measured: more than that is a mistake, and would size steps."""

_VERSION = 1
_BEGINNING = '{"dagster-plus-k8s-usage":'
# As long each time, so that none is cut off within a number: the file cannot be replaced, only written over.
_LENGTH = 512
# What Kubernetes takes of it.
_MOST = 4096


def taken_apart(message: str) -> tuple[Measured, str]:
    """What a termination message says was measured, and what else it says.

    A message may be anybody's, of any form, and cut off.

    Args:
        message: The whole message.

    Returns:
        What was measured, nothing where that is not said in a form that is known; and the rest of the
        message, which is a user's own.
    """
    if not message.startswith(_BEGINNING):
        return {}, message
    try:
        said, end = json.JSONDecoder().raw_decode(message[: 4 * _MOST])
    # Deep nesting exhausts the stack before it is found to be wrong.
    except (ValueError, RecursionError):
        return {}, ""
    if not isinstance(said, dict) or said.pop(_BEGINNING[2:-2], None) != _VERSION:
        return {}, message[end:].strip()
    measured = {name: said[name] for name in MEASURED if name in said}
    if not all(_is_of(name, value) for name, value in measured.items()):
        measured = {}
    return measured, message[end:].strip()


def _is_of(name: str, value: object) -> bool:
    kind = MEASURED[name]
    if kind is bool:
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # Comparing is exact, and takes numbers that no float can hold; it says no to what is not a number.
    return 0 <= value <= MOST_MEASURED[name] and (kind is float or isinstance(value, int))


class MessageFile:
    """The file that becomes the message, as long as nobody else writes to it.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str) -> None:
        self._path, self._written = path, b""

    def write(self, measured: Measured) -> bool:
        """Say what has been measured by now.

        Args:
            measured: By the names of `MEASURED`.

        Returns:
            Whether the file is this process's to write to. It is not when it holds anything else, such as the
            last words of the user's own code; then it stays as it is.
        """
        said = {_BEGINNING[2:-2]: _VERSION, **measured}
        content = json.dumps(said, separators=(",", ":"), allow_nan=False).encode().ljust(_LENGTH)
        try:
            # Not kept open: a step may close every file that it finds open, and open others in their place.
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            if os.pread(file, _MOST, 0) != self._written:
                return False
            if os.pwrite(file, content, 0) != len(content):
                return False
        except OSError:
            return False
        finally:
            os.close(file)
        self._written = content
        return True
