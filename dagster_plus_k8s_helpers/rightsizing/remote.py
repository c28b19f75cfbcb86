"""The same history from a Dagster webserver, or from Dagster+, over GraphQL.

Dagster+ has no event log to connect to; its web server answers the queries of Dagster's own, as the
documentation says: https://docs.dagster.io/api/graphql. They cannot be asked for events of one kind, so
every event of a run is read.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.rightsizing.history import Measured, measured
from dagster_plus_k8s_helpers.rightsizing.web_server import RemoteHistoryError, WebServer
from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.rightsizing.history import Progress

__all__ = ["RemoteHistoryError", "read_remote_history"]

_PAGE = 1_000
_SECONDS = 60.0
_GOOD = range(200, 300)
# Pages of events that hold none: the server leaves out what its interface does not show.
_FRUITLESS = 1_000
_RUNS = """
query Runs($job: String!, $most: Int!) {
  runsOrError(
    filter: {pipelineName: $job, statuses: [STARTED, SUCCESS, FAILURE, CANCELING, CANCELED]}, limit: $most
  ) { __typename ... on Runs { results { runId } } ... on Error { message } }
}
"""
_EVENTS = """
query Events($run: ID!, $cursor: String, $most: Int!) {
  logsForRun(runId: $run, afterCursor: $cursor, limit: $most) {
    __typename
    ... on EventConnection {
      cursor
      hasMore
      events {
        __typename
        ... on EngineEvent {
          stepKey
          timestamp
          metadataEntries {
            label
            ... on IntMetadataEntry { intRepr }
            ... on FloatMetadataEntry { floatRepr }
            ... on BoolMetadataEntry { boolValue }
            ... on TextMetadataEntry { text }
          }
        }
      }
    }
    ... on Error { message }
  }
}
"""


def read_remote_history(
    url: str,
    jobs: Sequence[str],
    *,
    token: str | None = None,
    runs: int = 30,
    progress: Progress | None = None,
    page: int = _PAGE,
    seconds: float = _SECONDS,
) -> list[Measured]:
    """What steps took in the newest runs of some jobs, the newest run of each job first.

    Args:
        url: Of the web server, such as ``https://ORGANIZATION.dagster.cloud/DEPLOYMENT``.
        jobs: Names of the jobs.
        token: A user token of Dagster+; none for a web server of your own.
        runs: How many runs of each.
        progress: Is told how far it is.
        page: Events that are asked for at once.
        seconds: How long each answer may take, to its last byte.

    Raises:
        RemoteHistoryError: It does not answer in time, or not with runs, or sends elsewhere.

    Source: https://docs.dagster.io/api/graphql/graphql-client-query
    """
    server = _Server(url, token, seconds)
    # A traceback that shows locals shows this frame, and the URL may have a password in it.
    del url, token
    wanted = [(job, run_id) for job in jobs for run_id in server.runs(job, runs)]
    found: list[Measured] = []
    events = 0
    for done, (job, run_id) in enumerate(wanted, 1):
        for of_page in server.events(run_id, page):
            with server.in_form():
                events += len(of_page)
                found += [item for event in of_page for item in _measured(job, run_id, event)]
        if progress is not None:
            progress(done, len(wanted), events)
    return found


class _Server:
    """A web server of Dagster's, in its own words."""

    def __init__(self, url: str, token: str | None, seconds: float) -> None:
        self._server = WebServer(url.rstrip("/").removesuffix("/graphql") + "/graphql", token, seconds)
        self._name = self._server.name

    def runs(self, job: str, most: int) -> list[str]:
        """Ids of the newest runs of a job."""
        found = self._ask(_RUNS, "runsOrError", {"job": job, "most": most}, "Runs")
        with self.in_form():
            return [item["runId"] for item in found["results"]]

    def events(self, run_id: str, size: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Every event of a run, in pages.

        Raises:
            RemoteHistoryError: The pages go in a circle, or bring nothing.
        """
        cursor: str | None = None
        seen: set[str | None] = set()
        fruitless = 0
        while True:
            seen.add(cursor)
            variables = {"run": run_id, "cursor": cursor, "most": size}
            page = self._ask(_EVENTS, "logsForRun", variables, "EventConnection")
            with self.in_form():
                events, has_more, following = page["events"], page["hasMore"], page["cursor"]
                fruitless = 0 if len(events) else fruitless + 1
                is_circle = following != cursor and following in seen
            yield events
            # A page may be empty before the end: the server leaves out what its interface does not show.
            if not has_more or following == cursor:
                return
            if is_circle or fruitless > _FRUITLESS:
                raise RemoteHistoryError(f"{self._name}: the pages of the events of a run do not end")
            cursor = following

    @contextmanager
    def in_form(self) -> Iterator[None]:
        """Around what takes an answer apart: says so in a line where it has another form than was asked for.

        Raises:
            RemoteHistoryError: It has.
        """
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RemoteHistoryError(f"{self._name} answers in another form than Dagster's") from None

    def _ask(self, query: str, field: str, variables: Mapping[str, object], kind: str) -> dict[str, Any]:
        """What a query says, which must be of a kind."""
        answer = self._server.post({"query": query, "variables": variables})
        if answer.leads_to:
            raise RemoteHistoryError(
                f"{self._name} sends to {answer.leads_to}, where the token is not sent; if that is the "
                f"deployment, write its URL"
            )
        if answer.status in {401, 403}:
            raise RemoteHistoryError(
                f"{self._name} refuses the token: HTTP {answer.status}; a user token of the "
                f"deployment's viewers is enough"
            )
        try:
            said = json.loads(answer.content)
        # Text that nests deeper than Python follows.
        except (ValueError, RecursionError):
            said = None
        if answer.status not in _GOOD or not isinstance(said, dict) or "data" not in said:
            raise RemoteHistoryError(
                f"{self._name} answers HTTP {answer.status}, and not as a Dagster web server does; "
                f"write the URL of a deployment, such as https://ORGANIZATION.dagster.cloud/DEPLOYMENT"
            )
        with self.in_form():
            found = (said["data"] or {}).get(field) or {}
            is_asked = found.get("__typename") == kind
            reasons = [found.get("message"), *(item.get("message") for item in said.get("errors") or ())]
        if not is_asked:
            reason = next(filter(None, reasons), "no reason given")
            raise RemoteHistoryError(f"{self._name} cannot say {field}: {one_line(str(reason))}")
        return dict(found)


def _measured(job: str, run_id: str, event: Mapping[str, Any]) -> Iterator[Measured]:
    """What an event says of an attempt."""
    if event["__typename"] == "EngineEvent" and event["stepKey"]:
        metadata = dict(_values(event["metadataEntries"]))
        at = float(event["timestamp"]) / 1_000
        yield from measured(job, run_id, event["stepKey"], at, metadata)


def _values(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, object]]:
    """Values by name; a number of more than 32 bits comes as text alone."""
    for entry in entries:
        if "intRepr" in entry:
            yield entry["label"], int(entry["intRepr"])
        elif "floatRepr" in entry:
            yield entry["label"], float(entry["floatRepr"])
        elif "boolValue" in entry:
            yield entry["label"], entry["boolValue"]
        elif "text" in entry:
            yield entry["label"], entry["text"]
