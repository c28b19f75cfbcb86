"""One cause, one finding: what the rules say of all jobs, with its places together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.files.hits import home_of, is_of_files, with_places
from dagster_plus_k8s_helpers.check.subjects.subjects import Asked, Hit, of_no_one
from dagster_plus_k8s_helpers.check.subjects.waivers import OF_DEFINITIONS, WaiversOfJob
from dagster_plus_k8s_helpers.findings.finding import Finding, Place, Severity, Where, few, steps_named
from dagster_plus_k8s_helpers.plan.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.files.places import LayerFile

__all__ = ["JobReport", "grouped"]


@dataclass(frozen=True)
class JobReport:
    """What is to be said of one job.

    Attributes:
        name: What a finding calls it.
        hits: What the rules say.
        waivers: What of that is waived.
        asked: The job.
    """

    name: str
    hits: tuple[Hit, ...]
    waivers: WaiversOfJob
    asked: Asked

    @property
    def left(self) -> tuple[Hit, ...]:
        """What is not waived: of the job first, then of its steps in their order."""
        left = self.waivers.left_of(self.hits)
        return tuple(sorted(left, key=lambda hit: min((self._order[key] for key in hit.steps), default=-1)))

    def places_of(self, hit: Hit) -> Iterator[Place]:
        """Where a hit is to be seen in the job."""
        if not hit.steps:
            where = Where(path=hit.of if hit.of == OF_DEFINITIONS else self.name)
            yield Place(where, hit.of, hit.part)
        for key in hit.steps:
            yield Place(Where(path=self.name), f"step {key!r}", hit.part, self._source_of(key))

    @cached_property
    def _order(self) -> dict[str, int]:
        return {step.key: index for index, step in enumerate(self.asked.steps)}

    @cached_property
    def _sources(self) -> dict[str, Where | None]:
        return {}

    def _source_of(self, key: str) -> Where | None:
        if key not in self._sources:
            self._sources[key] = source_of(self.asked.job, self.asked.steps[self._order[key]])
        return self._sources[key]


def grouped(reports: Sequence[JobReport], files: Mapping[str, LayerFile]) -> Iterator[Finding]:
    """The findings of all jobs: one a rule and cause, however many jobs, steps and fields show it.

    Args:
        reports: What is to be said of each job.
        files: Where the layers are written; what they alone say is found there, and waived there.
    """
    found: dict[tuple[str, str], list[tuple[JobReport, Hit]]] = {}
    for report in reports:
        for hit in report.left:
            found.setdefault((hit.rule.code, hit.cause or of_no_one(hit.text)), []).append((report, hit))
    for group in found.values():
        finding = _finding(group, files)
        if not any(file.waives(finding) for file in files.values()):
            yield finding


def _finding(found: Sequence[tuple[JobReport, Hit]], files: Mapping[str, LayerFile]) -> Finding:
    hits = [hit for _, hit in found]
    lines = [home_of(hit, files) if is_of_files(hit, files) else None for hit in hits]
    first = next((hit for hit, line in zip(hits, lines, strict=True) if line), hits[0])
    steps = tuple(dict.fromkeys(key for hit in hits for key in hit.steps))
    others_than_steps = list(dict.fromkeys(hit.of for hit in hits if not hit.steps))
    whose = " and ".join(text for text in (few(others_than_steps), steps_named(steps)) if text)
    text = first.text if all(hit.text == first.text for hit in hits) else of_no_one(first.text)
    at_lines = [(hit, line) for hit, line in zip(hits, lines, strict=True) if line]
    # Settings that are given in Python have no lines: their parts tell them apart.
    of_files = [Place(line if line.file else at_lines[0][1], part=hit.part) for hit, line in at_lines]
    of_jobs = [
        place
        for (report, hit), line in zip(found, lines, strict=True)
        if not line
        for place in report.places_of(hit)
    ]
    places = tuple(dict.fromkeys([*of_files, *of_jobs]))
    where = places[0].where
    if first.steps and not of_files:
        where = Where(path=f"{where.path}, {places[0].pod}")
    return Finding(
        first.rule.code,
        min((hit.rule.severity for hit in hits), key=list(Severity).index),
        where,
        f"{whose}: {with_places(first, files, text, but=where)}",
        first.fix or first.rule.fix,
        first.rule.docs,
        places[0].source,
        steps,
        places,
    )
