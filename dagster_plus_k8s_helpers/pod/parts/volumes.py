"""Volumes and where a container sees them.

Source: https://kubernetes.io/docs/concepts/storage/volumes/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dagster_plus_k8s_helpers.arguments import answering, check_kinds
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.amounts.quantity import QuantityLike, quantity_of
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label
from dagster_plus_k8s_helpers.pod.objects.schema import set_only

__all__ = ["Volume", "VolumeMount", "check_volume", "check_volume_mount"]


@answering
@dataclass(frozen=True, slots=True)
class VolumeMount:
    """Where a container sees a volume.

    Args:
        name: Name of the volume, which this config or a lower layer defines.
        mount_path: Path in the container; the kubelet puts ``/`` before a relative one.
        read_only: Whether the container may only read it.
        sub_path: Path inside the volume to mount instead of its root.
        sub_path_expr: The same, with ``$(VAR)`` expanded from the environment.
        mount_propagation: ``None``, ``HostToContainer`` or ``Bidirectional``, as text.
        recursive_read_only: ``Disabled``, ``IfPossible`` or ``Enabled``.
    """

    name: str
    mount_path: str
    read_only: bool | None = None
    sub_path: str | None = None
    sub_path_expr: str | None = None
    mount_propagation: str | None = None
    recursive_read_only: str | None = None

    def __post_init__(self) -> None:
        check_kinds(self)

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``VolumeMount``."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@answering
@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and, when it is this container's, where it is mounted.

    Made by one of the class methods, each of one kind of volume; their ``mount_path`` may be left out
    for a volume that only another container mounts.

    Args:
        name: Name of the volume in the pod.
        source: Kubernetes' source, such as ``{"empty_dir": {}}``.
        mounts: Where the main container sees it.
    """

    name: str
    source: Mapping[str, Any] = field(hash=False)
    mounts: tuple[VolumeMount, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``Volume``; the mounts are the container's and not in it."""
        return {"name": self.name, **self.source}

    @classmethod
    def from_dict(cls, volume: Mapping[str, Any]) -> Volume:
        """From Kubernetes' ``Volume``; the inverse of `to_dict`."""
        return cls(volume["name"], {kind: source for kind, source in volume.items() if kind != "name"})

    def mounted_at(
        self, mount_path: str, *, read_only: bool | None = None, sub_path: str | None = None
    ) -> Volume:
        """The same volume, mounted in one more place."""
        mount = VolumeMount(self.name, mount_path, read_only=read_only, sub_path=sub_path)
        return Volume(self.name, self.source, (*self.mounts, mount))

    @classmethod
    def empty_dir(
        cls,
        name: str,
        mount_path: str | None = None,
        *,
        size_limit: QuantityLike | None = None,
        medium: Literal["Memory"] | None = None,
    ) -> Volume:
        """Scratch space that lives as long as the pod.

        Args:
            name: Name of the volume.
            mount_path: Absolute path in the container.
            size_limit: Bytes; a pod that writes more is evicted.
            medium: ``"Memory"`` for a tmpfs, which counts against the memory limit.
        """
        size = None if size_limit is None else str(quantity_of("size_limit", size_limit))
        return _volume(name, {"empty_dir": set_only(medium=medium, size_limit=size)}, mount_path)

    @classmethod
    def secret(
        cls,
        name: str,
        mount_path: str | None = None,
        *,
        secret_name: str | None = None,
        items: Mapping[str, str] | None = None,
        default_mode: int | None = None,
        optional: bool | None = None,
    ) -> Volume:
        """The keys of a Secret as files.

        Args:
            name: Name of the volume, and of the Secret when ``secret_name`` is left out.
            mount_path: Absolute path in the container.
            secret_name: Name of the Secret.
            items: Keys to show, each with its file name; all of them when left out.
            default_mode: Permissions, such as ``0o400``.
            optional: Whether the pod may start without the Secret.
        """
        source = set_only(
            secret_name=secret_name or name,
            items=_key_paths(items),
            default_mode=default_mode,
            optional=optional,
        )
        return _volume(name, {"secret": source}, mount_path, read_only=True)

    @classmethod
    def config_map(
        cls,
        name: str,
        mount_path: str | None = None,
        *,
        config_map_name: str | None = None,
        items: Mapping[str, str] | None = None,
        default_mode: int | None = None,
        optional: bool | None = None,
    ) -> Volume:
        """The keys of a ConfigMap as files.

        Args:
            name: Name of the volume, and of the ConfigMap when ``config_map_name`` is left out.
            mount_path: Absolute path in the container.
            config_map_name: Name of the ConfigMap.
            items: Keys to show, each with its file name; all of them when left out.
            default_mode: Permissions, such as ``0o444``.
            optional: Whether the pod may start without the ConfigMap.
        """
        source = set_only(
            name=config_map_name or name,
            items=_key_paths(items),
            default_mode=default_mode,
            optional=optional,
        )
        return _volume(name, {"config_map": source}, mount_path, read_only=True)

    @classmethod
    def persistent_volume_claim(
        cls,
        name: str,
        mount_path: str | None = None,
        *,
        claim_name: str | None = None,
        read_only: bool | None = None,
    ) -> Volume:
        """Storage that outlives the pod, claimed beforehand.

        Args:
            name: Name of the volume, and of the claim when ``claim_name`` is left out.
            mount_path: Absolute path in the container.
            claim_name: Name of the PersistentVolumeClaim.
            read_only: Whether the pod may only read it.
        """
        source = set_only(claim_name=claim_name or name, read_only=read_only)
        return _volume(name, {"persistent_volume_claim": source}, mount_path, read_only=read_only)

    @classmethod
    def host_path(
        cls,
        name: str,
        path: str,
        mount_path: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - Kubernetes' name
    ) -> Volume:
        """A path of the node.

        Args:
            name: Name of the volume.
            path: Absolute path on the node.
            mount_path: Absolute path in the container.
            type: What must be there, such as ``Directory`` or ``DirectoryOrCreate``.
        """
        return _volume(name, {"host_path": set_only(path=path, type=type)}, mount_path)

    @classmethod
    def projected(
        cls,
        name: str,
        mount_path: str | None = None,
        *,
        sources: Sequence[Mapping[str, Any]],
        default_mode: int | None = None,
    ) -> Volume:
        """Several sources in one directory, service account tokens among them.

        Args:
            name: Name of the volume.
            mount_path: Absolute path in the container.
            sources: Kubernetes' ``VolumeProjection`` objects, such as
                ``{"service_account_token": {"path": "token", "audience": "vault"}}``.
            default_mode: Permissions, such as ``0o400``.
        """
        source = set_only(sources=_listed("sources", sources), default_mode=default_mode)
        return _volume(name, {"projected": source}, mount_path, read_only=True)

    @classmethod
    def csi(
        cls,
        name: str,
        driver: str,
        mount_path: str | None = None,
        *,
        attributes: Mapping[str, str] | None = None,
        read_only: bool | None = None,
    ) -> Volume:
        """A volume that a CSI driver makes for the pod, such as the Secrets Store's.

        Args:
            name: Name of the volume.
            driver: Name of the driver, such as ``secrets-store.csi.k8s.io``.
            mount_path: Absolute path in the container.
            attributes: What the driver wants to know (``volumeAttributes``).
            read_only: Whether the pod may only read it.
        """
        known = None if attributes is None else _mapped("attributes", attributes)
        source = set_only(driver=driver, read_only=read_only, volume_attributes=known)
        return _volume(name, {"csi": source}, mount_path, read_only=read_only)

    @classmethod
    def ephemeral(
        cls,
        name: str,
        mount_path: str | None = None,
        *,
        storage: QuantityLike,
        storage_class_name: str | None = None,
        access_modes: Sequence[str] = ("ReadWriteOnce",),
    ) -> Volume:
        """A disk of its own for this pod, claimed when it starts and gone with it.

        Args:
            name: Name of the volume.
            mount_path: Absolute path in the container.
            storage: Bytes.
            storage_class_name: Storage class; the cluster's default when left out.
            access_modes: Kubernetes' access modes.
        """
        spec = set_only(
            access_modes=_listed("access_modes", access_modes),
            resources={"requests": {"storage": str(quantity_of("storage", storage))}},
            storage_class_name=storage_class_name,
        )
        return _volume(name, {"ephemeral": {"volume_claim_template": {"spec": spec}}}, mount_path)


def check_volume(volume: Mapping[str, Any]) -> None:
    """One ``Volume``: a name and at most one source; without any it is an ``emptyDir`` to Kubernetes."""
    if "name" not in volume:
        raise K8sConfigError("has no name")
    check_dns_label(volume["name"], "volume name")
    sources = [kind for kind in volume if kind != "name"]
    if len(sources) > 1:
        raise K8sConfigError(f"volume {volume['name']!r} must have one source, not {', '.join(sources)}")


def check_volume_mount(mount: Mapping[str, Any]) -> None:
    """One ``VolumeMount``: a volume's name and a path."""
    for required in ("name", "mount_path"):
        if not mount.get(required):
            raise K8sConfigError(f"has no {required}")
    check_dns_label(mount["name"], "volume name")
    if mount.get("sub_path") and mount.get("sub_path_expr"):
        raise K8sConfigError("sub_path and sub_path_expr cannot both be set")
    for name in ("sub_path", "sub_path_expr"):
        path = mount.get(name) or ""
        if path.startswith("/") or ".." in path.split("/"):
            raise K8sConfigError(f"{path!r} must be a relative path without '..'", where=name)


def _volume(
    name: str, source: Mapping[str, Any], mount_path: str | None, *, read_only: bool | None = None
) -> Volume:
    volume = Volume(name, source)
    return volume if mount_path is None else volume.mounted_at(mount_path, read_only=read_only)


def _listed(where: str, items: Sequence[Any]) -> list[Any]:
    if isinstance(items, str) or not isinstance(items, Sequence):
        raise K8sConfigError(f"must be a list, not {type(items).__name__}", where=where)
    return list(items)


def _mapped(where: str, items: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(items, Mapping):
        raise K8sConfigError(f"must be a mapping, not {type(items).__name__}", where=where)
    return dict(items)


def _key_paths(items: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    return (
        None
        if items is None
        else [{"key": key, "path": path} for key, path in _mapped("items", items).items()]
    )
