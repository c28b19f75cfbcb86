"""The config of a job's executor, as it is written and as the executor gets it, and whose ops it is for.

Dagster shows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._config import process_config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "ExecutorConfig",
    "executor_config_of",
    "launched_config",
    "op_names_of",
    "reads_op_tags",
    "unknown_settings",
]

_TOP = "config"


class ExecutorConfig(NamedTuple):
    """The config of a job's executor.

    Attributes:
        written: What ``configured`` and the job's own run config say, unchecked.
        resolved: The same as the executor gets it, with its defaults; ``None`` when Dagster refuses it. An
            enum, which Dagster makes of ``merge_behavior``, is the text that was written.
    """

    written: Mapping[str, Any]
    resolved: Mapping[str, Any] | None


def launched_config(job: dg.JobDefinition) -> dict[str, Any]:
    """What the job's own run config says to its executor."""
    launched = (job.run_config or {}).get("execution") or {}
    launched = launched.get(_TOP) if isinstance(launched, Mapping) else None
    return dict(launched) if isinstance(launched, Mapping) else {}


def executor_config_of(job: dg.JobDefinition) -> ExecutorConfig:
    """The config of a job's executor, when nothing is said at launch."""
    launched = launched_config(job)
    written = _as_written({**_configured(job.executor_def), **launched})
    return ExecutorConfig(written, _resolved(job.executor_def, launched))


def unknown_settings(
    executor: dg.ExecutorDefinition, launched: Mapping[str, Any]
) -> Mapping[str, Collection[str]]:
    """Settings that an executor does not have, each with those that it has.

    Args:
        executor: The executor; what it was ``configured`` with goes to the one that it was made from.
        launched: What a launch says under ``execution: config:``.
    """
    found: dict[str, Collection[str]] = {}
    made_from = getattr(executor.config_schema, "parent_def", None)
    for written, schema in ((_configured(executor), made_from), (launched, executor)):
        known = None if schema is None else _strict_fields(schema)
        if known is not None:
            found |= {str(key): known for key in written if key not in known}
    return found


def _strict_fields(executor: dg.ExecutorDefinition) -> Collection[str] | None:
    """The settings of an executor that takes no others."""
    of_config = executor.config_schema.as_field().config_type
    if not isinstance(of_config, dg.Shape):
        return None
    return [*of_config.fields, *of_config.field_aliases.values()]


def op_names_of(graph: dg.GraphDefinition) -> Iterator[str]:
    """The names by which a graph, and the graphs in it, use their ops."""
    for name, node in graph.node_dict.items():
        if isinstance(node.definition, dg.GraphDefinition):
            yield from op_names_of(node.definition)
        else:
            yield name


def reads_op_tags(executor: dg.ExecutorDefinition) -> bool:
    """Whether it is the other executor known to read the Kubernetes settings of op tags: that of Celery.

    Source: https://docs.dagster.io/integrations/libraries/k8s/dagster-celery-k8s
    """
    made_by = executor.executor_creation_fn
    return made_by is not None and made_by.__module__.startswith("dagster_celery_k8s.")


def _configured(executor: dg.ExecutorDefinition) -> Mapping[str, Any]:
    """What ``configured`` was given; nothing when that was a function which wants a launch's config."""
    config_of = getattr(executor.config_schema, "_config_fn", None)
    if config_of is None:
        return {}
    try:
        found = config_of({})
    # A function of the user's raises what it will.
    except Exception:  # noqa: BLE001
        return {}
    return found if isinstance(found, Mapping) else {}


def _resolved(executor: dg.ExecutorDefinition, launched: Mapping[str, Any]) -> Mapping[str, Any] | None:
    given = {_TOP: dict(launched)} if launched else {}
    try:
        accepted = process_config({_TOP: executor.config_schema.as_field()}, given)
        found = executor.apply_config_mapping(accepted.value or {}) if accepted.success else accepted
    # As above: ``configured`` calls the user's function.
    except Exception:  # noqa: BLE001
        return None
    if not found.success or found.value is None:
        return None
    resolved = found.value.get(_TOP)
    return _as_written(resolved) if isinstance(resolved, Mapping) else {}


def _as_written(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_written(item) for item in value]
    return value.value if isinstance(value, Enum) else value
