"""An answer that goes on: lines that come when there is something to say, and bounds on what may come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SocketTimeout

from dagster_plus_k8s_helpers.cluster.errors import CallError, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from urllib3 import BaseHTTPResponse

__all__ = ["Stream"]

# An object may have 1.5 MiB in etcd, and some more where it is written out.
_MOST_BYTES = 2**22
_CHUNK = 2**16


class Stream:
    """Reads the lines of an answer; another thread may cut it off.

    Args:
        response: The answer, of which no more than the headers has been read.
        cut: Ends what waits for the other side.
        silence: Seconds that may pass without a byte; its socket knows them.
        patience: Seconds that a line may take once it has begun.
    """

    def __init__(
        self,
        response: BaseHTTPResponse,
        cut: Callable[[], None],
        silence: float,
        patience: float,
    ) -> None:
        self._response, self._silence, self._patience = response, silence, patience
        self._cut = cut
        self._is_cut = False

    def lines(self) -> Generator[bytes]:
        """The lines as they come, up to an end that is one.

        Raises:
            CallError: It broke off, or went on without a line.
        """
        rest, began = b"", 0.0
        try:
            if self._response.headers.get("Content-Encoding", "identity") != "identity":
                raise CallError(0, "the watch is encoded, which nobody has asked for")
            while part := self._read():
                *lines, left = (rest + part).split(b"\n")
                began = began if rest and not lines else time.monotonic()
                rest = left
                yield from (line for line in lines if line.strip())
                if len(rest) > _MOST_BYTES:
                    raise CallError(0, f"a line of the watch is longer than {_MOST_BYTES >> 20} MiB")
                if rest and time.monotonic() - began > self._patience:
                    raise CallError(0, f"a line of the watch has not ended within {self._patience:g} s")
            if rest:
                raise CallError(0, "the watch broke off in a line")
        finally:
            self._response.close()

    def cut(self) -> None:
        """End it, from any thread."""
        self._is_cut = True
        self._cut()

    def _read(self) -> bytes:
        if self._is_cut:
            raise CallError(0, "the watch was cut off")
        try:
            return self._response.read1(_CHUNK)
        except SocketTimeout:
            raise CallError(0, f"the watch has said nothing for {self._silence:g} s") from None
        except (HTTPError, OSError, ValueError) as error:
            raise unreachable(error) from None
