"""Hiding what looks like a credential: a plan that is written down is read by more people than a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.credentials.telling import looks_like_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["masked", "name_within"]


def masked(value: Any, name: str = "") -> Any:
    """A part of a manifest without what looks like a credential.

    Args:
        value: The part.
        name: What it goes by; see `name_within`.
    """
    if isinstance(value, str):
        kind = looks_like_credential(name, value)
        return f"<hidden: looks like {kind}>" if kind else value
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    if isinstance(value, dict):
        return {key: masked(item, name_within(value, key)) for key, item in value.items()}
    return value


def name_within(holder: Mapping[str, Any], key: str) -> str:
    """What a field of an object goes by: its key, or the variable that it is the value of."""
    variable = holder.get("name")
    return variable if key == "value" and isinstance(variable, str) else key
