"""``dagster-plus-k8s plan``: the pods of a run, before it runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import click

from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.given import FILE, given
from dagster_plus_k8s_helpers.commands.loading import pools_of, quotas_of, quotas_of_cluster
from dagster_plus_k8s_helpers.commands.planning import plan_options
from dagster_plus_k8s_helpers.commands.usage import by_step, refuse_lone_runs, usage_options
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import console, one_line, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.commands.planning import Planning
    from dagster_plus_k8s_helpers.commands.usage import UsageSource
    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["plan"]

_DOES_NOT_FIT = 1
_WIDE = 110


@click.command(
    epilog=examples(
        "plan -m shop.definitions --agent values.yaml --location dagster_cloud.yaml",
        "plan -m shop.definitions --job nightly --nodes nodes.yaml",
        "plan -m shop.definitions --agent values.yaml -o html > plan.html",
        "# what a change does: saved before it, compared after it",
        "plan -m shop.definitions --agent values.yaml -o json > before.json",
        "plan -m shop.definitions --agent values.yaml --diff before.json",
    )
)
@plan_options
@usage_options
@click.option("--job", metavar="JOB", help="The job; the implicit asset job when left out.")
@click.option("--select", "selection", metavar="SELECTION", help="Which of its assets, such as 'group:ml'.")
@click.option(
    "--nodes",
    type=FILE,
    help="Node pools, or what `kubectl get nodes -o json` printed; - reads standard input.",
)
@click.option(
    "--queues",
    type=FILE,
    help="What `kubectl get clusterqueues,localqueues -A -o yaml` printed, of Kueue.",
)
@click.option(
    "--cluster",
    is_flag=True,
    help="Read the queues, and what they have given, from the cluster of your kubeconfig.",
)
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig to ask; the current when left out."
)
@click.option(
    "--diff",
    "earlier",
    type=FILE,
    metavar="OLD",
    help="Show what is different from an earlier plan, that -o json wrote, instead of the plan; or -.",
)
@output_option("text", "yaml", "json", "html", "markdown")
def plan(
    planning: Planning,
    *,
    source: UsageSource,
    job: str | None,
    selection: str | None,
    nodes: str | None,
    queues: str | None,
    cluster: bool,
    context: str | None,
    earlier: str | None,
    form: str,
) -> None:
    """Show the pod of a run and of each of its steps, as dagster_k8s will make them.

    With prices in the file of nodes it says what a run costs; how long steps take is read where --instance or
    --url says.

    With --diff it says what is different from an earlier plan: by pod and field, with the layer that set it;
    the peak, and what a run costs, before and after.

    Exit code 0: planned, and every pod fits the nodes and quotas given, if any are. 1: a pod fits none of the
    nodes, or is never admitted by its queue. 2: there is no plan, or the command was used wrongly.
    """
    if cluster and queues is not None:
        raise click.UsageError("the queues come from --queues or from --cluster; give one of them")
    refuse_lone_runs("--instance or --url", is_there=source.is_given)
    if context is not None and not cluster:
        raise click.UsageError("--context goes with --cluster")
    if earlier is None and form == "markdown":
        raise click.UsageError("-o markdown goes with --diff")
    if earlier is not None and form in {"yaml", "html"}:
        raise click.UsageError("--diff is written with -o text, json or markdown")
    made = planning.plan(job, selection)
    pools = None if nodes is None else pools_of(nodes)
    quotas = quotas_of_cluster(context) if cluster else None if queues is None else quotas_of(queues)
    try:
        fits = pools is None or all(made.fit(pools).values())
        fits = fits and (quotas is None or not _never(made, quotas))
        findings = planning.findings(made, pools or ()) if form == "html" else None
        usage = by_step(source.read([made.job]), planning.partition) if source.is_given else {}
        if earlier is None:
            _print(made, _Cluster(pools, quotas), form, findings, usage)
        else:
            _print_diff(earlier, made, _Cluster(pools, quotas), form, usage)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    if not fits:
        raise click.exceptions.Exit(_DOES_NOT_FIT)


class _Cluster(NamedTuple):
    """What is known of the cluster."""

    pools: list[NodePool] | None
    quotas: Quotas | None


def _never(made: RunPlan, quotas: Quotas) -> bool:
    from dagster_plus_k8s_helpers.plan.queues import never_admitted

    return bool(never_admitted(made, quotas))


def _print(
    made: RunPlan,
    cluster: _Cluster,
    form: str,
    findings: list[Finding] | None,
    usage: Mapping[str, Sequence[Usage]],
) -> None:
    if form == "yaml":
        from dagster_plus_k8s_helpers.plan.show.as_yaml import plan_yaml

        write(plan_yaml(made))
    elif form == "json":
        from dagster_plus_k8s_helpers.plan.show.as_json import plan_json

        write(plan_json(made, cluster.pools, usage, cluster.quotas))
    elif form == "html":
        from dagster_plus_k8s_helpers.plan.show.html import html_report

        pools, quotas = cluster.pools or (), cluster.quotas
        write(html_report(made, pools=pools, findings=findings, usage=usage, quotas=quotas))
    else:
        _print_table(made, cluster, usage)


def _print_diff(
    earlier: str,
    made: RunPlan,
    cluster: _Cluster,
    form: str,
    usage: Mapping[str, Sequence[Usage]],
) -> None:
    from dagster_plus_k8s_helpers.comparing.forms import written
    from dagster_plus_k8s_helpers.comparing.plans import compare_plans
    from dagster_plus_k8s_helpers.comparing.saved import read_plan
    from dagster_plus_k8s_helpers.plan.show.as_json import plan_json

    source = given(earlier)
    now = plan_json(made, cluster.pools, usage, cluster.quotas).encode()
    report = compare_plans(read_plan(source.content, source.name), read_plan(now, "the plan"))
    write(written(report, form, os.environ))


def _print_table(made: RunPlan, cluster: _Cluster, usage: Mapping[str, Sequence[Usage]]) -> None:
    from dagster_plus_k8s_helpers.capacity.prices import has_prices
    from dagster_plus_k8s_helpers.plan.costs import costs_of
    from dagster_plus_k8s_helpers.plan.show.costs import cost_lines, cost_table
    from dagster_plus_k8s_helpers.plan.show.table import (
        fit_lines,
        plan_table,
        queue_lines,
        summary_lines,
    )

    pools, quotas = cluster
    out = console(least=_WIDE)
    out.print(plan_table(made))
    for line in summary_lines(made):
        out.print(one_line(line), soft_wrap=True)
    for line in fit_lines(made, pools) if pools is not None else ():
        out.print(one_line(line), soft_wrap=True)
    for line in queue_lines(made, quotas) if quotas is not None else ():
        out.print(one_line(line), soft_wrap=True)
    if pools and has_prices(pools):
        costs = costs_of(made, pools, usage)
        out.print(cost_table(costs))
        for line in cost_lines(costs):
            out.print(one_line(line), soft_wrap=True)
