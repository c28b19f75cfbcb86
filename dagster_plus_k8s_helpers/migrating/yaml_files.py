"""The files of the platform in their Python form, which written as YAML again says the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

import dagster_plus_k8s_helpers
from dagster_plus_k8s_helpers.credentials.telling import check_credentials
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.documents.positions import LOADER
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, InvalidFileError
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.migrating.expressions import Layout, written
from dagster_plus_k8s_helpers.migrating.imports import import_of
from dagster_plus_k8s_helpers.migrating.proof import names_of
from dagster_plus_k8s_helpers.migrating.sections import CannotSayError, section_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import YamlDocument

__all__ = ["Note", "python_of"]


class Note(NamedTuple):
    """What the Python form does not have of a file.

    Attributes:
        line: Where it stands, from 1.
        text: What it is.
    """

    line: int
    text: str


_KINDS = {FileKind.VALUES: ("AgentValues", "VALUES"), FileKind.LOCATIONS: ("DagsterCloudConfig", "CONFIG")}
"""The class of each kind of file, and the name that it gets."""


def python_of(content: bytes, file: str) -> tuple[str, list[Note]]:
    """A file as Python, and what of it Python leaves out.

    Args:
        content: What a ``values.yaml`` of the agent or a ``dagster_cloud.yaml`` holds.
        file: What it is called.

    Raises:
        InvalidFileError: The file has mistakes.
        DagsterPlusK8sError: It is of another kind, or holds what should not be written into a program.
    """
    documents, problems = read_yaml(content, file)
    if problems:
        raise InvalidFileError(problems)
    kind = kind_of(documents[0]) if documents else None
    if not isinstance(kind, FileKind) or kind not in _KINDS:
        raise DagsterPlusK8sError(f"{file}: is neither the agent's Helm values nor a dagster_cloud.yaml")
    name, variable = _KINDS[kind]
    section: type[Any] = getattr(dagster_plus_k8s_helpers, name)
    text = content.decode("utf-8-sig")
    read = _read(section, text, file)
    token = getattr(getattr(read, "dagster_cloud", None), "agent_token_value", None)
    if token:
        raise DagsterPlusK8sError(
            f"{file}: dagsterCloud.agentTokenValue is the token itself; put it into a Secret and write "
            "agentTokenSecretName before it becomes part of a program"
        )
    try:
        call = section_call(read)
    except CannotSayError as error:
        raise DagsterPlusK8sError(f"{file}: {error}") from None
    expression = written(call, Layout(before=len(f"{variable} = ")))
    source = f"{import_of(names_of(call))}\n\n{variable} = {expression}\n"
    _refuse_another(file, read, source, variable)
    return source, [*_credentials(documents[0]), *_lost(text)]


def _credentials(document: YamlDocument) -> Iterator[Note]:
    """Literals that become a part of a program, which more people read than a file of values."""
    for finding in check_credentials(document):
        yield Note(
            finding.where.line or 1, f"{finding.message}, and stands in the Python form; put it into a Secret"
        )


def _read(section: type[Any], text: str, file: str) -> Any:
    try:
        return section.from_yaml(text)
    except InvalidFileError as error:
        where = [replace(finding, where=replace(finding.where, file=file)) for finding in error.findings]
        raise InvalidFileError(where) from None


def _refuse_another(file: str, read: Any, source: str, variable: str) -> None:
    """Runs what was written, which holds nothing but literals and classes of this package."""
    made: dict[str, Any] = {}
    exec(compile(source, file, "exec"), made)  # noqa: S102 - see above
    rendered = made[variable].to_yaml()
    if type(read).from_yaml(rendered) != read or rendered != read.to_yaml():
        raise DagsterPlusK8sError(
            f"{file}: its Python form would say something else; this is a gap in migrate"
        )


def _lost(text: str) -> Iterator[Note]:
    """The comments of a file, which Python cannot have: nobody knows which value they are of."""
    covered: list[tuple[int, int]] = [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text, Loader=LOADER)
        if isinstance(token, yaml.ScalarToken)
    ]
    place = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        for column, letter in enumerate(line):
            at = place + column
            starts = letter == "#" and (column == 0 or line[column - 1] in " \t")
            if starts and not any(start <= at < end for start, end in covered):
                yield Note(number, f"this comment is not in the Python form: {line[column:].strip()}")
                break
        place += len(line)
