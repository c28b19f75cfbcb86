"""Collections of garbage that are short, however large a run is."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["short_collections"]

_OLDEST = 2


@contextmanager
def short_collections() -> Iterator[None]:
    """What has outlived a full collection is not gone through by the next one.

    The steps, Jobs and events of a large run are millions of objects that stay to its end. A full collection
    goes through all of them and takes a second, in which nothing else runs; most find nothing. What is
    dropped without a circle goes at once all the same, what is in a circle when the run is over.

    Source: https://docs.python.org/3/library/gc.html#gc.freeze
    """

    def freeze(phase: str, info: dict[str, Any]) -> None:
        if phase == "stop" and info["generation"] == _OLDEST:
            gc.freeze()

    gc.freeze()
    gc.callbacks.append(freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(freeze)
        gc.unfreeze()
