"""At the lowest log level the clients' libraries talk a lot; not about secrets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import boto3
import pytest
from dagster_aws.secretsmanager import SecretsManagerResource

from dagster_plus_k8s_helpers.secrets import (
    AwsSecrets,
    SecretsAuthError,
    VaultAwsIamAuth,
    VaultSecrets,
    VaultUserpassAuth,
)
from tests.secrets.servers import HttpServer, json_answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.secrets.servers import OpenBao

SECRET = "hunter22-at-debug-level"
PASSWORD = "correct-horse-at-debug-level"
SESSION = "session-token-at-debug-level"


def test_vault_leaves_no_secret_in_debug_logs(bao: OpenBao, caplog: pytest.LogCaptureFixture) -> None:
    bao.put_secret("debug", password=SECRET)
    if "userpass/" not in bao.call("GET", "sys/auth")["data"]:
        bao.write("sys/auth/userpass", type="userpass")
    bao.write("auth/userpass/users/debug", password=PASSWORD, token_policies=["read-all"])
    secrets = VaultSecrets(url=bao.url, auth=VaultUserpassAuth(username="debug", password=PASSWORD))

    with caplog.at_level(logging.DEBUG):
        assert secrets.get("debug#password").reveal() == SECRET

    token = secrets._vault().session._token
    assert token is not None
    assert [text for text in (SECRET, PASSWORD, token.value) if text in caplog.text] == []


def test_aws_leaves_no_secret_in_debug_logs(moto: str, caplog: pytest.LogCaptureFixture) -> None:
    client = boto3.client("secretsmanager", endpoint_url=moto, region_name="eu-west-1")
    for name in ("debug-1", "debug-2"):
        client.create_secret(Name=name, SecretString=SECRET)
    resource = SecretsManagerResource(
        region_name="eu-west-1",
        endpoint_url=moto,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key=PASSWORD,
        aws_session_token=SESSION,
    )
    secrets = AwsSecrets(client=resource)

    with caplog.at_level(logging.DEBUG):
        assert secrets.get("debug-1").reveal() == SECRET
        secrets.get_many(["debug-1", "debug-2"], refresh=True)
        assert [text for text in (SECRET, PASSWORD, SESSION) if text in caplog.text] == []
        # Everybody else's use of botocore keeps its log.
        client.list_secrets()
        assert "botocore.parsers" in {record.name for record in caplog.records}
    client.close()


def test_vaults_aws_login_leaves_no_session_token_in_debug_logs(caplog: pytest.LogCaptureFixture) -> None:
    def answer(_: str, path: str, *__: object) -> tuple[int, dict[str, str], bytes]:
        if path == "/v1/auth/aws/login":
            return json_answer(200, {"auth": {"client_token": "hvs.iam", "lease_duration": 3600}})
        return json_answer(200, {"data": {"data": {"password": SECRET}}})

    auth = VaultAwsIamAuth(
        role="etl", access_key_id="AKIATEST", secret_access_key=PASSWORD, session_token=SESSION
    )
    with HttpServer(answer) as server, caplog.at_level(logging.DEBUG):
        secrets = VaultSecrets(url=server.url, auth=auth, kv_version=2)
        assert secrets.get("debug#password").reveal() == SECRET

    assert [text for text in (SECRET, PASSWORD, SESSION, "hvs.iam") if text in caplog.text] == []


def test_credentials_from_sts_leave_nothing_in_debug_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("web-identity-token-of-the-pod")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/dagster")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    # Refused, as no answer of this server would be a credential; its log has request and answer either way.
    refusal = f"<E><Error><Code>AccessDenied</Code><Message>no</Message></Error><Sent>{SESSION}</Sent></E>"
    with HttpServer(lambda *_: (403, {}, refusal.encode())) as sts, caplog.at_level(logging.DEBUG):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        secrets = VaultSecrets(url="http://127.0.0.1:9", auth=VaultAwsIamAuth(role="etl"), kv_version=2)
        with pytest.raises(SecretsAuthError, match=r"cannot be loaded \(ClientError\)") as caught:
            secrets.get("debug#password")

    assert caught.value.__context__ is None
    assert [text for text in (SESSION, "web-identity-token") if text in caplog.text] == []
    assert sts.requests
