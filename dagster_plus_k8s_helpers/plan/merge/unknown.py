"""What is not known before launch: stand-ins that pass through ``dagster_k8s``, and how a plan shows them.

A run id goes into names and labels, which ``dagster_k8s`` cleans and shortens, so the real code is given
a stand-in that survives this, and the manifest then says ``<run id>`` in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AGENT_NAMESPACE",
    "DAGSTER_HOME",
    "IMAGE",
    "LOCATION_NAME",
    "MAPPING_KEY",
    "RUN_ID",
    "SERVICE_ACCOUNT",
    "SET_BY_DAGSTER_PLUS",
    "STEP_KEY",
    "filled",
    "mapped_key",
    "placeholder_of_variable",
    "shown",
]

AGENT_NAMESPACE = "<namespace of the agent>"
DAGSTER_HOME = "<DAGSTER_HOME of the agent's chart>"
IMAGE = "<image of the code location>"
SERVICE_ACCOUNT = "<service account of the agent>"
SET_BY_DAGSTER_PLUS = "<set by Dagster+>"

RUN_ID = "unknown-run-id-5f0c9e"
LOCATION_NAME = "unknown-location-5f0c9e"
MAPPING_KEY = "unknown-mapping-key-5f0c9e"
STEP_KEY = "unknown-step-key-5f0c9e"

_SHOWN = {
    RUN_ID: "<run id>",
    LOCATION_NAME: "<name of the code location>",
    MAPPING_KEY: "<mapping key>",
}
_LABELS = "labels"


def placeholder_of_variable(name: str) -> str:
    """For an environment variable that is read in a pod of the cluster."""
    return f"<{name} of the environment at launch>"


def mapped_key(step_key: str) -> str:
    """The key of one of the steps that ``NAME[?]`` stands for."""
    return step_key.replace("[?]", f"[{MAPPING_KEY}]")


def shown(value: Any, secrets_of_launch: Mapping[str, str]) -> Any:
    """A manifest as a plan shows it.

    Args:
        value: What ``dagster_k8s`` made.
        secrets_of_launch: What else the launch alone decides, and what to show in its place.
    """
    return _replaced(value, {**secrets_of_launch, **_SHOWN})


def filled(template: Any, step_key: str) -> Any:
    """A copy of a manifest made for `STEP_KEY`, for another step."""
    return _filled(template, _replaced(step_key, _SHOWN), _label_of(step_key))


def _label_of(step_key: str) -> str:
    """A step key as a label: without a mapping key when what is known fills the label."""
    from dagster_k8s.utils import sanitize_k8s_label

    before, bracket, _ = step_key.partition("[")
    known: str = sanitize_k8s_label(f"{before}{bracket}")
    any_key: str = sanitize_k8s_label(f"{before}{bracket}x")
    return f"{any_key.removesuffix('x')}{_SHOWN[MAPPING_KEY]}" if bracket and any_key != known else known


def _filled(value: Any, step_key: str, label: str) -> Any:
    if isinstance(value, str):
        return value.replace(STEP_KEY, step_key) if STEP_KEY in value else value
    if isinstance(value, dict):
        return {
            key: (
                {name: label if text == STEP_KEY else text for name, text in item.items()}
                if key == _LABELS and isinstance(item, dict)
                else _filled(item, step_key, label)
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_filled(item, step_key, label) for item in value]
    return value


def _replaced(value: Any, replacements: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for stand_in, placeholder in replacements.items():
            if stand_in in value:
                value = value.replace(stand_in, placeholder)
        return value
    if isinstance(value, dict):
        return {key: _replaced(item, replacements) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, replacements) for item in value]
    return value
