"""The way to Vault: the token goes there and nowhere else unless a setting says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
import requests

from dagster_plus_k8s_helpers.secrets import (
    SecretsBackendUnavailable,
    SecretsConfigError,
    VaultSecrets,
    VaultTokenAuth,
)
from tests.secrets.servers import LOOPBACK, HttpServer, free_port, json_answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.secrets.servers import OpenBao


class ConnectProxy:
    """A proxy that tunnels: it answers CONNECT and passes bytes on; ``seen`` holds all that came."""

    def __init__(self) -> None:
        self.seen = b""
        self._server = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.seen += head
        host, _, port = head.split()[1].decode().partition(":")
        upstream = socket.create_connection((host, int(port)), 5)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self._pass_on, args=(upstream, client), daemon=True).start()
        self._pass_on(client, upstream)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while chunk := source.recv(65536):
                self.seen += chunk
                target.sendall(chunk)


def secrets_at(url: str, token: str, **settings: Any) -> VaultSecrets:
    return VaultSecrets(url=url, auth=VaultTokenAuth(token=token), **settings)


@pytest.fixture(scope="module")
def token(bao: OpenBao) -> str:
    bao.put_secret("way", password="x")
    return bao.token_with("read-all")


@pytest.fixture
def environment_with_proxy(monkeypatch: pytest.MonkeyPatch) -> Any:
    with HttpServer(lambda *_: json_answer(200, {})) as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield proxy


def test_the_proxy_of_the_environment_gets_nothing(
    bao: OpenBao, token: str, environment_with_proxy: HttpServer
) -> None:
    secrets = secrets_at(bao.url, token)

    assert secrets.get("way#password").reveal() == "x"
    assert environment_with_proxy.requests == []


def test_a_netrc_sends_nothing_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine {LOOPBACK} login me password hunter22-of-netrc\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with HttpServer(lambda *_: json_answer(200, {"data": {"data": {"a": "x"}}})) as vault:
        assert requests.utils.get_netrc_auth(vault.url) is not None

        secrets_at(vault.url, "token", kv_version=2).get("a#a")

        assert [headers for _, _, headers, _ in vault.requests if "Authorization" in headers] == []
        assert {headers.get("X-Vault-Token") for _, _, headers, _ in vault.requests} == {"token"}


def test_a_proxy_that_is_named_is_used_and_sees_the_token_only_without_tls(
    bao: OpenBao, token: str, tls: dict[str, Path]
) -> None:
    with ConnectProxy() as tunnel:
        secrets = secrets_at(bao.tls_url, token, ca_cert=str(tls["ca"]), proxy=tunnel.url)
        assert secrets.get("way#password").reveal() == "x"
        assert tunnel.seen.startswith(b"CONNECT ")
        assert token.encode() not in tunnel.seen

    def forward(method: str, url: str, headers: dict[str, str], _body: bytes) -> Any:
        answer = requests.request(method, url, headers=headers, timeout=60)
        return answer.status_code, {}, answer.content

    with HttpServer(forward) as plain:
        assert secrets_at(bao.url, token, proxy=plain.url).get("way#password").reveal() == "x"
        assert {headers["X-Vault-Token"] for _, _, headers, _ in plain.requests} == {token}


def test_a_vault_out_of_reach_says_that_the_environment_has_a_proxy_that_is_not_used(
    environment_with_proxy: HttpServer,
) -> None:
    nobody = f"http://{LOOPBACK}:{free_port()}"

    with pytest.raises(SecretsBackendUnavailable) as caught:
        secrets_at(nobody, "t", timeout=0.2, attempt_timeout=0.2).get("a")

    assert "http_proxy is set and not used" in str(caught.value)
    assert 'write proxy=dg.EnvVar("http_proxy")' in str(caught.value)
    assert environment_with_proxy.requests == []


def test_the_environments_ca_bundle_counts_as_before(
    bao: OpenBao, token: str, tls: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls["ca"]))

    assert secrets_at(bao.tls_url, token).get("way#password").reveal() == "x"


@pytest.mark.parametrize("proxy", ["proxy:3128", "", "ftp://proxy", "http://proxy:3128/path"])
def test_a_proxy_that_is_no_address_is_refused(proxy: str) -> None:
    with pytest.raises(SecretsConfigError, match="proxy is not an address: write http://host:port"):
        secrets_at("http://vault:8200", "t", proxy=proxy)


def test_the_password_of_a_proxy_is_not_shown() -> None:
    secrets = secrets_at("http://vault:8200", "t", proxy="http://me:hunter22@proxy:3128")

    assert "hunter22" not in repr(secrets)


def test_another_port_of_the_same_host_is_the_same_vault(bao: OpenBao, token: str) -> None:
    """A load balancer at 443 leads to servers at 8200; who sends the redirect has had the token already."""
    with HttpServer(lambda _method, path, *_: (307, {"Location": f"{bao.url}{path}"}, b"")) as balancer:
        assert balancer.url != bao.url

        assert secrets_at(balancer.url, token).get("way#password").reveal() == "x"
