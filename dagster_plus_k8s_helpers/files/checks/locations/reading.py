"""A file of code locations as a section should read it: everything that keeps it from being read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.credentials.telling import check_credentials
from dagster_plus_k8s_helpers.documents.document import parse_path
from dagster_plus_k8s_helpers.documents.shape import as_mapping
from dagster_plus_k8s_helpers.files.checks.locations.keys import MISPLACED_KEY, read_location_keys
from dagster_plus_k8s_helpers.files.checks.reasons import (
    above_limit,
    as_written,
    both_spellings,
    first_line,
)
from dagster_plus_k8s_helpers.files.locations.variables import K8sPart, repeated
from dagster_plus_k8s_helpers.files.sections.all_problems import all_problems, innermost
from dagster_plus_k8s_helpers.files.sections.image_texts import is_filled_in_later
from dagster_plus_k8s_helpers.files.sections.refusals import IS_ABOVE_LIMIT
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.files.sections.section import Problem, Section
    from dagster_plus_k8s_helpers.findings.finding import Finding, Where

__all__ = ["Reading"]

WRONG_VALUE = Rule(
    "DPK301",
    Severity.ERROR,
    "Dagster+, Dagster or Kubernetes refuses the value, some of them not before the location is deployed.",
    "write a value that Kubernetes and Dagster take",
)
AMOUNT_OUTSIDE_LIMITS = Rule(
    "DPK304",
    Severity.ERROR,
    "Kubernetes knows amounts as limits and as requests only.",
    "put the amounts under limits, requests or both",
)
LATER_DOCUMENT = Rule(
    "DPK313",
    Severity.ERROR,
    "Dagster+ refuses a file with more than one document.",
    "put everything into one document, or the other documents into files of their own",
)


class Reading:
    """A document as a section should read it: with the keys that were meant, and where they stand.

    Attributes:
        base: Where it stands that the section should read.
        data: What is there, every key as it was meant.
    """

    def __init__(self, document: YamlDocument, section: type[Section], base: Path = ()) -> None:
        self.document = document
        self.base = base
        written = as_mapping(document.data)[str(base[0])] if base else document.data
        self.data, self._keys, self._key_findings = read_location_keys(document, section, written, base)
        if base:
            where = document.where(base, key=True)
            message = f"the file holds what {base[0]!r} has in dagster_cloud.yaml, and not the key itself"
            fix = f"write at the top what stands below {base[0]!r}"
            self._key_findings.append(MISPLACED_KEY.at(where, message, fix=fix))
        self._said = {parse_path(finding.where.path) for finding in self._key_findings}

    def findings(self) -> list[Finding]:
        """What is wrong with the keys, what looks like a credential, and a document too many."""
        found = [*self._key_findings, *check_credentials(self.document)]
        if self.document.second is not None:
            found.append(LATER_DOCUMENT.at(self.document.second, "a second document begins here"))
        return found

    def where(self, path: Path, *, key: bool = False) -> Where:
        """Where a path into `data` stands in the file."""
        return self.document.where(self._keys.original(path), key=key)

    def problems(
        self, section: type[Section], data: object, path: Path, part: K8sPart | None = None
    ) -> list[Finding]:
        """What keeps the data at ``path`` from being read, and `check_env` does not find in ``part``."""
        known = [found[len(path) :] for found in repeated(part)] if part else []
        found = all_problems(section, data, known)
        return [finding for problem in found for finding in self._said_of(problem, path)]

    def _said_of(self, problem: Problem, path: Path) -> Iterator[Finding]:
        here = (*path, *problem.path)
        original = self._keys.original(here)
        if original in self._said or problem.reason == "Keys should be strings":
            return
        if is_filled_in_later(self.document.data, original, problem.reason):
            return
        in_two = both_spellings(self.document, original, problem.reason)
        if in_two:
            yield in_two
            return
        reason = _without_value(here, as_written(self.document, original, problem.reason))
        if reason.endswith(" twice; keep one of the two"):
            reason = reason.replace(" twice;", f" twice{first_line(self.document, original)};")
        is_amount = len(here) > 1 and here[-2] == "resources"
        if is_amount and self._is_there(here) and _AMOUNT.fullmatch(str(here[-1])):
            yield AMOUNT_OUTSIDE_LIMITS.at(
                self.where(here, key=True),
                f"{here[-1]!r} stands outside of limits and requests",
                fix=f"write resources: {{limits: {{{here[-1]}: ...}}}}",
            )
            return
        message, advice = _message_and_advice(reason)
        # A field that does not exist is named by the message and pointed at itself.
        is_field = bool(here) and isinstance(here[-1], str) and repr(here[-1]) in message
        shown = message if is_field else f"{_last(original)}{message}"
        fix = advice or _in_short(here, problem.value) or _advice(original, message)
        yield WRONG_VALUE.at(self.where(here, key=is_field), shown, fix=fix)

    def _is_there(self, path: Path) -> bool:
        return innermost(self.data, path) == path


_AMOUNT = re.compile(r"cpu|memory|gpu|storage|ephemeral[-_]?storage|hugepages-.*|.*/.*", re.IGNORECASE)


def _message_and_advice(reason: str) -> tuple[str, str]:
    """What is wrong, and what to write instead where the reason says so."""
    if IS_ABOVE_LIMIT in reason:
        return above_limit(reason)
    message, _, advice = reason.partition("; ")
    if advice in _ADVICE_FOR_PYTHON:
        return message, "leave it out"
    meant = re.fullmatch(r"did you mean ('.*')\?", advice, re.DOTALL)
    return (reason, f"write {meant[1]}") if meant else (message, advice)


_ADVICE_FOR_PYTHON = ("leave it out with .without(...)", "only .pod_spec() can have them")


def _in_short(path: Path, value: object) -> str:
    """What to write in a list of texts instead of the mapping that Kubernetes would have there."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return ""
    ((key, said),) = value.items()
    if path[-2:-1] == ("env_vars",) and not isinstance(said, Mapping | list):
        return f"write {key}=..."
    return f"write {said}" if path[-2:-1] in _NAMES and key == "name" and isinstance(said, str) else ""


_NAMES = (("env_secrets",), ("env_config_maps",))
"""Lists of names."""


def _advice(path: Path, message: str) -> str:
    """What to write instead where the reason leaves it open."""
    wanted = re.match(r"must be (.+), not ", message)
    if wanted:
        return f"write {wanted[1]}"
    if " is none of " in message:
        return "write one of these"
    if " is below " in message or " is above " in message:
        return "write a number within the bounds"
    if message == "is missing":
        return f"add the key {path[-1]!r}" if path else ""
    if message.startswith("must name one of"):
        return "write module_name and the module" if message.endswith("none") else "keep exactly one of them"
    return ""


def _last(path: Path) -> str:
    """The name of the value that a message is about."""
    named = [part for part in path if isinstance(part, str)]
    return f"{named[-1]}: " if named else ""


def _without_value(path: Path, reason: str) -> str:
    """The reason without advice that repeats the value of an environment variable, which may be a secret."""
    return reason.partition("; write")[0] if path[-1:] == ("value",) else reason
