"""Settings that an executor does not have, and where what they say belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.executor_config import unknown_settings
from dagster_plus_k8s_helpers.arguments import unknown_argument
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.queues import KUEUE_QUEUE
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import dagster as dg

__all__ = ["settings_problem"]


def settings_problem(executor: dg.ExecutorDefinition, launched: Mapping[str, Any]) -> str | None:
    """What is wrong with the names of an executor's settings, and what to write; ``None`` when nothing is.

    Args:
        executor: The executor.
        launched: What a launch tells it, beside what it is configured with.
    """
    unknown = unknown_settings(executor, launched)
    problems = [f"{key!r}{_advice(key, known)}" for key, known in unknown.items()]
    return f"there is no setting {'; and no '.join(problems)}" if problems else None


def _advice(key: str, known: Collection[str]) -> str:
    return unknown_argument(key, known, _OF_PODS if _STEP_SETTINGS in known else _WITHOUT_PODS)


_STEP_SETTINGS = "step_k8s_config"


def _of_pods() -> Mapping[str, str]:
    """Advice for an executor with pods."""
    sections = {
        spelling: f"it belongs one level further in; write {_STEP_SETTINGS}: {{{{{section}: ...}}}}"
        for spelling, section in spellings(*SECTIONS, "merge_behavior").items()
    }
    fields = {
        name: f"it belongs in {_STEP_SETTINGS}: {{{{{row.section}: {{{{{row.key}: ...}}}}}}}}"
        for name, row in K8sConfig.FIELDS.items()
    }
    ours = "only k8s_executor() of dagster-plus-k8s-helpers has it"
    return {
        **dict.fromkeys(("memory_ladder", "start_timeout", "disruption_retries", "in_run_pod"), ours),
        **fields,
        **sections,
        "queue": f"write {_STEP_SETTINGS}: {{{{job_metadata: {{{{labels: {{{{{KUEUE_QUEUE}: ...}}}}}}}}}}}}",
        "step_config": f"write {_STEP_SETTINGS}",
        "per_step_config": "write per_step_k8s_config",
        "run_k8s_config": f"the pod of a run gets its job's tags; for steps write {_STEP_SETTINGS}",
        "namespace": "write job_namespace",
        "image": "write job_image",
        "job_wait_timeout": "celery_k8s_job_executor has it; the tag dagster/max_runtime ends a run",
    }


_OF_PODS = _of_pods()
_WITHOUT_PODS = dict.fromkeys(
    (*_OF_PODS, _STEP_SETTINGS, "per_step_k8s_config"),
    "it is for pods, and this executor makes none; use k8s_executor()",
)
