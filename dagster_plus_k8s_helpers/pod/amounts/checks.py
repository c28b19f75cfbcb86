"""What makes an amount of a resource a mistake, and which unit was probably meant."""

from __future__ import annotations

import re
from decimal import Decimal

from dagster_plus_k8s_helpers.errors import K8sConfigError, QuantityError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity, QuantityLike

__all__ = [
    "STEPS",
    "amount_of",
    "check_amount",
    "check_capacity",
    "check_memory_limit",
    "check_size",
    "is_native",
]

STEPS = {"cpu": Quantity("1m"), "memory": Quantity(1), "ephemeral-storage": Quantity(1)}
"""The least difference between two amounts of each resource that Kubernetes divides."""

_MILLIONS = ("M", "G", "T", "P", "E")
"""Units that no number of cores needs."""

_FRACTIONS = ("m", "u", "n")
"""Units of less than one."""

_MOST_CORES = Quantity(448)
"""CPUs of the largest machines but for a few that are made for one database in memory.

Source: https://aws.amazon.com/ec2/instance-types/, of which the u7i alone have more
"""

_ONE = Quantity(1)
_LEAST_MEMORY = Quantity("4Mi")
_LEAST_SIZE = Quantity("1Ki")
_MOST_MEANT = Quantity("512Gi")
_MOST_GIBIBYTES = Decimal(128)
"""Below this a bare number of bytes was meant as gibibytes: no container of Dagster's runs in 64Mi."""


def check_amount(name: str, amount: Quantity) -> None:
    """Refuses an amount of the resource ``name`` that Kubernetes refuses or nobody means.

    Raises:
        K8sConfigError: A part of a device, or almost surely a mistake of units.
    """
    if not is_native(name):
        _check_count(amount)
    elif "/" not in name:
        _CHECKS.get(name, check_size)(amount)


def is_native(name: str) -> bool:
    """Whether a resource is Kubernetes' own, which requests may divide and ask for less of than the limit.

    ``kubernetes.io/batch-cpu`` is, ``nvidia.com/gpu`` is not.

    Source: ``IsNativeResource`` of Kubernetes, pkg/apis/core/helper/helpers.go
    """
    return "/" not in name or "kubernetes.io/" in name


def amount_of(name: str, value: QuantityLike) -> Quantity:
    """An amount of the resource ``name`` as it was written.

    Raises:
        QuantityError: It is no quantity.
    """
    try:
        amount = Quantity(value)
    except QuantityError:
        # Of CPU there are thousandths, and no mebibytes.
        meant = re.fullmatch(r"([0-9.]+)\s*mi?b?", str(value), re.IGNORECASE) if name == "cpu" else None
        if meant is None:
            raise
        raise QuantityError(f"{value!r} is not a Kubernetes quantity; write '{meant[1]}m'") from None
    # Who writes a Quantity means it; in thousandths the text says so too, wherever it is read again.
    if name == "cpu" and isinstance(value, Quantity) and _is_cores(amount) and amount > _MOST_CORES:
        return Quantity(_thousandths(amount))
    return amount


def _check_cpu(cpu: Quantity) -> None:
    number, suffix = re.fullmatch(r"([+0-9.]*)(.*)", str(cpu), re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
    if suffix.endswith("i") or suffix in _MILLIONS:
        meant = f"did you mean '{number}m'?" if suffix[0] == "M" else "write cores or thousandths of them"
        raise K8sConfigError(f"{cpu} of CPU is {cpu.value:,f} cores; {meant}")
    if _is_cores(cpu) and cpu > _MOST_CORES:
        raise K8sConfigError(
            f"{cpu} is {cpu.value:,f} cores, which hardly any node has; where that is meant, it is "
            f"'{_thousandths(cpu)}'; did you mean '{cpu.value:f}m'?"
        )


def _is_cores(cpu: Quantity) -> bool:
    """Whether it was written in whole cores, ``1k`` and ``1e3`` among them."""
    return not str(cpu).endswith(_FRACTIONS)


def _thousandths(cpu: Quantity) -> str:
    return f"{(cpu.value * 1000).normalize():f}m"


def _check_memory(memory: Quantity) -> None:
    if memory and memory < _LEAST_MEMORY and (_is_bare(memory) or str(memory).endswith(_FRACTIONS)):
        raise K8sConfigError(_too_little(memory))


def check_memory_limit(memory: Quantity) -> None:
    """Refuses a memory limit that no container starts in; none at all is no limit.

    Raises:
        K8sConfigError: Less than 4 MiB.

    Source: runc's "container init was OOM-killed (memory limit too low?)"
    """
    if memory and memory < _LEAST_MEMORY:
        raise K8sConfigError(_too_little(memory))


def _too_little(memory: Quantity) -> str:
    return f"{_in_bytes(memory)}, less than the 4Mi any container needs; {_with_unit_meant(memory)}"


def check_size(size: Quantity) -> None:
    """A size in bytes, of which 0 is no limit; refuses what is almost surely a mistake of units.

    Raises:
        K8sConfigError: Less than a kibibyte.
    """
    if size and size < _LEAST_SIZE:
        raise K8sConfigError(f"{_in_bytes(size)}; {_with_unit_meant(size)}")


def check_capacity(size: Quantity) -> None:
    """A size that is claimed, of which there must be some.

    Raises:
        K8sConfigError: Nothing, or less than a kibibyte.
    """
    if not size:
        raise K8sConfigError("0 claims no room; write how much")
    check_size(size)


def _is_bare(amount: Quantity) -> bool:
    """Whether it was written without a unit."""
    return str(amount)[-1:] in "0123456789." and "e" not in str(amount).lower()


def _check_count(count: Quantity) -> None:
    if not count.is_multiple_of(_ONE):
        raise K8sConfigError(
            f"{count} is not whole, and Kubernetes gives out whole devices only; "
            f"write {count.rounded_up_to(_ONE).canonical}"
        )


_CHECKS = {"cpu": _check_cpu, "memory": _check_memory}


def _in_bytes(amount: Quantity) -> str:
    unit = "byte" if amount.value == 1 else "bytes"
    if str(amount).endswith("m"):
        return f"{amount} is {amount.value:f} {unit} (m is a thousandth)"
    return f"{amount} is {amount.value:f} {unit}"


def _with_unit_meant(amount: Quantity) -> str:
    """The text with the unit that was probably meant: ``512`` is 512Mi, ``2M`` and ``8`` are 2Gi and 8Gi."""
    number, suffix = re.fullmatch(r"(\+?[0-9.]*)(.*)", str(amount), re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
    is_small = _is_bare(amount) and amount.value < _MOST_GIBIBYTES
    units = ("Gi", "Mi") if suffix.startswith("M") or is_small else ("Mi", "Gi")
    for unit in units:
        try:
            meant = Quantity(f"{number}{unit}")
        except K8sConfigError:
            continue
        if _LEAST_MEMORY <= meant <= _MOST_MEANT:
            return f"did you mean '{number}{unit}'?"
    return "write the number with a unit such as Mi or Gi"
