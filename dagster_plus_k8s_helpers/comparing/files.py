"""What the comparisons of files share: reading a file of a kind, its keys, its pods, and its findings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.check.files.merging import MOST_ENTRIES, Merging, RefusedError, with_defaults
from dagster_plus_k8s_helpers.check.files.pairs import longest_list
from dagster_plus_k8s_helpers.check.files.sources import check_sources
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, OF_SERVER
from dagster_plus_k8s_helpers.comparing.report import PodSide, Row, folded, rows_of_pod
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.files.values.diff import Change, diff
from dagster_plus_k8s_helpers.plan.merge.rendering import offline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.check.files.sources import Source
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["PodsOfFiles", "key_rows", "locations_of", "mapping_of", "new_and_gone", "pod_rows"]


def mapping_of(source: Source, wanted: FileKind) -> dict[str, Any]:
    """What a file holds.

    Raises:
        PlanError: It is no YAML, no mapping, or a file of another kind.
    """
    documents, findings = read_yaml(source.content, source.name)
    if not documents:
        raise PlanError("; ".join(str(finding) for finding in findings[:1]) or f"{source.name} is empty")
    data = documents[0].data
    if not isinstance(data, dict):
        raise PlanError(f"{source.name} holds no mapping: it cannot be {wanted}")
    # Under the name that it should have, so that what it holds has to speak against it.
    name = "values.yaml" if wanted is FileKind.VALUES else "dagster_cloud.yaml"
    kind = kind_of(read_yaml(source.content, name)[0][0])
    if isinstance(kind, FileKind) and kind is not wanted:
        raise PlanError(f"{source.name}: this is of another kind ({kind}), and not {wanted}")
    return data


def locations_of(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The locations of a dagster_cloud.yaml by their names, with its defaults."""
    defaults = config.get("defaults")
    entries = config.get("locations")
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            merged = with_defaults(entry, defaults if isinstance(defaults, Mapping) else None)
            found[str(entry.get("location_name"))] = merged or entry
    return found


def key_rows(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Row, ...]:
    """What is different by key, without credentials."""
    return tuple(map(_key_row, diff(old, new)))


def _key_row(change: Change) -> Row:
    kind: Any = change.kind
    return Row(kind, change.path, _plain(change.old), _plain(change.new), path=change.path)


def _plain(value: object) -> Any:
    """A value without the credentials in it, which know only what they look like."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


class PodsOfFiles(NamedTuple):
    """What pods are made of.

    Attributes:
        agent: The agent's Helm values.
        locations: Entries of code locations by name; one without a name stands for every location.
    """

    agent: Mapping[str, Any] | None
    locations: Mapping[str, Mapping[str, Any] | None]


_KINDS = {OF_RUN: "run pods", OF_SERVER: "code servers"}


def pod_rows(old: PodsOfFiles, new: PodsOfFiles) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """What is different in the pods of runs and of code servers, and which of them cannot be made."""
    rows: list[Row] = []
    notes: dict[str, None] = {}
    both = [name for name in new.locations if name in old.locations]
    longest = max(map(_longest, (old, new)))
    if longest > MOST_ENTRIES:
        return (), (f"a list of {longest:,} entries, so that the pods are not compared",)
    with offline() as kubeconfig:
        merging = Merging(kubeconfig)
        for name in both:
            for of, kind in _KINDS.items():
                called = f"{kind} of {repr(name) if name else _EVERY}"
                sides = []
                for when, side in (("OLD", old), ("NEW", new)):
                    try:
                        sides.append(merging.pod(side.agent, side.locations[name], of))
                    except RefusedError as error:
                        notes[f"there are no {called} to compare, as Dagster refuses {when}: {error}"] = None
                    # Of values of another shape Dagster raises what it will; check says what they are.
                    except Exception as error:  # noqa: BLE001
                        notes[f"there are no {called} to compare: {when} is {_said(error)}"] = None
                if len(sides) == 2:
                    before, after = (PodSide(pod.manifest, _layers(pod)) for pod in sides)
                    rows += [row for row in rows_of_pod(called, before, after) if _is_of(of, row)]
    return tuple(_of_every(folded(rows), both)), tuple(notes)


def _longest(side: PodsOfFiles) -> int:
    """Entries of the longest list that is merged for pods."""
    contexts = [(entry or {}).get("container_context") for entry in side.locations.values()]
    return max(map(longest_list, [(side.agent or {}).get("workspace"), *contexts]))


_EVERY = "every location"


def _said(error: Exception) -> str:
    return f"what Dagster cannot read ({type(error).__name__})"


def _layers(pod: Any) -> Mapping[str, str]:
    return _Layers(pod)


class _Layers(dict[str, str]):
    """Which layer set a field, looked up when it is asked for: most fields are as they were."""

    def __init__(self, pod: Any) -> None:
        super().__init__()
        self._pod = pod

    def __contains__(self, path: object) -> bool:
        try:
            self[str(path)] = self._pod.origin(str(path)).layer.name
        except PlanError:
            return False
        return True


def _is_of(of: str, row: Row) -> bool:
    """Whether a difference is of the pod; a code server comes in no Job."""
    return of == OF_RUN or row.path.startswith("spec.template.")


def _of_every(rows: Sequence[Row], names: Sequence[str]) -> Iterator[Row]:
    """The rows, with ``every location`` where that is what their pods are."""
    for row in rows:
        pods = list(row.pods)
        for kind in _KINDS.values():
            of_kind = [f"{kind} of {name!r}" for name in names]
            if len(names) > 1 and set(of_kind) <= set(pods):
                place = pods.index(of_kind[0])
                pods[place] = f"{kind} of {_EVERY}"
                pods = [name for name in pods if name not in of_kind]
        yield Row(row.kind, row.field, row.old, row.new, row.layer, row.path, tuple(pods))


def new_and_gone(
    old: Source, new: Source, beside: Source | None
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that are new, and those that are no longer there, whatever the lines.

    Args:
        old: A file.
        new: What takes its place.
        beside: A file that either is checked with.
    """
    others = [] if beside is None else [beside]
    before, after = check_sources([old, *others]), check_sources([new, *others])
    return _beyond(after, before), _beyond(before, after)


def _beyond(findings: Sequence[Finding], known: Sequence[Finding]) -> tuple[Finding, ...]:
    left = Counter(map(_same, known))
    found = []
    for item in findings:
        if left[_same(item)] > 0:
            left[_same(item)] -= 1
        else:
            found.append(item)
    return tuple(found)


def _same(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.where.path, re.sub(r"\bline \d+", "line", finding.message)
