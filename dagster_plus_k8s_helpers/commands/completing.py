"""Values that a shell completes: of what files say, and without importing anybody's modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    import click

__all__ = ["deployments", "location_names"]


def location_names(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of the locations of ``--location``."""
    entries = _data(ctx, "location").get("locations")
    names = [entry.get("location_name") for entry in _list(entries) if isinstance(entry, dict)]
    return _items(names, begun)


def deployments(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Deployments of ``--agent``, and ``local``."""
    cloud = _data(ctx, "agent").get("dagsterCloud")
    cloud = cloud if isinstance(cloud, dict) else {}
    return _items([cloud.get("deployment"), *_list(cloud.get("deployments")), "local"], begun)


def _items(names: list[Any], begun: str) -> list[CompletionItem]:
    # A shell prints them as they are, and reads each end of a line as the next one.
    texts = dict.fromkeys(
        name for name in names if isinstance(name, str) and name.startswith(begun) and one_line(name) == name
    )
    return [CompletionItem(text) for text in texts]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _data(ctx: click.Context, option: str) -> dict[str, Any]:
    """What the file of an option holds; nothing where there is none, or standard input."""
    from dagster_plus_k8s_helpers.documents.document import read_yaml

    file = ctx.params.get(option)
    try:
        documents, _ = read_yaml(Path(file or "").read_bytes(), str(file))
    except OSError:
        return {}
    data = documents[0].data if documents else None
    return data if isinstance(data, dict) else {}
