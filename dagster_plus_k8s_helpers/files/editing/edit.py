"""Setting values in a file so that its comments, anchors and order stay as they are."""

from __future__ import annotations

import codecs
import copy
import errno
import math
import os
import re
import shutil
import stat
import tempfile
from collections import Counter
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import yaml

from dagster_plus_k8s_helpers.documents.document import Path, shown_path
from dagster_plus_k8s_helpers.documents.positions import LOADER, comments_in
from dagster_plus_k8s_helpers.documents.rules import EMPTY_FILE
from dagster_plus_k8s_helpers.documents.splice import with_value
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.files.checks.values.check import check_values_file
from dagster_plus_k8s_helpers.files.editing.advice import advised
from dagster_plus_k8s_helpers.findings.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.documents.document import YamlDocument
    from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment, SetValue

__all__ = ["edited", "set_in_file"]


def set_in_file(file: FilePath, assignments: Sequence[Assignment]) -> list[Finding]:
    """Sets values in a values file, at once and as a whole.

    Args:
        file: The file; the one it points to when it is a link.
        assignments: What to set.

    Returns:
        What was wrong with the file before and still is.

    Raises:
        InvalidFileError: The file cannot be read, or the edit brings mistakes into it.
        K8sConfigError: The edit cannot be made.
        OSError: The file cannot be read or written.
    """
    target = file.resolve()
    mode = target.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # A file that is put in its place would be there for every program: of /dev/null, too.
        raise OSError(errno.EINVAL, "is a device or a pipe, and no file to edit", str(file))
    text, findings = edited(target.read_bytes(), str(file), assignments)
    _write(target, text)
    return findings


def edited(content: bytes, file: str, assignments: Sequence[Assignment]) -> tuple[str, list[Finding]]:
    """The text of a values file with values set in its first document, and what is still wrong with it.

    Raises:
        InvalidFileError: The file cannot be read, or the edit brings mistakes into it.
        K8sConfigError: The edit cannot be made.
    """
    try:
        return _edited(content, file, assignments)
    except (InvalidFileError, K8sConfigError) as error:
        refusal = error.with_traceback(None)
        refusal.__context__ = None
    # Tracebacks are shown with their locals, and the file may hold credentials.
    del content, assignments
    raise refusal


def _edited(content: bytes, file: str, assignments: Sequence[Assignment]) -> tuple[str, list[Finding]]:
    documents, before = check_values_file(content, file)
    if not documents and [finding.code for finding in before] != [EMPTY_FILE.code]:
        raise InvalidFileError(before)
    if documents:
        _refuse_other_kind(documents[0], file)
    text = content.decode("utf-8-sig")
    mark = "\ufeff" if content.startswith(codecs.BOM_UTF8) else ""
    position = documents[0].position if documents else 0
    data: Any = copy.deepcopy(_without_sharing(documents[0].data)) if documents else {}
    result = text
    for path, value in assignments:
        data = _set(data, path, value)
        result = _spliced(result, position, path, value, file)
    read, after = check_values_file(result, file)
    keys = ", ".join(shown_path(path) for path, _ in assignments)
    if read and not _same([document.data for document in read], [data, *(d.data for d in documents[1:])]):
        raise K8sConfigError(f"setting {keys} would change other values of {file} too; edit it by hand")
    known = {_without_lines(finding) for finding in before}
    new = [
        finding
        for finding in after
        if finding.severity is Severity.ERROR and _without_lines(finding) not in known
    ]
    if new:
        raise InvalidFileError([advised(finding, assignments) for finding in new])
    _refuse_loss(text, result, file)
    return mark + result, after


def _spliced(text: str, position: int, path: Path, value: SetValue, file: str) -> str:
    """The text with one value set, which can be read again."""
    result = with_value(text, position, path, value)
    try:
        for _ in yaml.parse(result, Loader=LOADER):
            pass
    except yaml.YAMLError:
        raise K8sConfigError(
            f"{shown_path(path)} cannot be set where it stands in {file}; edit it by hand"
        ) from None
    return result


def _without_lines(finding: Finding) -> tuple[str, str, str]:
    """What tells findings apart that an edit may have moved."""
    return finding.code, finding.where.path, re.sub(r"\bline \d+", "line", finding.message)


def _refuse_loss(text: str, result: str, file: str) -> None:
    """Anchors and comments are not to be lost with what they were written at."""
    anchors = _anchors(text) - _anchors(result)
    if anchors:
        shown = ", ".join(f"&{name}" for name in sorted(anchors))
        raise K8sConfigError(f"the edit would take {shown} out of {file}; edit it by hand")
    comments = Counter(comments_in(text)) - Counter(comments_in(result))
    if comments:
        raise K8sConfigError(f"the edit would take {min(comments)!r} out of {file}; edit it by hand")


def _refuse_other_kind(document: YamlDocument, file: str) -> None:
    """Values set in another file would damage it."""
    kind = kind_of(document)
    if kind is FileKind.VALUES or document.data == {}:
        return
    found = f"{kind.value}, and not" if isinstance(kind, FileKind) else "not"
    raise K8sConfigError(f"{file} is {found} {FileKind.VALUES.value}; name the values file")


def _anchors(text: str) -> set[str]:
    """The names of the anchors, used or not."""
    return {
        event.anchor
        for event in yaml.parse(text, Loader=LOADER)
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent) and event.anchor
    }


def _without_sharing(data: Any) -> Any:
    """The same data, in which what an alias repeats is a copy."""
    if isinstance(data, dict):
        return {key: _without_sharing(item) for key, item in data.items()}
    return [_without_sharing(item) for item in data] if isinstance(data, list) else data


def _set(data: Any, path: Path, value: Any) -> Any:
    """The data with a value set, as Helm does it: what is missing on the way is made."""
    if not path:
        return value
    head, *rest = path
    container: Any
    if isinstance(head, int):
        container = data if isinstance(data, list) else []
        while len(container) <= head:
            container.append(None)
        inner = container[head]
    else:
        container = data if isinstance(data, dict) else {}
        inner = container.get(head)
    container[head] = _set(inner, tuple(rest), value)
    return container


def _same(one: Any, other: Any) -> bool:
    """Whether data says the same in a file, in which true is not 1 and what is no number equals itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(item, other[key]) for key, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def _write(target: FilePath, text: str) -> None:
    """Puts a file in place as a whole: whoever reads meanwhile reads the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = FilePath(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
