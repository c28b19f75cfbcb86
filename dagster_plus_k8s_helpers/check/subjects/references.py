"""What a pod names and does not bring along: Secrets, ConfigMaps, service accounts, claims, classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dagster_plus_k8s_helpers.check.subjects.subjects import containers
from dagster_plus_k8s_helpers.documents.shape import as_list, as_mapping

__all__ = ["Reference", "provided", "references"]


class Reference(NamedTuple):
    """An object that must be there for a pod to start.

    Attributes:
        kind: Its kind, such as ``Secret``.
        name: Its name.
        path: Where the pod's spec names it.
        part: The same, with a variable by its name: what it is whatever stands before it in the list.
        keys: What it must hold, when it is a Secret or ConfigMap of which single keys are read.
    """

    kind: str
    name: str
    path: str
    part: str = ""
    keys: tuple[str, ...] = ()


def references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    """What a pod's spec names; without what it calls optional.

    Args:
        spec: Of the pod, as Kubernetes spells it.
    """
    for field, kind in _OF_POD.items():
        if spec.get(field):
            yield Reference(kind, spec[field], field, field)
    for index, claim in enumerate(spec.get("resourceClaims") or ()):
        for field, kind in _OF_CLAIM.items():
            yield from _named(kind, claim, field, f"resourceClaims[{index}].{field}")
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        yield from _named("Secret", secret, "name", f"imagePullSecrets[{index}].name")
    for path, container in containers(spec):
        yield from _of_container(container, path)
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _of_volume(volume, f"volumes[{index}]")


def provided(values: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Kind and name of what an agent's Helm values make, or name for every pod.

    Args:
        values: The values, as the file spells them.
    """
    workspace = as_mapping(values.get("workspace"))
    found = {
        ("ServiceAccount", as_mapping(values.get("serviceAccount")).get("name")),
        ("ServiceAccount", workspace.get("serviceAccountName")),
        *(("Secret", name) for name in _names(values.get("imagePullSecrets"))),
        *(("Secret", name) for name in _names(workspace.get("envSecrets"))),
        *(("ConfigMap", name) for name in _names(workspace.get("envConfigMaps"))),
    }
    for volume in as_list(workspace.get("volumes")):
        found |= {(item.kind, item.name) for item in _of_volume(as_mapping(volume), "")}
    return {(kind, name) for kind, name in found if isinstance(name, str) and name} | made(values)


def made(values: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Kind and name of what the chart makes when it is installed with these values."""
    manifests = [as_mapping(manifest) for manifest in as_list(values.get("extraManifests"))]
    found = {(item.get("kind"), as_mapping(item.get("metadata")).get("name")) for item in manifests}
    account = as_mapping(values.get("serviceAccount"))
    if account.get("create") is not False:
        found.add(("ServiceAccount", account.get("name")))
    return {(str(kind), str(name)) for kind, name in found if kind and name}


_OF_POD = {
    "serviceAccountName": "ServiceAccount",
    "priorityClassName": "PriorityClass",
    "runtimeClassName": "RuntimeClass",
}
_OF_VOLUME = {
    "secret": ("Secret", "secretName"),
    "configMap": ("ConfigMap", "name"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
}
_OF_CLAIM = {"resourceClaimName": "ResourceClaim", "resourceClaimTemplateName": "ResourceClaimTemplate"}
_PROJECTED = {"secret": "Secret", "configMap": "ConfigMap"}


def _of_container(container: Mapping[str, Any], path: str) -> Iterator[Reference]:
    for index, source in enumerate(container.get("envFrom") or ()):
        for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            yield from _named(kind, source.get(field), "name", f"{path}.envFrom[{index}].{field}.name")
    for index, variable in enumerate(container.get("env") or ()):
        for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            source = (variable.get("valueFrom") or {}).get(field)
            where = f"{path}.env[{index}].valueFrom.{field}.name"
            for found in _named(kind, source, "name", where):
                yield found._replace(part=f"{path}.env[{variable['name']}]")


def _of_volume(volume: Mapping[str, Any], path: str) -> Iterator[Reference]:
    for source, (kind, field) in _OF_VOLUME.items():
        yield from _named(kind, volume.get(source), field, f"{path}.{source}.{field}")
    template = as_mapping(as_mapping(volume.get("ephemeral")).get("volumeClaimTemplate"))
    where = f"{path}.ephemeral.volumeClaimTemplate.spec.storageClassName"
    yield from _named("StorageClass", template.get("spec"), "storageClassName", where)
    for index, source in enumerate(as_mapping(volume.get("projected")).get("sources") or ()):
        for field, kind in _PROJECTED.items():
            where = f"{path}.projected.sources[{index}].{field}.name"
            yield from _named(kind, source.get(field), "name", where)


def _named(kind: str, source: object, field: str, path: str) -> Iterator[Reference]:
    found = as_mapping(source)
    name = found.get(field)
    if isinstance(name, str) and name and not found.get("optional"):
        keys = (found.get("key"), *(as_mapping(item).get("key") for item in as_list(found.get("items"))))
        yield Reference(kind, name, path, path, tuple(key for key in keys if isinstance(key, str)))


def _names(value: object) -> list[Any]:
    """The names in a list of names or of ``{name: ...}``."""
    return [item.get("name") if isinstance(item, Mapping) else item for item in as_list(value)]
