"""What to mind about boto3, whoever uses it: its talkative debug log, and whom its credentials come from.

At DEBUG, botocore logs request headers, session token included, and response bodies, secret values
included. Dagster's ``python_logs`` makes that level easy to switch on for every library at once.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["aws_environment", "quiet_botocore"]

_TALKATIVE = (
    "botocore.auth",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.utils",
)


def aws_environment() -> dict[str, str]:
    """The environment that boto3's chain of credentials goes by: another one may be another identity."""
    names = sorted(name for name in os.environ if name.startswith("AWS_") or name == "HOME")
    return {name: os.environ[name] for name in names}


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
