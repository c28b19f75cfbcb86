"""Setting values in a file so that its comments, anchors and order stay as they are."""

from __future__ import annotations

import codecs
import copy
import io
import os
import re
import shutil
import tempfile
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import yaml

from dagster_plus_k8s_helpers.agent.check_values import check_values_file
from dagster_plus_k8s_helpers.agent.file_rules import EMPTY_FILE
from dagster_plus_k8s_helpers.agent.kept_text import carried_over
from dagster_plus_k8s_helpers.agent.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.agent.yaml_file import Path, shown_path
from dagster_plus_k8s_helpers.agent.yaml_text import reads_as_text
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.agent.helm_set import Assignment
    from dagster_plus_k8s_helpers.agent.yaml_file import YamlDocument

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
    content = target.read_bytes()
    text, findings = edited(content, str(file), assignments)
    _write(target, text)
    return findings


def edited(content: bytes, file: str, assignments: Sequence[Assignment]) -> tuple[str, list[Finding]]:
    """The text of a values file with values set in its first document, and what is still wrong with it.

    Raises:
        InvalidFileError: The file cannot be read, or the edit brings mistakes into it.
        K8sConfigError: The edit cannot be made.
    """
    documents, before = check_values_file(content, file)
    if not documents and [finding.code for finding in before] != [EMPTY_FILE.code]:
        raise InvalidFileError(before)
    if documents:
        _refuse_other_kind(documents[0], file)
    text = content.decode("utf-8-sig")
    mark = "\ufeff" if content.startswith(codecs.BOM_UTF8) else ""
    data: Any = copy.deepcopy(_without_sharing(documents[0].data)) if documents else {}
    for path, value in assignments:
        data = _set(data, path, value)
    result = _edited_text(text, documents[0].position if documents else 0, assignments)
    read, after = check_values_file(result, file)
    known = {(finding.code, finding.where.path, finding.message) for finding in before}
    new = [
        finding
        for finding in after
        if finding.severity is Severity.ERROR
        and (finding.code, finding.where.path, finding.message) not in known
    ]
    if new:
        raise InvalidFileError(new)
    others = [document.data for document in documents[1:]]
    if [document.data for document in read] != [data, *others]:
        keys = ", ".join(shown_path(path) for path, _ in assignments)
        raise K8sConfigError(f"setting {keys} would change other values of {file} too; edit it by hand")
    lost = _anchors(text) - _anchors(result)
    if lost:
        shown = ", ".join(f"&{name}" for name in sorted(lost))
        raise K8sConfigError(f"the edit would take {shown} out of {file}; edit it by hand")
    return mark + result, after


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
        for event in yaml.parse(text, Loader=yaml.SafeLoader)
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent) and event.anchor
    }


def _keep_anchors(node: Any) -> None:
    """Makes ruamel.yaml write the anchors that nothing refers to as well."""
    anchor = node.yaml_anchor() if hasattr(node, "yaml_anchor") else None
    if anchor is not None:
        anchor.always_dump = True
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        _keep_anchors(child)


def _without_sharing(data: Any) -> Any:
    """The same data, in which what an alias repeats is a copy."""
    if isinstance(data, dict):
        return {key: _without_sharing(item) for key, item in data.items()}
    return [_without_sharing(item) for item in data] if isinstance(data, list) else data


def _set(data: Any, path: Path, value: Any, *, mapping: type = dict, sequence: type = list) -> Any:
    """The data with a value set, as Helm does it: what is missing on the way is made."""
    if not path:
        return value
    head, *rest = path
    container: Any
    if isinstance(head, int):
        container = data if isinstance(data, list) else sequence()
        while len(container) <= head:
            container.append(None)
        inner = container[head]
    else:
        container = data if isinstance(data, dict) else mapping()
        inner = container.get(head)
    container[head] = _set(inner, tuple(rest), value, mapping=mapping, sequence=sequence)
    return container


def _edited_text(text: str, position: int, assignments: Sequence[Assignment]) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415 - every command would pay for its import
    from ruamel.yaml.comments import CommentedMap, CommentedSeq  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    editor = YAML(typ="rt")
    editor.preserve_quotes = True
    editor.width = 10**6
    editor.allow_duplicate_keys = True
    editor.indent(**_indents(text))
    head, body = _head(text)
    try:
        documents = list(editor.load_all(body)) or [None]
        for document in documents:
            _keep_anchors(document)
        before = _dumped(editor, documents)
        index = min(position, len(documents) - 1)
        for path, value in assignments:
            documents[index] = _set(
                documents[index], path, _quoted(value), mapping=CommentedMap, sequence=CommentedSeq
            )
        after = _dumped(editor, documents)
    except (YAMLError, ValueError, TypeError, AttributeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise K8sConfigError(f"cannot be edited: {first}; edit it by hand") from None
    return head + carried_over(body, before, after)


def _dumped(editor: Any, documents: list[Any]) -> str:
    stream = io.StringIO()
    editor.dump_all(documents, stream)
    return stream.getvalue()


def _head(text: str) -> tuple[str, str]:
    """What stands before the first document's own mark, which ruamel.yaml would drop, and the rest."""
    match = re.match(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*---[ \t]*\r?\n", text)
    return (match[0], text[match.end() :]) if match else ("", text)


def _quoted(value: Any) -> Any:
    """A value in which text that could be read as something else is in quotation marks."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString  # noqa: PLC0415

    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return value if not isinstance(value, str) or reads_as_text(value) else DoubleQuotedScalarString(value)


def _indents(text: str) -> dict[str, int]:
    """How the file indents mappings, and lists under their keys."""
    mapping = re.search(r"^[\w\"'-]+:[^\S\n]*\n( +)[^\s#-]", text, re.MULTILINE)
    width = len(mapping[1]) if mapping else 2
    lists = re.search(r"^( *)[\w\"'-]+:[^\S\n]*\n(?:[^\S\n]*#[^\n]*\n)*( *)- ", text, re.MULTILINE)
    offset = max(len(lists[2]) - len(lists[1]), 0) if lists else 2
    return {"mapping": width, "sequence": offset + 2, "offset": offset}


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
