"""Reading Helm values and files of code locations, only when nothing in them would be refused or ignored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dagster_plus_k8s_helpers.documents.document import YamlDocument, parse_path, read_yaml
from dagster_plus_k8s_helpers.documents.rules import CREDENTIAL
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.files.checks.agent_variables import BARE_ENV_VAR
from dagster_plus_k8s_helpers.files.checks.locations.check import check_location, check_locations
from dagster_plus_k8s_helpers.files.checks.locations.keys import REFUSED_KEY
from dagster_plus_k8s_helpers.files.checks.locations.reading import WRONG_VALUE
from dagster_plus_k8s_helpers.files.checks.values.check import check_values
from dagster_plus_k8s_helpers.files.checks.values.pairs import ENV_WITHOUT_VALUE
from dagster_plus_k8s_helpers.files.locations.locations import CodeLocation, DagsterCloudConfig
from dagster_plus_k8s_helpers.files.sections.section import Section
from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues
from dagster_plus_k8s_helpers.findings.finding import Severity, not_too_many
from dagster_plus_k8s_helpers.findings.waivers import after_waivers

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["read"]

S = TypeVar("S", bound=Section)


class _Kind(NamedTuple):
    """How files of a kind are checked, and which errors are no obstacle: what the objects can hold."""

    check: Callable[[YamlDocument], list[Finding]]
    passes: frozenset[str]


_LOCATIONS_PASS = frozenset({CREDENTIAL.code, BARE_ENV_VAR.code, REFUSED_KEY.code})
_KINDS: dict[type[Section], _Kind] = {
    AgentValues: _Kind(check_values, frozenset({CREDENTIAL.code, ENV_WITHOUT_VALUE.code})),
    CodeLocation: _Kind(check_location, _LOCATIONS_PASS),
    DagsterCloudConfig: _Kind(check_locations, _LOCATIONS_PASS),
}


def read(kind: type[S], source: str | Path) -> S:
    """What a file holds; see `read_as`."""
    check, passes = next(_KINDS[section] for section in kind.__mro__ if section in _KINDS)
    name, content = (str(source), source.read_bytes()) if isinstance(source, Path) else ("<text>", source)
    documents, findings = read_yaml(content, name)
    for document in documents:
        findings += check(document)
    text = content if isinstance(content, str) else content.decode("utf-8-sig", errors="replace")
    errors = [
        finding
        for finding in after_waivers(text, name, findings)
        if finding.severity is Severity.ERROR and finding.code not in passes
    ]
    if errors:
        raise InvalidFileError(not_too_many(dict.fromkeys(errors)))
    (document,) = documents  # else there is a finding
    try:
        return kind.from_dict(document.data)  # type: ignore[arg-type] # a mapping, else there is a finding
    except K8sConfigError as error:
        # A waiver lets a mistake pass a check; a value that cannot be held stays one.
        where = document.where(parse_path(error.where))
        raise InvalidFileError(check(document) or [WRONG_VALUE.at(where, error.reason)]) from None
