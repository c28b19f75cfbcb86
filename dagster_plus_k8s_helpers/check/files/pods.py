"""What is wrong with the pods that an agent's values and code locations make, judged from the files alone.

``dagster_k8s`` merges them, as for a plan; only what definitions add is not there.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.asking import RULES_OF_FILES, RULES_OF_SERVERS
from dagster_plus_k8s_helpers.check.files.hits import home_of, of_any_location, with_places
from dagster_plus_k8s_helpers.check.files.merging import MOST_ENTRIES, Merging, RefusedError, with_defaults
from dagster_plus_k8s_helpers.check.plannable import CANNOT_PLAN
from dagster_plus_k8s_helpers.check.rules.allowed import refused_of_location
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, OF_SERVER, Hit, PodGroup, Surroundings
from dagster_plus_k8s_helpers.documents.document import parse_path
from dagster_plus_k8s_helpers.files.checks.locations.check import NEWER
from dagster_plus_k8s_helpers.files.sections.image_texts import is_filled_in_later
from dagster_plus_k8s_helpers.files.sections.placeholders import holds_placeholder
from dagster_plus_k8s_helpers.findings.finding import MOST_OF_A_RULE, Rule, Severity
from dagster_plus_k8s_helpers.plan.merge.rendering import offline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.check.files.pairs import Pair
    from dagster_plus_k8s_helpers.check.subjects.subjects import PodRule
    from dagster_plus_k8s_helpers.files.places import LayerFile, PodsOf
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_pods"]

TOO_LONG = Rule(
    "DPK549",
    Severity.NOTICE,
    "Merging the layers takes dagster_k8s minutes where a list has thousands of entries, and no pod that "
    "runs has as many. What is wrong with each file by itself is said all the same.",
    "shorten the list, or plan the pods with -m",
)


def check_pods(pairs: Sequence[Pair], known: Sequence[Finding]) -> dict[Finding, str]:
    """What is wrong with the pods of each pair, each fault once a place however many of them have it.

    Args:
        pairs: Agents and code locations.
        known: What is wrong with the files themselves, which is not said again.

    Returns:
        Each with what is at the root of it; nothing where it is at the root itself.
    """
    said_before = _Known(known)
    found: dict[object, Finding] = {}
    causes: dict[object, str] = {}
    with offline() as kubeconfig:
        merging = Merging(kubeconfig)
        for pair in pairs:
            if pair.longest > MOST_ENTRIES:
                home = [*pair.files.values()][-1].home_where()
                text = f"a list of {pair.longest:,} entries, so that the pods are not looked at"
                found |= {} if said_before.has_errors else {home: TOO_LONG.at(home, text)}
                continue
            try:
                hits = list(_hits(pair, merging))
            # Of values that are shaped otherwise Dagster and rules raise what they will.
            except Exception:
                if not (said_before.has_errors or _is_filled_in_later(pair)):
                    raise
                continue
            for hit in hits:
                where = home_of(hit, pair.files)
                if where is None or said_before.says(hit, pair.files) or _is_of_placeholder(hit, pair):
                    continue
                text = with_places(hit, pair.files, hit.text, but=where)
                key = hit.rule.code, where, of_any_location(hit.cause or hit.text)
                first = found.setdefault(key, hit.rule.at(where, f"{hit.of}: {text}", fix=hit.fix))
                causes[key] = of_any_location(hit.cause)
                if not first.message.startswith(hit.of):
                    found[key] = replace(first, message=f"{OF_RUN} and {OF_SERVER}: {text}")
    return {finding: causes.get(key, "") for key, finding in found.items()}


class _Known:
    """What is said of files already."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._paths: dict[str, list[tuple[str | int, ...]]] = {}
        errors = [item for item in findings if item.severity is Severity.ERROR]
        self.has_errors = bool(errors)
        self._errors = {(item.where.file, item.where.path) for item in errors}
        # What only a newer version knows the installed one refuses.
        self._has_newer = any(item.code in NEWER for item in findings)
        for item in findings:
            self._paths.setdefault(item.where.file, []).append(parse_path(item.where.path))

    def says(self, hit: Hit, files: Mapping[str, LayerFile]) -> bool:
        """Whether a file's own check speaks of a field of a hit that is about this file alone.

        What Dagster refuses it may refuse for whatever is wrong with a file.
        """
        if hit.rule is CANNOT_PLAN:
            return self.has_errors or self._has_newer
        if len({field.layer for field in hit.fields}) > 1:
            # What two layers say of a field matters once it is right in each.
            where = home_of(hit, files)
            return (
                hit.rule.severity is Severity.WARNING
                and where is not None
                and (where.file, where.path) in self._errors
            )
        return any(
            other[: len(path)] == path or path[: len(other)] == other
            for field in hit.fields
            if field.layer in files
            for where in files[field.layer].everywhere(field)
            for path in [parse_path(where.path)]
            for other in self._paths.get(where.file, ())
            if other
        )


def _is_filled_in_later(pair: Pair) -> bool:
    """Whether Dagster will read something else than the files say."""
    return any(map(holds_placeholder, (pair.values, pair.defaults, pair.location)))


def _is_of_placeholder(hit: Hit, pair: Pair) -> bool:
    """Whether a hit is about a value that is filled in later: what it will be, nobody here knows."""
    if hit.rule is CANNOT_PLAN:
        return _is_filled_in_later(pair)
    return any(
        is_filled_in_later(file.document.data, parse_path(file.where(field).path), hit.text)
        for field in hit.fields
        for file in [pair.files.get(field.layer)]
        if file is not None
    )


def _hits(pair: Pair, merging: Merging) -> Iterator[Hit]:
    around = Surroundings(pair.values, with_defaults(pair.location, pair.defaults), files=pair.files)
    if not pair.is_allowed:
        yield from refused_of_location(around)
    for pods in pair.to_merge:
        of, rules = _RULES[pods]
        try:
            group = PodGroup(merging.pod(around.agent, around.location, of), of=of)
        except RefusedError as error:
            yield Hit(CANNOT_PLAN, str(error), of=of, layer=error.layer)
            continue
        # Of hundreds only the first are shown; a file may have a rule find tens of thousands.
        yield from (hit for rule in rules for hit in islice(rule(group, around), MOST_OF_A_RULE + 2))


_RULES: Mapping[PodsOf, tuple[str, tuple[PodRule, ...]]] = {
    "run": (OF_RUN, RULES_OF_FILES),
    "server": (OF_SERVER, RULES_OF_SERVERS),
}
