"""What the rules for definitions look at, and what they say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dagster_plus_k8s_helpers._dagster.executor_config import executor_config_of
from dagster_plus_k8s_helpers.capacity.queue_files import quotas_in
from dagster_plus_k8s_helpers.credentials.telling import credential_by_form
from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.files.places import Field
from dagster_plus_k8s_helpers.findings.finding import Need
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.executor_config import ExecutorConfig
    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.cluster.objects import ClusterObjects
    from dagster_plus_k8s_helpers.files.places import LayerFile, PodsOf
    from dagster_plus_k8s_helpers.findings.finding import Rule
    from dagster_plus_k8s_helpers.plan.merge.layers import Layer, LayerName
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.rightsizing.history import Measured

__all__ = [
    "EXECUTOR",
    "OF_RUN",
    "OF_SERVER",
    "OLD_TAG",
    "POD_SPEC",
    "Asked",
    "Hit",
    "JobRule",
    "Planned",
    "PodGroup",
    "PodRule",
    "Surroundings",
    "TagRule",
    "amount",
    "containers",
    "layer_of",
    "of_no_one",
    "said",
    "shown",
    "twice",
]

EXECUTOR = "the executor"
"""Whose a hit is that every job with the executor would repeat."""
OF_RUN = "the run's pod"
OF_SERVER = "the code server"
POD_SPEC = "spec.template.spec"
OLD_TAG = "dagster-k8s/resource_requirements"
"""Tag with the resources alone, which Dagster still reads."""


class Hit(NamedTuple):
    """One thing that a rule has to say of a job.

    Attributes:
        rule: Which rule.
        text: What is wrong, without whose it is.
        steps: Keys of the steps it is about; of the job or its run when there are none.
        of: Whose it is when it is no step's, such as ``the run's pod``.
        layer: The layer that it is about, when it is about one alone.
        cause: What is at the root of it, such as the Secret that is not there: hits of one rule and cause are
            one finding. The text itself when empty.
        part: Where in the pod it shows, where a cause may show in several places.
        fix: What to write instead, when that can be said better than by the rule.
        fields: The fields that it is about, by which it is shown at the lines of files that say them.
    """

    rule: Rule
    text: str
    steps: tuple[str, ...] = ()
    of: str = ""
    layer: LayerName | None = None
    cause: str = ""
    part: str = ""
    fix: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What a job runs in, as far as it is given.

    Attributes:
        agent: The agent's Helm values.
        location: The code location's entry in ``dagster_cloud.yaml``.
        pools: The nodes of the cluster.
        kubernetes_version: Its version, such as ``1.31``.
        objects: What is there in it; ``None`` when it is not to be asked.
        files: Where the layers that come from files are written.
        metadata: Metadata of the definitions.
        module: The module whose source is looked at as well, if any.
        usage: What attempts of steps took in earlier runs; ``None`` when that is not to be looked at.
        quotas: The queues of the cluster.
    """

    agent: Mapping[str, Any] | None = None
    location: Mapping[str, Any] | None = None
    pools: tuple[NodePool, ...] = ()
    kubernetes_version: str = ""
    objects: ClusterObjects | None = None
    files: Mapping[str, LayerFile] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""
    usage: tuple[Measured, ...] | None = None
    quotas: Quotas | None = None

    @cached_property
    def known_quotas(self) -> Quotas | None:
        """The queues that are given, else those of the cluster that is asked; ``None`` when nobody says.

        Raises:
            PlanError: The cluster cannot be reached.
            InvalidFileError: Something in one of its queues is not as Kueue has it.
        """
        if self.quotas is not None or self.objects is None:
            return self.quotas
        found = self.objects.queues()
        return None if found is None else quotas_in(found, "the cluster's queues")

    def has(self, need: Need | None) -> bool:
        """Whether what a rule needs is given."""
        objects = self.objects
        return {
            None: True,
            Need.NODES: bool(self.pools),
            Need.NO_NODES: not self.pools,
            Need.QUEUES: self.quotas is not None or (objects is not None and objects.knows_queues),
            Need.VERSION: bool(self.kubernetes_version),
            Need.CLUSTER: objects is not None,
            Need.NO_CLUSTER: objects is None,
            Need.KEYS: objects is not None and objects.reads_keys,
            Need.DRY_RUN: objects is not None and objects.dry_runs,
            Need.USAGE: self.usage is not None,
            Need.MODULE: bool(self.module),
        }[need]


@dataclass(frozen=True)
class Asked:
    """A job as it is written, before any merging.

    Attributes:
        job: The job.
        steps: Its steps, with the tags of their ops.
        around: What it runs in.
        op_names: Names of the ops of every job with the same executor.
        launches: Tags that some of its runs have beside its own, by what launches those.
    """

    job: dg.JobDefinition
    steps: tuple[Step, ...]
    around: Surroundings
    op_names: frozenset[str] = frozenset()
    launches: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def executor(self) -> ExecutorConfig:
        """The config of its executor."""
        return executor_config_of(self.job)

    @property
    def tags_of_runs(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Whose tags its runs have, and those tags; first those that are the job's own."""
        yield "the job", self.job.run_tags
        yield from self.launches.items()


@dataclass(frozen=True)
class PodGroup:
    """Pods with the same settings: those of some steps, or the run's own.

    Attributes:
        pod: The first of them.
        steps: Keys of the steps; none for the run's own pod, or a code server's.
        of: Whose pod it is when it is no step's.
    """

    pod: Pod
    steps: tuple[str, ...] = ()
    of: str = OF_RUN

    @property
    def pods(self) -> PodsOf:
        """Whose pods they are."""
        return "server" if self.of == OF_SERVER else "run"

    def hit(
        self, rule: Rule, text: str, *fields: str | Field, cause: str = "", part: str = "", fix: str = ""
    ) -> Hit:
        """Something to say of these pods.

        Args:
            rule: By which rule.
            text: What is wrong.
            *fields: The fields that it is about, as `layer_of` or, in full, `Pod.origin` takes them.
            cause: What is at the root of it; see `Hit`.
            part: Where in the pod it shows.
            fix: What to write instead.
        """
        found = tuple(item if isinstance(item, Field) else self._field(item) for item in fields)
        return Hit(rule, text, self.steps, "" if self.steps else self.of, None, cause, part, fix, found)

    def _field(self, path: str) -> Field:
        full = path if path.startswith(("spec.", "metadata.")) else f"{POD_SPEC}.{path}"
        return self.pod.field(full, self.pods)


@dataclass(frozen=True)
class Planned:
    """A job with its plan.

    Attributes:
        asked: The job as it is written.
        plan: Its plan.
        has_asset_job: Whether there is an implicit asset job beside it.
    """

    asked: Asked
    plan: RunPlan
    has_asset_job: bool

    @cached_property
    def groups(self) -> tuple[PodGroup, ...]:
        """Its pods, those with the same settings together; the run's own first."""
        by_settings: dict[int, list[str]] = {}
        for step in self.plan.steps.values():
            if step.pod is not None:
                by_settings.setdefault(id(step.pod.spec_template), []).append(step.key)
        return (
            PodGroup(self.plan.run),
            *(PodGroup(self.plan.steps[keys[0]].own_pod, tuple(keys)) for keys in by_settings.values()),
        )


TagRule: TypeAlias = Callable[[Asked], Iterator[Hit]]
JobRule: TypeAlias = Callable[[Planned], Iterator[Hit]]
PodRule: TypeAlias = Callable[[PodGroup, Surroundings], Iterator[Hit]]


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every container of a pod, with its path inside the pod's spec."""
    for section in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(section) or ()):
            yield f"{section}[{index}]", container


def amount(value: object) -> Quantity | None:
    """A quantity; ``None`` for what is none, which other rules speak of."""
    try:
        return Quantity(value)  # type: ignore[arg-type] # it refuses what it cannot take
    except QuantityError:
        return None


def layer_of(pod: Pod, path: str) -> Layer:
    """The layer that a field inside the pod's spec comes from."""
    return pod.origin(f"{POD_SPEC}.{path}").layer


def said(pod: Pod, path: str) -> str:
    """A field inside the pod's spec, with its value and the layer it comes from."""
    origin = pod.origin(f"{POD_SPEC}.{path}")
    value = str(origin.value).lower() if isinstance(origin.value, bool) else repr(origin.value)
    return f"{path} is {value} by {origin.layer}"


def twice(field: str, name: str, container: str) -> str:
    """What is twice in a list, as a cause without the layer that has it first.

    Args:
        field: The list, such as ``env`` or ``volumes``.
        name: What is in it twice.
        container: Name of the container whose list it is; empty for Dagster's own container and for the pod.
    """
    return f"{container} {field} {name}"


def of_no_one(text: str) -> str:
    """A text without whose op's or job's the settings are: what many say is one thing all the same."""
    return _OF_ONE.sub("", text)


_OF_ONE = re.compile(
    r" \((?:tags of the (?:op|run of) '[^']*'|per_step_k8s_config\['[^']*'\] of the executor)\)"
)


def shown(value: object) -> str:
    """A setting as JSON, without the values of environment variables and without credentials."""
    return json.dumps(_masked(value), ensure_ascii=False, default=str)


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        is_variable = "name" in value
        return {
            key: "..." if is_variable and key == "value" else _masked(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return "..." if isinstance(value, str) and credential_by_form(value) else value
