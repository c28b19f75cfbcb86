"""What a real Kubernetes 1.36 returned: see tests/data/recordings/README.md."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "data" / "recordings"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.startswith("rejected-"))


@cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text()


def recording(name: str) -> dict[str, Any]:
    """A recording, new each time."""
    return json.loads(_text(name))
