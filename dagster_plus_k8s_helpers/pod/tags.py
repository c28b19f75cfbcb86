"""The tags of a config: a dictionary in which the tags of another config cannot take its place unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from yaml.representer import Representer, SafeRepresenter

from dagster_plus_k8s_helpers.errors import K8sConfigError

__all__ = ["Tags"]

V = TypeVar("V")


class Tags(dict[str, V]):
    """Tags with ``dagster-k8s/config`` in them, which holds a whole config.

    ``a.tags | b.tags`` and ``a.tags.update(b.tags)`` would drop the config of ``a``, so they are refused.
    ``{**a.tags, **b.tags}`` is Python's own; `check` finds it (DPK582).

    Raises:
        K8sConfigError: The tags of another config are laid over these.
    """

    def __or__(self, other: Any) -> Any:
        return self._merged(self, other, dict.__or__)

    def __ror__(self, other: Any) -> Any:
        return self._merged(other, self, lambda over, under: dict.__ror__(under, over))

    def __ior__(self, other: Any) -> Any:
        _refuse_another(self, other)
        return super().__ior__(other)

    def update(self, *others: Any, **tags: Any) -> None:
        """As of every dictionary, except for another config."""
        for other in (*others, tags):
            _refuse_another(self, other)
        super().update(*others, **tags)

    def _merged(self, under: Any, over: Any, merge: Callable[[Any, Any], Any]) -> Any:
        _refuse_another(under, over)
        merged = merge(under, over)
        return merged if merged is NotImplemented else Tags(merged)


def _refuse_another(
    under: Mapping[str, Any] | Iterable[Any], over: Mapping[str, Any] | Iterable[Any]
) -> None:
    if not isinstance(under, Mapping) or not isinstance(over, Mapping):
        return
    if _TAG in under and _TAG in over and under[_TAG] != over[_TAG]:
        raise K8sConfigError("the second config would take the place of the first; write (a | b).tags")


_TAG = "dagster-k8s/config"

# PyYAML writes the very class dict only. From these every dumper inherits, those of libyaml too.
for representer in (SafeRepresenter, Representer):
    representer.add_representer(Tags, SafeRepresenter.represent_dict)
