"""Waivers of findings in definitions, and what is wrong with them.

``dagster-plus-k8s/ignore: {DPK501: reason}`` in metadata, or the comment
``# dagster-plus-k8s: ignore[DPK501] reason`` in the function of an asset or op, or at its decorator.
"""

from __future__ import annotations

import inspect
import io
import json
import linecache
import textwrap
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers._dagster.planning import function_of
from dagster_plus_k8s_helpers.check.subjects.subjects import Hit
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, is_of_definitions, rule_of
from dagster_plus_k8s_helpers.findings.waivers import Waiver, Waivers, read_waiver, waivers_in_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from types import CodeType

    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked, Surroundings

__all__ = [
    "OF_DEFINITIONS",
    "WAIVER_TAG",
    "Owner",
    "WaiversOfJob",
    "specs_by_step",
    "unused_waivers",
    "waived_by_definitions",
    "waivers_of",
]

BAD_WAIVER = Rule(
    "DPK530",
    Severity.ERROR,
    "Whoever reads a waiver needs to know of what it is, and why.",
    "write {CODE: reason} under dagster-plus-k8s/ignore, with a code of this page",
)
UNUSED_WAIVER = Rule(
    "DPK543",
    Severity.WARNING,
    "A waiver of what is not found hides what may come later.",
    "delete the waiver",
)

WAIVER_TAG = "dagster-plus-k8s/ignore"

OF_DEFINITIONS = "the definitions"


class Owner(NamedTuple):
    """Whose a waiver is: a step's, a job's, or that of all definitions."""

    step: str = ""
    of: str = ""

    @property
    def is_of_job(self) -> bool:
        """Whether it is one job's, and no other's."""
        return self == _OF_JOB


_OF_JOB = Owner(of="the job")
_OF_ALL_STEPS = (_OF_JOB, Owner(of=OF_DEFINITIONS))


@dataclass(frozen=True)
class WaiversOfJob(Waivers[Owner]):
    """What definitions, a job, and its assets, checks and ops waive.

    Attributes:
        mistakes: Waivers that waive nothing, for they say no code that there is, or no reason.
    """

    mistakes: tuple[Hit, ...] = ()

    def left_of(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        """The hits without those that are waived."""
        for hit in hits:
            code = hit.rule.code
            if any(self.waives(code, owner) for owner in _OF_ALL_STEPS):
                continue
            steps = tuple(key for key in hit.steps if not self.waives(code, Owner(key)))
            if steps or not hit.steps:
                yield hit._replace(steps=steps)

    def used_by(self, hits: Iterable[Hit]) -> Iterator[tuple[Owner, str]]:
        """What of the waivers waives any of the hits."""
        for hit in hits:
            for owner in (*(Owner(key) for key in hit.steps), *_OF_ALL_STEPS):
                if self.waives(hit.rule.code, owner):
                    yield owner, hit.rule.code


def waivers_of(asked: Asked) -> WaiversOfJob:
    """What a job, its assets, checks and ops, and all definitions waive."""
    mistakes: list[Hit] = []
    found: dict[Owner, list[Waiver]] = {}

    def add(owner: Owner, said: Iterable[_Said]) -> None:
        for waiver, place in said:
            steps = (owner.step,) if owner.step else ()
            mistakes.extend(Hit(BAD_WAIVER, text, steps, owner.of) for text in _mistakes(waiver, place))
            known = frozenset(filter(_is_for_definitions, waiver.codes))
            if known:
                found.setdefault(owner, []).append(waiver._replace(codes=known))

    specs = dict(specs_by_step(asked))
    in_source: dict[CodeType, list[_Said]] = {}
    for step in asked.steps:
        function = function_of(asked.job, step)
        if function is not None and function.__code__ not in in_source:
            in_source[function.__code__] = list(_in_source(function))
        comments = [] if function is None else in_source[function.__code__]
        add(Owner(step.key), [*_of_step(step, specs[step.key]), *comments])
    add(_OF_JOB, _in_metadata(asked.job.metadata))
    add(Owner(of=OF_DEFINITIONS), _in_metadata(asked.around.metadata))
    return WaiversOfJob(found, tuple(mistakes))


def waived_by_definitions(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The codes that definitions waive wherever they are found, be it in the files given with them.

    Args:
        metadata: Of the definitions.
    """
    codes = {code for waiver, _ in _in_metadata(metadata) if waiver.reason for code in waiver.codes}
    return frozenset(filter(_is_for_definitions, codes))


def unused_waivers(
    waivers: WaiversOfJob, used: Collection[tuple[Owner, str]], around: Surroundings
) -> Iterator[Hit]:
    """Waivers of what is not found, among those of what is looked for.

    Args:
        waivers: The waivers.
        used: What of them waives something.
        around: Without the files, any finding may come of them; without what else a rule needs, those by it.
    """
    if around.agent is None or around.location is None:
        return
    for owner, waiver in waivers.unused(used):
        for code in sorted(waiver.codes - {UNUSED_WAIVER.code}):
            rule = rule_of(code)
            if rule is not None and around.has(rule.needs):
                steps = (owner.step,) if owner.step else ()
                yield Hit(UNUSED_WAIVER, f"{WAIVER_TAG} names {code}, which is not found", steps, owner.of)


def _is_for_definitions(code: str) -> bool:
    return is_of_definitions(code) and rule_of(code) is not None


class _Said(NamedTuple):
    """A waiver, and what a message calls it."""

    waiver: Waiver
    place: str


def _mistakes(waiver: Waiver, place: str) -> Iterator[str]:
    """Why a waiver, or a part of it, waives nothing."""
    named = sorted(waiver.codes)
    if waiver.is_malformed:
        yield place
    elif waiver.reason:
        for code in named:
            if not _is_for_definitions(code):
                yield f"{place} names {code}, which is no rule for definitions"
    elif named:
        yield f"{place} gives no reason for {', '.join(named)}"


def _of_step(step: Step, specs: Iterable[dg.AssetSpec | dg.AssetCheckSpec]) -> Iterator[_Said]:
    """What the metadata of its assets and checks waive, and its tags."""
    for holder in (*(spec.metadata or {} for spec in specs), step.tags):
        yield from _in_metadata(holder)


def specs_by_step(asked: Asked) -> Iterator[tuple[str, list[dg.AssetSpec | dg.AssetCheckSpec]]]:
    """Keys of the steps of a job, each with the assets and checks that it computes."""
    by_handle = {str(data.node_handle): data.assets_def for data in asked.job.asset_layer.data}
    for step in asked.steps:
        specs: list[dg.AssetSpec | dg.AssetCheckSpec] = []
        parts = step.key.replace("[?]", "").split(".")
        for depth in range(1, len(parts) + 1):
            assets = by_handle.get(".".join(parts[:depth]))
            specs += [] if assets is None else [*assets.specs, *assets.check_specs]
        yield step.key, specs


def _in_source(function: Callable[..., Any]) -> Iterator[_Said]:
    """What comments waive in a function and at its decorator."""
    # Most files have none, and to find the end of a function takes long.
    if not any("ignore[" in line for line in linecache.getlines(function.__code__.co_filename)):
        return
    try:
        lines, first = inspect.getsourcelines(function)
        tokens = list(tokenize.generate_tokens(io.StringIO(textwrap.dedent("".join(lines))).readline))
    except (OSError, SyntaxError, tokenize.TokenError):  # no source, or none that stands alone
        return
    for token in tokens:
        waiver = read_waiver(token.string) if token.type == tokenize.COMMENT else None
        if waiver is not None:
            place = f"the waiver in line {first + token.start[0] - 1}"
            yield _Said(waiver, f"{place} waives nothing as it is spelt" if waiver.is_malformed else place)


def _in_metadata(metadata: Mapping[str, Any]) -> Iterator[_Said]:
    """What a value under the key waives."""
    given = metadata.get(WAIVER_TAG)
    value = getattr(given, "data", getattr(given, "value", given))
    if value is None:
        return
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = str(value)
    for waiver in waivers_in_metadata(value):
        shown = f"{WAIVER_TAG} is {value!r}, which is no {{CODE: reason}}"
        yield _Said(waiver, shown if waiver.is_malformed else WAIVER_TAG)
