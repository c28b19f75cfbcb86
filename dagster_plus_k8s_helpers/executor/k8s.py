"""`k8s_executor`: the k8s job executor, its whole configuration typed, as defaults a launch can override."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

import dagster as dg

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.names import check_dns_label, check_dns_subdomain, check_image

__all__ = ["OpName", "TagConcurrencyLimit", "k8s_executor"]

OpName: TypeAlias = str | dg.AssetKey
"""An op by its name, or an asset by its key: ``"train"``, ``"ml/train"``, ``AssetKey(["ml", "train"])``."""


class TagConcurrencyLimit(TypedDict):
    """How many steps with a tag may run at once in one run.

    Keys:
        key: Key of the op tag.
        limit: How many.
        value: The tag's value; or ``{"applyLimitPerUniqueValue": True}`` for a limit of its own for each
            value; every value together when left out.
    """

    key: str
    limit: int
    value: NotRequired[str | Mapping[str, bool]]


def k8s_executor(
    *,
    max_concurrent: int | None = None,
    tag_concurrency_limits: Sequence[TagConcurrencyLimit] = (),
    step_config: K8sConfig | None = None,
    per_step_config: Mapping[OpName, K8sConfig] | None = None,
    namespace: str | None = None,
    image: str | None = None,
    service_account_name: str | None = None,
    retries: Literal["enabled", "disabled", "deferred"] = "enabled",
    owner_references: bool = True,
    require_upstream_step_success: bool = True,
    load_incluster_config: bool | None = None,
    kubeconfig_file: str | None = None,
    name: str = "k8s",
) -> dg.ExecutorDefinition:
    """An executor that runs each step in a Kubernetes Job of its own.

    It is ``dagster_k8s.k8s_job_executor`` with these defaults. A launch can override each of them under
    ``execution: config:`` by the stock executor's names. Nothing here looks for a cluster, nor imports
    ``dagster_k8s``, before a job uses the executor: definitions load anywhere and quickly.

    What the stock executor takes of a pod (labels, volumes, environment, ...) goes into ``step_config``.

    Args:
        max_concurrent: Steps of one run that may be in pods at once; no limit when left out.
        tag_concurrency_limits: The same by op tag.
        step_config: What every step pod gets beneath its op tags.
        per_step_config: What single steps get above their op tags, by op name or asset key; for a mapped
            op one entry covers all its steps.
        namespace: Namespace of the Jobs; the run's own when left out.
        image: Image of the steps; the code location's when left out.
        service_account_name: Service account of the step pods.
        retries: Whether ops may be retried, or only by a parent run (``deferred``).
        owner_references: Whether step Jobs go when the run pod goes; its service account then needs
            ``get`` on pods.
        require_upstream_step_success: Whether a step waits for the whole upstream step, instead of for
            the outputs it takes.
        load_incluster_config: Whether to use the pod's service account; the run launcher's setting when
            left out.
        kubeconfig_file: Path of a kubeconfig file, instead of the service account.
        name: Name of the executor.

    Raises:
        K8sConfigError: A value that the stock executor refuses, or settings that exclude each other.

    Source: https://docs.dagster.io/integrations/libraries/k8s/dagster-k8s#dagster_k8s.k8s_job_executor
    """
    if max_concurrent is not None:
        _check_count("max_concurrent", max_concurrent)
    if load_incluster_config and kubeconfig_file is not None:
        raise K8sConfigError("goes with load_incluster_config=False only", where="kubeconfig_file")
    if retries not in _RETRY_MODES:
        raise K8sConfigError(f"{retries!r} is none of {', '.join(_RETRY_MODES)}", where="retries")
    for index, limit in enumerate(tag_concurrency_limits):
        _check_limit(f"tag_concurrency_limits[{index}]", limit)
    _check_text("namespace", namespace, check_dns_label)
    _check_text("image", image, check_image)
    _check_text("service_account_name", service_account_name, check_dns_subdomain)
    per_step = _by_op_name(per_step_config or {})
    settings: dict[str, object] = {
        "max_concurrent": max_concurrent,
        "tag_concurrency_limits": [dict(limit) for limit in tag_concurrency_limits] or None,
        "step_k8s_config": _checked_config("step_config", step_config or K8sConfig()).to_dict() or None,
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
    defaults = {key: value for key, value in settings.items() if value is not None}
    return _dagster.LateExecutorDefinition(name, lambda: _with_defaults(name, defaults))


_RETRY_MODES = ("enabled", "disabled", "deferred")


def _with_defaults(name: str, defaults: Mapping[str, Any]) -> dg.ExecutorDefinition:
    """The stock executor with other defaults, each of which a launch can still override."""
    from dagster_k8s import k8s_job_executor

    stock_fields = _dagster.config_fields(k8s_job_executor)
    schema = {key: _with_default(field, defaults.get(key)) for key, field in stock_fields.items()}

    @dg.executor(name=name, config_schema=schema, requirements=k8s_job_executor.get_requirements)
    def executor(init_context: dg.InitExecutorContext) -> dg.Executor:
        return _dagster.create_executor(k8s_job_executor, init_context)

    return executor


def _with_default(field: dg.Field, default: object) -> dg.Field:
    if default is None:
        return field
    return dg.Field(
        field.config_type, default_value=default, is_required=False, description=field.description
    )


def _check_count(where: str, count: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool):
        raise K8sConfigError(f"must be a whole number, not {count!r}", where=where)
    if count < 1:
        raise K8sConfigError(f"{count} is below 1; leave it out for no limit", where=where)


def _check_limit(where: str, limit: TagConcurrencyLimit) -> None:
    if not isinstance(limit, Mapping) or not {"key", "limit"} <= set(limit):
        raise K8sConfigError("must have a key and a limit", where=where)
    for name in set(limit) - {"key", "limit", "value"}:
        raise UnknownFieldError(name, ["key", "limit", "value"], of="TagConcurrencyLimit", where=where)
    _check_count(f"{where}.limit", limit["limit"])


def _check_text(where: str, value: str | None, check: Callable[[str], None]) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise K8sConfigError(f"must be text, not {value!r}", where=where)
    try:
        check(value)
    except K8sConfigError as error:
        raise error.within(where) from None


def _by_op_name(configs: Mapping[OpName, K8sConfig]) -> dict[str, Any]:
    by_op: dict[str, Any] = {}
    for key, config in configs.items():
        op_name = _op_name(key)
        where = f"per_step_config[{key!r}]"
        if op_name in by_op:
            raise K8sConfigError(f"the op {op_name!r} has an entry already", where=where)
        by_op[op_name] = _checked_config(where, config).to_dict()
    return by_op


def _op_name(key: OpName) -> str:
    """The name Dagster gives the op of an asset: ``ml__train`` for the key ``ml/train``."""
    if not isinstance(key, str | dg.AssetKey):
        raise K8sConfigError(
            f"the key {key!r} must be an op name or asset key, not {type(key).__name__}",
            where="per_step_config",
        )
    asset_key = dg.AssetKey.from_user_string(key) if isinstance(key, str) else key
    return asset_key.to_python_identifier()


def _checked_config(where: str, config: K8sConfig) -> K8sConfig:
    if not isinstance(config, K8sConfig):
        raise K8sConfigError(f"must be a K8sConfig, not {type(config).__name__}", where=where)
    return config
