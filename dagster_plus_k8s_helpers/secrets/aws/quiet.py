"""Keeps botocore's debug log out of the log while secrets are read.

At DEBUG, botocore logs request headers, session token included, and response bodies, secret values
included. Dagster's ``python_logs`` makes that level easy to switch on for every library at once.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet_botocore"]

_TALKATIVE = ("botocore.auth", "botocore.endpoint", "botocore.parsers", "botocore.httpsession")


@contextmanager
def quiet_botocore() -> Iterator[None]:
    """In this thread, drop what botocore logs about requests and responses below WARNING."""
    for name in _TALKATIVE:
        # addFilter does nothing when the filter is there already.
        logging.getLogger(name).addFilter(_filter)
    before = getattr(_here, "quiet", False)
    _here.quiet = True
    try:
        yield
    finally:
        _here.quiet = before


class _Quiet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or not getattr(_here, "quiet", False)


_here = threading.local()
_filter = _Quiet()
