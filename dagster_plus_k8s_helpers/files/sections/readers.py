"""Reading a file into a section, which does not know the rules that the file is checked by."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from dagster_plus_k8s_helpers.files.sections.section import Section

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_as"]

S = TypeVar("S", bound=Section)

_READER = "dagster_plus_k8s_helpers.files.checks.reading"


def read_as(kind: type[S], source: str | Path) -> S:
    """What a file holds, when no rule for such files finds an error in it.

    Args:
        kind: What it should be.
        source: The text of a file, or the path of one.

    Raises:
        InvalidFileError: It holds what the platform would refuse or ignore.
        OSError: The file cannot be read.
    """
    # By its name, and only now: the reader brings all rules, for which nobody waits who only writes files.
    read: S = import_module(_READER).read(kind, source)
    return read
