"""By what Kubernetes tells the items of a list apart: its patch merge keys.

Source: the ``x-kubernetes-patch-merge-key`` and ``x-kubernetes-list-map-keys`` of its API, described in
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

import json
from typing import Any

from dagster_plus_k8s_helpers.errors import K8sConfigError

__all__ = ["MERGE_KEYS", "check_unique", "identity"]

WHOLE = ()
"""The key of lists whose items are told apart by everything they say."""

MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "init_containers": ("name",),
    "env": ("name",),
    "env_from": ("config_map_ref.name", "secret_ref.name", "prefix"),
    "ephemeral_containers": ("name",),
    "finalizers": WHOLE,
    "host_aliases": ("ip",),
    "image_pull_secrets": ("name",),
    "owner_references": ("uid",),
    "ports": ("container_port", "protocol", "host_port"),
    "resource_claims": ("name",),
    "scheduling_gates": ("name",),
    "tolerations": WHOLE,
    "topology_spread_constraints": ("topology_key", "when_unsatisfiable"),
    "volume_devices": ("device_path",),
    "volume_mounts": ("mount_path",),
    "volumes": ("name",),
}


_MAY_REPEAT = frozenset(
    ["env_from", "finalizers", "host_aliases", "image_pull_secrets", "ports", "tolerations"]
)
"""Lists in which Kubernetes takes an item twice; of two variables of one name it drops the first."""


def identity(field: str, item: object) -> object:
    """What makes an item of the list ``field`` the same as another, as a hashable value."""
    keys = MERGE_KEYS[field]
    if field == "tolerations" and isinstance(item, dict):
        item = {"operator": "Equal", **item}  # what Kubernetes reads where nothing is said
    if keys == WHOLE or not isinstance(item, dict):
        return json.dumps(item, sort_keys=True, default=str)
    return tuple(_at(item, key) for key in keys)


def check_unique(field: str, items: object) -> None:
    """Refuses two items that Kubernetes would take for one."""
    if field not in MERGE_KEYS or field in _MAY_REPEAT or not isinstance(items, list) or len(items) == 1:
        return
    seen = set()
    for index, item in enumerate(items):
        name = identity(field, item)
        if name in seen:
            raise K8sConfigError(
                f"names {_shown(field, item)} twice; keep one of the two", where=f"[{index}]"
            )
        seen.add(name)


def _at(item: dict[str, Any], path: str) -> object:
    value: Any = item
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _shown(field: str, item: Any) -> str:
    named = {key: _at(item, key) for key in MERGE_KEYS[field]} if isinstance(item, dict) else {}
    known = [repr(str(value)) for value in named.values() if value is not None]
    return " ".join(known) or "one item"
