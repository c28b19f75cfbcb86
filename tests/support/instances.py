"""Instances of Dagster with their databases copied: to make them takes half a second, to copy them none."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.test_utils import instance_for_test

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import dagster as dg


@contextmanager
def instance_in(folder: Path, overrides: Mapping[str, Any] | None = None) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps everything in a folder.

    Args:
        folder: Where; what an instance left there before is there still.
        overrides: What its ``dagster.yaml`` says.
    """
    for made in _empty().iterdir():
        if made.is_dir() and not (folder / made.name).exists():
            shutil.copytree(made, folder / made.name)
    with instance_for_test(temp_dir=str(folder), overrides=dict(overrides or {})) as instance:
        yield instance


@cache
def _empty() -> Path:
    """The folder of an instance in which nothing has happened."""
    folder = Path(tempfile.mkdtemp(prefix="empty-instance-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with instance_for_test(temp_dir=str(folder)) as instance:
        # Storages make their databases when they are asked for something.
        instance.get_runs()
        instance.daemon_cursor_storage.get_cursor_values({"none"})
        instance.all_instigator_state()
        instance.all_asset_keys()
    return folder
