"""ClusterQueues and LocalQueues, as far as they are looked at.

Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/kueue/v1beta2/clusterqueue_types.go
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from dagster_plus_k8s_helpers.files.sections.section import Items, Section
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

__all__ = ["ClusterQueue", "ClusterSpec", "ClusterStatus", "Flavor", "Group", "LocalQueue", "QueueList"]


def _quantity(value: object) -> Quantity:
    return Quantity(value)  # type: ignore[arg-type] # Quantity refuses what it cannot take


_Amount = Annotated[Quantity, BeforeValidator(_quantity)]


class _Quota(Section):
    name: str
    nominal_quota: _Amount = Field(alias="nominalQuota")
    borrowing_limit: Annotated[Quantity | None, BeforeValidator(_quantity)] = Field(
        None, alias="borrowingLimit"
    )


class Flavor(Section):
    """What a flavor of nodes gives."""

    name: str
    resources: Items[_Quota] = ()


class Group(Section):
    """Resources that one flavor gives together."""

    flavors: Items[Flavor] = ()


class ClusterSpec(Section):
    """What a ClusterQueue gives."""

    resource_groups: Items[Group] = Field((), alias="resourceGroups")
    # v1beta2 calls it the one, v1beta1 the other.
    cohort_name: str = Field("", alias="cohortName")
    cohort: str = ""


class _Used(Section):
    name: str
    total: _Amount = Quantity(0)


class _FlavorUse(Section):
    name: str
    resources: Items[_Used] = ()


class ClusterStatus(Section):
    """What a ClusterQueue has given, and who waits in it."""

    # What is reserved is gone, whether or not its Jobs run yet.
    flavors_reservation: Items[_FlavorUse] | None = Field(None, alias="flavorsReservation")
    pending_workloads: int | None = Field(None, alias="pendingWorkloads")


class _LocalSpec(Section):
    cluster_queue: str = Field(alias="clusterQueue")


class _Metadata(Section):
    name: str
    namespace: str = "default"


class ClusterQueue(Section):
    """A ClusterQueue."""

    metadata: _Metadata
    spec: ClusterSpec = ClusterSpec.from_dict({})
    status: ClusterStatus | None = None


class LocalQueue(Section):
    """A LocalQueue."""

    metadata: _Metadata
    spec: _LocalSpec


class QueueList(Section):
    """A list of objects."""

    items: Items[Any]
