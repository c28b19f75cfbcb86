"""At the lowest log level the clients' libraries talk a lot; not about secrets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import boto3
from dagster_aws.secretsmanager import SecretsManagerResource

from dagster_plus_k8s_helpers.secrets import AwsSecrets, VaultSecrets, VaultUserpassAuth

if TYPE_CHECKING:
    import pytest

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
