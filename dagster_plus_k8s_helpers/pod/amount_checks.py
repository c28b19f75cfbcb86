"""What makes an amount of a resource a mistake, and which unit was probably meant."""

from __future__ import annotations

import re

from dagster_plus_k8s_helpers.errors import K8sConfigError, QuantityError
from dagster_plus_k8s_helpers.pod.quantity import Quantity, QuantityLike

__all__ = ["STEPS", "amount_of", "check_amount", "check_size"]

STEPS = {"cpu": Quantity("1m"), "memory": Quantity(1), "ephemeral-storage": Quantity(1)}
"""The least difference between two amounts of each resource that Kubernetes divides."""

_MILLIONS = ("M", "G", "T", "P", "E")
"""Units that no number of cores needs."""

_ONE = Quantity(1)
_LEAST_MEMORY = Quantity("4Mi")
_LEAST_SIZE = Quantity("1Ki")
_MOST_MEANT = Quantity("512Gi")


def check_amount(name: str, amount: Quantity) -> None:
    """Refuses an amount of the resource ``name`` that Kubernetes refuses or nobody means.

    Raises:
        K8sConfigError: Too little, too fine, or almost surely a mistake of units.
    """
    _CHECKS.get(name, _check_count if "/" in name else check_size)(amount)


def amount_of(name: str, value: QuantityLike) -> Quantity:
    """An amount of the resource ``name`` as it was written.

    Raises:
        QuantityError: It is no quantity.
    """
    try:
        return Quantity(value)
    except QuantityError:
        # Of CPU there are thousandths, and no mebibytes.
        meant = re.fullmatch(r"([0-9.]+)\s*mi?b?", str(value), re.IGNORECASE) if name == "cpu" else None
        if meant is None:
            raise
        raise QuantityError(f"{value!r} is not a Kubernetes quantity; write '{meant[1]}m'") from None


def _check_cpu(cpu: Quantity) -> None:
    number, suffix = re.fullmatch(r"([+0-9.]*)(.*)", str(cpu), re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
    if suffix.endswith("i") or suffix in _MILLIONS:
        meant = f"did you mean '{number}m'?" if suffix[0] == "M" else "write cores or thousandths of them"
        raise K8sConfigError(f"{cpu} of CPU is {cpu.value:,f} cores; {meant}")
    step = STEPS["cpu"]
    if cpu and cpu < step:
        raise K8sConfigError(f"{cpu} is below 1m, the least CPU there is")
    if not cpu.is_multiple_of(step):
        raise K8sConfigError(
            f"{cpu} is finer than 1m, the precision of CPU; write {cpu.rounded_up_to(step).canonical!r}"
        )


def _check_memory(memory: Quantity) -> None:
    if memory and memory < _LEAST_MEMORY:
        raise K8sConfigError(
            f"{_in_bytes(memory)}, less than the 4Mi any container needs; {_with_unit_meant(memory)}"
        )
    _check_unit(memory)


def check_size(size: Quantity) -> None:
    """A size of storage in bytes; refuses what is almost surely a mistake of units.

    Raises:
        K8sConfigError: Nothing, thousandths of a byte, or less than a kibibyte.
    """
    if not size:
        raise K8sConfigError("0 leaves no room; leave it out for no limit")
    if size < _LEAST_SIZE:
        raise K8sConfigError(f"{_in_bytes(size)}; {_with_unit_meant(size)}")
    _check_unit(size)


def _check_storage(storage: Quantity) -> None:
    if storage:
        check_size(storage)


def _check_unit(amount: Quantity) -> None:
    if str(amount).endswith(("m", "u", "n")):
        raise K8sConfigError(f"{_in_bytes(amount)}; {_with_unit_meant(amount)}")


def _check_count(count: Quantity) -> None:
    if not count:
        raise K8sConfigError("0 asks for none; leave it out")
    if not count.is_multiple_of(_ONE):
        raise K8sConfigError(
            f"{count} is not whole, and Kubernetes gives out whole devices only; "
            f"write {count.rounded_up_to(_ONE).canonical}"
        )


_CHECKS = {
    "cpu": _check_cpu,
    "memory": _check_memory,
    "ephemeral-storage": _check_storage,
}


def _in_bytes(amount: Quantity) -> str:
    if str(amount).endswith("m"):
        return f"{amount} is {amount.value:f} bytes (m is a thousandth)"
    return f"{amount} is {amount.value:f} bytes"


def _with_unit_meant(amount: Quantity) -> str:
    """The text with the unit that was probably meant: ``512m`` and ``512`` are 512Mi, ``2M`` is 2Gi."""
    number, suffix = re.fullmatch(r"(\+?[0-9.]*)(.*)", str(amount), re.DOTALL).groups()  # type: ignore[union-attr] # matches any text
    units = ("Gi", "Mi") if suffix.startswith("M") else ("Mi", "Gi")
    for unit in units:
        try:
            meant = Quantity(f"{number}{unit}")
        except K8sConfigError:
            continue
        if _LEAST_MEMORY <= meant <= _MOST_MEANT:
            return f"did you mean '{number}{unit}'?"
    return "write the number with a unit such as Mi or Gi"
