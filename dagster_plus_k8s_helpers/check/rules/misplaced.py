"""The rule for settings of pods where nobody reads them: metadata, the config of an op, a graph in a job."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_plus_k8s_helpers.check.subjects.registry import of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import OLD_TAG, Hit
from dagster_plus_k8s_helpers.check.subjects.waivers import OF_DEFINITIONS, specs_by_step
from dagster_plus_k8s_helpers.executor.settings import RUNS_IN_TAG, START_TIMEOUT_TAG
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, few
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
    of_steps: dict[tuple[str, str], dict[str, list[str]]] = {}
    tags_of = {step.key: step.tags for step in asked.steps}
    for key, specs in specs_by_step(asked):
        for spec in specs:
            for tag in _found(spec.metadata, beside=tags_of[key]):
                kind = "check" if isinstance(spec, dg.AssetCheckSpec) else "asset"
                name = spec.name if isinstance(spec, dg.AssetCheckSpec) else spec.key.to_user_string()
                of_steps.setdefault((kind, tag), {}).setdefault(name, []).append(key)
    for (kind, tag), keys_of in of_steps.items():
        text = f"metadata of {_named(kind, keys_of)}: nobody reads {tag!r} there; write it into op_tags"
        keys = tuple(dict.fromkeys(key for keys in keys_of.values() for key in keys))
        yield Hit(MISPLACED_CONFIG, text, keys, cause=f"metadata of {kind}s: {tag}")
    for tag in _found(asked.job.metadata, beside=asked.job.run_tags):
        yield Hit(MISPLACED_CONFIG, f"its metadata: nobody reads {tag!r} there; write tags", of="the job")
    for tag in _found(asked.around.metadata):
        text = f"their metadata: nobody reads {tag!r} there; write op_tags, or with_k8s_config()"
        yield Hit(MISPLACED_CONFIG, text, of=OF_DEFINITIONS)
    for tag, names in _by_tag(_in_op_config((asked.job.run_config or {}).get("ops"))).items():
        text = f"the config of {_named('op', names)}: nobody reads {tag!r} there; write tags of the op"
        yield Hit(MISPLACED_CONFIG, text, of="the job")
    for tag, names in _by_tag(_on_graphs(asked.job.graph)).items():
        text = f"tags of {_named('graph', names)} in it: nobody reads {tag!r} there; write tags of its ops"
        yield Hit(MISPLACED_CONFIG, text, of="the job")


def _named(kind: str, names: Collection[str]) -> str:
    """One or several of a kind, the first few by name."""
    return f"the {kind}{'s' * (len(names) > 1)} {few([repr(name) for name in names])}"


def _by_tag(found: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    by_tag: dict[str, list[str]] = {}
    for name, tag in found:
        by_tag.setdefault(tag, []).append(name)
    return by_tag


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
