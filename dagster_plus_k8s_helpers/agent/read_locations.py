"""Reading a dagster_cloud.yaml, or one entry of it, only when nothing in it would be refused or ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dagster_plus_k8s_helpers.agent.check_locations import check_location, check_locations
from dagster_plus_k8s_helpers.agent.file_rules import CREDENTIAL
from dagster_plus_k8s_helpers.agent.location_rules import BARE_ENV_VAR, REFUSED_KEY, WRONG_VALUE
from dagster_plus_k8s_helpers.agent.locations import CodeLocation, DagsterCloudConfig
from dagster_plus_k8s_helpers.agent.waivers import after_waivers
from dagster_plus_k8s_helpers.agent.yaml_file import parse_path, read_yaml
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.findings import Severity, not_too_many

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_checked"]

L = TypeVar("L", bound=CodeLocation | DagsterCloudConfig)

_READ_ALL_THE_SAME = {CREDENTIAL.code, BARE_ENV_VAR.code, REFUSED_KEY.code}
"""What the objects can hold: mistakes of a file, and keys that a newer Dagster+ may know."""


def read_checked(kind: type[L], source: str | Path) -> L:
    """What a file holds.

    Args:
        kind: What it should be.
        source: The text of a file, or the path of one.

    Raises:
        InvalidFileError: It holds what the platform would refuse or ignore.
        OSError: The file cannot be read.
    """
    content = source if isinstance(source, str) else source.read_bytes()
    documents, findings = read_yaml(content, "<text>" if isinstance(source, str) else str(source))
    check = check_location if issubclass(kind, CodeLocation) else check_locations
    for document in documents:
        findings += check(document)
    text = content if isinstance(content, str) else content.decode("utf-8-sig", errors="replace")
    errors = [
        finding
        for finding in after_waivers(text, documents[0].file if documents else "", findings)
        if finding.severity is Severity.ERROR and finding.code not in _READ_ALL_THE_SAME
    ]
    if errors:
        raise InvalidFileError(not_too_many(dict.fromkeys(errors)))
    (document,) = documents  # else there is a finding
    try:
        return kind.from_dict(document.data)  # type: ignore[arg-type,return-value] # a mapping, else a finding
    except K8sConfigError as error:
        # A waiver lets a mistake pass a check; a value that cannot be held stays one.
        where = document.where(parse_path(error.where))
        raise InvalidFileError([WRONG_VALUE.at(where, error.reason)]) from None
