"""What a plan asks of the queues that its Jobs name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.capacity.requests import pod_requests
from dagster_plus_k8s_helpers.capacity.totals import Amounts, Peak, Task, amounts_of, peak_of
from dagster_plus_k8s_helpers.errors import PlanError, QuantityError
from dagster_plus_k8s_helpers.plan.merge import unknown
from dagster_plus_k8s_helpers.pod.queues import KUEUE_QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan

__all__ = ["demand", "never_admitted", "queue_of", "why_never"]


def queue_of(pod: Pod) -> str:
    """The LocalQueue that the Job of a pod names; empty when it names none."""
    labels = pod.template.sent.manifest["metadata"].get("labels") or {}
    return str(labels.get(KUEUE_QUEUE) or "")


def why_never(pod: Pod, quotas: Quotas) -> str | None:
    """Why the queue of a pod never admits it; ``None`` when it may, or there is no queue.

    Args:
        pod: The pod.
        quotas: The queues of the cluster.

    Raises:
        PlanError: It asks for something that is no quantity.
    """
    queue = queue_of(pod)
    if not queue:
        return None
    try:
        return quotas.never(_namespace(pod), queue, pod_requests(pod.spec_template))
    except QuantityError as error:
        raise PlanError(f"queue {queue!r}: {error.reason}") from None


def never_admitted(plan: RunPlan, quotas: Quotas) -> dict[str, str]:
    """The pods that their queues never admit, with why: the run's as ``run of JOB``, steps by key.

    Args:
        plan: The plan.
        quotas: The queues of the cluster.
    """
    return {name: why for name, pod in _pods(plan) if (why := why_never(pod, quotas)) is not None}


def demand(plan: RunPlan, quotas: Quotas) -> dict[str, Peak]:
    """The most that the pods of a run ask for at one time of each ClusterQueue.

    Args:
        plan: The plan.
        quotas: The queues of the cluster.
    """
    of_run = _cluster_queue(plan.run, quotas)
    steps = {step.key: step.pod for step in plan.steps.values() if step.pod is not None}
    queues = {key: _cluster_queue(pod, quotas) for key, pod in steps.items()}
    found = {}
    for name in sorted({of_run, *queues.values()} - {""}):
        tasks = [
            Task(
                step.key,
                amounts_of(steps[step.key].spec_template, f"step {step.key!r}")
                if queues.get(step.key) == name
                else Amounts(),
                step.depends_on,
                step.is_mapped,
            )
            for step in plan.steps.values()
        ]
        run = amounts_of(plan.run.spec_template, "run") if of_run == name else Amounts()
        found[name] = peak_of(tasks, plan.max_concurrent).plus(run)
    return found


def _cluster_queue(pod: Pod, quotas: Quotas) -> str:
    found = quotas.cluster_queues_of(_namespace(pod), queue_of(pod))
    return found[0] if len(found) == 1 else ""


def _namespace(pod: Pod) -> str | None:
    """Where a Job goes; ``None`` when only the agent knows."""
    return None if pod.namespace == unknown.AGENT_NAMESPACE else pod.namespace


def _pods(plan: RunPlan) -> Iterator[tuple[str, Pod]]:
    yield f"run of {plan.job}", plan.run
    for step in plan.steps.values():
        if step.pod is not None:
            yield step.key, step.pod
