"""What is different, as every form writes it: rows of fields, facts before and after, and findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dagster_plus_k8s_helpers.comparing.manifests import differences
from dagster_plus_k8s_helpers.comparing.words import field_words, is_twice
from dagster_plus_k8s_helpers.plan.merge.masked import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["Fact", "PodSide", "Report", "Row", "folded", "rows_of_pod"]


@dataclass(frozen=True, slots=True)
class Row:
    """One difference, with everything that has it.

    Attributes:
        kind: What became of it.
        field: What people call it; empty where a whole pod came or went.
        old: What it was.
        new: What it is.
        layer: Which layer says so, if that is known: the new one, or the old one of what is gone.
        path: Where it is in the Job, or in the file.
        pods: Whose it is.
    """

    kind: Literal["added", "removed", "changed"]
    field: str
    old: Any
    new: Any
    layer: str = ""
    path: str = ""
    pods: tuple[str, ...] = ()


class Fact(NamedTuple):
    """Something of the whole, before and after.

    Attributes:
        name: What.
        old: Before; empty when it is not known.
        new: After, in the same way.
    """

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Report:
    """Everything that is different.

    Attributes:
        title: Between what.
        rows: By pod and field.
        keys: By key, where a file is compared.
        facts: Of the whole.
        notes: What else there is to know, a sentence each.
        found: Findings that are new; ``None`` where nothing was checked.
        gone: Findings that are no longer there.
    """

    title: str
    rows: tuple[Row, ...] = ()
    keys: tuple[Row, ...] = ()
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
    found: tuple[Finding, ...] | None = None
    gone: tuple[Finding, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different."""
        same = all(fact.old == fact.new for fact in self.facts)
        return same and not (self.rows or self.keys or self.found or self.gone)


class PodSide(NamedTuple):
    """A pod on one side.

    Attributes:
        manifest: Its Job.
        layers: Which layer sets a field, by path, as far as it is known.
    """

    manifest: Mapping[str, Any]
    layers: Mapping[str, str]


def rows_of_pod(name: str, old: PodSide, new: PodSide) -> list[Row]:
    """What is different between two Jobs of one pod, without what looks like a credential."""
    found = differences(old.manifest, new.manifest)
    changed = {item.keys for item in found}
    return [
        Row(
            item.kind,  # type: ignore[arg-type] # one of the three
            field_words(item.keys, _main(new.manifest)),
            masked(item.old, _name(item.keys)),
            masked(item.new, _name(item.keys)),
            _layer(old.layers, item.old_path) if item.new is None else _layer(new.layers, item.new_path),
            item.old_path if item.new is None else item.new_path,
            (name,),
        )
        for item in found
        # dagster_k8s gives a Job the labels of its pod.
        if is_twice(item.keys) not in changed
    ]


def _name(keys: tuple[str, ...]) -> str:
    """What a value goes by, for telling credentials: its key, or the variable that it is the value of."""
    *_, owner, key = ("", *keys)
    return owner[1:-1] if key == "value" and owner.startswith("[") else key


def folded(rows: Iterable[Row], order: Sequence[str] = ()) -> tuple[Row, ...]:
    """One row for what several pods have in common, in the order in which it was first seen.

    Args:
        rows: A row for each pod.
        order: Names of the pods in their order; as they come when left out.
    """
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        same = (row.kind, row.field, repr(row.old), repr(row.new), row.layer)
        found.setdefault(same, []).append(row)
    places = {name: index for index, name in enumerate(order)}
    return tuple(
        Row(
            first.kind,
            first.field,
            first.old,
            first.new,
            first.layer,
            first.path,
            tuple(
                sorted(
                    dict.fromkeys(name for row in (first, *others) for name in row.pods),
                    key=lambda name: places.get(name, len(places)),
                )
            ),
        )
        for first, *others in found.values()
    )


def _main(manifest: Mapping[str, Any]) -> str:
    """Name of the container in which Dagster runs."""
    containers = manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers") or [{}]
    return str(containers[0].get("name"))


def _layer(layers: Mapping[str, str], path: str) -> str:
    """The layer of a field, or of what it stands in."""
    while path:
        if path in layers:
            return layers[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return ""
