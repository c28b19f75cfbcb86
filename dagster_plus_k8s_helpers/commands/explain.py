"""``dagster-plus-k8s explain``: which layer set each field of a pod, and what the others said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.planning import plan_options
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import console, json_text, write

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.commands.planning import Planning
    from dagster_plus_k8s_helpers.plan.run_plan import StepPlan

__all__ = ["explain"]

RUN = "-"
_WIDE = 200


def _title(step: StepPlan, job: str) -> str:
    if step.size is None:
        return f"{step.key} in {job}"
    at_most = ", at its largest" if step.smallest is not None else ""
    return f"{step.key} in {job}{at_most} (size: {step.size})"


@click.command(
    epilog=examples(
        "explain -m shop.definitions __ASSET_JOB orders memory",
        "explain -m shop.definitions --agent values.yaml nightly - serviceAccountName",
        "explain -m shop.definitions __ASSET_JOB orders resources -o json",
    )
)
@plan_options
@click.argument("job")
@click.argument("step")
@click.argument("field", default="")
@output_option("text", "json")
def explain(planning: Planning, job: str, step: str, field: str, form: str) -> None:
    """Print where each field of the pod of STEP in JOB comes from, as a tree.

    JOB is __ASSET_JOB for the implicit asset job, and STEP is - for the run's own pod. FIELD is a path such
    as spec.template.spec.tolerations, or the end of one, such as memory or limits.cpu; everything when left
    out. Exit code 2 when there is no such thing.
    """
    from dagster_plus_k8s_helpers.plan.show.explained import explained, explained_fields

    made = planning.plan(job)
    try:
        pod = made.run if step == RUN else made.steps[step].own_pod
        if form == "json":
            write(json_text(explained_fields(pod, field)))
            return
        tree = explained(pod, f"run of {job}" if step == RUN else _title(made.steps[step], job), field)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    console(least=_WIDE).print(tree)
