"""What a dry run says, on the stand-in and on a cluster alike: pods, and what becomes of them."""

from __future__ import annotations

from typing import Any

import dagster as dg
from checked import config, container

from dagster_plus_k8s_helpers import k8s_executor
from dagster_plus_k8s_helpers.plan import ClusterObjects, check

# Admission computes it from the class: a Job that says it is taken, its pod never is.
# Source: https://github.com/kubernetes/kubernetes/blob/v1.36.0/plugin/pkg/admission/priority/admission.go
PRIORITY = config(pod_spec_config={"priority": 5})
NOT_BY_HAND = (
    "the integer value of priority (5) must not be provided in pod spec; priority admission controller "
    "computed 0 from the given PriorityClass name"
)
OVER_LIMIT = container(resources={"requests": {"memory": "4Gi"}, "limits": {"memory": "2Gi"}})
NO_ACCOUNT = config(pod_spec_config={"service_account_name": "there-is-none"})
FINE = container(resources={"limits": {"cpu": "100m", "memory": "64Mi"}})

DRY_RUNS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "fine": (FINE, []),
    "refused pod": (PRIORITY, ["DPK571"]),
    # Told without the cluster, and not again.
    "refused Job": (OVER_LIMIT, ["DPK502"]),
    "no account": (NO_ACCOUNT, ["DPK532"]),
}


def definitions(tags: dict[str, Any], *, steps: int = 1) -> dg.Definitions:
    def asset(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, op_tags=tags)
        def made() -> None: ...

        return made

    return dg.Definitions(
        assets=[asset(f"a{index}") for index in range(steps)], executor=k8s_executor(max_concurrent=4)
    )


def judged(name: str, cluster: ClusterObjects) -> list[str]:
    """The codes of what is found for one of the `DRY_RUNS`."""
    tags, _ = DRY_RUNS[name]
    return [finding.code for finding in check(definitions(tags), cluster=cluster)]
