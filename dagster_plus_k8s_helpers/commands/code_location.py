"""What ``-m MODULE`` and ``--location FILE`` mean: the definitions of a code location, and its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError
from dagster_plus_k8s_helpers.commands.loading import failure, imported, on_path
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, did_you_mean
from dagster_plus_k8s_helpers.files.locations.cloud_cli import merged_locations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

    import dagster as dg

    from dagster_plus_k8s_helpers.check.files.settings import FromFile
    from dagster_plus_k8s_helpers.check.files.sources import Source

__all__ = ["entry_of", "loader_of", "refuse_other_file", "values_of"]


def loader_of(
    reference: str, folder: Path | None = None
) -> Callable[[], dg.Definitions | dg.RepositoryDefinition]:
    """A function that imports the module of ``MODULE`` or ``MODULE:NAME`` and finds its definitions.

    It is a function so that the module is imported where `plan` wants it: with the environment variables
    of a deployment.

    Args:
        reference: The module, and the name in it when it holds several: of definitions, a repository, or a
            function that returns them.
        folder: The folder to import from; the working folder when left out.
    """

    def load() -> dg.Definitions | dg.RepositoryDefinition:
        module_name, _, name = reference.partition(":")
        module = imported(module_name, folder)
        found: dg.Definitions | dg.RepositoryDefinition = _named(module, name) if name else _only(module)
        if callable(found) and not _is_definitions(found):
            with on_path(folder):
                try:
                    found = found()
                # As in importing: what a user's function raises is theirs to read.
                except (Exception, SystemExit) as error:  # noqa: BLE001
                    raise CannotAnswerError(failure(f"cannot load {reference!r}", error)) from None
        return found

    return load


def _is_definitions(value: object) -> bool:
    import dagster as dg

    return isinstance(value, dg.Definitions | dg.RepositoryDefinition)


def _named(module: ModuleType, name: str) -> Any:
    """What a module has under a name; a function of the user's must be named, since it may be any."""
    value = getattr(module, name, None)
    if _is_definitions(value) or callable(value):
        return value
    names = [key for kind in _loadable(module) for key in kind]
    shown = f"; it has {', '.join(names)}" if names else ""
    raise CannotAnswerError(f"{module.__name__} has no Definitions called {name!r}{shown}")


def _only(module: ModuleType) -> Any:
    """The definitions that Dagster would find, and with them the function decorated to load them."""
    for found in _loadable(module):
        distinct = list({id(value): value for value in found.values()}.values())
        if len(distinct) == 1:
            return distinct[0]
        if distinct:
            several = f"several Definitions: {', '.join(found)}; write {module.__name__}:NAME"
            raise CannotAnswerError(f"{module.__name__} has {several}")
    raise CannotAnswerError(f"{module.__name__} has no Definitions")


def _loadable(module: ModuleType) -> list[dict[str, Any]]:
    """What a module holds that Dagster loads, by name, in the order it looks."""
    import dagster as dg

    from dagster_plus_k8s_helpers._dagster import LazyDefinitions

    kinds = (dg.Definitions | LazyDefinitions, dg.RepositoryDefinition)
    return [{key: value for key, value in vars(module).items() if isinstance(value, kind)} for kind in kinds]


def refuse_other_file(option: Literal["--agent", "--location", "--values"], source: Source | None) -> None:
    """Refuses a file that is plainly of another kind than an option wants.

    Raises:
        CannotAnswerError: It says what the file is, and with which option it goes.
    """
    from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, kind_of

    wanted = {"--agent": FileKind.VALUES, "--location": FileKind.LOCATIONS, "--values": FileKind.VALUES}
    # Under the name that it should have, so that what it holds has to speak against it.
    name = "dagster_cloud.yaml" if option == "--location" else "values.yaml"
    documents, _ = read_yaml(source.content, name) if source else ([], [])
    kind = kind_of(documents[0]) if documents else None
    if source is None or not isinstance(kind, FileKind) or kind is wanted[option]:
        return
    right = next((other for other, of in wanted.items() if of is kind and option != "--values"), "")
    give = f"give it with {right}" if right else f"{option} takes {wanted[option]}"
    raise CannotAnswerError(f"{source.name}: this is {_article(kind)}; {give}")


def _article(kind: str) -> str:
    return kind if kind.startswith("the ") else f"a {kind}"


def values_of(source: Source | None) -> FromFile | None:
    """What a file of Helm values holds, if it is a mapping; else there is a finding that says so."""
    from dagster_plus_k8s_helpers.check.files.settings import FromFile
    from dagster_plus_k8s_helpers.files.places import LayerFile

    document = _document(source)
    if document is None or source is None:
        return None
    return FromFile(document.data, LayerFile.of_values(document, _text(source)))


def _document(source: Source | None) -> Any:
    """The first document of a file, if that is a mapping."""
    documents, _ = read_yaml(source.content, source.name) if source else ([], [])
    return documents[0] if documents and isinstance(documents[0].data, dict) else None


def _text(source: Source) -> str:
    return source.content.decode("utf-8-sig", errors="replace")


def entry_of(source: Source | None, name: str | None, reference: str) -> FromFile | None:
    """The entry of a code location in a ``dagster_cloud.yaml``, with the defaults of the file merged in.

    Args:
        source: The file.
        name: Name of the location; else it is the one of the module, or the only one.
        reference: ``MODULE`` or ``MODULE:NAME``.

    Raises:
        CannotAnswerError: There is no such location, or several that it could be.
    """
    from dagster_plus_k8s_helpers.check.files.settings import FromFile
    from dagster_plus_k8s_helpers.files.places import LayerFile

    document = _document(source)
    if document is None or source is None:
        return None
    data = document.data
    written = data.get("locations") or ()
    if not isinstance(written, list | tuple):
        return None  # there is a finding that says so
    locations = [item for item in written if isinstance(item, dict)]
    if data.get("defaults"):
        try:
            locations = merged_locations(data)
        except DagsterPlusK8sError as error:
            raise CannotAnswerError(f"{source.name}: {error}") from None
    names = [str(item.get("location_name")) for item in locations]
    if name is not None:
        chosen = [item for item in locations if item.get("location_name") == name]
        near, known = did_you_mean(name, names), ", ".join(names) or "none"
        problem = (
            f"has no location {name!r}{near} It has {known}"
            if near
            else (f"has no location {name!r}; it has {known}")
        )
    else:
        of_module = [item for item in locations if reference.partition(":")[0] in _modules(item)]
        chosen = of_module if len(of_module) == 1 else locations
        problem = (
            f"has the locations {', '.join(names)}; write --location-name" if names else "has no location"
        )
    if len(chosen) != 1:
        raise CannotAnswerError(f"{source.name} {problem}")
    indexes = [
        index
        for index, item in enumerate(written)
        if isinstance(item, dict) and item.get("location_name") == chosen[0].get("location_name")
    ]
    return FromFile(chosen[0], LayerFile.of_location(document, indexes[0], _text(source)))


def _modules(entry: Mapping[str, Any]) -> set[object]:
    source = entry.get("code_source")
    source = source if isinstance(source, dict) else {}
    return {source.get(key) for key in ("module_name", "package_name", "autoload_defs_module_name")}
