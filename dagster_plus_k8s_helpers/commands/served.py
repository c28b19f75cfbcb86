"""Which deployments an agent serves, by its Helm values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.commands.code_location import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.plan.checking import Source

__all__ = ["first_deployment", "unserved"]


def first_deployment(values: Mapping[str, Any] | None) -> str:
    """The deployment that an agent serves; ``prod``, which all begin with, if it says none."""
    return next(iter(_served(values)), "prod")


def unserved(agent: Source | None, name: str, *, branch: bool) -> str:
    """A line for who plans for a deployment that the agent does not serve; else empty.

    Args:
        agent: The agent's Helm values.
        name: Name of the deployment.
        branch: Whether it is a branch deployment.
    """
    values = values_of(agent)
    served = _served(values)
    if agent is None or not served or name in {"local", *served}:
        return ""
    named = ", ".join(served)
    if not branch:
        return (
            f"Note: the agent of {agent.name} serves {named} and not {name!r}: nothing of it runs there; "
            f"write --deployment {served[0]}, or add it to dagsterCloud.deployments"
        )
    if _cloud(values).get("branchDeployments") is True:
        return ""
    return (
        f"Note: the agent of {agent.name} serves {named} and no branch deployments; "
        "write dagsterCloud.branchDeployments: true"
    )


def _cloud(values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    cloud = (values or {}).get("dagsterCloud")
    return cloud if isinstance(cloud, dict) else {}


def _served(values: Mapping[str, Any] | None) -> list[str]:
    """The full deployments that an agent serves, as far as its values say."""
    cloud = _cloud(values)
    several = cloud.get("deployments")
    names = [*(several if isinstance(several, list) else []), cloud.get("deployment")]
    return [name for name in names if isinstance(name, str) and name]
