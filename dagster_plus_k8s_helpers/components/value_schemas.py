"""The schemas of `K8sConfig`, `Resources`, `MemoryLadder` and sizes, from the tables of their fields."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.components.schemas import (
    BOOLEAN,
    NUMBER,
    QUANTITY,
    TEXT,
    WHOLE,
    Schema,
    described,
    descriptions,
    kubernetes_object,
    list_of,
    mapping_of,
    object_of,
    of_kubernetes,
    one_of,
    worded,
)
from dagster_plus_k8s_helpers.components.values import (
    AMOUNTS,
    CONFIG_FIELDS,
    CONFIG_SLIPS,
    RESOURCES_SLIPS,
)
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import RAW_FIELDS, SECTIONS
from dagster_plus_k8s_helpers.pod.objects.schema import field_types
from dagster_plus_k8s_helpers.pod.parts import Resources
from dagster_plus_k8s_helpers.pod.reading import spellings
from dagster_plus_k8s_helpers.sizing.by_partition import sized_by_partition
from dagster_plus_k8s_helpers.sizing.by_usage import sized_by_usage
from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["config_schema", "ladder_schema", "resources_schema", "size_schema"]

_CONFIG_WORDS = "a mapping such as {resources: {cpu: 500m, memory: 2Gi}}, or a template"
_EXAMPLES: Mapping[str, object] = {
    "resources": {"cpu": "500m", "memory": "2Gi"},
    "node_selector": {"pool": "batch"},
    "tolerations": [{"key": "pool", "value": "batch", "effect": "NoSchedule"}],
    "env": {"LOG_LEVEL": "debug"},
    "labels": {"team": "data"},
    "image_pull_secrets": ["regcred"],
    "queue": "batch",
}


@cache
def config_schema() -> Schema:
    """What may be written for a `K8sConfig`."""
    said, shallow = descriptions(K8sConfig), _config_fields(deep=0)
    properties = {
        name: described(schema, said.get(name, ""), *([_EXAMPLES[name]] if name in _EXAMPLES else []))
        for name, schema in _config_fields(deep=1).items()
    }
    camel = {spelling: shallow[name] for spelling, name in spellings(*properties).items() if spelling != name}
    return {
        "title": "K8sConfig",
        "description": "What one pod needs: see K8sConfig of dagster-plus-k8s-helpers.",
        "examples": [{"resources": _EXAMPLES["resources"]}],
        **object_of(properties, _CONFIG_WORDS, also=camel, slips=CONFIG_SLIPS, near=True),
    }


def _config_fields(deep: int) -> dict[str, Schema]:
    special: Mapping[str, Schema] = {
        "resources": resources_schema(),
        "env": worded({"type": ["object", "array"]}, "a mapping such as {NAME: value}"),
        "image_pull_policy": one_of("Always", "IfNotPresent", "Never"),
        "image_pull_secrets": list_of(
            worded({"type": ["string", "object"]}, "the name of a Secret"), "a list of names of Secrets"
        ),
        "dns_policy": one_of("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
        "merge_behavior": one_of("DEEP", "SHALLOW"),
    }
    fields: dict[str, Schema] = {}
    for name in CONFIG_FIELDS:
        if name in special:
            fields[name] = special[name]
        elif name in RAW_FIELDS:
            fields[name] = kubernetes_object(SECTIONS[RAW_FIELDS[name]], deep)
        elif name in K8sConfig.FIELDS:
            row = K8sConfig.FIELDS[name]
            fields[name] = of_kubernetes(field_types(SECTIONS[row.section])[row.key], deep)
        else:
            fields[name] = TEXT
    return fields


@cache
def resources_schema() -> Schema:
    """What may be written for `Resources`: amounts, or Kubernetes' own form."""
    said = descriptions(Resources)
    examples = {"cpu": "500m", "memory": "2Gi", "gpu": 1, "ephemeral_storage": "10Gi"}
    amount: Schema = {
        "if": {"type": "array"},
        "then": {"items": QUANTITY, "minItems": 2, "maxItems": 2},
        "else": QUANTITY,
    }
    properties = {
        name: described(amount, said.get(name, ""), *([examples[name]] if name in examples else []))
        for name in AMOUNTS
    }
    properties["extended"] = described(mapping_of(amount), said.get("extended", ""))
    own = mapping_of(QUANTITY, "a mapping such as {cpu: 500m, memory: 2Gi}")
    return {
        "title": "Resources",
        "description": "CPU, memory and devices: an amount is a limit, a list of two [request, limit].",
        "examples": [_EXAMPLES["resources"]],
        **object_of(
            properties,
            "a mapping such as {cpu: 500m, memory: 2Gi}",
            also={"requests": own, "limits": own},
            slips=RESOURCES_SLIPS,
            near=True,
        ),
    }


@cache
def ladder_schema() -> Schema:
    """What may be written for a `MemoryLadder`."""
    said = descriptions(MemoryLadder)
    kinds: Mapping[str, Schema] = {
        "factor": NUMBER,
        "maximum": QUANTITY,
        "retries": WHOLE,
        "on": list_of(one_of("OOMKilled")),
        "learn": BOOLEAN,
    }
    examples = {"factor": 2, "maximum": "64Gi", "retries": 3}
    properties = {
        name: described(schema, said.get(name, ""), *([examples[name]] if name in examples else []))
        for name, schema in kinds.items()
    }
    slips = {"max_memory": "maximum: ...", "limit": "maximum: ...", "max_retries": "retries: ..."}
    return {
        "title": "MemoryLadder",
        "description": "A step that was OOMKilled is launched again with more memory.",
        "examples": [{"maximum": "64Gi"}],
        **object_of(properties, "a mapping such as {maximum: 64Gi}", slips=slips, near=True),
    }


@cache
def size_schema() -> Schema:
    """What may be written for a size."""
    partition, usage = descriptions(sized_by_partition), descriptions(sized_by_usage)
    config = worded({"type": "object"}, _CONFIG_WORDS)
    kinds: Mapping[str, Schema] = {
        "sizes": described(
            mapping_of(config), partition.get("sizes", ""), {"eu-*": {"resources": {"memory": "8Gi"}}}
        ),
        "otherwise": described(config, partition.get("otherwise", "")),
        "headroom": described(NUMBER, usage.get("headroom", "")),
        "floor": described(QUANTITY, usage.get("floor", "")),
        "maximum": described(QUANTITY, usage.get("maximum", "")),
        "runs": described(WHOLE, usage.get("runs", "")),
        "quantile": described(NUMBER, usage.get("quantile", "")),
        "at_least": described(WHOLE, usage.get("at_least", "")),
        "band": described(NUMBER, usage.get("band", "")),
        "cpu": described(BOOLEAN, usage.get("cpu", "")),
    }
    by = described(one_of("partition", "usage"), "What it goes by.", "usage")
    words = "a mapping with by: partition or by: usage, or a function as module:name"
    return {
        "title": "Size",
        "description": "What decides the size of a step just before it is launched.",
        "examples": [{"by": "usage", "maximum": "64Gi"}],
        "if": {"type": "string"},
        "then": worded({"type": "string", "pattern": "^(off|[^:]+:[^:]+)$"}, "a function, as module:name"),
        "else": {**object_of({"by": by, **kinds}, words, near=True), "required": ["by"]},
    }
