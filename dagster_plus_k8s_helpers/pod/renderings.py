"""The forms in which one pod config goes to each level of Dagster on Kubernetes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.fields import SECTIONS, Sections
from dagster_plus_k8s_helpers.pod.objects.schema import thaw, to_camel_case
from dagster_plus_k8s_helpers.pod.tags import Tags

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PodKind", "Renderings"]

PodKind: TypeAlias = Literal["run", "server"]
"""Which pods of a code location: those of runs (and their steps), or of its code servers."""

_JOB_SECTIONS = ("job_metadata", "job_spec_config")


class Renderings(Sections):
    """Every way to write down the sections of a config."""

    __slots__ = ()

    TAG: ClassVar = "dagster-k8s/config"

    def to_dict(self) -> dict[str, Any]:
        """What ``dagster-k8s/config`` holds, in snake_case; a new dictionary, free to be changed."""
        return {name: thaw(self._sections[name]) for name in SECTIONS if name in self._sections}

    @property
    def tags(self) -> dict[str, Any]:
        """Tags for a job, an op or ``op_tags`` of an asset; none when nothing is said.

        Raises:
            K8sConfigError: The config has ``args``, which Dagster overwrites in its own pods.
        """
        config = self._for_dagster()
        return Tags({self.TAG: config} if config else {})

    @property
    def run_tags(self) -> dict[str, str]:
        """The same tags as text, for ``RunRequest`` and everything else that takes strings only."""
        return Tags({key: json.dumps(value) for key, value in self.tags.items()})

    def container_context(self, *pods: PodKind) -> dict[str, Any]:
        """What ``container_context`` of a code location holds.

        Args:
            *pods: ``"run"``, ``"server"`` or both; runs only when left out.

        Raises:
            K8sConfigError: A code server is asked for and the config has settings of a Job.
        """
        return {"k8s": {f"{pod}_k8s_config": self._for_pod(pod) for pod in pods or ("run",)}}

    def helm_values(self, *pods: PodKind) -> dict[str, Any]:
        """The part of the agent chart's values, in camelCase, that gives every such pod this config.

        Args:
            *pods: ``"run"``, ``"server"`` or both; runs only when left out.

        Raises:
            K8sConfigError: A code server is asked for and the config has settings of a Job; or the config
                has a merge behaviour, which means nothing in the lowest layer.
        """
        workspace = {}
        for pod in pods or ("run",):
            config = self._for_pod(pod)
            if "merge_behavior" in config:
                raise K8sConfigError(
                    "means nothing in the agent's values, the lowest layer; use .without('merge_behavior')",
                    where="merge_behavior",
                )
            workspace[f"{pod}K8sConfig"] = {
                _SECTION_IN_VALUES[name]: to_camel_case(SECTIONS[name], self._sections[name])
                for name in config
            }
        return {"workspace": workspace}

    def pod_spec(self) -> dict[str, Any]:
        """The ``base_pod_spec`` for ``PipesK8sClient.run``: the main container first, then any others.

        ``active_deadline_seconds`` becomes the pod's own.

        Raises:
            K8sConfigError: The config has settings that only a Job has.
        """
        job_spec = dict(self._section("job_spec_config"))
        deadline = job_spec.pop("active_deadline_seconds", None)
        if job_spec or self._section("job_metadata"):
            names = ", ".join([*job_spec, *(["job_metadata"] if self._section("job_metadata") else [])])
            raise K8sConfigError(f"a pod outside a Job has no {names}; leave it out with .without(...)")
        spec: dict[str, Any] = thaw(self._section("pod_spec_config"))
        spec["containers"] = [thaw(self._section("container_config")), *spec.get("containers", ())]
        if deadline is not None:
            spec["active_deadline_seconds"] = deadline
        return spec

    def pod_metadata(self) -> dict[str, Any]:
        """The ``base_pod_meta`` for ``PipesK8sClient.run``: labels, annotations and the rest."""
        metadata: dict[str, Any] = thaw(self._section("pod_template_spec_metadata"))
        return metadata

    def _for_dagster(self) -> dict[str, Any]:
        """For a pod that runs Dagster itself; in a Pipes pod the arguments are the user's."""
        if "args" in self._section("container_config"):
            raise K8sConfigError(
                "Dagster overwrites the arguments of its own pods; only .pod_spec() can have them",
                where="container_config.args",
            )
        return self.to_dict()

    def _for_pod(self, pod: PodKind) -> dict[str, Any]:
        if pod not in {"run", "server"}:
            raise K8sConfigError(f"{pod!r} is neither 'run' nor 'server'")
        config = self._for_dagster()
        if pod == "server":
            for section in _JOB_SECTIONS:
                if section in config:
                    raise K8sConfigError(
                        f"a code server is no Job and takes no {', '.join(config[section])}; leave it out "
                        "with .without(...)",
                        where=section,
                    )
            _refuse_what_no_deployment_takes(self._section("pod_spec_config"))
        return config


def _refuse_what_no_deployment_takes(spec: Mapping[str, Any]) -> None:
    """Settings of a pod that ends. Source: ValidatePodTemplateSpecForReplicaSet of the API server."""
    for name in ("restart_policy", "active_deadline_seconds"):
        if name in spec:
            raise K8sConfigError(
                "a code server is a Deployment, whose pods Kubernetes always starts again; leave it out with "
                ".without(...)",
                where=f"pod_spec_config.{name}",
            )


_SECTION_IN_VALUES = {
    "container_config": "containerConfig",
    "pod_template_spec_metadata": "podTemplateSpecMetadata",
    "pod_spec_config": "podSpecConfig",
    "job_metadata": "jobMetadata",
    "job_spec_config": "jobSpecConfig",
}
