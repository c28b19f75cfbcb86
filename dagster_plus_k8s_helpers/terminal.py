"""What reaches a terminal is text, whoever wrote it: no markup, no link, no escape sequence, no line.

Keys, tags and messages come from files and from other people's code. Every command prints through here.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
    from rich.text import Text

__all__ = ["console", "echo", "is_coloured", "json_text", "one_line", "printable", "write"]

# Controls, halves of surrogate pairs, what turns the direction of text or cannot be seen, ends of lines.
_LINES_APART = (
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060\\u2066-\\u2069"
    "\\ufeff\\ud800-\\udfff\\U000e0000-\\U000e007f"
)
_UNPRINTABLE = re.compile(f"[{_LINES_APART}]")
_HALVES = re.compile("[\ud800-\udfff]")
_NOT_IN_A_LINE = re.compile(f"[\\t\\n{_LINES_APART}]")


def printable(text: str) -> str:
    """A text of several lines, with everything that a terminal would obey written as Python writes it.

    Source: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
    """
    return _UNPRINTABLE.sub(_escaped, text)


def one_line(text: str) -> str:
    """The same, and it cannot pass for another line either."""
    return _NOT_IN_A_LINE.sub(_escaped, text)


def echo(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Print a message, and what ends it: its line, unless it is said otherwise."""
    if not err:
        write(f"{printable(text)}{end}")
        return
    import click  # noqa: PLC0415 - findings use the functions above in programs that print nothing

    click.echo(f"{printable(text)}{end}", err=True, nl=False)


def write(document: str | bytes) -> None:
    """Print a document: to a terminal as text, to a file or pipe as it is, in UTF-8.

    On Windows a pipe has another encoding and other ends of lines, in which a file would be no values file
    and no module any more. Halves of surrogate pairs, which no encoding has, are written as Python does it.
    """
    import click  # noqa: PLC0415 - as above

    if sys.stdout.isatty():
        text = document if isinstance(document, str) else document.decode(errors="backslashreplace")
        click.echo(printable(text), nl=False)
    elif isinstance(document, str):
        click.echo(_HALVES.sub(_escaped, document).encode(), nl=False)
    else:
        click.echo(document, nl=False)


def json_text(value: object) -> str:
    """A document of JSON, as every command writes it."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def is_coloured() -> bool:
    """Whether what is printed has colours: on a terminal that has them, and wherever ``FORCE_COLOR`` says so.

    Source: https://no-color.org, https://force-color.org
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}


def console(*, least: int = 0) -> Console:
    """Where tables and trees are printed: the terminal as wide as it is; a file or pipe so that little wraps.

    Args:
        least: How wide a file or pipe is at least.
    """
    from rich.console import Console, RenderHook  # noqa: PLC0415 - whoever calls --help need not wait

    class Hook(RenderHook):
        def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
            return [_AsText(renderables)]

    class Quiet(Console):
        def render_str(self, text: str, **settings: Any) -> Text:
            # What is to have several lines, in a cell of a table, is made a Text by who knows it.
            return super().render_str(one_line(text), **settings)

        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704 - rich calls it where it caught the error; its own would exit with 1

    colours: Literal["standard", "auto"] | None = None
    if is_coloured():
        colours = "standard" if os.environ.get("TERM") == "dumb" else "auto"

    def made(width: int | None) -> Console:
        found = Quiet(
            highlight=False,
            markup=False,
            emoji=False,
            width=width,
            color_system=colours,
            no_color=colours is None,
        )
        found.push_render_hook(Hook())
        return found

    found = made(None)
    return found if sys.stdout.isatty() else made(max(found.width, least))


class _AsText:
    """What is to be printed, its text made printable where it stands."""

    def __init__(self, renderables: Sequence[ConsoleRenderable]) -> None:
        self._renderables = renderables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment  # noqa: PLC0415 - as above

        for renderable in self._renderables:
            for segment in console.render(renderable, options):
                yield segment if segment.control else Segment(printable(segment.text), segment.style)


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
