"""What `make docs` adds to pages while it builds the site: public names, drawings, versions."""

from __future__ import annotations

import ast
import importlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

PACKAGE = "dagster_plus_k8s_helpers"
ROOT = Path(__file__).parent.parent
STUB = ROOT / PACKAGE / "__init__.pyi"
BESIDE = ("plan", "testing", "manifests")
"""Modules beside the package itself, from which the docs take names."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The menu of versions, where there are several: mike says in the environment which one it builds."""
    if "MIKE_DOCS_VERSION" in os.environ:
        config.extra["version"] = {"provider": "mike", "default": "latest"}
    return config


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """The page of names with a section for each room, and a line for each of its public names."""
    return f"{markdown}\n{every_name()}" if page.file.src_uri == "reference/api.md" else markdown


def on_page_content(html: str, **_: Any) -> str:
    """Drawings within the page: what is an image knows nothing of the page's colours."""
    return re.sub(r'<img [^>]*src="[^"]*/diagrams/([\w-]+)\.svg"[^>]*>', _drawing, html)


def _drawing(image: re.Match[str]) -> str:
    return (ROOT / "docs" / "diagrams" / f"{image[1]}.svg").read_text("utf-8")


def every_name() -> str:
    """The sections, in mkdocstrings' own words."""
    by_room = {room: [f"{PACKAGE}.{name}" for name in names] for room, names in names_by_room().items()}
    for module in BESIDE:
        names = importlib.import_module(f"{PACKAGE}.{module}").__all__
        by_room[module] = [*by_room.get(module, []), *(f"{PACKAGE}.{module}.{name}" for name in names)]
    return "\n".join(
        f"## {room}\n\n" + "".join(f"::: {name}\n\n" for name in sorted(names))
        for room, names in sorted(by_room.items())
    )


def names_by_room() -> dict[str, list[str]]:
    """The names of the package, by the room that each comes from, as its stub says."""
    rooms: dict[str, list[str]] = {}
    for line in ast.parse(STUB.read_text("utf-8")).body:
        if isinstance(line, ast.ImportFrom) and line.level == 1 and line.module:
            room = line.module.partition(".")[0]
            rooms.setdefault(room, []).extend(alias.name for alias in line.names)
    return rooms
