"""Requests and limits of a code location, as the merging of defaults leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.locations.variables import K8sPart
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_merged_resources"]

ABOVE_MERGED_LIMIT = Rule(
    "DPK314",
    Severity.ERROR,
    "Merging the defaults puts a request above its limit; Kubernetes refuses the pod.",
    "write the request and the limit in one place",
)

_PLACES: tuple[Path, ...] = (
    ("resources",),
    ("run_k8s_config", "container_config", "resources"),
    ("server_k8s_config", "container_config", "resources"),
)


def check_merged_resources(parts: Sequence[K8sPart], default: K8sPart) -> Iterator[Finding]:
    """Requests above limits of which one stands in the defaults and the other in a location.

    Args:
        parts: Those of the locations.
        default: That of the defaults.
    """
    for place in _PLACES:
        below = _sides(default.k8s, place)
        for part in parts if below else ():
            yield from _check(part, place, below)


def _check(part: K8sPart, place: Path, below: Mapping[tuple[str, str], Quantity]) -> Iterator[Finding]:
    own = _sides(part.k8s, place)
    for side, name in own:
        other = "limits" if side == "requests" else "requests"
        if (other, name) in own or (other, name) not in below:
            continue
        merged = {side: own[side, name], other: below[other, name]}
        if merged["requests"] > merged["limits"]:
            of = {side: "", other: " of the defaults"}
            message = (
                f"{name}: the request {merged['requests']}{of['requests']} is above the limit "
                f"{merged['limits']}{of['limits']}"
            )
            fix = f"write {other}: {{{name}: ...}} beside it"
            yield ABOVE_MERGED_LIMIT.at(part.where((*part.path, *place, side, name)), message, fix=fix)


def _sides(k8s: Mapping[str, object], place: Path) -> dict[tuple[str, str], Quantity]:
    """Every amount that is one, by its side and the name of its resource."""
    here: object = k8s
    for key in place:
        here = here.get(key) if isinstance(here, Mapping) else None
    found = {}
    for side in ("requests", "limits"):
        amounts = here.get(side) if isinstance(here, Mapping) else None
        for name, amount in amounts.items() if isinstance(amounts, Mapping) else ():
            try:
                found[side, str(name)] = Quantity(amount)
            except QuantityError:
                continue  # which reading the part says
    return found
