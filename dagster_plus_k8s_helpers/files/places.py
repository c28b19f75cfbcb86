"""Where a field of a pod stands in the file that says it: the agent's values, or a code location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from dagster_plus_k8s_helpers.documents.document import shown_path
from dagster_plus_k8s_helpers.documents.shape import plain_key
from dagster_plus_k8s_helpers.findings.finding import Where
from dagster_plus_k8s_helpers.findings.waivers import read_waiver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["GENERAL", "Element", "Field", "LayerFile", "Place", "PodsOf", "place_in"]

PodsOf: TypeAlias = Literal["run", "server"]
"""Whose pods: those of runs and their steps, or those of code servers."""


class Element(NamedTuple):
    """One element of a list, told by what it says, since files say it elsewhere in the list."""

    value: Any


class Field(NamedTuple):
    """A field of a pod, and the layer that says it.

    Attributes:
        layer: Name of the layer.
        path: The section of a config, such as ``container_config``, and the keys and elements inside it.
        pods: Whose pod.
    """

    layer: str
    path: tuple[str | Element, ...]
    pods: PodsOf = "run"


class Place(NamedTuple):
    """Where a file says a field.

    Attributes:
        depth: How much of what is inside the field is there.
        path: Keys and indexes from the top of the file.
        is_general: Whether it stands among what is said of code servers and runs both.
    """

    depth: int
    path: Path
    is_general: bool


@dataclass(frozen=True)
class LayerFile:
    """The file that a layer is written in.

    Attributes:
        document: What it holds.
        roots: Where in it the settings of pods stand, the upper ones first.
        home: What to point at when no line says a field.
        name: What to call it when it is no file, but settings given in Python.
        lines: Its text.
    """

    document: YamlDocument
    roots: tuple[Path, ...]
    home: Path
    name: str = ""
    lines: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of_values(cls, document: YamlDocument, text: str = "", name: str = "") -> LayerFile:
        """An agent's Helm values."""
        return cls(document, (("workspace",),), ("workspace",), name, tuple(text.split("\n")))

    @classmethod
    def of_location(cls, document: YamlDocument, index: int, text: str = "") -> LayerFile:
        """One location of a dagster_cloud.yaml, below it the defaults."""
        home: Path = ("locations", index)
        roots = (*_within(home), *_within(("defaults",)))
        return cls(document, roots, (*home, "location_name"), lines=tuple(text.split("\n")))

    @classmethod
    def of_context(cls, document: YamlDocument, base: Path = (), name: str = "") -> LayerFile:
        """A container_context.yaml, or what it holds."""
        return cls(document, ((*base, "k8s"), base), base, name)

    def where(self, field: Field) -> Where:
        """Where a field stands, or the innermost part of it that stands anywhere."""
        return self._where(self._path_of(field))

    def everywhere(self, field: Field) -> Iterator[Where]:
        """Where the field may stand: each element of its name, where a list has several."""
        found = [place for root in self.roots for place in _all_places_in(self.document.data, root, field)]
        deepest = max((depth for depth, _ in found), default=0)
        yield from (self._where(path) for depth, path in found if depth == deepest)

    def home_where(self) -> Where:
        """Where the whole of it stands."""
        return self._where(self.home)

    def _where(self, path: Path) -> Where:
        if self.name:
            return Where(path=f"{self.name}.{shown_path(path)}" if path else self.name)
        return self.document.where(path, key=True)

    def waives(self, finding: Finding) -> bool:
        """Whether a comment in its line says that the finding is meant to be so."""
        index = finding.where.line - 1
        waiver = read_waiver(self.lines[index]) if 0 <= index < len(self.lines) else None
        return waiver is not None and waiver.waives(finding.code)

    def _path_of(self, field: Field) -> Path:
        found = [place for root in self.roots if (place := place_in(self.document.data, root, field))]
        # What the location says in part the defaults may say in whole.
        return max(found, key=lambda place: place.depth).path if found else self.home


def place_in(data: object, root: Path, field: Field) -> Place | None:
    """Where the settings below a root say a field, what is said of one kind of pods before what is of both.

    Args:
        data: What the file holds.
        root: Where its settings of pods stand: ``workspace``, or ``container_context.k8s``.
        field: The field; it must be there itself, a key or an element of it need not.
    """
    found = [
        Place(*place, is_general)
        for path, steps, is_general in _candidates(root, field)
        if (place := next(_followed(data, path, steps), None))
    ]
    return max(found, key=lambda place: place.depth, default=None)


def _all_places_in(data: object, root: Path, field: Field) -> Iterator[tuple[int, Path]]:
    """Depth and path of everything that may be the field, as `place_in` finds the first of it."""
    for path, steps, _ in _candidates(root, field):
        yield from _followed(data, path, steps)


GENERAL: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("container_config", "resources"): ("resources",),
    ("container_config", "env"): ("env_vars", "env"),
    ("container_config", "env_from"): ("env_secrets", "env_config_maps"),
    ("container_config", "volume_mounts"): ("volume_mounts",),
    ("container_config", "image_pull_policy"): ("image_pull_policy", "pullPolicy"),
    ("container_config", "security_context"): ("security_context",),
    ("pod_spec_config", "volumes"): ("volumes",),
    ("pod_spec_config", "image_pull_secrets"): ("image_pull_secrets",),
    ("pod_spec_config", "service_account_name"): ("service_account_name",),
    ("pod_spec_config", "scheduler_name"): ("scheduler_name",),
    ("pod_template_spec_metadata", "labels"): ("labels",),
    ("job_metadata", "labels"): ("labels",),
    ("deployment_metadata", "labels"): ("labels",),
    ("service_metadata", "labels"): ("labels",),
}
"""What is said of code servers and runs both, by the section and field of either that it becomes.

Source: ``dagster_k8s.container_context.K8sContainerContext._get_base_user_defined_k8s_config``
"""


_GENERAL = {(plain_key(section), plain_key(key)): names for (section, key), names in GENERAL.items()}
_AT_THE_TOP: Mapping[tuple[str, str], Path] = {
    ("podspecconfig", "imagepullsecrets"): ("imagePullSecrets",),
    ("podspecconfig", "serviceaccountname"): ("serviceAccount", "name"),
}
"""The same where the agent's values have it outside of ``workspace``."""


def _within(path: Path) -> tuple[Path, Path]:
    context: Path = (*path, "container_context")
    return (*context, "k8s"), context


def _candidates(root: Path, field: Field) -> Iterator[tuple[Path, tuple[str | Element, ...], bool]]:
    """Paths that lead to the field's own value, what is to follow from there, and whether it is general."""
    section, *inside = field.path
    if not inside:
        yield (*root, str(section)), (), True
        return
    key, *rest = inside
    yield (*root, f"{field.pods}_k8s_config", str(section), str(key)), tuple(rest), False
    known = (plain_key(str(section)), plain_key(str(key)))
    for name in _GENERAL.get(known, ()):
        yield (*root, name), tuple(rest), True
    if known in _AT_THE_TOP:
        yield _AT_THE_TOP[known], tuple(rest), True


def _followed(data: object, path: Path, rest: Sequence[str | Element]) -> Iterator[tuple[int, Path]]:
    """How far a path leads, and to where, the likeliest first; nothing when not even the field is there."""
    here: Any = data
    found: Path = ()
    for part in path:
        key = _key(here, part)
        if key is None:
            return
        found = (*found, key)
        here = here[key]
    yield from _inside(here, found, rest, 0)


def _inside(here: Any, found: Path, rest: Sequence[str | Element], depth: int) -> Iterator[tuple[int, Path]]:
    is_there = False
    for step in rest[:1]:
        key = None if isinstance(step, Element) else _key(here, step)
        of_list = _indexes(here, step) if isinstance(step, Element) else iter(())
        for part in of_list if key is None else (key,):
            is_there = True
            yield from _inside(here[part], (*found, part), rest[1:], depth + 1)
    if not is_there:
        yield depth, found


def _key(data: object, name: str | int) -> str | int | None:
    """A key as the file spells it."""
    if isinstance(data, list):
        return name if isinstance(name, int) and name < len(data) else None
    if not isinstance(data, Mapping):
        return None
    if name in data:
        return name
    plain = plain_key(str(name))
    return next((key for key in data if isinstance(key, str) and plain_key(key) == plain), None)


def _indexes(data: object, element: Element) -> Iterator[int]:
    """Which items of a file's list an element of the pod's is: an equal one, else one of the same name."""
    wanted = _comparable(element.value)
    items = [_comparable(item) for item in data] if isinstance(data, list) else []
    equal = [index for index, item in enumerate(items) if _is_equal(item, wanted)]
    yield from equal
    yield from (i for i, item in enumerate(items) if i not in equal and _has_same_name(item, wanted))


def _is_equal(item: Any, wanted: Any) -> bool:
    if isinstance(item, str) and isinstance(wanted, dict) and "value" in wanted:
        return bool(item == f"{wanted.get('name')}={wanted['value']}")
    return bool(item == wanted)


def _has_same_name(item: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return False
    reference = wanted.get("secretref") or wanted.get("configmapref")
    if isinstance(reference, dict):
        name = item.get("name") if isinstance(item, dict) else item
        return name is not None and name == reference.get("name")
    if isinstance(item, str):
        return item.partition("=")[0] == wanted.get("name")
    key = next((key for key in ("mountpath", "name", "key") if key in wanted), None)
    return isinstance(item, dict) and key is not None and item.get(key) == wanted[key]


def _comparable(value: object) -> Any:
    """A value however its keys are spelt, and whether it is written as a number or as text."""
    if isinstance(value, Mapping):
        return {plain_key(str(key)): _comparable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
