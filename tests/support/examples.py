"""How many examples hypothesis tries."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def fewer(share: int, **further: Any) -> settings:
    """A share of what the profile says, where each example takes long.

    Args:
        share: How many times fewer.
        further: Other settings.
    """
    return settings(max_examples=max(1, settings().max_examples // share), **further)
