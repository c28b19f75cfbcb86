"""What `k8s_executor` was given: checked where it was written, and as the stock executor takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypeAlias, TypedDict

import dagster as dg

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.executor.settings import SMALL
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.objects.schema import plain_text

__all__ = [
    "OpName",
    "TagConcurrencyLimit",
    "by_op_name",
    "check_count",
    "check_limit",
    "check_switch",
    "check_text",
    "checked_config",
    "in_run_pod_given",
]

OpName: TypeAlias = str | dg.AssetKey
"""An op by its name, or an asset by its key: ``"train"``, ``"ml/train"``, ``AssetKey(["ml", "train"])``."""


class TagConcurrencyLimit(TypedDict):
    """How many steps with a tag may run at once in one run.

    Keys:
        key: Key of the op tag.
        limit: How many.
        value: The tag's value; or ``{"applyLimitPerUniqueValue": True}`` for a limit of its own for each
            value; every value together when left out.
    """

    key: str
    limit: int
    value: NotRequired[str | Mapping[str, bool]]


def check_count(where: str, count: int) -> None:
    """Refuse what is no number of steps.

    Args:
        where: Name of the argument.
        count: What was given.

    Raises:
        K8sConfigError: It is not a whole number, or below 1.
    """
    if not isinstance(count, int) or isinstance(count, bool):
        raise K8sConfigError(f"must be a whole number, not {count!r}", where=where)
    if count < 1:
        raise K8sConfigError(f"{count} is below 1; leave it out for no limit", where=where)


def check_switch(where: str, said: object) -> None:
    """Refuse what is neither True nor False: text such as "no" would be taken for yes.

    Args:
        where: Name of the argument.
        said: What was given.

    Raises:
        K8sConfigError: It is something else.
    """
    if not isinstance(said, bool):
        raise K8sConfigError(f"must be True or False, not {said!r}", where=where)


def check_limit(where: str, limit: TagConcurrencyLimit) -> None:
    """Refuse what is no limit by a tag.

    Args:
        where: Name of the argument.
        limit: What was given.

    Raises:
        K8sConfigError: It has no key, no limit, or a field that there is not.
    """
    if not isinstance(limit, Mapping) or not {"key", "limit"} <= set(limit):
        raise K8sConfigError("must have a key and a limit", where=where)
    for name in set(limit) - {"key", "limit", "value"}:
        raise UnknownFieldError(name, ["key", "limit", "value"], of="TagConcurrencyLimit", where=where)
    check_count(f"{where}.limit", limit["limit"])


def check_text(where: str, value: str | None, check: Callable[[str], None]) -> None:
    """Refuse what is no text, or not such a text.

    Args:
        where: Name of the argument.
        value: What was given; ``None`` is left alone.
        check: Refuses a text.

    Raises:
        K8sConfigError: One of them.
    """
    if value is None:
        return
    if not isinstance(value, str):
        raise K8sConfigError(f"must be text, not {value!r}", where=where)
    try:
        check(plain_text(value))
    except K8sConfigError as error:
        raise error.within(where) from None


def by_op_name(configs: Mapping[OpName, K8sConfig]) -> dict[str, Any]:
    """What ``per_step_config`` says, by the names of ops.

    Args:
        configs: By op names and asset keys.

    Raises:
        K8sConfigError: A key is neither, two are of one op, or a value is no config.
    """
    by_op: dict[str, Any] = {}
    for key, config in configs.items():
        op_name = _op_name(key)
        where = f"per_step_config[{key!r}]"
        if op_name in by_op:
            raise K8sConfigError(f"the op {op_name!r} has an entry already", where=where)
        by_op[op_name] = checked_config(where, config).to_dict()
    return by_op


def in_run_pod_given(
    written: str | dg.AssetSelection | Sequence[OpName] | None,
) -> str | tuple[str, ...] | None:
    """Steps for the run's pod, as a launch can say them too.

    Args:
        written: ``in_run_pod``.

    Raises:
        K8sConfigError: A selection that has no text, or a key that is neither an op name nor an asset key.
        SelectionError: A text that is not in Dagster's selection syntax.
    """
    if isinstance(written, dg.AssetSelection):
        try:
            return written.to_selection_str()
        # Some have no text: of checks, or of keys that were resolved.
        except NotImplementedError:
            raise K8sConfigError(
                f"{written!r} cannot be written as text; write the selection as text", where="in_run_pod"
            ) from None
    if isinstance(written, str) and written != SMALL and written:
        # Refused here, and not when a run starts.
        _dagster.selection_from_text(written)
    if isinstance(written, Sequence) and not isinstance(written, str):
        return tuple(_op_name(key, "in_run_pod") for key in written)
    return written


def _op_name(key: OpName, where: str = "per_step_config") -> str:
    """The name Dagster gives the op of an asset: ``ml__train`` for the key ``ml/train``."""
    if not isinstance(key, str | dg.AssetKey):
        raise K8sConfigError(
            f"the key {key!r} must be an op name or asset key, not {type(key).__name__}", where=where
        )
    asset_key = dg.AssetKey.from_user_string(key) if isinstance(key, str) else key
    return asset_key.to_python_identifier()


def checked_config(where: str, config: K8sConfig) -> K8sConfig:
    """A config, if it is one.

    Args:
        where: Name of the argument.
        config: What was given.

    Raises:
        K8sConfigError: It is none; with what to write instead.
    """
    if not isinstance(config, K8sConfig):
        raise K8sConfigError(_config_wanted(config), where=where)
    return config


def _config_wanted(given: object) -> str:
    if isinstance(given, type):
        return f"must be a K8sConfig, not the class {given.__name__}; write {given.__name__}(...)"
    write = (
        "; write K8sConfig.from_tags(...)" if isinstance(given, Mapping) and K8sConfig.TAG in given else ""
    )
    return f"must be a K8sConfig, not {type(given).__name__}{write}"
