"""Logging in to OpenBao with every method, and what happens to tokens afterwards."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dagster_plus_k8s_helpers.secrets import (
    SecretAccessDenied,
    SecretsAuthError,
    SecretsBackendUnavailable,
    VaultAppRoleAuth,
    VaultAwsIamAuth,
    VaultCertAuth,
    VaultJwtAuth,
    VaultKubernetesAuth,
    VaultSecrets,
    VaultTokenAuth,
    VaultUserpassAuth,
)
from tests.secrets import keys
from tests.secrets.servers import HttpServer, json_answer, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dagster_plus_k8s_helpers.secrets import VaultAuth
    from dagster_plus_k8s_helpers.secrets.vault.login import VaultSession
    from tests.secrets.servers import OpenBao

    RaisesCleanly = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def methods(bao: OpenBao, tls: dict[str, Path]) -> Iterator[OpenBao]:
    """The server with every auth method set up; Kubernetes is a TokenReview endpoint of the test's own."""
    bao.put_secret("login", password="logged in")
    present = bao.call("GET", "sys/auth")["data"]
    for method in ("approle", "kubernetes", "jwt", "userpass", "cert"):
        if f"{method}/" not in present:
            bao.write(f"sys/auth/{method}", type=method)
    bao.write("auth/userpass/users/etl", password="correct-horse-battery", token_policies=["read-all"])
    bao.write("auth/approle/role/etl", token_policies=["read-all"])
    bao.write("auth/jwt/config", jwt_validation_pubkeys=[keys.public_pem()], bound_issuer="https://issuer")
    bao.write(
        "auth/jwt/role/etl",
        role_type="jwt",
        user_claim="sub",
        bound_audiences=["vault"],
        token_policies=["read-all"],
    )
    bao.write("auth/cert/certs/etl", certificate=tls["ca"].read_text(), token_policies=["read-all"])
    with HttpServer(_token_review) as cluster:
        bao.write(
            "auth/kubernetes/config",
            kubernetes_host=cluster.url,
            token_reviewer_jwt=keys.service_account_jwt("reviewer"),
            disable_local_ca_jwt=True,
            kubernetes_ca_cert=tls["ca"].read_text(),
        )
        bao.write(
            "auth/kubernetes/role/etl",
            bound_service_account_names=["runs"],
            bound_service_account_namespaces=["dagster"],
            token_policies=["read-all"],
        )
        yield bao


def _token_review(_: str, path: str, __: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
    assert path == "/apis/authentication.k8s.io/v1/tokenreviews"
    claims = json.loads(base64.urlsafe_b64decode(json.loads(body)["spec"]["token"].split(".")[1] + "=="))
    user = {"username": claims["sub"], "uid": "4711", "groups": ["system:serviceaccounts"]}
    return json_answer(201, {"status": {"authenticated": True, "user": user}})


def vault(bao: OpenBao, auth: VaultAuth, **settings: Any) -> VaultSecrets:
    settings = {"timeout": 10.0, "kv_version": 2, "cache_ttl": 0.0, **settings}
    return VaultSecrets(url=bao.url, auth=auth, **settings)


def session_of(secrets: VaultSecrets) -> VaultSession:
    return secrets._vault().session


def userpass() -> VaultUserpassAuth:
    return VaultUserpassAuth(username="etl", password="correct-horse-battery")


def approle(bao: OpenBao, **how: str) -> VaultAppRoleAuth:
    role_id = bao.call("GET", "auth/approle/role/etl/role-id")["data"]["role_id"]
    return VaultAppRoleAuth(role_id=role_id, **how)


def wrapped_secret_id(bao: OpenBao, ttl: str = "60s") -> str:
    bao._http.headers["X-Vault-Wrap-TTL"] = ttl
    try:
        return str(bao.write("auth/approle/role/etl/secret-id")["wrap_info"]["token"])
    finally:
        del bao._http.headers["X-Vault-Wrap-TTL"]


def secret_id(bao: OpenBao) -> str:
    return str(bao.write("auth/approle/role/etl/secret-id")["data"]["secret_id"])


@pytest.mark.parametrize(
    "method", ["kubernetes", "jwt", "jwt file", "approle", "approle file", "userpass", "cert"]
)
def test_every_method_logs_in(methods: OpenBao, tls: dict[str, Path], tmp_path: Path, method: str) -> None:
    file = tmp_path / "credential"
    good_jwt = keys.jwt(iss="https://issuer", sub="etl", aud="vault")
    match method:
        case "kubernetes":
            file.write_text(keys.service_account_jwt() + "\n")
            auth: VaultAuth = VaultKubernetesAuth(role="etl", token_path=str(file))
        case "jwt":
            auth = VaultJwtAuth(role="etl", jwt=good_jwt)
        case "jwt file":
            file.write_text(good_jwt)
            auth = VaultJwtAuth(role="etl", jwt_path=str(file))
        case "approle":
            auth = approle(methods, secret_id=secret_id(methods))
        case "approle file":
            file.write_text(secret_id(methods))
            auth = approle(methods, secret_id_path=str(file))
        case "userpass":
            auth = userpass()
        case _:
            auth = VaultCertAuth(client_cert=str(tls["client_cert"]), client_key=str(tls["client_key"]))
            secrets = VaultSecrets(url=methods.tls_url, ca_cert=str(tls["ca"]), auth=auth)
            assert secrets.get("login#password").reveal() == "logged in"
            return

    assert vault(methods, auth).get("login#password").reveal() == "logged in"


def test_what_the_methods_refuse_is_an_auth_error_without_the_credentials(
    methods: OpenBao, tmp_path: Path, raises_cleanly: RaisesCleanly
) -> None:
    stranger = tmp_path / "stranger"
    stranger.write_text(keys.service_account_jwt("stranger"))
    expired = keys.jwt(iss="https://issuer", sub="etl", aud="vault", exp=int(time.time()) - 3600)
    refused: list[tuple[VaultAuth, str, str]] = [
        (VaultUserpassAuth(username="etl", password="wrong-password"), "wrong-password", "VaultUserpassAuth"),
        (VaultKubernetesAuth(role="etl", token_path=str(stranger)), stranger.read_text(), "service account"),
        (VaultJwtAuth(role="etl", jwt=expired), expired, "audience, subject and expiry"),
        (VaultJwtAuth(role="etl", jwt="not-a-jwt-at-all"), "not-a-jwt-at-all", "VaultJwtAuth"),
        (approle(methods, secret_id="wrong-secret-id"), "wrong-secret-id", "secret id"),
        (VaultUserpassAuth(username="etl", password="x", mount="nope"), "correct", "VaultUserpassAuth"),
        (VaultTokenAuth(token="hvs.wrong-token"), "hvs.wrong-token", "has run out or was revoked"),
    ]
    for auth, hidden, told in refused:
        with raises_cleanly(SecretsAuthError, hidden) as caught:
            vault(methods, auth).get("login#password")
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"", "half written"),
        (b"\xff\xfe", "not text"),
        (b"two\nlines", "half written"),
    ],
)
def test_a_credential_file_that_is_missing_or_half_written_is_named(
    methods: OpenBao, tmp_path: Path, raises_cleanly: RaisesCleanly, content: bytes | None, told: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    for auth in (
        VaultTokenAuth(token_file=str(file)),
        VaultKubernetesAuth(role="etl", token_path=str(file)),
        VaultJwtAuth(role="etl", jwt_path=str(file)),
        VaultCertAuth(client_cert=str(tmp_path / "none"), client_key=str(file)),
    ):
        with raises_cleanly(SecretsAuthError) as caught:
            vault(methods, auth).get("login#password")
        assert str(tmp_path) in str(caught.value)
        assert told in str(caught.value) or "no client certificate" in str(caught.value)


def test_the_service_account_token_is_read_anew_at_each_login(methods: OpenBao, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(keys.service_account_jwt())
    secrets = vault(methods, VaultKubernetesAuth(role="etl", token_path=str(file)))
    secrets.get("login#password")
    _revoke(methods, secrets)
    file.write_text(keys.service_account_jwt("stranger"))

    with pytest.raises(SecretsAuthError, match="service account"):
        secrets.get("login#password")
    file.write_text(keys.service_account_jwt())
    assert secrets.get("login#password").reveal() == "logged in"


def test_a_token_file_is_watched(methods: OpenBao, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(methods.token_with("read-all"))
    secrets = vault(methods, VaultTokenAuth(token_file=str(file)))
    secrets.get("login#password")
    first = session_of(secrets)._token
    (tmp_path / "new").write_text(methods.token_with("read-all"))
    (tmp_path / "new").rename(file)

    assert secrets.get("login#password").reveal() == "logged in"

    assert session_of(secrets)._token is not first


def test_a_wrapped_secret_id_is_unwrapped_once_and_serves_later_logins(methods: OpenBao) -> None:
    secrets = vault(methods, approle(methods, wrapped_secret_id=wrapped_secret_id(methods)))
    secrets.get("login#password")
    _revoke(methods, secrets)

    assert secrets.get("login#password").reveal() == "logged in"
    assert session_of(secrets).logins == 2


def test_a_wrapping_token_in_a_file_can_be_replaced(methods: OpenBao, tmp_path: Path) -> None:
    file = tmp_path / "wrapped"
    file.write_text(wrapped_secret_id(methods))
    secrets = vault(methods, approle(methods, wrapped_secret_id_path=str(file)))
    secrets.get("login#password")
    file.write_text(wrapped_secret_id(methods) + "\n\n")

    assert secrets.get("login#password").reveal() == "logged in"
    assert session_of(secrets).logins == 2


def test_a_spent_or_foreign_wrapping_token_is_an_alarm(
    methods: OpenBao, raises_cleanly: RaisesCleanly
) -> None:
    spent = wrapped_secret_id(methods)
    vault(methods, approle(methods, wrapped_secret_id=spent)).get("login#password")
    with raises_cleanly(SecretsAuthError, spent) as caught:
        vault(methods, approle(methods, wrapped_secret_id=spent), max_stale=1.0).get("login#password")
    assert "somebody else has" in str(caught.value)

    methods._http.headers["X-Vault-Wrap-TTL"] = "60s"
    foreign = str(methods.write("sys/wrapping/wrap", secret_id="planted")["wrap_info"]["token"])
    del methods._http.headers["X-Vault-Wrap-TTL"]
    with raises_cleanly(SecretsAuthError, foreign, "planted") as caught:
        vault(methods, approle(methods, wrapped_secret_id=foreign)).get("login#password")
    assert "does not wrap a secret id" in str(caught.value)


def test_an_unwrapping_whose_answer_is_lost_is_not_tried_again_and_says_so(
    methods: OpenBao, raises_cleanly: RaisesCleanly
) -> None:
    wrapped = wrapped_secret_id(methods)

    def answer(
        method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {name: headers[name] for name in ("X-Vault-Token",) if name in headers}
        passed = requests.request(method, methods.url + path, headers=sent, data=body, timeout=60)
        return passed.status_code, {}, passed.content[:20] if path.endswith("unwrap") else passed.content

    with HttpServer(answer) as server:
        secrets = VaultSecrets(url=server.url, auth=approle(methods, wrapped_secret_id=wrapped), kv_version=2)
        with raises_cleanly(SecretsBackendUnavailable, wrapped) as caught:
            secrets.get("login#password")
        asked = [request[1] for request in server.requests]

    assert asked.count("/v1/sys/wrapping/unwrap") == 1
    assert "may be spent: make a new one" in str(caught.value)


def test_one_login_serves_all_threads(methods: OpenBao) -> None:
    secrets = vault(methods, userpass())
    start = threading.Barrier(16)

    def ask(_: int) -> str:
        start.wait(60)
        return secrets.get("login#password", refresh=True).reveal()

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {"logged in"}
    assert session_of(secrets).logins == 1


def _revoke(bao: OpenBao, secrets: VaultSecrets) -> None:
    token = session_of(secrets)._token
    assert token is not None
    bao.write("auth/token/revoke", token=token.value)


def test_a_revoked_token_is_replaced_once_and_the_call_succeeds(methods: OpenBao) -> None:
    secrets = vault(methods, userpass())
    secrets.get("login#password")
    _revoke(methods, secrets)

    assert secrets.get("login#password").reveal() == "logged in"
    assert session_of(secrets).logins == 2


def test_a_denial_is_not_a_reason_to_log_in_at_every_read(methods: OpenBao) -> None:
    methods.policy("nothing", 'path "nowhere" { capabilities = ["read"] }')
    methods.write("auth/userpass/users/narrow", password="correct-horse", token_policies=["nothing"])
    methods.write(
        "auth/userpass/users/blind",
        password="correct-horse",
        token_policies=["nothing"],
        token_no_default_policy=True,
    )
    logins = {}
    for user in ("narrow", "blind"):
        secrets = vault(methods, VaultUserpassAuth(username=user, password="correct-horse"))
        for _ in range(4):
            with pytest.raises(SecretAccessDenied):
                secrets.get("login#password")
        logins[user] = session_of(secrets).logins

    assert logins == {"narrow": 1, "blind": 2}


def test_an_old_login_is_renewed_after_a_denial_as_policies_may_have_changed(
    methods: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods.write("auth/userpass/users/late", password="correct-horse", token_policies=["nothing"])
    secrets = vault(methods, VaultUserpassAuth(username="late", password="correct-horse"))
    with pytest.raises(SecretAccessDenied):
        secrets.get("login#password")
    methods.write("auth/userpass/users/late", password="correct-horse", token_policies=["read-all"])
    monkeypatch.setattr("dagster_plus_k8s_helpers.secrets.vault.login._WORTH_A_LOGIN_AFTER", 0.0)

    assert secrets.get("login#password").reveal() == "logged in"


def test_a_token_is_renewed_before_it_runs_out_and_replaced_at_its_maximum(methods: OpenBao) -> None:
    methods.write(
        "auth/userpass/users/short",
        password="correct-horse",
        token_policies=["read-all"],
        token_ttl="1s",
        token_max_ttl="2s",
    )
    secrets = vault(methods, VaultUserpassAuth(username="short", password="correct-horse"))
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert secrets.get("login#password").reveal() == "logged in"
        time.sleep(0.05)

    # Renewed, and logged in again: 4 seconds of 1-second tokens that live 2 at most.
    assert 2 <= session_of(secrets).logins <= 10


def test_a_renewal_that_fails_leaves_the_token_in_use_while_it_is_good(methods: OpenBao) -> None:
    """The server lets renewals and logins fail, and nothing else."""
    refused: list[str] = []

    def answer(method: str, path: str, _: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("renew-self") or (refused and "/login/" in path):
            refused.append(path)
            return json_answer(503, {"errors": ["not now"]})
        if "/login/" in path:
            auth = {"client_token": methods.token, "lease_duration": 3, "renewable": True}
            return json_answer(200, {"auth": auth})
        return json_answer(
            200, methods.call(method, path.removeprefix("/v1/"), json.loads(body) if body else None)
        )

    with HttpServer(answer) as server:
        secrets = VaultSecrets(
            url=server.url, auth=userpass(), kv_version=2, cache_ttl=0.0, timeout=1.0, attempt_timeout=0.5
        )

        def renewal_failed() -> bool:
            assert secrets.get("login#password").reveal() == "logged in"
            return bool(refused)

        wait_until(renewal_failed, "no renewal was tried")
        assert secrets.get("login#password").reveal() == "logged in"


def test_a_batch_token_that_cannot_be_renewed_is_replaced(methods: OpenBao) -> None:
    methods.write(
        "auth/userpass/users/batch",
        password="correct-horse",
        token_policies=["read-all"],
        token_type="batch",
        token_ttl="1s",
    )
    secrets = vault(methods, VaultUserpassAuth(username="batch", password="correct-horse"))
    secrets.get("login#password")

    def logged_in_again() -> bool:
        secrets.get("login#password")
        return session_of(secrets).logins >= 2

    wait_until(logged_in_again, "no new login")


def test_a_fixed_token_that_runs_out_says_so(methods: OpenBao) -> None:
    token = methods.token_with("read-all", ttl="1s", renewable=False)
    secrets = vault(methods, VaultTokenAuth(token=token))
    secrets.get("login#password")

    def run_out() -> bool:
        try:
            secrets.get("login#password")
        except SecretsAuthError as failure:
            return token not in str(failure) and "run out or was revoked" in str(failure)
        return False

    wait_until(run_out, "the token is still good")


def test_aws_iam_sends_a_request_that_aws_would_accept(raises_cleanly: RaisesCleanly) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    credentials = Credentials("AKIAVAULT", "iam-secret-key", "iam-session-token")

    def answer(_: str, path: str, __: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/v1/secret/data/login":
            return json_answer(200, {"data": {"data": {"password": "logged in"}, "metadata": {}}})
        assert path == "/v1/auth/aws/login"
        login = json.loads(body)
        sent = {
            name: values[0]
            for name, values in json.loads(base64.b64decode(login["iam_request_headers"])).items()
        }
        scope = sent["Authorization"].split("Credential=")[1].split(",")[0].split("/")
        url = base64.b64decode(login["iam_request_url"]).decode()
        signed = AWSRequest(
            login["iam_http_request_method"],
            url,
            headers={
                name: sent[name]
                for name in ("Content-Type", "Host", "X-Vault-AWS-IAM-Server-ID")
                if name in sent
            },
            data=base64.b64decode(login["iam_request_body"]),
        )
        # Sign the same request with the same clock: the signatures have to agree.
        signer = SigV4Auth(credentials, "sts", scope[2])
        signed.context["timestamp"] = sent["X-Amz-Date"]
        signed.headers["X-Amz-Date"] = sent["X-Amz-Date"]
        signed.headers["X-Amz-Security-Token"] = sent["X-Amz-Security-Token"]
        canonical = signer.canonical_request(signed)
        expected = signer.signature(signer.string_to_sign(signed, canonical), signed)
        if (
            not sent["Authorization"].endswith(f"Signature={expected}")
            or sent.get("X-Vault-AWS-IAM-Server-ID") != "vault.example.com"
            or "x-vault-aws-iam-server-id" not in sent["Authorization"]
            or login["role"] != "etl"
            or url != "https://sts.eu-west-1.amazonaws.com/"
        ):
            return json_answer(400, {"errors": [f"bad signature {sent}"]})
        return json_answer(200, {"auth": {"client_token": "hvs.iam", "lease_duration": 3600}})

    def login_with(secret_key: str, server: HttpServer) -> str:
        auth = VaultAwsIamAuth(
            role="etl",
            region="eu-west-1",
            server_id="vault.example.com",
            access_key_id="AKIAVAULT",
            secret_access_key=secret_key,
            session_token="iam-session-token",
        )
        secrets = VaultSecrets(url=server.url, auth=auth, kv_version=2, timeout=10.0)
        return secrets.get("login#password").reveal()

    with HttpServer(answer) as server:
        assert login_with("iam-secret-key", server) == "logged in"
        with raises_cleanly(SecretsAuthError, "iam-session-token", "Authorization': 'AWS4"):
            login_with("wrong", server)


def test_aws_iam_without_credentials_says_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raises_cleanly: RaisesCleanly
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for settings, told in (
        ({}, "no AWS credentials were found"),
        ({"profile_name": "nope"}, "ProfileNotFound"),
    ):
        secrets = VaultSecrets(url="http://127.0.0.1:1", auth=VaultAwsIamAuth(role="etl", **settings))
        with raises_cleanly(SecretsAuthError) as caught:
            secrets.get("a")
        assert told in str(caught.value)
