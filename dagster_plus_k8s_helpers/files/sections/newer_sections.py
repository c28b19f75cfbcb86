"""`WithPods`: a section that keeps what only newer versions read in the configs of its pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from dagster_plus_k8s_helpers.files.sections.known_keys import is_newer_section
from dagster_plus_k8s_helpers.files.sections.section import Section, is_from_file

__all__ = ["WithPods"]


class WithPods(Section):
    """A mapping with configs of pods, of which `K8sConfig` has no place for a section it does not know.

    Such a section of a file is kept beside the config and written back with it.
    """

    PODS: ClassVar[tuple[str, ...]] = ("run_k8s_config", "server_k8s_config")
    """The fields that hold them."""

    _newer: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _set_aside(cls, data: Any, read: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not is_from_file(info) or not isinstance(data, Mapping):
            return read(data)
        newer: dict[str, dict[str, Any]] = {}
        known = dict(data)
        for key in cls._pod_keys():
            config = data.get(key)
            if isinstance(config, Mapping) and any(map(is_newer_section, config)):
                unknown = set(filter(is_newer_section, config))
                newer[key] = {name: said for name, said in config.items() if name in unknown}
                known[key] = {name: said for name, said in config.items() if name not in unknown}
        section = read(known)
        section._newer = newer  # noqa: SLF001 - its own
        return section

    @model_serializer(mode="wrap")
    def _with_newer(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for key, sections in self._newer.items():
            written[key] = {**written[key], **sections}
        return written

    @classmethod
    def _pod_keys(cls) -> tuple[str, ...]:
        """How the file spells them."""
        return tuple(cls.model_fields[name].alias or name for name in cls.PODS)
