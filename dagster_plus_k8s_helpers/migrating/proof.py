"""Whether a typed config says what a dictionary says, to `K8sConfig` and to ``dagster_k8s`` itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster_plus_k8s_helpers
from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.migrating.errors import CannotMigrateError
from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, Hole, Items, Layout, literal, written
from dagster_plus_k8s_helpers.migrating.samples import Samples
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["evaluated", "names_of", "proved"]


def proved(config: Items, holes: Sequence[str], build: Callable[..., Call | None], suffix: str) -> Call:
    """The typed form of a dictionary, which says the same.

    Args:
        config: The dictionary.
        holes: The expressions that are open, by number.
        build: Makes a call of the dictionary: of typed parts, or of the fields alone.
        suffix: What is taken of the call.

    Raises:
        CannotMigrateError: There is none.
    """
    tried = _Tried(config, holes)
    for typed in (True, False):
        call = build(config, typed=typed)
        if call is not None:
            # A config with a name is tried by its tags, whatever is taken of it.
            by = suffix or ("" if call.function == "k8s_tags" else ".tags")
            if tried.is_said_by(replace(call, suffix=by)):
                return replace(call, suffix=suffix)
    raise CannotMigrateError("no typed form of it says the same; this is a gap in migrate")


class _Tried:
    """A dictionary that has been tried: its value, with one for each expression that it leaves open.

    Args:
        config: The dictionary.
        holes: The expressions that are open, by number.

    Raises:
        CannotMigrateError: Kubernetes, Dagster or `K8sConfig` refuses it, or it says nothing.
    """

    def __init__(self, config: Items, holes: Sequence[str]) -> None:
        self._samples = Samples()
        self._value: dict[str, Any] = self._samples.config(config)
        self._open = [holes[number] for number in sorted(self._samples.values)]
        try:
            self._config = K8sConfig.from_dict(self._value)
            said = self._config.tags
        except K8sConfigError as error:
            raise CannotMigrateError(f"{error}{self._with()}") from None
        if not said:
            raise CannotMigrateError("it says nothing; leave it out")
        self._read = _read_by_dagster(self._value)

    def is_said_by(self, call: Call) -> bool:
        """Whether an expression gives the same, when the same values stand for what is open."""
        try:
            given = evaluated(call, self._samples.values)
            said = given if call.suffix == ".to_dict()" else given[K8sConfig.TAG]
            config = json.loads(said) if isinstance(said, str) else said
            return K8sConfig.from_dict(config) == self._config and _read_by_dagster(config) == self._read
        except (K8sConfigError, CannotMigrateError, TypeError, KeyError):
            return False

    def _with(self) -> str:
        if not self._open:
            return ""
        shown = ", ".join(" ".join(text.split())[:_SHOWN] for text in self._open)
        return f" (tried with a value of ours for {shown})"


_SHOWN = 60


def evaluated(call: Call, holes: Mapping[int, Any]) -> Any:
    """What an expression gives.

    Args:
        call: Literals, and calls of what this package exports.
        holes: What stands for the expressions that are open.
    """

    def shown(code: Code) -> str:
        value = holes[code.value.number] if isinstance(code.value, Hole) else code.value
        return literal(value).text

    known = {name: getattr(dagster_plus_k8s_helpers, name) for name in names_of(call)}
    known |= {"__builtins__": {}, "float": float}
    return eval(written(call, Layout(), shown), known)  # noqa: S307 - see above


def names_of(node: Call | Items | Code) -> set[str]:
    """The names of this package that an expression calls."""
    if isinstance(node, Code):
        return set()
    found = {node.function.partition(".")[0]} if isinstance(node, Call) else set[str]()
    return found.union(*(names_of(item.node) for item in node.items))


def _read_by_dagster(config: Mapping[str, Any]) -> K8sConfig:
    """What ``dagster_k8s`` reads of a config, with amounts that compare by what they are."""
    from dagster_k8s.job import get_user_defined_k8s_config

    try:
        read = get_user_defined_k8s_config({K8sConfig.TAG: json.dumps(config)}).to_dict()
    # What it raises is of Dagster's configs, of Kubernetes' models, or of neither.
    except Exception as error:  # noqa: BLE001
        raise CannotMigrateError(f"dagster_k8s refuses it: {reason(error)}") from None
    return K8sConfig.from_dict({key: value for key, value in read.items() if value})
