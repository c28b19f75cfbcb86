"""One pod of a plan: its Job as it will be sent, and where each field of it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.files.places import Element, Field
from dagster_plus_k8s_helpers.plan.merge import unknown
from dagster_plus_k8s_helpers.plan.merge.origins import History, Origin, Stage, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dagster_plus_k8s_helpers.files.places import PodsOf
    from dagster_plus_k8s_helpers.plan.merge.layers import Layer, LayerName
    from dagster_plus_k8s_helpers.plan.merge.rendering import Manifest, Sent

    Render: TypeAlias = Callable[[Sequence[LayerName]], Sent]
    """The Job from some of the layers."""

__all__ = ["Container", "Pod", "Template"]


@answering
@dataclass(frozen=True, slots=True)
class Container:
    """What matters most of a pod's first container, in which Dagster runs.

    Attributes:
        image: Its image.
        limits: Its limits by resource, as sent.
        requests: Its requests, as sent; Kubernetes requests as much as the limit where one is missing.
        env: Its environment variables that have a plain value.
    """

    image: str | None
    limits: Mapping[str, str]
    requests: Mapping[str, str]
    env: Mapping[str, str]

    @classmethod
    def of(cls, container: Mapping[str, Any]) -> Container:
        """Reads it out of a manifest."""
        resources = container.get("resources") or {}
        env = {entry["name"]: entry["value"] for entry in container.get("env") or () if "value" in entry}
        return cls(
            container.get("image"),
            dict(resources.get("limits") or {}),
            dict(resources.get("requests") or {}),
            env,
        )


class Template:
    """A Job for every step with the same settings, which differ by no more than their keys.

    Args:
        of: Whose Job it is, for messages.
        layers: Its layers, from the lowest up.
        render: Makes the Job from some of them.

    Raises:
        PlanError: ``dagster_k8s`` refuses a layer, or its merge with those below.
    """

    def __init__(self, of: str, layers: Sequence[Layer], render: Render) -> None:
        self.layers = tuple(layers)
        self._render = render
        self.sent = self._checked(of)

    @cached_property
    def history(self) -> History:
        """How the Job came to be; rendered once, when first asked for."""
        names = [layer.name for layer in self.layers]
        stages = [
            Stage(
                layer,
                self._render(names[: index + 1]).manifest,
                self._render([names[0], *names[index : index + 1]]).manifest,
            )
            for index, layer in enumerate(self.layers)
        ]
        return History(stages)

    def without(self, name: LayerName) -> Manifest:
        """The Job from all layers but one."""
        return self._render([layer.name for layer in self.layers if layer.name != name]).manifest

    def _checked(self, of: str) -> Sent:
        names = [layer.name for layer in self.layers]
        try:
            return self._render(names)
        # What dagster_k8s refuses it raises as it finds it: Exception, CheckError, KeyError, ValueError.
        except Exception as error:  # noqa: BLE001
            raise PlanError(f"{of}, {self._at_fault()}: {reason(error)}") from None

    def _at_fault(self) -> Layer:
        """The lowest layer with which the merge fails."""
        for index in range(len(self.layers)):
            try:
                self._render([layer.name for layer in self.layers[: index + 1]])
            except Exception:  # noqa: BLE001 - looking for it
                return self.layers[index]
        return self.layers[-1]


@answering
class Pod:
    """A pod of a plan, with the Job it comes in.

    Args:
        template: The Job.
        step_key: Key of the step; ``None`` for the run's own pod.
    """

    def __init__(self, template: Template, step_key: str | None = None) -> None:
        self._template = template
        self._step_key = step_key

    @property
    def template(self) -> Template:
        """The Job as steps with the same settings share it, made for `unknown.STEP_KEY`."""
        return self._template

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Where its settings come from, from the lowest layer up."""
        return self._template.layers

    @property
    def namespace(self) -> str:
        """The namespace its Job is sent to."""
        return self._template.sent.namespace

    @property
    def manifest(self) -> Manifest:
        """The complete ``batch/v1`` Job as it will be sent.

        What only the launch decides is shown as ``<run id>``, ``<arguments of the step>`` and the like.
        """
        manifest: Manifest = self._filled(self._template.sent.manifest)
        return manifest

    @property
    def spec(self) -> Mapping[str, Any]:
        """The pod's own ``spec`` in it."""
        spec: Mapping[str, Any] = self.manifest["spec"]["template"]["spec"]
        return spec

    @property
    def spec_template(self) -> Mapping[str, Any]:
        """The same, shared by every step of its settings: to be read only, and of no step in particular."""
        spec: Mapping[str, Any] = self._template.sent.manifest["spec"]["template"]["spec"]
        return spec

    def manifest_without(self, layer: LayerName) -> Manifest:
        """The Job as it would be if a layer said nothing."""
        manifest: Manifest = self._filled(self._template.without(layer))
        return manifest

    @property
    def container(self) -> Container:
        """Its first container."""
        return Container.of(self.spec["containers"][0])

    def origin(self, path: str) -> Origin:
        """Which layer set a field, and what the layers below say of it.

        Args:
            path: The field: ``spec.template.spec.tolerations``, ``...containers[0].env[3].value``.

        Raises:
            PlanError: The manifest has no such field.
        """
        found = self._template.history.origin(path)
        if self._step_key is None:
            return found
        below = tuple(
            type(said)(said.layer, self._filled(said.value), said.is_overridden) for said in found.below
        )
        return Origin(found.path, self._filled(found.value), found.layer, found.action, below)

    def field(self, path: str, pods: PodsOf) -> Field:
        """A field and the layer that says it, as `LayerFile` finds it.

        Args:
            path: The field, as for `origin`.
            pods: Whose pod this is.

        Raises:
            PlanError: The manifest has no such field.
        """
        manifest = self._template.sent.manifest
        keys = parsed(manifest, path)
        within, section = next(item for item in _SECTIONS if keys[: len(item[0])] == item[0])
        here: Any = manifest
        found: list[str | Element] = []
        for key in keys:
            here = here[key]
            found.append(key if isinstance(key, str) else Element(here))
        layer = self._template.history.origin(path).layer.name
        return Field(layer, (section, *found[len(within) :]), pods)

    def _filled(self, value: Any) -> Any:
        return unknown.filled(value, "" if self._step_key is None else self._step_key)


_SECTIONS: tuple[tuple[tuple[str | int, ...], str], ...] = (
    (("spec", "template", "spec", "containers", 0), "container_config"),
    (("spec", "template", "spec"), "pod_spec_config"),
    (("spec", "template", "metadata"), "pod_template_spec_metadata"),
    (("spec",), "job_spec_config"),
    (("metadata",), "job_metadata"),
    ((), "job_config"),
)
"""Where ``dagster_k8s`` puts what the sections of a config say, the innermost first."""
