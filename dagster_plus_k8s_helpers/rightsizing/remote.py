"""The same history from a Dagster webserver, or from Dagster+, over GraphQL.

Dagster+ has no event log to connect to; its web server answers the queries of Dagster's own, as the
documentation says: https://docs.dagster.io/api/graphql. They cannot be asked for events of one kind, so
every event of a run is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.rightsizing.history import Measured, measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.rightsizing.history import Progress

__all__ = ["RemoteHistoryError", "read_remote_history"]

_TOKEN_HEADER = "Dagster-Cloud-Api-Token"  # noqa: S105 - the name of the header
_PAGE = 1_000
_SECONDS = 60.0
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


class RemoteHistoryError(DagsterPlusK8sError):
    """A web server did not say what its runs took."""


def read_remote_history(
    url: str,
    jobs: Sequence[str],
    *,
    token: str | None = None,
    runs: int = 30,
    progress: Progress | None = None,
    page: int = _PAGE,
) -> list[Measured]:
    """What steps took in the newest runs of some jobs, the newest run of each job first.

    Args:
        url: Of the web server, such as ``https://ORGANIZATION.dagster.cloud/DEPLOYMENT``.
        jobs: Names of the jobs.
        token: A user token of Dagster+; none for a web server of your own.
        runs: How many runs of each.
        progress: Is told how far it is.
        page: Events that are asked for at once.

    Raises:
        RemoteHistoryError: It does not answer, or not with runs.

    Source: https://docs.dagster.io/api/graphql/graphql-client-query
    """
    server = _Server(url, token)
    wanted = [
        (job, item["runId"])
        for job in jobs
        for item in server.ask(_RUNS, "runsOrError", {"job": job, "most": runs}, "Runs")["results"]
    ]
    found: list[Measured] = []
    events = 0
    for done, (job, run_id) in enumerate(wanted, 1):
        for of_page in server.events(run_id, page):
            events += len(of_page)
            for event in of_page:
                if event["__typename"] == "EngineEvent" and event["stepKey"]:
                    metadata = dict(_values(event["metadataEntries"]))
                    at = float(event["timestamp"]) / 1_000
                    found += measured(job, run_id, event["stepKey"], at, metadata)
        if progress is not None:
            progress(done, len(wanted), events)
    return found


class _Server:
    """A web server that is asked one thing at a time."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/").removesuffix("/graphql") + "/graphql"
        self._session = requests.Session()
        if token:
            self._session.headers[_TOKEN_HEADER] = token

    def ask(self, query: str, field: str, variables: Mapping[str, object], kind: str) -> dict[str, Any]:
        """What a query says, which must be of a kind."""
        try:
            answer = self._session.post(
                self._url, json={"query": query, "variables": variables}, timeout=_SECONDS
            )
        except requests.RequestException as error:
            # The text of the error may hold a proxy's password.
            raise RemoteHistoryError(f"{self._url} does not answer: {type(error).__name__}") from None
        if answer.status_code in {401, 403}:
            raise RemoteHistoryError(
                f"{self._url} refuses the token: HTTP {answer.status_code}; a user token of the deployment's "
                f"viewers is enough"
            )
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not answer.ok or not isinstance(said, dict) or "data" not in said:
            raise RemoteHistoryError(
                f"{self._url} answers HTTP {answer.status_code}, and not as a Dagster web server does; write "
                f"the URL of a deployment, such as https://ORGANIZATION.dagster.cloud/DEPLOYMENT"
            )
        found = (said["data"] or {}).get(field) or {}
        if found.get("__typename") != kind:
            reasons = [found.get("message"), *(item.get("message") for item in said.get("errors") or ())]
            reason = next(filter(None, reasons), "no reason given")
            raise RemoteHistoryError(f"{self._url} cannot say {field}: {reason}")
        return dict(found)

    def events(self, run_id: str, size: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Every event of a run, in pages."""
        cursor: str | None = None
        while True:
            variables = {"run": run_id, "cursor": cursor, "most": size}
            page = self.ask(_EVENTS, "logsForRun", variables, "EventConnection")
            yield page["events"]
            # A page may be empty before the end: the server leaves out what its interface does not show.
            if not page["hasMore"] or page["cursor"] == cursor:
                return
            cursor = page["cursor"]


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
