"""The files that are rewritten: found, read and written so that nothing else of them changes."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import stat
import tempfile
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.project_folder import files_beneath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LARGEST", "Source", "UnreadableError", "diff", "python_files", "read_source", "write_source"]

LARGEST = 2_000_000
"""Bytes of a file; a larger one is data in the form of Python."""


class UnreadableError(Exception):
    """Why a file stays as it is."""


class Source(NamedTuple):
    """A file of Python.

    Attributes:
        path: As it was given, or beneath the folder that was given.
        content: Its bytes.
        text: What they say, without a byte order mark, its ends of lines as they are.
        encoding: How.
        mark: The byte order mark, if there is one.
    """

    path: Path
    content: bytes
    text: str
    encoding: str
    mark: bytes

    def encoded(self, text: str) -> bytes:
        """Another text in the bytes of this file.

        Raises:
            UnreadableError: Its encoding has no bytes for it.
        """
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise UnreadableError(f"{self.encoding} has no {error.object[error.start]!r}") from None


def python_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files of Python that paths mean: a file itself, and what is in a folder but for what is made.

    Folders with a dot before their name, environments, builds and links to folders are passed by; a file that
    is given itself is not.
    """
    seen: set[Path] = set()
    for path in paths:
        for file in [path] if not path.is_dir() else _within(path):
            # One file under two names is rewritten once.
            real = file.resolve()
            if real not in seen:
                seen.add(real)
                yield file


def _within(folder: Path) -> Iterator[Path]:
    for path in files_beneath(folder):
        # A link shows a file that is rewritten where it is, or one of somebody else's.
        if path.name.endswith(".py") and not path.is_symlink() and path.is_file():
            yield path


def read_source(path: Path) -> Source:
    """A file of Python.

    Raises:
        UnreadableError: It is too large, cannot be read, or is not in the encoding that it names.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"is larger than {LARGEST:,} bytes, and passed by")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from None
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        encoding = "utf-8" if mark else encoding
        text = content[len(mark) :].decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UnreadableError(f"cannot be read: {error}") from None
    return Source(path, content, text, encoding, mark)


def write_source(source: Source, content: bytes) -> None:
    """Writes a file at once or not at all, with the permissions that it has; a link stays one.

    Raises:
        UnreadableError: It may not be written, or has changed since it was read.
    """
    path = source.path.resolve()
    try:
        if not path.is_file():
            raise UnreadableError("is a device or a pipe, and no file to write")
        if not path.stat().st_mode & stat.S_IWUSR or not os.access(path, os.W_OK):
            raise UnreadableError("is read-only")
        if path.read_bytes() != source.content:
            raise UnreadableError("has changed while it was looked at; run this again")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            shutil.copymode(path, name)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror}") from None


def diff(path: Path, old: bytes, new: bytes) -> bytes:
    """What changes in a file, in the form of ``git diff``, which ``git apply`` takes: so byte for byte."""
    import difflib  # noqa: PLC0415 - who writes at once needs none

    name = path.as_posix().encode()
    compared = difflib.unified_diff
    lines = difflib.diff_bytes(compared, _lines(old), _lines(new), b"a/" + name, b"b/" + name)
    shown = [line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines]
    return b"".join((b"diff --git a/", name, b" b/", name, b"\n", *shown))


def _lines(content: bytes) -> list[bytes]:
    """Lines as git counts them: by line feeds alone."""
    *lines, last = content.split(b"\n")
    return [line + b"\n" for line in lines] + [last] * bool(last)
