"""Reading OpenBao's key-value engines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from dagster_plus_k8s_helpers.secrets import (
    SecretAccessDenied,
    SecretDeleted,
    SecretNotFound,
    SecretRef,
    SecretRefError,
    SecretsBackendUnavailable,
    SecretsConfigError,
    VaultCertAuth,
    VaultSecrets,
    VaultTokenAuth,
)
from dagster_plus_k8s_helpers.secrets.vault.transport import VaultTransport
from tests.secrets.servers import HttpServer, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.secrets.servers import OpenBao

    RaisesCleanly = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def secrets(bao: OpenBao) -> VaultSecrets:
    return VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token), cache_ttl=0.0, timeout=10.0)


def test_versions_of_kv2(bao: OpenBao, secrets: VaultSecrets) -> None:
    bao.put_secret("versions", password="one")
    bao.put_secret("versions", password="two")

    assert secrets.get("versions#password").reveal() == "two"
    assert secrets.get("versions#password@1").reveal() == "one"
    assert secrets.get(SecretRef("versions", version="2")).reveal() == "two"
    with pytest.raises(SecretNotFound, match="at version 7"):
        secrets.get("versions#password@7")
    for wrong in ("0", "-1", "1.0", "one", "٣"):
        with pytest.raises(SecretRefError, match="not a KV version number"):
            secrets.get(SecretRef("versions", version=wrong))


def test_deletion_undeletion_and_destruction(
    bao: OpenBao, secrets: VaultSecrets, raises_cleanly: RaisesCleanly
) -> None:
    bao.put_secret("gone", password="hunter22")

    bao.call("DELETE", "secret/data/gone")
    with raises_cleanly(SecretDeleted, "hunter22") as caught:
        secrets.get("gone#password")
    assert "undelete" in str(caught.value)
    bao.write("secret/undelete/gone", versions=[1])
    assert secrets.get("gone#password").reveal() == "hunter22"
    bao.call("PUT", "secret/destroy/gone", {"versions": [1]})
    with raises_cleanly(SecretDeleted, "hunter22") as caught:
        secrets.get("gone#password")
    assert "destroyed" in str(caught.value)
    bao.call("DELETE", "secret/metadata/gone")
    with raises_cleanly(SecretNotFound, "hunter22"):
        secrets.get("gone#password")


def test_kv1_is_found_out(bao: OpenBao) -> None:
    bao.write("sys/mounts/kv1", type="kv", options={"version": "1"})
    bao.write("kv1/a/b", password="one", port=5432)
    secrets = VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token), mount="kv1")

    assert secrets.get("a/b#password").reveal() == "one"
    assert secrets.get("a/b#port").reveal() == "5432"
    with pytest.raises(SecretRefError, match="keeps no versions"):
        secrets.get("a/b#password@1")
    with pytest.raises(SecretNotFound):
        secrets.get("a")


def test_the_version_of_the_engine_is_asked_for_once(bao: OpenBao) -> None:
    bao.put_secret("once", password="x")
    asked: list[str] = []

    def answer(method: str, path: str, *_: object) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return json_answer(200, bao.call(method, path.removeprefix("/v1/")))

    with HttpServer(answer) as server:
        secrets = VaultSecrets(url=server.url, auth=VaultTokenAuth(token=bao.token), cache_ttl=0.0)
        for _ in range(3):
            secrets.get_many(["once#password", "once#password"])

    assert asked.count("/v1/sys/internal/ui/mounts/secret") == 1
    assert asked.count("/v1/secret/data/once") == 3
    assert len(asked) == 5  # and one look at the token


def test_odd_names_reach_the_server_as_they_are(bao: OpenBao, secrets: VaultSecrets) -> None:
    name = "team a/größe+50% ü?x=y&z:1"
    bao.put_secret("team%20a/gr%C3%B6%C3%9Fe+50%25%20%C3%BC%3Fx=y&z:1", **{"pass#word": "odd", "e@x": "at"})

    assert secrets.get(SecretRef(name, "pass#word")).reveal() == "odd"
    assert secrets.get(rf"{name}#e\@x").reveal() == "at"


REPEATED = [
    ("secret/data/shop/warehouse#password", "Leave out 'secret/data/', which is put before every name"),
    ("data/shop/warehouse#password", "Leave out 'data/', which is put before every name"),
    ("secret/shop/warehouse#password", "Leave out 'secret/', which is put before every name"),
]


@pytest.mark.parametrize(("written", "told"), REPEATED)
def test_a_name_that_repeats_the_path_before_it_is_told_what_to_write(
    bao: OpenBao, secrets: VaultSecrets, written: str, told: str
) -> None:
    bao.put_secret("shop/warehouse", password="x")

    with pytest.raises(SecretNotFound) as caught:
        secrets.get(written)

    assert str(caught.value).endswith(f"{told}: write shop/warehouse#FIELD")


def test_a_secret_whose_own_name_begins_like_the_mount_is_found(bao: OpenBao, secrets: VaultSecrets) -> None:
    bao.put_secret("secret/data/odd", password="x")

    assert secrets.get("secret/data/odd#password").reveal() == "x"


@pytest.mark.parametrize("written", ["shop.password", "shop:password"])
def test_a_field_after_another_sign_than_the_hash_is_told_what_to_write(
    secrets: VaultSecrets, written: str
) -> None:
    with pytest.raises(SecretNotFound) as caught:
        secrets.get(written)

    assert str(caught.value).endswith("If 'password' is a field of it, write shop#password")


@pytest.mark.parametrize(
    ("served", "written", "told"),
    [
        (
            "http",
            "https",
            "it does not speak TLS (1 attempts, deadline 10 s). Write http:// in url, not https://",
        ),
        (
            "https",
            "http",
            "it speaks TLS only (1 attempts, deadline 10 s). Write https:// in url, not http://",
        ),
    ],
)
def test_the_wrong_scheme_is_told_at_once(bao: OpenBao, served: str, written: str, told: str) -> None:
    address = (bao.url if served == "http" else bao.tls_url).replace(f"{served}://", f"{written}://")
    secrets = VaultSecrets(url=address, auth=VaultTokenAuth(token=bao.token), timeout=10.0, cache_ttl=0.0)

    with pytest.raises(SecretsBackendUnavailable) as caught:
        secrets.get("warehouse#password")

    assert str(caught.value) == f"Vault at {address}: secret 'warehouse#password': {told}"


def test_a_timeout_below_that_of_one_attempt_is_the_shorter_of_the_two(bao: OpenBao) -> None:
    bao.put_secret("brief", password="x")

    secrets = VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token), timeout=3)

    assert secrets.get("brief#password").reveal() == "x"


@pytest.mark.parametrize("name", ["../sys/mounts", "a/../../b", "a//b", "/a", "a/", "."])
def test_a_name_that_would_leave_the_mount_is_refused(secrets: VaultSecrets, name: str) -> None:
    with pytest.raises(SecretRefError, match="path below the mount"):
        secrets.get(name)


def test_many_secrets_and_a_mount_of_several_parts(bao: OpenBao) -> None:
    bao.mount_kv("team/kv")
    names = [f"many/{number}" for number in range(30)]
    for name in names:
        bao.put_secret(name, mount="team/kv", value=name)
    secrets = VaultSecrets(url=f"{bao.url}/", auth=VaultTokenAuth(token=bao.token), mount="/team/kv/")

    values = secrets.get_many(names)

    assert {ref: value.reveal() for ref, value in values.items()} == {name: name for name in names}


def test_namespaces(bao: OpenBao) -> None:
    bao.write("sys/namespaces/team-a")
    bao.mount_kv("secret", namespace="team-a")
    bao.call("POST", "secret/data/warehouse", {"data": {"password": "of team a"}}, namespace="team-a")
    auth = VaultTokenAuth(token=bao.token)

    secrets = VaultSecrets(url=bao.url, auth=auth, namespace="team-a")
    assert secrets.get("warehouse#password").reveal() == "of team a"
    assert "namespace team-a" in secrets.backend
    with pytest.raises(SecretNotFound):
        VaultSecrets(url=bao.url, auth=auth).get("warehouse#password")


def test_a_policy_that_denies_is_told_from_a_missing_mount_and_another_engine(
    bao: OpenBao, raises_cleanly: RaisesCleanly
) -> None:
    bao.policy("narrow", 'path "secret/data/open" { capabilities = ["read"] }')
    bao.put_secret("open", password="x")
    bao.put_secret("shut", password="y")
    token = bao.token_with("narrow")

    def vault(**settings: object) -> VaultSecrets:
        return VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=token), **settings)

    assert vault().get("open#password").reveal() == "x"
    with raises_cleanly(SecretAccessDenied, token) as caught:
        vault().get("shut#password")
    assert "reading secret/shut" in str(caught.value)
    with raises_cleanly(SecretAccessDenied, token) as caught:
        vault(mount="no-such-mount").get("a")
    assert "no mount 'no-such-mount'" in str(caught.value)
    with raises_cleanly(SecretsConfigError) as caught:
        VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token), mount="cubbyhole").get("a")
    assert "type 'cubbyhole', not kv" in str(caught.value)


def test_tls_with_an_own_ca_and_a_client_certificate(
    bao: OpenBao, tls: dict[str, Path], raises_cleanly: RaisesCleanly
) -> None:
    bao.put_secret("tls", password="x")
    auth = VaultTokenAuth(token=bao.token)
    files = {"client_cert": str(tls["client_cert"]), "client_key": str(tls["client_key"])}

    secrets = VaultSecrets(url=bao.tls_url, auth=auth, ca_cert=str(tls["ca"]), **files)
    assert secrets.get("tls#password").reveal() == "x"
    with raises_cleanly(SecretsBackendUnavailable, bao.token) as caught:
        VaultSecrets(url=bao.tls_url, auth=auth, timeout=30.0).get("tls#password")
    # OpenSSL's words depend on whether the system knows another CA by the name.
    told = r"is not trusted: (self-signed certificate in certificate chain|unable to get local issuer certificate) "
    assert re.search(told + r"\(see ca_cert\) \(1 attempts", str(caught.value))
    with raises_cleanly(SecretsBackendUnavailable, bao.token):
        VaultSecrets(
            url=bao.tls_url, auth=auth, ca_cert="/no/such.pem", timeout=0.3, attempt_timeout=0.3
        ).get("a")
    with raises_cleanly(SecretsBackendUnavailable, bao.token):
        VaultSecrets(url=bao.url.replace("http", "https"), auth=auth, timeout=0.3, attempt_timeout=0.3).get(
            "a"
        )


def test_the_client_certificate_reaches_the_server(bao: OpenBao, tls: dict[str, Path]) -> None:
    bao.put_secret("tls", password="x")
    if "cert/" not in bao.call("GET", "sys/auth")["data"]:
        bao.write("sys/auth/cert", type="cert")
    bao.write("auth/cert/certs/any", certificate=tls["ca"].read_text(), token_policies=["read-all"])
    auth = VaultCertAuth(client_cert=str(tls["client_cert"]), client_key=str(tls["client_key"]), name="any")

    secrets = VaultSecrets(url=bao.tls_url, auth=auth, ca_cert=str(tls["ca"]))

    assert secrets.get("tls#password").reveal() == "x"


def test_a_redirect_to_the_active_server_is_followed_with_the_token_but_never_out_of_tls(
    bao: OpenBao, tls: dict[str, Path], raises_cleanly: RaisesCleanly
) -> None:
    bao.put_secret("redirected", password="x")

    def standby(_: str, path: str, *__: object) -> tuple[int, dict[str, str], bytes]:
        return 307, {"Location": f"{bao.url}{path}"}, b""

    with HttpServer(standby) as server:
        auth = VaultTokenAuth(token=bao.token)
        assert VaultSecrets(url=server.url, auth=auth).get("redirected#password").reveal() == "x"

    def loop(_: str, path: str, *__: object) -> tuple[int, dict[str, str], bytes]:
        return 307, {"Location": path}, b""

    with HttpServer(loop) as server, raises_cleanly(SecretsBackendUnavailable, bao.token) as caught:
        VaultSecrets(url=server.url, auth=VaultTokenAuth(token=bao.token)).get("a")
    assert "it redirects twice" in str(caught.value)

    with HttpServer(lambda *_: json_answer(200, {})) as plain:

        def downgrade(_: str, path: str, *__: object) -> tuple[int, dict[str, str], bytes]:
            return 307, {"Location": f"{plain.url}{path}"}, b""

        with (
            HttpServer(downgrade, tls=tls) as server,
            raises_cleanly(SecretsBackendUnavailable, bao.token) as caught,
        ):
            VaultSecrets(url=server.url, auth=VaultTokenAuth(token=bao.token), ca_cert=str(tls["ca"])).get(
                "a"
            )
        assert "from https to http" in str(caught.value)
        assert plain.requests == []


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://localhost:{port}/v1/x", "it redirects to the host 'localhost', which would get the token"),
        ("http://localhost:{port}\\@127.0.0.1/v1/x", "it redirects to"),
        ("http://user@127.0.0.1:{port}/v1/x", "or to no such address"),
        ("ftp://127.0.0.1:{port}/v1/x", "or to no such address"),
        ("http://127.0.0.1.nip.example:{port}/", "it redirects to the host '127.0.0.1.nip.example'"),
    ],
)
def test_a_redirect_takes_the_token_to_no_foreign_host(
    location: str, told: str, raises_cleanly: RaisesCleanly
) -> None:
    with HttpServer(lambda *_: json_answer(200, {"data": {"data": {"password": "planted"}}})) as foreign:
        target = location.format(port=foreign.url.rpartition(":")[2])
        with (
            HttpServer(lambda *_: (307, {"Location": target}, b"")) as server,
            raises_cleanly(SecretsBackendUnavailable, "hvs.to-be-stolen") as caught,
        ):
            VaultSecrets(url=server.url, auth=VaultTokenAuth(token="hvs.to-be-stolen"), kv_version=2).get(
                "a#p"
            )

        assert not foreign.requests
    assert told in str(caught.value)
    if "localhost" in told:
        assert str(caught.value).endswith(
            "If that is a server of this Vault, write redirect_hosts=['localhost']"
        )


@pytest.mark.parametrize("hosts", [["localhost"], ["other", "LOCALHOST"]])
def test_a_redirect_goes_to_the_hosts_that_are_listed(bao: OpenBao, hosts: list[str]) -> None:
    bao.put_secret("redirected", password="x")
    active = bao.url.replace("127.0.0.1", "localhost")
    with HttpServer(lambda _, path, *__: (307, {"Location": f"{active}{path}"}, b"")) as server:
        auth = VaultTokenAuth(token=bao.token)
        secrets = VaultSecrets(url=server.url, auth=auth, redirect_hosts=hosts)

        assert secrets.get("redirected#password").reveal() == "x"


@pytest.mark.parametrize(
    ("host", "hosts", "allowed"),
    [
        ("vault-1.vault.svc", [".vault.svc"], True),
        ("vault.svc", [".vault.svc"], False),
        ("evilvault.svc", [".vault.svc", "vault.svc"], False),
        ("a.b.vault.svc", [".vault.svc"], True),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("10.1.2.3", ["10.1.2.4"], False),
        ("vault", [], True),
        ("vault.", [], False),
        ("[half", [], False),
    ],
)
def test_which_hosts_a_redirect_may_lead_to(host: str, hosts: list[str], allowed: bool) -> None:  # noqa: FBT001
    transport = VaultTransport("http://vault:8200", redirect_hosts=hosts)
    target = transport._redirected("http://vault:8200/v1/a", f"https://{host}:8200/v1/a")
    transport.close()

    assert isinstance(target, str) is allowed


@pytest.mark.parametrize("host", ["", "https://vault:8200", "vault:8200", "*.vault", "."])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(SecretsConfigError, match="is neither a host nor"):
        VaultSecrets(url="http://vault:8200", auth=VaultTokenAuth(token="t"), redirect_hosts=[host])
