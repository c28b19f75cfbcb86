"""A proxy in front of any API server, the stand-in or a real one: counts calls, and makes them fail.

It speaks plain HTTP to whoever uses its kubeconfig, and to the API server with the credentials of the kubeconfig
it was given. So a test takes the API server away from one executor, and from nobody else.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import yaml
from kubernetes.config import new_client_from_config
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from urllib3 import BaseHTTPResponse


_PAUSE = 0.05


@dataclass
class Refusals:
    """Answers instead of the API server's.

    Args:
        method: Of the calls.
        resource: Plural name of what is called, such as ``jobs``.
        status: HTTP status.
        times: How many calls get it.
        headers: Further headers, such as ``Retry-After``.
    """

    method: str
    resource: str
    status: int
    times: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    headers: dict[str, str]


class ApiProxy:
    """Listens on a free loopback port until it is closed.

    Args:
        kubeconfig: Of the API server.
        folder: Takes in the kubeconfig of the proxy.
        namespace: The one of that kubeconfig's context.
    """

    def __init__(self, kubeconfig: str, folder: Path, *, namespace: str = "default") -> None:
        self.calls: Counter[str] = Counter()
        self.refusals: list[Refusals] = []
        self._client = new_client_from_config(kubeconfig)
        self._lock = threading.Lock()
        self._seen: dict[str, _Answer] = {}
        self._is_frozen = False
        self._answers = threading.Event()
        self._answers.set()
        self._handles = self._handler()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handles)
        self._port = self._server.server_port
        self._thread: threading.Thread | None = None
        self._round = 0
        self.start()
        self.kubeconfig = folder / "proxy-kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(self._config(namespace)))

    def stop(self) -> None:
        """Refuse connections, as a control plane that is upgraded does, and end those that are open."""
        self._round += 1
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._thread = None

    def start(self) -> None:
        """Be back on the same port."""
        if self._thread is not None:
            return
        if self._server.fileno() == -1:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handles)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def hang(self) -> None:
        """Take connections and answer nothing, as an overloaded server does."""
        self._answers.clear()

    def answer_again(self) -> None:
        self._answers.set()

    def freeze_cache(self) -> None:
        """From now on, answer what asks for any version with what was answered last: a watch cache that lags."""
        self._is_frozen = True

    def thaw_cache(self) -> None:
        self._is_frozen = False

    def close(self) -> None:
        self.answer_again()
        self.stop()

    def count(self, what: str) -> int:
        """How many calls, such as ``"LIST jobs"``."""
        return self.calls[what]

    def _config(self, namespace: str) -> dict[str, object]:
        url = f"http://127.0.0.1:{self._port}"
        context = {"cluster": "proxy", "user": "nobody", "namespace": namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": url}}],
            "contexts": [{"name": "proxy", "context": context}],
            "users": [{"name": "nobody", "user": {}}],
        }

    def _answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> _Answer | BaseHTTPResponse:
        split = urlsplit(path)
        resource, is_list = _resource(split.path)
        query = parse_qs(split.query)
        with self._lock:
            kind = "WATCH" if "watch" in query else "LIST"
            self.calls[f"{kind if method == 'GET' and is_list else method} {resource}"] += 1
            refusal = next((item for item in self.refusals if self._applies(item, method, resource)), None)
        if refusal is not None:
            return _refused(refusal)
        takes_any = query.get("resourceVersion") == ["0"]
        if "watch" in query:
            return self._opened(path, headers)
        if takes_any and self._is_frozen and split.path in self._seen:
            return self._seen[split.path]
        answer = self._forwarded(method, path, headers, body)
        if takes_any and answer.status == 200 and not self._is_frozen:
            self._seen[split.path] = answer
        return answer

    def _applies(self, refusal: Refusals, method: str, resource: str) -> bool:
        if (refusal.method, refusal.resource) != (method, resource) or refusal.times <= 0:
            return False
        refusal.times -= 1
        return True

    def _forwarded(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        response = self._client.rest_client.pool_manager.request(
            method,
            self._client.configuration.host.rstrip("/") + path,
            body=body or None,
            headers=headers,
            retries=False,
            timeout=30.0,
        )
        kept = {
            name: response.headers[name]
            for name in ("Content-Type", "Retry-After")
            if name in response.headers
        }
        return _Answer(response.status, response.data, kept)

    def _opened(self, path: str, headers: dict[str, str]) -> _Answer | BaseHTTPResponse:
        """An answer that goes on, unless it says that it does not."""
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        url = self._client.configuration.host.rstrip("/") + path
        response = self._client.rest_client.pool_manager.request(
            "GET", url, headers=headers, retries=False, preload_content=False, timeout=None
        )
        if response.status == 200:
            return response
        return _Answer(response.status, response.read(), {"Content-Type": "application/json"})

    def _hand_on(self, response: BaseHTTPResponse, write: Callable[[bytes], object]) -> None:
        """Hand on what comes, as long as this server is there; nothing while it hangs or its cache lags."""
        round_, parts = self._round, queue.SimpleQueue[bytes]()
        reader = threading.Thread(target=_read_parts, args=(response, parts), daemon=True)
        reader.start()
        while round_ == self._round:
            if not self._answers.is_set() or self._is_frozen:
                time.sleep(_PAUSE)
                continue
            with contextlib.suppress(queue.Empty):
                if not (part := parts.get(timeout=_PAUSE)):
                    return
                write(part)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def handle_call(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                proxy._answers.wait()
                headers = {
                    name: self.headers[name] for name in ("Accept", "Content-Type") if self.headers[name]
                }
                answer = proxy._answer(self.command, self.path, headers, body)
                if not isinstance(answer, _Answer):
                    self.close_connection = True
                    self.send_response(200)
                    self.end_headers()
                    with contextlib.suppress(OSError, HTTPError):
                        proxy._hand_on(answer, self.wfile.write)
                    return
                try:
                    self.send_response(answer.status)
                    for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.body)
                except ConnectionError:
                    return  # whoever asked has not waited

            def do_GET(self) -> None:
                self.handle_call()

            def do_POST(self) -> None:
                self.handle_call()

            def do_DELETE(self) -> None:
                self.handle_call()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Handler


def _read_parts(response: BaseHTTPResponse, parts: queue.SimpleQueue[bytes]) -> None:
    """Read an answer to its end, which is nothing."""
    part = b"more"
    while part:
        try:
            part = response.read1(2**16)
        except (HTTPError, OSError):
            part = b""
        parts.put(part)


def _resource(path: str) -> tuple[str, bool]:
    """The plural name of what a path leads to, and whether to all of them."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return (rest or [""])[0], len(rest) == 1


def _refused(refusal: Refusals) -> _Answer:
    status = {"kind": "Status", "message": f"injected {refusal.status}", "code": refusal.status}
    headers = {"Content-Type": "application/json", **refusal.headers}
    return _Answer(refusal.status, json.dumps(status).encode(), headers)
