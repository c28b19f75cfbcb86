"""Which taints a pod puts up with.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.pod.immutable import Checked
from dagster_plus_k8s_helpers.pod.objects.names import check_label_value, check_qualified_name
from dagster_plus_k8s_helpers.pod.objects.schema import no_check, plain_text, read

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Toleration", "check_toleration"]

Operator: TypeAlias = Literal["Exists", "Equal", "Lt", "Gt"]
Effect: TypeAlias = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

_OPERATORS = ("Exists", "Equal", "Lt", "Gt")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@answering
@dataclass(frozen=True, slots=True)
class Toleration(Checked):
    """Lets a pod onto nodes with a taint; it does not draw it there, which a node selector does.

    Args:
        key: Key of the taint; ``None`` with the operator ``Exists`` tolerates every taint.
        value: Value of the taint.
        operator: ``Equal`` when a value is given, else ``Exists``, unless said otherwise.
        effect: Only taints of this effect; every effect when left out.
        toleration_seconds: Seconds to stay on a node that gets the taint; ``NoExecute`` only.

    Raises:
        K8sConfigError: A combination that Kubernetes refuses.
    """

    key: str | None = None
    value: str | None = None
    operator: Operator | None = None
    effect: Effect | None = None
    toleration_seconds: int | None = None

    def __post_init__(self) -> None:
        for name in ("key", "value", "operator", "effect"):
            if isinstance(said := getattr(self, name), str):
                object.__setattr__(self, name, plain_text(said))
        if self.operator in _EFFECTS:
            raise K8sConfigError(f"{self.operator!r} is an effect; write effect={self.operator!r}")
        if self.value in _OPERATORS and self.operator is None:
            raise K8sConfigError(f"{self.value!r} is an operator; write operator={self.value!r}")
        if self.operator is None:
            object.__setattr__(self, "operator", "Exists" if self.value is None else "Equal")
        seconds = self.toleration_seconds
        texts = (self.key, self.value, self.operator, self.effect)
        if any(not isinstance(text, str | None) for text in texts) or not isinstance(seconds, int | None):
            read("V1Toleration", self.to_dict(), no_check)  # says which, and what to write
        check_toleration(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``Toleration``."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}

    checked = to_dict

    MODEL: ClassVar = "V1Toleration"

    @classmethod
    def from_dict(cls, toleration: Mapping[str, Any]) -> Toleration:
        """From an object that `schema.read` returned; Kubernetes' default operator is ``Equal``."""
        return cls(**{"operator": "Equal", **toleration})


def check_toleration(toleration: Mapping[str, Any]) -> None:
    """Refuses what the API server refuses."""
    key, value = toleration.get("key"), toleration.get("value")
    operator, effect = toleration.get("operator") or "Equal", toleration.get("effect")
    _check_one_of("operator", operator, _OPERATORS)
    if effect:
        _check_one_of("effect", effect, _EFFECTS)
    if key:
        check_qualified_name(key, "taint key")
    elif operator != "Exists":
        raise K8sConfigError("a toleration without a key tolerates everything and needs operator='Exists'")
    if value and operator == "Exists":
        raise K8sConfigError(f"operator 'Exists' takes no value; drop the value {value!r} or write 'Equal'")
    if operator in {"Lt", "Gt"} and not re.fullmatch(r"-?[0-9]+", value or ""):
        raise K8sConfigError(f"operator {operator!r} compares numbers; {value!r} is none", where="value")
    if value:
        check_label_value(value, key or "", what="value of taint")
    if toleration.get("toleration_seconds") is not None and effect != "NoExecute":
        raise K8sConfigError("toleration_seconds has a meaning with effect='NoExecute' only")


def _check_one_of(field: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise K8sConfigError(
            f"{value!r} is none of {', '.join(known)}{did_you_mean(str(value), known)}", where=field
        )
