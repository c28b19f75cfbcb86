"""Reads pages as their reader would, each in a fork of one process that has imported what most of them need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("run_page.py")
OF_A_DEPLOYMENT = ("DAGSTER_CLOUD_", "KUBERNETES_SERVICE_")


class PageReader:
    """The process; Dagster takes seconds to import, and there are many pages."""

    def __init__(self) -> None:
        here = {name: value for name, value in os.environ.items() if not name.startswith(OF_A_DEPLOYMENT)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", SCRIPT, "--each"],
            env={**here, "COLUMNS": "100", "DAGSTER_DISABLE_TELEMETRY": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self, page: Path, folder: Path) -> str:
        """What is wrong when everything that a page says is done in a folder; empty when nothing is."""
        said = folder.with_suffix(".said")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{page}\t{folder}\t{said}\n")
        self._process.stdin.flush()
        code = self._process.stdout.readline().strip()
        return "" if code == "0" else f"{said.read_text('utf-8')}\nended with {code or 'nothing'}"

    def close(self) -> None:
        """End it."""
        self._process.communicate()
