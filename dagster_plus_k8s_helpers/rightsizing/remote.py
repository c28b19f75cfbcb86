"""The same history from a Dagster webserver, or from Dagster+, over GraphQL.

Dagster+ has no event log to connect to; its web server answers the queries of Dagster's own, as the
documentation says: https://docs.dagster.io/api/graphql. They cannot be asked for events of one kind, so
every event of a run is read.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.rightsizing.history import Measured, measured
from dagster_plus_k8s_helpers.secrets.deadline import call_within
from dagster_plus_k8s_helpers.terminal import one_line

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
    """A web server that is asked one thing at a time."""

    def __init__(self, url: str, token: str | None, seconds: float) -> None:
        self._url = url.rstrip("/").removesuffix("/graphql") + "/graphql"
        self._name = _without_user(self._url)
        self._seconds = seconds
        self._session = requests.Session()
        if token:
            self._session.headers[_TOKEN_HEADER] = token

    def runs(self, job: str, most: int) -> list[str]:
        """Ids of the newest runs of a job."""
        found = self._ask(_RUNS, "runsOrError", {"job": job, "most": most}, "Runs")
        with self.in_form():
            return [item["runId"] for item in found["results"]]

    def events(self, run_id: str, size: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Every event of a run, in pages."""
        cursor: str | None = None
        while True:
            variables = {"run": run_id, "cursor": cursor, "most": size}
            page = self._ask(_EVENTS, "logsForRun", variables, "EventConnection")
            with self.in_form():
                events, has_more, following = page["events"], page["hasMore"], page["cursor"]
            yield events
            # A page may be empty before the end: the server leaves out what its interface does not show.
            if not has_more or following == cursor:
                return
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
        answer = self._answer({"query": query, "variables": variables})
        if answer.is_redirect:
            raise RemoteHistoryError(
                f"{self._name} sends to {_target(answer)}, where the token is not sent; if that is the "
                f"deployment, write its URL"
            )
        if answer.status_code in {401, 403}:
            raise RemoteHistoryError(
                f"{self._name} refuses the token: HTTP {answer.status_code}; a user token of the "
                f"deployment's viewers is enough"
            )
        try:
            said = answer.json()
        # Text that nests deeper than Python follows.
        except (ValueError, RecursionError):
            said = None
        if not answer.ok or not isinstance(said, dict) or "data" not in said:
            raise RemoteHistoryError(
                f"{self._name} answers HTTP {answer.status_code}, and not as a Dagster web server does; "
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

    def _answer(self, query: Mapping[str, object]) -> requests.Response:
        """The whole answer. A redirect is not followed: it would take the token to any host."""

        def post() -> requests.Response:
            return self._session.post(self._url, json=query, timeout=self._seconds, allow_redirects=False)

        try:
            return call_within(self._seconds, post)
        except (TimeoutError, requests.Timeout):
            raise RemoteHistoryError(
                f"{self._name} gave no whole answer within {self._seconds:g} s"
            ) from None
        # A URL or a token that HTTP cannot hold is a ValueError of many kinds. The text of an error may hold
        # the token, or a proxy's password.
        except (requests.RequestException, ValueError) as error:
            raise RemoteHistoryError(f"{self._name} does not answer: {type(error).__name__}") from None


def _without_user(url: str) -> str:
    """A URL whose user and password are masked, wherever it is misspelled."""
    before, at, host = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, _ = before.partition("://")
    return f"{scheme}://***@{host}" if slashes else f"***@{host}"


def _target(answer: requests.Response) -> str:
    """Where a redirect goes, without what may be secret in it."""
    location = answer.headers["Location"]
    try:
        where = urljoin(_without_user(answer.url), _without_user(location))
    except ValueError:
        where = _without_user(location)
    return one_line(where.partition("?")[0])


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
