"""The same history from a real Dagster web server, over GraphQL, and what is said when there is none."""

from __future__ import annotations

import itertools
import json
import os
import socket
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

from dagster_plus_k8s_helpers.rightsizing import remote, web_server
from dagster_plus_k8s_helpers.rightsizing.history import read_history
from dagster_plus_k8s_helpers.rightsizing.remote import RemoteHistoryError, read_remote_history
from tests.secrets.frames import exposed

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
    command = [str(binary), "--empty-workspace", "--host", "127.0.0.1", "--port", str(port)]
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
PASSWORDS: list[str | None] = []
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
CURSORS = {"/circle/graphql": itertools.cycle("ab"), "/empty/graphql": map(str, itertools.count())}


def page_of(path: str, asked: bytes) -> bytes:
    """A run, or a page of its events, after which there is always another."""
    if b"runsOrError" in asked:
        said: dict[str, object] = {"runsOrError": {"__typename": "Runs", "results": [{"runId": "a"}]}}
    else:
        page = {"cursor": next(CURSORS[path]), "hasMore": True, "events": []}
        said = {"logsForRun": {"__typename": "EventConnection", **page}}
    return json.dumps({"data": said}).encode()


class Answer(BaseHTTPRequestHandler):
    """Answers by the path, and notes the token."""

    def do_POST(self) -> None:
        TOKENS.append(self.headers.get("Dagster-Cloud-Api-Token"))
        PASSWORDS.append(self.headers.get("Authorization"))
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow/graphql":
            self.drip()
            return
        if self.path == "/away/graphql":
            self.send_response(307)
            self.send_header("Location", f"http://{USER}localhost:{self.server.server_port}/page/graphql?q=1")  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, body = SAID[self.path] if self.path in SAID else (200, page_of(self.path, asked))
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


def test_neither_a_netrc_nor_a_proxy_that_could_read_it_has_a_part_in_it(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password hidden\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{find_free_port()}")
    TOKENS.clear()
    PASSWORDS.clear()

    with pytest.raises(RemoteHistoryError, match="and not as a Dagster web server does"):
        read_remote_history(f"{other}/page", ["nightly"], token=SHOWN)

    assert (TOKENS, PASSWORDS) == ([SHOWN], [None])


def test_the_proxy_of_https_is_used_and_does_not_see_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")

        def refuse() -> None:
            connection, _ = proxy.accept()
            with connection:
                got.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = Thread(target=refuse)
        thread.start()
        with pytest.raises(RemoteHistoryError, match="does not answer: ProxyError"):
            read_remote_history("https://shop.dagster.cloud/prod", ["nightly"], token=SHOWN)
        thread.join()

    assert got[0].startswith(b"CONNECT shop.dagster.cloud:443 ")
    assert SHOWN.encode() not in got[0]


@pytest.mark.parametrize("path", ["circle", "empty"])
def test_pages_without_end_are_left(other: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_FRUITLESS", 10)

    with pytest.raises(RemoteHistoryError, match="the pages of the events of a run do not end"):
        read_remote_history(f"{other}/{path}", ["nightly"])


def test_an_answer_that_is_longer_than_any_is_left(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "_MOST_BYTES", 2**10)

    with pytest.raises(RemoteHistoryError, match="/deep/graphql answers with more than 0 MiB"):
        read_remote_history(f"{other}/deep", ["nightly"])


@pytest.mark.parametrize("path", ["page", "list", "forbidden", "broken", "away", "circle", "none\u2026"])
def test_no_frame_that_an_error_leaves_through_holds_the_token(other: str, path: str) -> None:
    url = f"{other.replace('//', f'//{USER}')}/{path}"

    with pytest.raises(RemoteHistoryError) as caught:
        read_remote_history(url, ["nightly"], token=SHOWN if path.isascii() else f"{SHOWN}\u2026")

    assert exposed(caught.value, SHOWN, "hidden", everywhere=True) == []


def test_what_follows_the_address_is_not_shown(other: str) -> None:
    with pytest.raises(RemoteHistoryError) as caught:
        read_remote_history(f"{other}/page?token=hidden#hidden", ["nightly"])

    assert "hidden" not in str(caught.value)
