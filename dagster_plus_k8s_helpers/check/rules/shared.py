"""Rules for what two pods of a run cannot have at once: a port of a node, a volume of one node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.check.rules.harm import NODES_NETWORK
from dagster_plus_k8s_helpers.check.rules.pods import OF_EVERY_POD
from dagster_plus_k8s_helpers.check.subjects.at_once import two_at_once
from dagster_plus_k8s_helpers.check.subjects.registry import of_plans, of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, containers, layer_of, of_no_one
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import (
        Hit,
        Planned,
        PodGroup,
        Surroundings,
    )


@of_plans(NODES_NETWORK)
def host_ports(job: Planned) -> Iterator[Hit]:
    """A port of the node that two pods of a run want at once."""
    for port, uses in _used(job, _host_ports).items():
        whose = _at_once(job, uses)
        if whose:
            group, path = uses[0]
            yield group.hit(
                NODES_NETWORK,
                f"{path} by {layer_of(group.pod, path)} is {port} of the node, which {whose} want at once",
                path,
                cause=_cause(port, group, path),
            )


@of_pods(NODES_NETWORK)
def host_port_of_all(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A port of the node that every pod of a run wants."""
    for port, path in _host_ports(group.pod.spec):
        layer = layer_of(group.pod, path)
        if layer.name in OF_EVERY_POD:
            text = f"{path} by {layer} is {port} of the node, so that two runs exclude each other there"
            yield group.hit(NODES_NETWORK, text, path, cause=_cause(port, group, path))


def _cause(port: str, group: PodGroup, path: str) -> str:
    return of_no_one(f"{port} by {layer_of(group.pod, path)}")


SHARED_CLAIM = Rule(
    "DPK565",
    Severity.WARNING,
    "A ReadWriteOnce volume is mounted by one node at a time: pods that want it at once on other nodes "
    "stay in ContainerCreating. Source: "
    "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes",
    "claim ReadWriteMany, mount it in one step only, or let the steps run one after the other",
)


@of_plans(SHARED_CLAIM)
def shared_claims(job: Planned) -> Iterator[Hit]:
    """A claim that the agent's values make ReadWriteOnce, and that two pods of a run want at once."""
    claims = _claims_of_one_node(job.asked.around.agent or {})
    for claim, uses in _used(job, _claims).items():
        # On one and the same node they may share it, but for ReadWriteOncePod.
        is_pinned = all(_is_pinned(group.pod.spec) for group, _ in uses)
        mode = claims.get(claim)
        whose = _at_once(job, uses) if mode and not (is_pinned and mode == "ReadWriteOnce") else ""
        if whose:
            group, path = uses[0]
            yield group.hit(
                SHARED_CLAIM,
                f"{path} is {claim!r} by {layer_of(group.pod, path)}, which extraManifests of the agent make "
                f"{mode}, and {whose} want it at once",
            )


_HOSTNAME = "kubernetes.io/hostname"


def _used(job: Planned, uses_of: Any) -> dict[str, list[tuple[PodGroup, str]]]:
    """What pods use, each with those that do and where they say so; a step's own settings first."""
    found: dict[str, list[tuple[PodGroup, str]]] = {}
    for group in (*job.groups[1:], job.groups[0]):
        for name, path in uses_of(group.pod.spec):
            found.setdefault(name, []).append((group, path))
    return found


def _at_once(job: Planned, uses: list[tuple[PodGroup, str]]) -> str:
    """Which two pods are there at once, in words; empty when none are."""
    keys = [key for group, _ in uses for key in group.steps]
    if not keys:
        return ""
    if any(not group.steps for group, _ in uses):
        return f"step {keys[0]!r} and {OF_RUN}"
    two = two_at_once(job, keys)
    if two is None:
        return ""
    first, second = two
    return f"all outputs of step {first!r}" if first == second else f"steps {first!r} and {second!r}"


def _host_ports(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, container in containers(spec):
        # An init container that ends has given its port back; one that goes on is a sidecar.
        if path.startswith("init") and container.get("restartPolicy") != "Always":
            continue
        for index, port in enumerate(container.get("ports") or ()):
            field = "containerPort" if spec.get("hostNetwork") else "hostPort"
            if port.get(field):
                protocol = port.get("protocol") or "TCP"
                yield f"{protocol} port {port[field]}", f"{path}.ports[{index}].{field}"


def _claims(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim:
            yield claim, f"volumes[{index}].persistentVolumeClaim.claimName"


def _claims_of_one_node(values: Mapping[str, Any]) -> dict[str, str]:
    """The claims of an agent's ``extraManifests`` that one node, or one pod, may mount: their mode."""
    manifests = values.get("extraManifests")
    found: dict[str, str] = {}
    for manifest in manifests if isinstance(manifests, list) else ():
        if not isinstance(manifest, Mapping) or manifest.get("kind") != "PersistentVolumeClaim":
            continue
        metadata, spec = manifest.get("metadata"), manifest.get("spec")
        if not isinstance(metadata, Mapping) or not isinstance(spec, Mapping):
            continue
        modes = spec.get("accessModes")
        if modes in (["ReadWriteOnce"], ["ReadWriteOncePod"]):
            found[str(metadata.get("name"))] = modes[0]
    return found


def _is_pinned(spec: Mapping[str, Any]) -> bool:
    """Whether a pod runs on one node only."""
    return bool(spec.get("nodeName") or _HOSTNAME in (spec.get("nodeSelector") or {}))
