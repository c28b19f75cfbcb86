"""The rule for settings of pods where nobody reads them: metadata, the config of an op, a graph in a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_plus_k8s_helpers.check.subjects.registry import of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import OLD_TAG, Hit
from dagster_plus_k8s_helpers.check.subjects.waivers import OF_DEFINITIONS, specs_by_step
from dagster_plus_k8s_helpers.executor.settings import RUNS_IN_TAG, START_TIMEOUT_TAG
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.memory_ladder import MEMORY_LADDER_TAG
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked


_TAGS = (K8sConfig.TAG, OLD_TAG, MEMORY_LADDER_TAG, SIZE_TAG, START_TIMEOUT_TAG, RUNS_IN_TAG)


MISPLACED_CONFIG = Rule(
    "DPK581",
    Severity.WARNING,
    "Dagster reads the settings of pods in the tags of ops, jobs and runs; in metadata, in the config of an "
    "op or on a graph inside a job nobody reads them.",
    "write op_tags=... at an asset, tags=... at an op or a job",
)


@of_tags(MISPLACED_CONFIG)
def misplaced(asked: Asked) -> Iterator[Hit]:
    """Settings of pods where nobody reads them."""
    of_steps: dict[str, list[str]] = {}
    tags_of = {step.key: step.tags for step in asked.steps}
    for key, specs in specs_by_step(asked):
        for spec in specs:
            for tag in _found(spec.metadata, beside=tags_of[key]):
                kind = "check" if isinstance(spec, dg.AssetCheckSpec) else "asset"
                name = spec.name if isinstance(spec, dg.AssetCheckSpec) else spec.key.to_user_string()
                text = f"metadata of the {kind} {name!r}: nobody reads {tag!r} there; write it into op_tags"
                of_steps.setdefault(text, []).append(key)
    yield from (Hit(MISPLACED_CONFIG, text, tuple(dict.fromkeys(keys))) for text, keys in of_steps.items())
    for tag in _found(asked.job.metadata, beside=asked.job.run_tags):
        yield Hit(MISPLACED_CONFIG, f"its metadata: nobody reads {tag!r} there; write tags", of="the job")
    for tag in _found(asked.around.metadata):
        text = f"their metadata: nobody reads {tag!r} there; write op_tags, or with_k8s_config()"
        yield Hit(MISPLACED_CONFIG, text, of=OF_DEFINITIONS)
    for name, tag in _in_op_config((asked.job.run_config or {}).get("ops")):
        text = f"the config of the op {name!r}: nobody reads {tag!r} there; write tags of the op"
        yield Hit(MISPLACED_CONFIG, text, of="the job")
    for name, tag in _on_graphs(asked.job.graph):
        text = f"tags of the graph {name!r} in it: nobody reads {tag!r} there; write tags of its ops"
        yield Hit(MISPLACED_CONFIG, text, of="the job")


def _found(given: Mapping[str, Any] | None, *, beside: Mapping[str, str] | None = None) -> list[str]:
    """The tags in it, but for what is only shown there beside tags that are read."""
    return [tag for tag in _TAGS if tag in (given or {}) and tag not in (beside or {})]


def _in_op_config(ops: object) -> Iterator[tuple[str, str]]:
    """The ops whose config has a tag, in a run config and the graphs in it."""
    for name, given in ops.items() if isinstance(ops, Mapping) else ():
        if isinstance(given, Mapping):
            config = given.get("config")
            yield from ((name, tag) for tag in _found(config if isinstance(config, Mapping) else None))
            yield from _in_op_config(given.get("ops"))


def _on_graphs(graph: dg.GraphDefinition) -> Iterator[tuple[str, str]]:
    """The graphs in a graph that have a tag."""
    for name, node in graph.node_dict.items():
        if isinstance(node.definition, dg.GraphDefinition):
            yield from ((name, tag) for tag in _found(node.tags))
            yield from _on_graphs(node.definition)
