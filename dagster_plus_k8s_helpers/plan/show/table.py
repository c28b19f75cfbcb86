"""A plan as a table for a terminal: a row a pod, and what they ask for together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from dagster_plus_k8s_helpers.capacity.gpus import is_gpu
from dagster_plus_k8s_helpers.capacity.totals import amounts_of
from dagster_plus_k8s_helpers.plan.queues import demand, never_admitted, queue_of
from dagster_plus_k8s_helpers.plan.show.node_words import node_words
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.capacity.totals import Amounts, Peak
    from dagster_plus_k8s_helpers.plan.merge.pods import Container, Pod
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, RunPodShare, StepPlan

__all__ = ["fit_lines", "plan_table", "queue_lines", "summary_lines"]

_MOST_NAMED = 3


def plan_table(plan: RunPlan) -> Table:
    """A row for the run's pod and for each step."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Pod of", overflow="fold")
    for heading in ("CPU", "Memory", "GPU"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Nodes", overflow="fold")
    table.add_row(f"run of {plan.job}", *_amounts(plan.run.container), _nodes(plan.run))
    for step in plan.steps.values():
        if step.pod is None:
            where = _elsewhere(step, shares=plan.run_pod_concurrency is not None)
            table.add_row(f"  {step.key}", *_amounts(step.asked), where, style="dim")
        else:
            cpu, memory, gpu = _range(step)
            up_to = f", up to {step.last_memory.limit}" if step.last_memory else ""
            table.add_row(f"  {step.key}", cpu, f"{memory}{up_to}", gpu, _nodes(step.pod))
    return table


def summary_lines(plan: RunPlan) -> Iterator[str]:
    """What the pods ask for together, in sentences."""
    own = [step for step in plan.steps.values() if step.pod is not None]
    concurrent = "no limit" if plan.max_concurrent is None else str(plan.max_concurrent)
    yield f"executor {plan.executor}; steps at once: {concurrent}"
    if own:
        yield f"at one time {_between(plan.peak)}"
        silent = _silent(plan)
        if plan.last_peak != plan.peak:
            yield f"and {_between(plan.last_peak)} with each memory ladder at its last rung"
        if plan.smallest_peak != plan.peak:
            yield f"and {_between(plan.smallest_peak)} with each step at the smallest size that it may get"
        yield from _sizes(plan)
        if silent:
            yield f"not in this, since they request neither CPU nor memory: {silent}"
    share = plan.in_run_pod
    if share is not None and plan.run_pod_concurrency is not None:
        yield _share_said(plan, share)
    elif share is not None:
        limits = ", ".join(f"{name} {amount}" for name, amount in share.limits.items()) or "no limits"
        asked = f"{_together(share.largest)} at most and {_together(share.total)} in all"
        yield (
            f"steps run in the run's pod ({limits}); their op tags ask for "
            f"{asked if share.ignored else 'nothing'}"
        )
        if share.ignored:
            yield f"nobody reads the op tags of {', '.join(share.ignored)}"


def _share_said(plan: RunPlan, share: RunPodShare) -> str:
    """What the run's pod holds beside the run worker, where other steps have pods of their own."""
    inside = _named([step.key for step in plan.steps.values() if step.runs_in == "run pod"])
    limits = ", ".join(f"{name} {amount}" for name, amount in share.limits.items()) or "no limits"
    asked = (
        f"they ask for {_together(share.at_once)} at one time" if share.ignored else "they ask for nothing"
    )
    return f"in the run's pod ({limits}), {plan.run_pod_concurrency} at once: {inside}; {asked}"


def fit_lines(plan: RunPlan, pools: Sequence[NodePool]) -> Iterator[str]:
    """What fits nowhere, in the scheduler's words, or grows until it does not; or that everything fits."""
    fits = plan.fit(pools)
    homeless = {name: fit for name, fit in fits.items() if not fit}
    for name, fit in homeless.items():
        yield f"{name}: {fit.message}"
    if not homeless:
        yield "every pod fits the nodes given"
    for key, fit in plan.last_fit(pools).items():
        memory = plan.steps[key].last_memory
        if not fit and key not in homeless and memory is not None:
            yield f"{key}: with its memory ladder at {memory.limit}: {fit.message}"


def _sizes(plan: RunPlan) -> Iterator[str]:
    """What decides sizes at launch, and for which steps."""
    deciders: dict[str, list[str]] = {}
    for step in plan.steps.values():
        if step.size is not None:
            deciders.setdefault(str(step.size), []).append(step.key)
    for by, keys in deciders.items():
        yield f"size of {_named(keys)}: {by}"


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def queue_lines(plan: RunPlan, quotas: Quotas) -> Iterator[str]:
    """What the run asks of each queue beside its quota, and who is never admitted; or that all can be."""
    for name, peak in demand(plan, quotas).items():
        quota, free = _listed(quotas.nominal(name)), quotas.free(name)
        now = "" if free is None else f"; of that not given yet: {_listed(free)}"
        waiting = f"; {quotas.waiting(name)} workloads wait in it" if quotas.waiting(name) else ""
        yield f"ClusterQueue {name}: at one time {_between(peak)}; its nominal quota: {quota}{now}{waiting}"
    never = never_admitted(plan, quotas)
    for name, why in never.items():
        yield f"{name}: never admitted: {why}"
    if not never:
        yield "every pod that is in a queue can be admitted"


def _listed(amounts: Mapping[str, Quantity]) -> str:
    return ", ".join(f"{resource} {amount}" for resource, amount in sorted(amounts.items())) or "none"


def _amounts(container: Container) -> tuple[str, str, str]:
    resources = {
        name: (container.requests.get(name), container.limits.get(name))
        for name in {**container.requests, **container.limits}
    }
    gpus = [name for name in resources if is_gpu(name)]
    return (
        _pair(*resources.get("cpu", (None, None))),
        _pair(*resources.get("memory", (None, None))),
        ", ".join(_pair(*resources[name]) for name in gpus) or "-",
    )


def _range(step: StepPlan) -> tuple[str, ...]:
    """The amounts of a step, from the smallest to the largest that it may get."""
    largest = _amounts(step.own_pod.container)
    if step.smallest is None:
        return largest
    pairs = zip(_amounts(step.smallest.container), largest, strict=True)
    return tuple(most if least == most else f"{least} to {most}" for least, most in pairs)


def _pair(request: str | None, limit: str | None) -> str:
    """``request / limit``; a single figure is a limit alone, and Kubernetes then requests as much."""
    if request is None:
        return limit or "-"
    return f"{request} / {limit or '-'}"


def _nodes(pod: Pod) -> Text:
    """As it is, with the queue in front: the brackets of an affinity are no markup."""
    lines = [one_line(word.line) for word in node_words(pod.spec_template)] or ["any"]
    if queue := queue_of(pod):
        lines.append(one_line(f"queue {queue}"))
    return Text("\n".join(lines))


def _elsewhere(step: StepPlan, *, shares: bool) -> str:
    if shares and step.runs_in == "run pod":
        return "in the run's pod"
    return "in the run's pod; what it asks for is not read" if step.runs_in == "run pod" else "elsewhere"


def _between(peak: Peak) -> str:
    if peak.is_exact:
        return _together(peak.at_least)
    if peak.at_most is None:
        return f"at least {_together(peak.at_least)}; no bound above"
    return f"between {_together(peak.at_least)} and {_together(peak.at_most)}"


def _silent(plan: RunPlan) -> str:
    """The pods that the scheduler sets no CPU and no memory aside for."""
    pods = {f"the run of {plan.job}": plan.run}
    pods |= {step.key: step.pod for step in plan.steps.values() if step.pod is not None}
    names = [
        name
        for name, pod in pods.items()
        if not (amounts := amounts_of(pod.spec_template, name)).cpu and not amounts.memory
    ]
    return _named(names)


def _together(amounts: Amounts) -> str:
    parts = [
        f"{amounts.cpu.normalize():f} CPU" if amounts.cpu else "",
        f"{_bytes(amounts.memory)} memory" if amounts.memory else "",
        f"{amounts.gpu.normalize():f} GPU" if amounts.gpu else "",
    ]
    return ", ".join(filter(None, parts)) or "nothing"


def _bytes(amount: Decimal) -> str:
    """Bytes as people write them: the largest binary unit of which there is at least one."""
    for exponent, unit in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
        if amount >= 2**exponent:
            return f"{round(float(amount) / 2**exponent, 1):g}{unit}"
    return Quantity(amount).canonical
