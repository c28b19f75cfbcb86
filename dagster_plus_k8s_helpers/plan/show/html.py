"""`html_report`: a plan as one page to look at, which needs no network and no server."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.totals import Amounts
from dagster_plus_k8s_helpers.findings.finding import Severity
from dagster_plus_k8s_helpers.plan.queues import never_admitted, queue_of
from dagster_plus_k8s_helpers.plan.show.html_demand import PodSizes, charts_of
from dagster_plus_k8s_helpers.plan.show.html_fields import FieldRow, fields_of
from dagster_plus_k8s_helpers.plan.show.html_graph import NODE_HEIGHT, NODE_WIDTH, layered, waves
from dagster_plus_k8s_helpers.plan.show.html_queues import queue_rows, queues_by_step
from dagster_plus_k8s_helpers.plan.show.html_sizes import RESOURCES, Bar, Size, amount_text
from dagster_plus_k8s_helpers.plan.show.html_usage import usage_rows, usage_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.fitting import Fit
    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, StepPlan
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["html_report"]


@answering
def html_report(
    plan: RunPlan,
    *,
    pools: Sequence[NodePool] = (),
    findings: Sequence[Finding] | None = None,
    usage: Mapping[str, Sequence[Usage]] | None = None,
    quotas: Quotas | None = None,
) -> str:
    """A plan as one HTML page: graph, sizes, demand, the origin of every field, and findings.

    The page is one file that loads nothing and works without JavaScript. Values that look like credentials
    are hidden. What pods of the same settings have in common is in it once.

    Args:
        plan: The plan.
        pools: The nodes of the cluster, to measure the pods with; without them the largest pod is.
        findings: What a check has to say of the run; ``None`` when nobody has checked.
        usage: What attempts of its steps took, by step key, to show beside what they ask for.
        quotas: The queues of the cluster, to measure what the run asks of them with.

    Raises:
        PlanError: A pod asks for something that is no quantity.
    """
    is_checked, findings = findings is not None, findings or ()
    sizes = PodSizes(plan, pools)
    blocks = _Blocks()
    depends_on = {key: step.depends_on for key, step in plan.steps.items()}
    about = _findings_by_step(findings, plan.steps)
    number = {key: index for index, key in enumerate(plan.steps, 1)}
    queues, never = queues_by_step(plan), {} if quotas is None else never_admitted(plan, quotas)
    steps = [
        replace(
            _step(step, number, sizes, blocks, about),
            queue=queues.get(step.key, ""),
            never=never.get(step.key, ""),
        )
        for step in plan.steps.values()
    ]
    columns = waves(depends_on)
    specs = {key: step.pod.spec_template for key, step in plan.steps.items() if step.pod}
    taken = usage_rows(specs, usage or {}, number)
    return (
        _template()
        .render(
            plan=plan,
            run=_RunView(
                sizes.run,
                sizes.bars_of(sizes.run),
                blocks.of(plan.run),
                queue_of(plan.run),
                never.get(f"run of {plan.job}", ""),
            ),
            queues=queue_rows(plan, quotas),
            steps=steps,
            graph=layered(depends_on),
            node=(NODE_WIDTH, NODE_HEIGHT),
            waves=columns,
            charts=charts_of(plan, sizes, columns),
            groups=sizes.groups(),
            usage=usage_table(taken) if taken else "",
            scale=[(label, amount_text(name, getattr(sizes.scale, name))) for name, label in sizes.resources],
            number=number,
            pools=pools,
            shares=_shares(plan),
            homeless=[step for step in steps if step.fit is not None and not step.fit],
            findings=[
                (finding, [key for key, of in about.items() if finding in of])
                for finding in sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
            ],
            is_checked=is_checked,
            most_cards=_MOST_CARDS,
            most_steps=_MOST_STEPS,
            errors=sum(finding.severity is Severity.ERROR for finding in findings),
            warnings=sum(finding.severity is Severity.WARNING for finding in findings),
        )
        .lstrip()
    )


# The graph is what one comes for: it stays in sight below them.
_MOST_CARDS = 2
_MOST_STEPS = 5


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of fields that are on the page once: `is_first` where, elsewhere there is a link to it."""

    number: int
    rows: Sequence[FieldRow]
    is_first: bool


@dataclass(frozen=True, slots=True)
class _RunView:
    size: Size
    bars: Sequence[Bar]
    blocks: Sequence[_Block]
    queue: str
    never: str


@dataclass(frozen=True, slots=True)
class _StepView:
    """A step as the page shows it."""

    number: int
    key: str
    short: str
    plan: StepPlan
    waits_for: Sequence[str]
    size: Size
    bars: Sequence[Bar]
    fit: Fit | None
    blocks: Sequence[_Block]
    findings: Sequence[Finding]
    queue: str = ""
    never: str = ""

    @property
    def needs_care(self) -> bool:
        """Whether something is wrong with it."""
        return bool(self.findings or self.never) or (self.fit is not None and not self.fit)


class _Blocks:
    """Numbers the rows of pods; equal ones get one number."""

    def __init__(self) -> None:
        self._of_template: dict[object, tuple[tuple[FieldRow, ...], ...]] = {}
        self._numbers: dict[tuple[FieldRow, ...], int] = {}

    def of(self, pod: Pod) -> list[_Block]:
        """What the layers set of a pod, and what Dagster adds of itself."""
        if pod.template not in self._of_template:
            rows = fields_of(pod.template)
            self._of_template[pod.template] = (
                tuple(row for row in rows if not row.is_dagsters),
                tuple(row for row in rows if row.is_dagsters),
            )
        return [self._block(rows) for rows in self._of_template[pod.template]]

    def _block(self, rows: tuple[FieldRow, ...]) -> _Block:
        is_first = rows not in self._numbers
        return _Block(self._numbers.setdefault(rows, len(self._numbers) + 1), rows, is_first)


def _step(
    step: StepPlan,
    number: dict[str, int],
    sizes: PodSizes,
    blocks: _Blocks,
    about: dict[str, list[Finding]],
) -> _StepView:
    size = sizes.of_step(step)
    return _StepView(
        number[step.key],
        step.key,
        _shortened(step.key),
        step,
        sorted(step.depends_on & number.keys(), key=number.__getitem__),
        size,
        sizes.bars_of(size),
        sizes.fit_of(step.pod) if step.pod else None,
        blocks.of(step.pod) if step.pod else (),
        about.get(step.key, ()),
    )


def _shares(plan: RunPlan) -> list[tuple[str, str, str, str]]:
    """The run's pod beside what the ops inside it ask for."""
    share = plan.in_run_pod
    if share is None:
        return []
    limits = Amounts.of({}, share.limits, "run")
    return [
        (
            label,
            amount_text(name, getattr(limits, name)),
            amount_text(name, getattr(share.largest, name)),
            amount_text(name, getattr(share.total, name)),
        )
        for name, label in RESOURCES
    ]


def _findings_by_step(findings: Iterable[Finding], steps: Iterable[str]) -> dict[str, list[Finding]]:
    """The findings about each step."""
    about: dict[str, list[Finding]] = {key: [] for key in steps}
    for finding in findings:
        for key in finding.steps:
            if key in about:
                about[key].append(finding)
    return about


def _shortened(key: str, columns: int = 22) -> str:
    """A name as long as the box of the graph has room for; wide characters count twice."""
    used = 0
    for index, character in enumerate(key):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return key[: max(1, index - 1)] + "…"
    return key


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = _file("report.css"), _file("report.js")
    environment.globals.update(
        # Ours, and without markup of their own; whatever comes from a plan is escaped.
        style=Markup(style),  # noqa: S704 - see above
        script=Markup(script),  # noqa: S704 - see above
        # A value that were not escaped still could not run.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return environment.from_string(_file("report.html"))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
