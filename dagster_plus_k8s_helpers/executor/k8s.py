"""`k8s_executor`: the k8s job executor, its whole configuration typed, as defaults a launch can override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.executor.given import (
    OpName,
    TagConcurrencyLimit,
    by_op_name,
    check_count,
    check_limit,
    check_switch,
    check_text,
    checked_config,
    in_run_pod_given,
)
from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
from dagster_plus_k8s_helpers.measuring.step import measure_this_step
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import RAW_FIELDS
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label, check_dns_subdomain, check_image
from dagster_plus_k8s_helpers.sizing.reading import size_tags
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
    from dagster_plus_k8s_helpers.sizing.strategy import SizeTags, Strategy

__all__ = ["OpName", "TagConcurrencyLimit", "k8s_executor"]

_ADVICE = {
    **dict.fromkeys(
        (*K8sConfig.FIELDS, "priority_class", *RAW_FIELDS, "merge_behavior"),
        "it goes into step_config=K8sConfig({name}=...)",
    ),
    **dict.fromkeys(
        ("cpu", "memory", "gpu", "ephemeral_storage", "extended"),
        "it goes into step_config=K8sConfig(resources=Resources({name}=...))",
    ),
    "config": "write step_config=K8sConfig(...)",
    "k8s_config": "write step_config=K8sConfig(...)",
    "env_vars": "it goes into step_config=K8sConfig(env={{...}})",
    "env_secrets": "it goes into step_config=K8sConfig(env_from=[SecretEnvSource(...)])",
    "env_config_maps": "it goes into step_config=K8sConfig(env_from=[ConfigMapEnvSource(...)])",
    "pod_template_spec_metadata": "it goes into step_config=K8sConfig(pod_metadata=...)",
    "job_config": "it goes into step_config=K8sConfig(job_spec_config=..., job_metadata=...)",
    "step_k8s_config": "write step_config=K8sConfig(...)",
    "per_step_k8s_config": "write per_step_config={{'OP': K8sConfig(...)}}",
    "job_namespace": "write namespace=...",
    "job_image": "write image=...",
    "enable_owner_references": "write owner_references=...",
    "step_dependency_config": "write require_upstream_step_success=...",
    "max_retries": "give the op a RetryPolicy; disruption_retries is for what the cluster takes down",
}
"""What to write instead of what goes elsewhere, or has another name in the stock executor."""


@_dagster.ExecutorFactory
@answering(advice=_ADVICE)
def k8s_executor(
    *,
    max_concurrent: int | None = None,
    tag_concurrency_limits: Sequence[TagConcurrencyLimit] = (),
    step_config: K8sConfig | None = None,
    queue: str | None = None,
    per_step_config: Mapping[OpName, K8sConfig] | None = None,
    namespace: str | None = None,
    image: str | None = None,
    service_account_name: str | None = None,
    retries: Literal["enabled", "disabled"] = "enabled",
    owner_references: bool = True,
    require_upstream_step_success: bool = True,
    size: SizeTags | Strategy | str | None = None,
    memory_ladder: MemoryLadder | None = None,
    disruption_retries: int = 2,
    start_timeout: float | None = 600.0,
    image_pull_grace: float = 300.0,
    fail_at_once: bool = True,
    autoscaler: bool = True,
    watch: bool = True,
    health_check_interval: float = 10.0,
    api_outage_tolerance: float = 600.0,
    call_timeout: float = 20.0,
    launch_qps: float = 50.0,
    launch_burst: int = 100,
    log_lines: int = 50,
    record_usage: bool | Literal["asset"] = True,
    in_run_pod: str | dg.AssetSelection | Sequence[OpName] | None = None,
    run_pod_concurrency: int = 4,
    load_incluster_config: bool | None = None,
    kubeconfig_file: str | None = None,
    name: str = "k8s",
) -> dg.ExecutorDefinition:
    """An executor that runs each step in a Kubernetes Job of its own.

    It does what ``dagster_k8s.k8s_job_executor`` does, with the same Jobs, and beyond that says why a pod
    failed or waits, gives an OOM more memory, and outlives an outage of the API server. A launch can override
    each default under ``execution: config:``, by the stock executor's names where it has the setting.
    Nothing here looks for a cluster, nor imports ``dagster_k8s``, before a job uses the executor: definitions
    load anywhere and quickly.

    What the stock executor takes of a pod (labels, volumes, environment, ...) goes into ``step_config``.

    Args:
        max_concurrent: Steps of one run that may be in pods at once; no limit when left out.
        tag_concurrency_limits: The same by op tag.
        step_config: What every step pod gets beneath its op tags.
        queue: The LocalQueue of Kueue that step Jobs wait in whose op tags name no other; short for
            ``step_config=K8sConfig(queue=...)``. Waiting there does not count towards ``start_timeout``.
        per_step_config: What single steps get above their op tags, by op name or asset key; for a mapped
            op one entry covers all its steps.
        namespace: Namespace of the Jobs; the run's own when left out.
        image: Image of the steps; the code location's when left out.
        service_account_name: Service account of the step pods.
        retries: Whether steps are launched again at all.
        owner_references: Whether step Jobs go when the run pod goes, or its Job where Dagster resumes the
            run; its service account then needs ``get`` on pods.
        require_upstream_step_success: Whether a step waits for the whole upstream step, instead of for
            the outputs it takes.
        size: What decides the size of each step just before it is launched: `sized_by`, `sized_by_partition`
            or `sized_by_usage`, or a function by itself; nothing when left out. The op tag
            ``dagster-plus-k8s/size`` (``sized_by(...)``, ``"off"``) says it for one step.
        memory_ladder: How much more memory a step gets that was OOMKilled; none when left out. The op tag
            ``dagster-plus-k8s/memory-ladder`` (``MemoryLadder(...).tags``, ``"on"``, ``"off"``) says it for
            one step.
        disruption_retries: How often a step is launched again that was evicted, drained, preempted or lost
            with its node, whatever it reported when it got SIGTERM. These do not count against the op's
            RetryPolicy, and are made without one.
        start_timeout: Seconds a step's pod may take to start; ``None`` for ever. The op tag
            ``dagster-plus-k8s/start-timeout`` (seconds, or ``"none"``) says it for one step.
        image_pull_grace: Seconds an image may fail to be pulled before the step fails.
        fail_at_once: Whether a pod that can never start (an invalid image name, a service account that does
            not exist, a policy that refuses it) fails without waiting for ``start_timeout``.
        autoscaler: Whether nodes may come with what no node has now. Without, a step that asks for a GPU that
            no node has fails at once, where the run's service account may list nodes.
        watch: Whether the API server tells what becomes of the step pods as it happens, on two connections a
            run: a failure is then told within 3 s, and a look makes no call. Off, or where the run's service
            account may not ``watch`` Jobs and pods, a look is two LIST calls.
        health_check_interval: Seconds between two looks at all step pods, however many.
        api_outage_tolerance: Seconds for which a launch is tried again while the API server does not answer,
            or answers 429 or 5xx. Steps that run are not touched by an outage, however long.
        call_timeout: Seconds one call to the API may take, from the look-up of its name to the last byte of
            its answer.
        launch_qps: Jobs created a second in the long run. The default is the kubelet's towards the API.
        launch_burst: Jobs created at once before ``launch_qps`` applies.
        log_lines: How many of the last lines of its log the failure of a step shows that died without a word;
            0 for none. What looks like a credential in them is masked.
        record_usage: Whether an event says what each attempt of a step took of memory and CPU, beside what it
            was given; ``"asset"`` writes it as an observation of the step's assets too, whose numbers the UI
            plots. Measured in the step's own process, where its image has this package.
        in_run_pod: Steps that run as processes of the run worker, in the run's pod: an asset selection, as
            text in Dagster's syntax or as an ``AssetSelection``; a list of ops and asset keys; or
            ``"small"``, those that ask for no more than 500m and 1Gi, or took no more before, and say nothing
            else of their pods. The op tag ``dagster-plus-k8s/runs-in`` (``"run-pod"``, ``"own-pod"``) says
            it for one step.
        run_pod_concurrency: How many of them run at once; the others wait.
        load_incluster_config: Whether to use the pod's service account; the run launcher's setting when
            left out.
        kubeconfig_file: Path of a kubeconfig file, instead of the service account.
        name: Name of the executor.

    Raises:
        K8sConfigError: A value that the stock executor refuses, or settings that exclude each other.

    Source: https://docs.dagster.io/integrations/libraries/k8s/dagster-k8s#dagster_k8s.k8s_job_executor
    """
    if not isinstance(name, str):
        raise K8sConfigError(f"must be text, not {name!r}", where="name")
    if max_concurrent is not None:
        check_count("max_concurrent", max_concurrent)
    check_switch("owner_references", owner_references)
    check_switch("require_upstream_step_success", require_upstream_step_success)
    check_switch("load_incluster_config", load_incluster_config or False)
    if load_incluster_config and kubeconfig_file is not None:
        raise K8sConfigError("goes with load_incluster_config=False only", where="kubeconfig_file")
    if retries not in _RETRY_MODES:
        raise K8sConfigError(f"{retries!r} is none of {', '.join(_RETRY_MODES)}", where="retries")
    for index, limit in enumerate(tag_concurrency_limits):
        check_limit(f"tag_concurrency_limits[{index}]", limit)
    check_text("namespace", namespace, check_dns_label)
    check_text("image", image, check_image)
    check_text("service_account_name", service_account_name, check_dns_subdomain)
    per_step = by_op_name(per_step_config or {})
    of_steps = checked_config("step_config", step_config or K8sConfig())
    if queue is not None:
        if of_steps.queue not in (None, queue):
            raise K8sConfigError(
                f"is {queue!r}, and that of step_config is {of_steps.queue!r}", where="queue"
            )
        of_steps |= K8sConfig(queue=queue)
    settings: dict[str, object] = {
        "max_concurrent": max_concurrent,
        "tag_concurrency_limits": [dict(limit) for limit in tag_concurrency_limits] or None,
        "step_k8s_config": of_steps.to_dict() or None,
        "per_step_k8s_config": per_step or None,
        "job_namespace": namespace,
        "job_image": image,
        "service_account_name": service_account_name,
        "retries": {retries: {}},
        "enable_owner_references": owner_references,
        "step_dependency_config": {"require_upstream_step_success": require_upstream_step_success},
        "load_incluster_config": False if kubeconfig_file is not None else load_incluster_config,
        "kubeconfig_file": kubeconfig_file,
    }
    beyond = ExecutorSettings(
        watch=watch,
        health_check_interval=health_check_interval,
        start_timeout=start_timeout,
        image_pull_grace=image_pull_grace,
        api_outage_tolerance=api_outage_tolerance,
        call_timeout=call_timeout,
        fail_at_once=fail_at_once,
        autoscaler=autoscaler,
        disruption_retries=disruption_retries,
        size=size_tags(size)[SIZE_TAG] if size is not None else None,
        memory_ladder=memory_ladder,
        launch_qps=launch_qps,
        launch_burst=launch_burst,
        log_lines=log_lines,
        record_usage=record_usage,
        in_run_pod=in_run_pod_given(in_run_pod),
        run_pod_concurrency=run_pod_concurrency,
    )
    if record_usage:
        measure_this_step()
    defaults = {key: value for key, value in settings.items() if value is not None}
    return _dagster.LateExecutorDefinition(name, lambda: _with_defaults(name, defaults, beyond))


_RETRY_MODES = ("enabled", "disabled")


def _with_defaults(name: str, defaults: Mapping[str, Any], beyond: ExecutorSettings) -> dg.ExecutorDefinition:
    """The stock executor with other defaults, each of which a launch can still override.

    What derives from dagster_k8s' own is not imported before it is needed.
    """
    from dagster_k8s import k8s_job_executor

    stock_fields = _dagster.config_fields(k8s_job_executor)
    schema = {key: _with_default(field, defaults.get(key)) for key, field in stock_fields.items()}
    schema.update(beyond.config_fields())

    @dg.executor(name=name, config_schema=schema, requirements=k8s_job_executor.get_requirements)
    def executor(init_context: dg.InitExecutorContext) -> dg.Executor:
        from dagster_plus_k8s_helpers.executor.loop import SupervisedExecutor  # noqa: PLC0415 - see above

        stock = _dagster.create_executor(k8s_job_executor, init_context)
        settings = ExecutorSettings.from_config(init_context.executor_config)
        return SupervisedExecutor(stock, settings, init_context.job.get_definition)

    return executor


def _with_default(field: dg.Field, default: object) -> dg.Field:
    if default is None:
        return field
    return dg.Field(
        field.config_type, default_value=default, is_required=False, description=field.description
    )
