"""``-o``: the forms that commands write in, under the same names in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypeVar

import click

__all__ = ["Form", "output_option"]

Form: TypeAlias = Literal["text", "yaml", "json", "html", "markdown", "github", "sarif"]
"""``text`` is for people at a terminal, ``markdown`` for those who read a pull request."""

Command = TypeVar("Command", bound=Callable[..., Any])

_OLDER = {"table": "text"}


class _Forms(click.Choice[str]):
    """The forms of a command; it knows the names that they had."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found: str = super().convert(_OLDER.get(value, value), param, ctx)
        return found


def output_option(*forms: Form, older: str = "") -> Callable[[Command], Command]:
    """Gives a command the option ``-o``, as the argument ``form``.

    Args:
        *forms: What it can write, the usual one first.
        older: Another name that the option goes by.
    """
    names = ("-o", "--output", *([older] if older else []), "form")
    return click.option(
        *names, type=_Forms(forms), default=forms[0], show_default=True, help="How to write it down."
    )
