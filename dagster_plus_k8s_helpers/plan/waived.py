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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers._dagster.planning import function_of
from dagster_plus_k8s_helpers.agent.waivers import read_waiver
from dagster_plus_k8s_helpers.plan.rules import (
    AGAINST_SCHEMA,
    BAD_WAIVER,
    FITS_NOWHERE,
    GPU_NOT_TOLERATED,
    KEY_NOT_IN_CLUSTER,
    LIMIT_ABOVE_NODE,
    NOT_IN_CLUSTER,
    NOT_PROVIDED,
    NOT_SAID_BY_CLUSTER,
    PLAN_RULES,
    QUOTA_USED_UP,
    REFUSED_BY_CLUSTER,
    REQUEST_FAR_BELOW_NODE,
    TOLERATION_WITHOUT_GPU,
    UNUSED_WAIVER,
)
from dagster_plus_k8s_helpers.plan.subjects import Hit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.plan.subjects import Asked, Surroundings

__all__ = [
    "OF_DEFINITIONS",
    "WAIVER_TAG",
    "Waivers",
    "specs_by_step",
    "unused_waivers",
    "waived_by_definitions",
    "waivers_of",
]

WAIVER_TAG = "dagster-plus-k8s/ignore"

OF_DEFINITIONS = "the definitions"


class _Owner(NamedTuple):
    """Whose a waiver is: a step's, a job's, or that of all definitions."""

    step: str = ""
    of: str = ""

    @property
    def is_of_job(self) -> bool:
        """Whether it is one job's, and no other's."""
        return not self.step and self.of != OF_DEFINITIONS


@dataclass(frozen=True)
class Waivers:
    """What definitions, a job, and its assets, checks and ops waive.

    Attributes:
        codes: Codes by whose they are.
        mistakes: Waivers that waive nothing, for they say no code that there is, or no reason.
    """

    codes: Mapping[_Owner, frozenset[str]] = field(default_factory=dict)
    mistakes: tuple[Hit, ...] = ()

    def left_of(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        """The hits without those that are waived."""
        of_all = {code for owner, codes in self.codes.items() if not owner.step for code in codes}
        for hit in hits:
            if hit.rule.code in of_all:
                continue
            steps = tuple(key for key in hit.steps if hit.rule.code not in self.codes.get(_Owner(key), ()))
            if steps or not hit.steps:
                yield hit._replace(steps=steps)

    def used_by(self, hits: Iterable[Hit]) -> Iterator[tuple[_Owner, str]]:
        """What of the waivers waives any of the hits."""
        of_all = [owner for owner in self.codes if not owner.step]
        for hit in hits:
            for owner in [*(_Owner(key) for key in hit.steps), *of_all]:
                if hit.rule.code in self.codes.get(owner, ()):
                    yield owner, hit.rule.code


def waivers_of(asked: Asked, of_definitions: Mapping[str, Any]) -> Waivers:
    """What a job, its assets, checks and ops, and all definitions waive.

    Args:
        asked: The job.
        of_definitions: Metadata of the definitions.
    """
    mistakes: list[Hit] = []
    found: dict[_Owner, frozenset[str]] = {}

    def add(owner: _Owner, waivers: Iterable[_Waiver]) -> None:
        codes: set[str] = set()
        for waiver in waivers:
            codes |= waiver.codes
            steps = (owner.step,) if owner.step else ()
            mistakes.extend(Hit(BAD_WAIVER, mistake, steps, owner.of) for mistake in waiver.mistakes)
        if codes:
            found[owner] = frozenset(codes)

    specs = dict(specs_by_step(asked))
    in_source: dict[CodeType, list[_Waiver]] = {}
    for step in asked.steps:
        function = function_of(asked.job, step)
        if function is not None and function.__code__ not in in_source:
            in_source[function.__code__] = list(_in_source(function))
        comments = [] if function is None else in_source[function.__code__]
        add(_Owner(step.key), [*_of_step(step, specs[step.key]), *comments])
    add(_Owner(of="the job"), [_of_metadata(asked.job.metadata.get(WAIVER_TAG))])
    add(_Owner(of=OF_DEFINITIONS), [_of_metadata(of_definitions.get(WAIVER_TAG))])
    return Waivers(found, tuple(mistakes))


def waived_by_definitions(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The codes that definitions waive wherever they are found, be it in the files given with them.

    Args:
        metadata: Of the definitions.
    """
    return _of_metadata(metadata.get(WAIVER_TAG)).codes


def unused_waivers(
    waivers: Waivers, used: Iterable[tuple[_Owner, str]], around: Surroundings
) -> Iterator[Hit]:
    """Waivers of what is not found, among those of what is looked for.

    Args:
        waivers: The waivers.
        used: What of them waives something.
        around: Without the files, any finding may come of them; without nodes, a version or a cluster, those
            by them.
    """
    if around.agent is None or around.location is None:
        return
    not_looked_for = {
        *(() if around.pools else (rule.code for rule in _OF_NODES)),
        *(() if around.kubernetes_version else (AGAINST_SCHEMA.code,)),
        # The cluster answers what the values are else held against.
        *((NOT_PROVIDED.code,) if around.objects else (NOT_IN_CLUSTER.code, NOT_SAID_BY_CLUSTER.code)),
        *(() if around.objects and around.objects.reads_keys else (KEY_NOT_IN_CLUSTER.code,)),
        *(
            ()
            if around.objects and around.objects.dry_runs
            else (REFUSED_BY_CLUSTER.code, QUOTA_USED_UP.code)
        ),
    }
    known = set(used)
    for owner, codes in waivers.codes.items():
        for code in sorted(codes - not_looked_for):
            if (owner, code) not in known:
                steps = (owner.step,) if owner.step else ()
                yield Hit(UNUSED_WAIVER, f"{WAIVER_TAG} names {code}, which is not found", steps, owner.of)


_OF_NODES = (
    FITS_NOWHERE,
    GPU_NOT_TOLERATED,
    LIMIT_ABOVE_NODE,
    REQUEST_FAR_BELOW_NODE,
    TOLERATION_WITHOUT_GPU,
)
_CODES = frozenset(rule.code for rule in PLAN_RULES)


class _Waiver(NamedTuple):
    codes: frozenset[str] = frozenset()
    mistakes: tuple[str, ...] = ()


def _of_step(step: Step, specs: Iterable[dg.AssetSpec | dg.AssetCheckSpec]) -> Iterator[_Waiver]:
    """What the metadata of its assets and checks waive, and its tags."""
    yield from (_of_metadata((spec.metadata or {}).get(WAIVER_TAG)) for spec in specs)
    yield _of_metadata(step.tags.get(WAIVER_TAG))


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


def _in_source(function: Callable[..., Any]) -> Iterator[_Waiver]:
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
            if waiver.is_malformed:
                yield _Waiver(mistakes=(f"{place} waives nothing as it is spelt",))
                continue
            yield _judged(waiver.codes, place, has_reason=bool(waiver.reason))


def _of_metadata(given: Any) -> _Waiver:
    """What a value under the key waives, and what is wrong with it."""
    value = getattr(given, "data", getattr(given, "value", given))
    if value is None:
        return _Waiver()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = str(value)
    if not isinstance(value, Mapping):
        return _Waiver(mistakes=(f"{WAIVER_TAG} is {value!r}, which is no {{CODE: reason}}",))
    good = {str(code) for code, reason in value.items() if isinstance(reason, str) and reason.strip()}
    found = _judged(good, WAIVER_TAG, has_reason=True)
    bad = frozenset(str(code) for code in value) - good
    return _Waiver(found.codes, (*found.mistakes, *_judged(bad, WAIVER_TAG, has_reason=False).mistakes))


def _judged(codes: Iterable[str], place: str, *, has_reason: bool) -> _Waiver:
    named = sorted({code.upper() for code in codes})
    if not has_reason:
        text = f"{place} gives no reason for {', '.join(named)}"
        return _Waiver(mistakes=(text,) if named else ())
    mistakes = tuple(
        f"{place} names {code}, which is no rule for definitions" for code in named if code not in _CODES
    )
    return _Waiver(frozenset(named) & _CODES, mistakes)
