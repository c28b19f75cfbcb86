"""Where a look's snapshot comes from: what watches have brought, or lists where they will not do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.calls import MOST
from dagster_plus_k8s_helpers.executor.looking.snapshot import Snapshot, selector_of, take_snapshot
from dagster_plus_k8s_helpers.executor.looking.watch import Watch
from dagster_plus_k8s_helpers.executor.looking.watched_namespace import WatchedNamespace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster, Resource
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched

__all__ = ["Snapshots"]


class Snapshots:
    """Takes the snapshots of the namespaces of a run; used by one thread at a time.

    Args:
        cluster: Where the Jobs are.
        run_id: Of which run.
        watch: Whether there are watches.
        most: How many Jobs or pods the run can have by now.
        on_news: Called, from any thread, when a look is worth its while.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_id: str,
        *,
        watch: bool = False,
        most: Callable[[], int] = lambda: MOST,
        on_news: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._run_id, self._watch, self._most = cluster, run_id, watch, most
        self._on_news, self._clock = on_news, clock
        self._places: dict[str, WatchedNamespace] = {}

    def take(
        self, namespace: str, wanted: Sequence[str], every: Sequence[Watched], *, consistent: bool
    ) -> Snapshot:
        """What there is in a namespace.

        Args:
            namespace: Which.
            wanted: Names of the Jobs that should be there, those to be read by name first in front.
            every: All that is looked at there, steps that have ended too.
            consistent: Whether the API server is asked past its cache.

        Raises:
            CallError: The API could not be asked.
        """

        def listed(*, consistent: bool) -> Snapshot:
            return take_snapshot(
                self._cluster, namespace, self._run_id, wanted, consistent=consistent, most=self._most()
            )

        if not self._watch:
            return listed(consistent=consistent)
        if namespace not in self._places:
            self._places[namespace] = self._new(namespace)
        return self._places[namespace].take(wanted, every, listed, consistent=consistent)

    def close(self, *, wait: bool) -> None:
        """End the watches.

        Args:
            wait: Whether to wait for their threads.
        """
        # A look that is under way when the run worker has to end begins none.
        self._watch = False
        for place in list(self._places.values()):
            place.close(wait=wait)

    def _new(self, namespace: str) -> WatchedNamespace:
        def of(resource: Resource) -> Watch:
            return Watch(
                self._cluster,
                resource,
                namespace,
                selector_of(self._run_id),
                most=self._most,
                on_news=self._on_news,
                clock=self._clock,
            )

        return WatchedNamespace(of("jobs"), of("pods"), self._clock)
