"""The same history from a real Dagster web server, over GraphQL, and what is said when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import requests
from dagster._utils import find_free_port
from measured_runs import GI, add_run, took
from step_runs import eventually

from dagster_plus_k8s_helpers.rightsizing.history import read_history
from dagster_plus_k8s_helpers.rightsizing.remote import RemoteHistoryError, read_remote_history

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = "user:of-the-test"
USER = "somebody:hidden@"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        for index in range(3):
            usages = {
                "big": [took((index + 40) * GI, cores=0.25, partition="us", oom=index == 1)],
                "a[b]": [took(GI)],
            }
            add_run(instance, "nightly", usages)
    return folder


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    port = find_free_port()
    binary = Path(sys.executable).with_name("dagster-webserver")
    command = [binary, "--empty-workspace", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        command,
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, "the web server has ended"
        try:
            return requests.get(f"{address}/server_info", timeout=30).ok
        except requests.RequestException:
            return False

    try:
        eventually(answers)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("page", [2, 1_000])
def test_it_is_what_the_event_log_says(home: Path, url: str, page: int) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        of_log = read_history(instance, ["nightly"], runs=2)

    found = read_remote_history(f"{url}/", ["nightly", "no_such_job"], runs=2, page=page)

    assert found == of_log
    assert {item.step for item in found} == {"big", "a[?]"}


def test_it_says_how_far_it_is(url: str) -> None:
    told: list[tuple[int, int, int]] = []

    read_remote_history(url, ["nightly"], progress=lambda *how_far: told.append(how_far))

    assert [done for done, _, _ in told] == [1, 2, 3]
    assert {of for _, of, _ in told} == {3}


TOKENS: list[str | None] = []
SAID = {
    "/forbidden/graphql": (401, b"no"),
    "/page/graphql": (200, b"<html>"),
    "/broken/graphql": (
        200,
        b'{"data": {"runsOrError": {"__typename": "PythonError", "message": "no database"}}}',
    ),
    "/other/graphql": (200, b'{"data": null, "errors": [{"message": "no such field"}]}'),
    "/list/graphql": (200, b'{"data": [1]}'),
    "/text/graphql": (200, b'{"data": {"runsOrError": "x"}}'),
    "/errors/graphql": (200, b'{"data": null, "errors": [1]}'),
    "/bare/graphql": (200, b'{"data": {"runsOrError": {"__typename": "Runs", "results": [{}]}}}'),
    "/deep/graphql": (200, b"[" * 100_000),
}
OVER = Event()


class Answer(BaseHTTPRequestHandler):
    """Answers by the path, and notes the token."""

    def do_POST(self) -> None:
        TOKENS.append(self.headers.get("Dagster-Cloud-Api-Token"))
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow/graphql":
            self.drip()
            return
        if self.path == "/away/graphql":
            self.send_response(307)
            self.send_header("Location", f"http://{USER}localhost:{self.server.server_port}/page/graphql?q=1")  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, body = SAID[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """A byte now and then, so that no wait for the next one is long."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not OVER.wait(0.05):
            self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    OVER.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/forbidden", "refuses the token: HTTP 401"),
        ("/page", "answers HTTP 200, and not as a Dagster web server does"),
        ("/broken/graphql", "cannot say runsOrError: no database"),
        ("/other/", "cannot say runsOrError: no such field"),
        ("/list", "/list/graphql answers in another form than Dagster's"),
        ("/text", "/text/graphql answers in another form than Dagster's"),
        ("/errors", "/errors/graphql answers in another form than Dagster's"),
        ("/bare", "/bare/graphql answers in another form than Dagster's"),
        ("/deep", "answers HTTP 200, and not as a Dagster web server does"),
    ],
)
def test_what_is_no_history_is_told_without_the_token(other: str, path: str, told: str) -> None:
    with pytest.raises(RemoteHistoryError) as caught:
        read_remote_history(f"{other}{path}", ["nightly"], token=SHOWN)

    assert told in str(caught.value)
    assert SHOWN not in str(caught.value)
    assert TOKENS[-1] == SHOWN


def test_a_server_that_is_not_there_is_told_by_its_url() -> None:
    address = f"http://127.0.0.1:{find_free_port()}"

    with pytest.raises(RemoteHistoryError, match=f"{address}/graphql does not answer: ConnectionError"):
        read_remote_history(address, ["nightly"], token=SHOWN)


def test_the_token_goes_nowhere_else_and_where_it_was_sent_is_told(other: str) -> None:
    TOKENS.clear()

    with pytest.raises(RemoteHistoryError) as caught:
        read_remote_history(f"{other}/away", ["nightly"], token=SHOWN)

    assert TOKENS == [SHOWN]
    port = other.rpartition(":")[2]
    assert f"sends to http://***@localhost:{port}/page/graphql, where the token is not sent" in str(
        caught.value
    )
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("path", ["page", "list", "forbidden", "broken", "away"])
def test_a_password_in_the_url_is_masked(other: str, path: str) -> None:
    with pytest.raises(RemoteHistoryError, match=rf"^http://\*\*\*@127.0.0.1:\d+/{path}/graphql ") as caught:
        read_remote_history(f"{other.replace('//', f'//{USER}')}/{path}", ["nightly"])

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", [f"{USER}localhost", f"http://x/{USER}localhost", f"http://{USER}[1"])
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(RemoteHistoryError, match="does not answer: ") as caught:
        read_remote_history(url, ["nightly"], token=SHOWN)

    assert "hidden" not in str(caught.value)


def test_a_token_that_http_cannot_hold_is_not_shown(other: str) -> None:
    with pytest.raises(RemoteHistoryError, match="does not answer: ") as caught:
        read_remote_history(other, ["nightly"], token="hidden\u2026")

    assert "hidden" not in str(caught.value)


def test_an_answer_that_never_ends_is_not_waited_for(other: str) -> None:
    with pytest.raises(RemoteHistoryError, match=r"gave no whole answer within 0\.5 s"):
        read_remote_history(f"{other}/slow", ["nightly"], seconds=0.5)
