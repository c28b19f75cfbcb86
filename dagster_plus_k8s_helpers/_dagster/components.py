"""What components take from inside Dagster: an error at its line, and the definitions of a folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster.components.core.decl import build_component_decls_from_directory_items
from dagster.components.resolved.base import derive_model_type
from dagster.components.resolved.errors import ResolutionException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster.components.core.decl import ComponentDecl
    from dagster_shared.yaml_utils.source_position import SourcePositionTree

__all__ = ["ResolutionException", "definitions_of_folder", "derive_model_type", "refused", "refused_by"]

_PART = re.compile(r"\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]|([^.\[\]]+)")


def refused(
    context: dg.ResolutionContext, where: str, reason: str, *, with_lines: bool = True
) -> ResolutionException:
    """What Dagster shows of a value that cannot be resolved: the file, the line, and the reason alone.

    An exception of another kind comes with the whole traceback of what refused the value, and stands at the
    line of the attribute that the value is in. `Resolver` takes this one as it is; nothing exports it.

    Args:
        context: Of the value.
        where: Path of what is wrong within it, as in ``resources.limits['cpu']``.
        reason: What is wrong, and what to write instead.
        with_lines: Whether to show the lines of the file around it, which may hold what nobody should see.
    """
    if context.source_position_tree is None:
        return ResolutionException(f"{where}: {reason}" if where else reason)
    return _at(context.source_position_tree, context.path, where, reason, with_lines=with_lines)


def refused_by(
    context: dg.ComponentLoadContext, attribute: str, reason: str
) -> ResolutionException | dg.DagsterInvalidDefinitionError:
    """The same for a component that cannot build its definitions from what an attribute says.

    Where the component stands in a file is known to its declaration alone.
    """
    source = getattr(context.component_decl, "source_tree", None)
    if source is None:
        return dg.DagsterInvalidDefinitionError(f"{attribute}: {reason}")
    return _at(source.source_position_tree, ["attributes"], attribute, reason, with_lines=True)


def _at(
    tree: SourcePositionTree, path: Sequence[str | int], where: str, reason: str, *, with_lines: bool
) -> ResolutionException:
    full = _as_written(tree, [*path, *_parts(where)])
    source = tree.source_error(yaml_path=full, inline_error_message=reason, value_error=True)
    lines = f"\n{source.snippet}" if with_lines else ""
    return ResolutionException(
        f"{source.file_name}:{source.start_line_no} - {source.location} {reason}{lines}\n"
    )


def _parts(where: str) -> list[str | int]:
    return [
        int(found[3]) if found[3] else found[1] or found[2] or found[4] for found in _PART.finditer(where)
    ]


def _as_written(tree: SourcePositionTree | None, path: Sequence[str | int]) -> list[str | int]:
    """A path with its names as the file spells them, in snake_case or camelCase."""
    written: list[str | int] = []
    for part in path:
        camel = re.sub(r"_([a-z])", lambda found: found[1].upper(), part) if isinstance(part, str) else part
        known: Mapping[Any, SourcePositionTree] = tree.children if tree else {}
        name = camel if part not in known and camel in known else part
        written.append(name)
        tree = known.get(name)
    return written


def definitions_of_folder(context: dg.ComponentLoadContext) -> dg.Definitions:
    """What is defined in the folder of a component's ``defs.yaml``: by Python files, and by folders in it.

    Dagster looks into a folder with a ``defs.yaml`` only for ``dagster.DefsFolderComponent``, which cannot be
    subclassed: it is made by name, and what its file says beside its type is refused. So the declarations of
    what is in the folder are made as they are for that, and given to the tree, which then builds them.
    """
    children = build_component_decls_from_directory_items(context, None).values()
    tree = context.component_tree.state_tracker
    for child in children:
        # The innermost first: what holds others asks the tree for them when it is loaded.
        for place, declared in reversed([*_with_places(child)]):
            tree.set_cache_data(place, component=declared._load_component(), component_decl=declared)
    build: Any = getattr(context, "build_defs", None) or getattr(context, "build_defs_at_path")  # noqa: B009 - of 1.12
    return dg.Definitions.merge(*(build(_place(child)) for child in children))


def _with_places(declared: ComponentDecl[Any]) -> Iterator[tuple[Any, ComponentDecl[Any]]]:
    yield _place(declared), declared
    for child in declared.iterate_child_component_decls():
        yield from _with_places(child)


def _place(declared: Any) -> Any:
    """Where it stands; Dagster 1.12 calls that its path."""
    return declared.loc if hasattr(declared, "loc") else declared.path
