"""Secrets kept for a while: TTL, single flight, the last good value in trouble, a maximum size."""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.secrets.errors import SecretsBackendUnavailable, SecretsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret
    from dagster_plus_k8s_helpers.secrets.ref import SecretRef

__all__ = ["CachePolicy", "SecretCache"]

# A failed refresh is not repeated for this long while a stale value can be served: otherwise each read
# would sit through the whole deadline of its own.
_RETRY_AFTER_FAILURE = 5.0


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long values are kept.

    Args:
        ttl: Seconds after which a value is read anew; shortened at random by up to a tenth, so that
            processes started together do not come back together. 0 keeps nothing.
        max_stale: Greatest age in seconds of a value that is served because the backend is unavailable.
        max_size: Number of secrets kept; the one used least recently goes first.
    """

    ttl: float
    max_stale: float
    max_size: int


@dataclass(slots=True)
class _Entry:
    secret: FetchedSecret
    read_at: float
    fresh_until: float


@dataclass(slots=True, eq=False)
class _Flight:
    """One upstream read under way; ``answer`` stays None when the thread that flew it was killed."""

    landed: threading.Event = field(default_factory=threading.Event)
    answer: FetchedSecret | SecretsError | None = None


class SecretCache:
    """A cache in front of one backend connection; thread-safe.

    Args:
        fetch: Reads secrets from the backend, all in one call where it can; raises SecretsError when
            nothing at all could be read.
        policy: How long values are kept.
        warn: Told when a stale value is served.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[SecretRef]], Answers],
        policy: CachePolicy,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._policy = policy
        self._warn = warn
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[SecretRef, _Entry] = OrderedDict()
        self._flights: dict[SecretRef, _Flight] = {}

    def peek(self, key: SecretRef) -> FetchedSecret | None:
        """The kept secret if it is still fresh: the quick path of a warm read."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or self._clock() >= entry.fresh_until:
                return None
            self._entries.move_to_end(key)
            return entry.secret

    def get(self, keys: Sequence[SecretRef], *, refresh: bool = False) -> Answers:
        """Every secret of ``keys``, or why there is none; the missing ones are read in one call.

        Threads that ask for a secret while it is being read wait for that read. With ``refresh`` each
        call reads for itself, and a backend that is unavailable is an error, not a reason for an old value.
        """
        answers: dict[SecretRef, FetchedSecret | SecretsError] = {}
        pending = list(dict.fromkeys(keys))
        while pending:
            mine, others = self._claim(pending, answers, refresh=refresh)
            if mine:
                self._fly(mine, answers, refresh=refresh)
            # Own flights have landed by now, so two threads never wait for each other.
            for key, flight in others.items():
                flight.landed.wait()
                if flight.answer is not None:
                    answers[key] = flight.answer
            pending = [key for key in pending if key not in answers]
        return answers

    def invalidate(self, key: SecretRef) -> None:
        """Forget one secret; a read of it that is under way is not kept either."""
        with self._lock:
            self._entries.pop(key, None)
            self._flights.pop(key, None)

    def invalidate_name(self, name: str) -> None:
        """Forget every version of one secret."""
        with self._lock:
            for held in (self._entries, self._flights):
                for key in [key for key in held if key.name == name]:
                    del held[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._flights.clear()

    def _claim(
        self,
        keys: Sequence[SecretRef],
        answers: dict[SecretRef, FetchedSecret | SecretsError],
        *,
        refresh: bool,
    ) -> tuple[dict[SecretRef, _Flight], dict[SecretRef, _Flight]]:
        mine: dict[SecretRef, _Flight] = {}
        others: dict[SecretRef, _Flight] = {}
        with self._lock:
            for key in keys:
                entry = self._entries.get(key)
                if not refresh and entry is not None and self._clock() < entry.fresh_until:
                    answers[key] = entry.secret
                elif not refresh and key in self._flights:
                    others[key] = self._flights[key]
                else:
                    mine[key] = self._flights[key] = _Flight()
        return mine, others

    def _fly(
        self,
        flights: dict[SecretRef, _Flight],
        answers: dict[SecretRef, FetchedSecret | SecretsError],
        *,
        refresh: bool,
    ) -> None:
        try:
            started = self._clock()
            fetched = self._fetched(list(flights))
            for key, flight in flights.items():
                answers[key] = flight.answer = self._settle(
                    key, flight, fetched[key], started, refresh=refresh
                )
        finally:
            # Whatever happened, nobody waits for ever: a flight without an answer is flown again.
            with self._lock:
                for key, flight in flights.items():
                    if self._flights.get(key) is flight:
                        del self._flights[key]
            for flight in flights.values():
                flight.landed.set()

    def _fetched(self, keys: Sequence[SecretRef]) -> Answers:
        try:
            return self._fetch(keys)
        except SecretsError as failure:
            return dict.fromkeys(keys, failure)

    def _settle(
        self,
        key: SecretRef,
        flight: _Flight,
        answer: FetchedSecret | SecretsError,
        started: float,
        *,
        refresh: bool,
    ) -> FetchedSecret | SecretsError:
        if not isinstance(answer, SecretsError):
            self._keep(key, flight, answer, started)
            return answer
        if refresh or not isinstance(answer, SecretsBackendUnavailable):
            return answer
        with self._lock:
            entry = self._entries.get(key)
            now = self._clock()
            usable_until = entry.read_at + self._policy.max_stale if entry is not None else now
            if entry is None or now >= usable_until:
                return answer
            entry.fresh_until = min(now + _RETRY_AFTER_FAILURE, usable_until)
        self._warn(
            f"{answer.backend}: secret {str(key)!r}: serving the value read {now - entry.read_at:.0f} s ago, "
            f"because {answer.what}. It is served until it is {self._policy.max_stale:g} s old (max_stale)."
        )
        return entry.secret

    def _keep(self, key: SecretRef, flight: _Flight, secret: FetchedSecret, started: float) -> None:
        ttl = self._policy.ttl * random.uniform(0.9, 1.0)  # noqa: S311  (spread, not secrecy)
        with self._lock:
            # Invalidated or overtaken by a later refresh while under way: what it read may be old.
            if self._flights.get(key) is not flight:
                return
            if self._policy.ttl <= 0:
                return
            self._entries[key] = _Entry(secret, read_at=started, fresh_until=started + ttl)
            self._entries.move_to_end(key)
            while len(self._entries) > self._policy.max_size:
                self._entries.popitem(last=False)
