"""How much CPU, memory, GPU and disk a container asks for and may use.

Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple, Never, NoReturn, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import ArgumentError, K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.amounts.checks import STEPS, amount_of, check_amount
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity, QuantityLike
from dagster_plus_k8s_helpers.pod.immutable import Checked, FromYaml, Immutable
from dagster_plus_k8s_helpers.pod.parts.resource_checks import (
    NAMES,
    NVIDIA_GPU,
    check_extended_name,
    check_limit,
    check_request,
)

__all__ = [
    "Amount",
    "AmountLike",
    "Factor",
    "Resources",
    "resources_written",
]

Factor: TypeAlias = int | float | Decimal | Fraction
"""What an amount can be multiplied by."""


class Amount(NamedTuple):
    """How much of one resource: what the scheduler reserves, and what the container may use at most."""

    request: Quantity | None
    limit: Quantity | None


AmountLike: TypeAlias = QuantityLike | tuple[QuantityLike | None, QuantityLike | None]
"""A limit, or a pair ``(request, limit)`` in which ``None`` leaves a side out."""

_PAIR = 'write cpu="2" for a limit, cpu=("1", "2") for a request and a limit; memory and gpu alike'


@answering(
    advice={
        "limits": _PAIR,
        "requests": _PAIR,
        "storage": "write ephemeral_storage=...",
        "disk": "write ephemeral_storage=...",
    }
)
class Resources(Checked, Immutable, FromYaml):
    """The resources of one container, checked when made; immutable, comparable and hashable.

    A single amount is a limit, as Dagster+ recommends: Kubernetes then requests the same. A pair is
    ``(request, limit)``, and ``None`` in it leaves that side out. To Kubernetes a limit of 0 is no limit,
    which is how an upper layer takes one away.

    Args:
        cpu: CPUs: ``"500m"``, ``1``, ``("2", "4")``. Kubernetes rounds up to a thousandth. A bare number
            above 448 is refused, as meant in thousandths: ``"500000m"`` or ``Quantity(500)`` is 500 CPUs.
        memory: Bytes, at least 4 MiB: ``"2Gi"``, ``("8Gi", "16Gi")``.
        gpu: Whole NVIDIA GPUs (``nvidia.com/gpu``).
        ephemeral_storage: Bytes of the node's disk.
        extended: Any other resource by its full name: ``{"amd.com/gpu": 1, "hugepages-2Mi": "64Mi"}``.

    Raises:
        K8sConfigError: An amount that Kubernetes refuses, or that is almost surely a mistake of units.
    """

    __slots__ = ("_amounts",)

    MODEL: ClassVar = "V1ResourceRequirements"

    _amounts: dict[str, Amount]

    def __init__(
        self,
        cpu: AmountLike | None = None,
        memory: AmountLike | None = None,
        gpu: AmountLike | None = None,
        ephemeral_storage: AmountLike | None = None,
        extended: Mapping[str, AmountLike] | None = None,
    ) -> None:
        given = {"cpu": cpu, "memory": memory, "gpu": gpu, "ephemeral_storage": ephemeral_storage}
        amounts = {}
        for field, value in given.items():
            if value is not None:
                amounts[NAMES[field]] = _checked(field, NAMES[field], value)
        for name, value in _mapping(extended).items():
            if name in amounts:
                raise K8sConfigError(f"{name!r} is given twice; keep one of the two", where="extended")
            try:
                check_extended_name(name)
            except K8sConfigError as error:
                raise error.within("extended") from None
            amounts[name] = _checked(f"extended[{name!r}]", name, value)
        object.__setattr__(self, "_amounts", amounts)

    @classmethod
    def from_dict(cls, requirements: Mapping[str, Mapping[str, QuantityLike]]) -> Resources:
        """From Kubernetes' own form, ``{"requests": {...}, "limits": {...}}``; the inverse of `to_dict`.

        Raises:
            K8sConfigError: Another key than the two, or an amount that the constructor refuses.
        """
        if not isinstance(requirements, Mapping):
            raise K8sConfigError(f"must be a mapping, not {type(requirements).__name__}")
        _refuse_amounts(requirements)
        for key, side in requirements.items():
            if not isinstance(side, Mapping):
                raise K8sConfigError(f"must be a mapping, not {type(side).__name__}", where=str(key))
            if key not in {"requests", "limits"}:
                raise UnknownFieldError(key, ["requests", "limits"], of="ResourceRequirements")
        requests, limits = requirements.get("requests", {}), requirements.get("limits", {})
        amounts = {name: (requests.get(name), limits.get(name)) for name in {**requests, **limits}}
        fields: dict[str, AmountLike] = {
            field: amounts.pop(name) for field, name in NAMES.items() if name in amounts
        }
        return cls(**fields, extended=amounts)

    @property
    def cpu(self) -> Amount | None:
        """CPUs, when said."""
        return self._amounts.get("cpu")

    @property
    def memory(self) -> Amount | None:
        """Bytes of memory, when said."""
        return self._amounts.get("memory")

    @property
    def gpu(self) -> Amount | None:
        """NVIDIA GPUs, when said."""
        return self._amounts.get(NVIDIA_GPU)

    @property
    def ephemeral_storage(self) -> Amount | None:
        """Bytes of the node's disk, when said."""
        return self._amounts.get("ephemeral-storage")

    @property
    def extended(self) -> dict[str, Amount]:
        """Every other resource, by its full name."""
        named = set(NAMES.values())
        return {name: amount for name, amount in self._amounts.items() if name not in named}

    @property
    def requests(self) -> dict[str, Quantity]:
        """What is requested, by Kubernetes' resource names; a limit alone is not repeated here."""
        return {name: amount.request for name, amount in self._amounts.items() if amount.request is not None}

    @property
    def limits(self) -> dict[str, Quantity]:
        """What is allowed, by Kubernetes' resource names."""
        return {name: amount.limit for name, amount in self._amounts.items() if amount.limit is not None}

    def scaled(
        self,
        *,
        cpu: Factor = 1,
        memory: Factor = 1,
        ephemeral_storage: Factor = 1,
    ) -> Resources:
        """A new object with requests and limits multiplied, rounded up to 1m of CPU or a whole byte.

        Args:
            cpu: Factor for CPU.
            memory: Factor for memory: ``Resources(memory="2Gi").scaled(memory=1.5)`` has 3Gi.
            ephemeral_storage: Factor for disk.

        Raises:
            K8sConfigError: A factor for a resource that is not set, or one that leaves too little.
        """
        amounts: dict[str, AmountLike] = dict(self._amounts)
        factors = {"cpu": cpu, "memory": memory, "ephemeral_storage": ephemeral_storage}
        for field, factor in factors.items():
            name = NAMES[field]
            if factor == 1:
                continue
            if not isinstance(factor, int | float | Decimal | Fraction):
                raise K8sConfigError(f"{factor!r} is no number to scale by", where=field)
            if name not in self._amounts:
                raise K8sConfigError(f"there is no {field} to scale in {self!r}", where=field)
            request, limit = (
                side and (side * factor).rounded_up_to(STEPS[name]) for side in self._amounts[name]
            )
            amounts[name] = (request, limit)
        return Resources.from_dict(_requirements(amounts))

    def to_dict(self) -> dict[str, dict[str, str]]:
        """Kubernetes' own form, ``{"requests": {...}, "limits": {...}}``, without empty sides."""
        return {
            side: {name: str(amount) for name, amount in named.items()}
            for side, named in self.checked().items()
        }

    def checked(self) -> dict[str, dict[str, Quantity]]:
        """`to_dict` with the amounts as quantities."""
        sides = {"requests": self.requests, "limits": self.limits}
        return {side: named for side, named in sides.items() if named}

    # `Never` keeps these an error to type checkers: they only say what to write.
    def __or__(self, other: Never) -> Never:
        raise ArgumentError(
            "resources are merged within configs; write K8sConfig(resources=a) | K8sConfig(resources=b)"
        )

    __ror__ = __add__ = __radd__ = __or__

    def keys(self) -> NoReturn:
        """Tags are a mapping, and resources are none: Python asks for keys where they stand for tags."""
        raise ArgumentError(
            "resources are no tags; write K8sConfig(resources=Resources(...)).tags, or k8s_tags(cpu=..., "
            "memory=...)"
        )

    def __eq__(self, other: object) -> bool:
        return self._amounts == other._amounts if isinstance(other, Resources) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._amounts.items()))

    def __bool__(self) -> bool:
        return bool(self._amounts)

    def __repr__(self) -> str:
        fields = {field: self._amounts[name] for field, name in NAMES.items() if name in self._amounts}
        shown = [f"{field}={_shown(amount)}" for field, amount in fields.items()]
        if self.extended:
            others = ", ".join(f"{name!r}: {_shown(amount)}" for name, amount in self.extended.items())
            shown.append(f"extended={{{others}}}")
        return f"Resources({', '.join(shown)})"

    def __reduce__(self) -> tuple[object, tuple[dict[str, dict[str, str]]]]:
        return Resources.from_dict, (self.to_dict(),)


def resources_written(value: object) -> object:
    """What stands for resources in a config: an object, or Kubernetes' own form.

    Raises:
        UnknownFieldError: ``{"cpu": "1"}`` and the like.
    """
    if isinstance(value, Mapping):
        _refuse_amounts(value)
    return value


def _refuse_amounts(requirements: Mapping[str, object]) -> None:
    """Refuses the arguments of `Resources` where Kubernetes' own form is wanted."""
    amounts = {_FIELDS[key]: value for key, value in requirements.items() if key in _FIELDS}
    if amounts:
        write = ", ".join(f"{name}={value!r}" for name, value in amounts.items())
        raise UnknownFieldError(
            str(next(iter(amounts))),
            (),
            of="Resources",
            reason=f"a dictionary here has requests and limits; write Resources({write})",
        )


_FIELDS = {**{name: name for name in NAMES}, **{native: name for name, native in NAMES.items()}}


def _shown(amount: Amount) -> str:
    if amount.request is None:
        return repr(str(amount.limit))
    return repr((str(amount.request), amount.limit and str(amount.limit)))


def _requirements(amounts: Mapping[str, AmountLike]) -> dict[str, dict[str, QuantityLike]]:
    sides: dict[str, dict[str, QuantityLike]] = {"requests": {}, "limits": {}}
    for name, amount in amounts.items():
        request, limit = amount if isinstance(amount, tuple) else (None, amount)
        if request is not None:
            sides["requests"][name] = request
        if limit is not None:
            sides["limits"][name] = limit
    return sides


def _mapping(extended: Mapping[str, AmountLike] | None) -> Mapping[str, AmountLike]:
    if extended is None:
        return {}
    if not isinstance(extended, Mapping):
        raise K8sConfigError(
            f"must map resource names to amounts, such as {{'amd.com/gpu': 1}}, not {extended!r}",
            where="extended",
        )
    return extended


def _checked(field: str, name: str, value: AmountLike) -> Amount:
    """The amount of one resource, or an error that names the field."""
    try:
        amount = _amount(name, value)
        if amount.request is not None:
            check_amount(name, amount.request)
        if amount.limit is not None:
            check_limit(name, amount.limit)
        if amount.request is not None:
            check_request(name, amount.request, amount.limit)
    except K8sConfigError as error:
        raise error.within(field) from None
    return amount


def _amount(name: str, value: AmountLike) -> Amount:
    if not isinstance(value, tuple | list):
        return Amount(None, amount_of(name, value))
    if len(value) != 2:
        parts = "1 part" if len(value) == 1 else f"{len(value)} parts"
        raise K8sConfigError(f"{value!r} has {parts}; write one amount or (request, limit)")
    request, limit = (None if side is None else amount_of(name, side) for side in value)
    if request is None and limit is None:
        raise K8sConfigError("(None, None) says nothing; leave it out")
    return Amount(request, limit)
