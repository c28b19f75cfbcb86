"""The Jobs, or the pods, of a run as a watch brings them: each as small as a snapshot keeps it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import name_of
from dagster_plus_k8s_helpers.executor.looking.snapshot import job_of, slim, version_of
from dagster_plus_k8s_helpers.executor.looking.trouble import is_at_its_end, trouble_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from dagster_plus_k8s_helpers.cluster.answers import Change
    from dagster_plus_k8s_helpers.cluster.calls import Resource
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Mirror"]


class Mirror:
    """Objects of one kind, written by the thread of a watch and read by looks.

    Args:
        resource: Which kind.
    """

    def __init__(self, resource: Resource) -> None:
        self._job_of = job_of if resource == "pods" else name_of
        self._lock = threading.Lock()
        self._items: dict[str, ApiObject] = {}
        self._gone: set[str] = set()
        self._forgotten: set[str] = set()

    def fill(self, items: Iterable[ApiObject]) -> None:
        """Begin anew with what a list has brought.

        Args:
            items: All that there is, as small as it is to be kept.
        """
        with self._lock:
            self._items = {name_of(item): item for item in items if self._is_wanted(item)}
            self._gone.clear()

    def take(self, change: Change) -> bool:
        """Take in what a watch says, and tell whether it is worth a look at once."""
        item, name = change.item, name_of(change.item)
        if change.kind == "DELETED":
            with self._lock:
                before = self._items.pop(name, None)
                self._gone.add(name)
            return before is not None and not is_at_its_end(before)
        if change.kind == "BOOKMARK" or not self._is_wanted(item):
            return False
        # In the run worker's memory is no more of an object than it has to know.
        kept = slim(item)
        with self._lock:
            before = self._items.get(name)
            self._items[name] = kept
        return not trouble_in(kept) <= (trouble_in(before) if before is not None else frozenset())

    def __len__(self) -> int:
        """How many there have been since it began, those that are gone among them: it knows their names."""
        return len(self._items) + len(self._gone)

    def by_name(self) -> dict[str, ApiObject]:
        """All of them, by name."""
        with self._lock:
            return dict(self._items)

    def by_job(self) -> dict[str, list[ApiObject]]:
        """All of them, by the name of their Job."""
        found: dict[str, list[ApiObject]] = {}
        for item in self.by_name().values():
            found.setdefault(self._job_of(item), []).append(item)
        return found

    def versions(self, of: Mapping[str, ApiObject] | None = None) -> dict[str, str]:
        """The ``resourceVersion`` of each, by name.

        Args:
            of: Others than its own; those that it has forgotten are left out.
        """
        items = self.by_name() if of is None else of
        return {name: version_of(item) for name, item in items.items() if self._is_wanted(item)}

    def has_moved(self, held: Mapping[str, str]) -> bool:
        """Whether something came of each of these objects.

        Args:
            held: By name, the ``resourceVersion`` that was kept then; none of what was not there.
        """
        now = self.versions()
        return all(name in self._gone or now.get(name, "") != version for name, version in held.items())

    def forget(self, job_names: AbstractSet[str]) -> None:
        """Keep nothing more of these Jobs, whatever comes of them."""
        with self._lock:
            self._forgotten |= job_names
            self._items = {name: item for name, item in self._items.items() if self._is_wanted(item)}

    def has_forgotten(self, job_names: Iterable[str]) -> bool:
        """Whether something is wanted after all that it keeps nothing of."""
        return not self._forgotten.isdisjoint(job_names)

    def remember(self, job_names: AbstractSet[str], items: Iterable[ApiObject]) -> None:
        """Keep what it had forgotten of these Jobs.

        Args:
            job_names: Which.
            items: What a list has brought of them, and of others.
        """
        with self._lock:
            again = self._forgotten & job_names
            self._forgotten -= again
            self._items.update({name_of(item): item for item in items if self._job_of(item) in again})

    def _is_wanted(self, item: ApiObject) -> bool:
        return self._job_of(item) not in self._forgotten
