"""The guide's Python is run, each block as a module of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "secrets.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", [b for b in BLOCKS if "redact_secrets()" not in b], ids=lambda b: b[-40:])
def test_a_block_of_the_guide_runs(block: str) -> None:
    exec(compile(block, str(GUIDE), "exec"), {"__name__": "guide"})


def test_the_guide_has_blocks() -> None:
    assert len(BLOCKS) >= 7
