"""Reading moto's Secrets Manager over HTTP."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import boto3
import dagster as dg
import pytest
from dagster_aws.secretsmanager import SecretsManagerResource

from dagster_plus_k8s_helpers.secrets import (
    AwsSecrets,
    SecretDeleted,
    SecretFieldNotFound,
    SecretNotFound,
    SecretRef,
    SecretRefError,
    SecretValueError,
    SecretWrongRegion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    RaisesCleanly = Callable[..., AbstractContextManager[Any]]

REGION = "eu-west-1"


@pytest.fixture
def aws(moto: str) -> Iterator[Any]:
    """A client for setting up, on an empty Secrets Manager."""
    import requests

    requests.post(f"{moto}/moto-api/reset", timeout=10)
    client = boto3.client("secretsmanager", endpoint_url=moto, region_name=REGION)
    yield client
    client.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The API calls that went over the wire, by operation."""
    from botocore.httpsession import URLLib3Session

    made: list[str] = []
    send = URLLib3Session.send

    def counted(self: URLLib3Session, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"?")
        made.append((target.decode() if isinstance(target, bytes) else target).rpartition(".")[2])
        return send(self, request)

    monkeypatch.setattr(URLLib3Session, "send", counted)
    return made


def secrets_at(url: str, **settings: Any) -> AwsSecrets:
    return AwsSecrets(
        client=SecretsManagerResource(region_name=REGION, endpoint_url=url, max_attempts=2), **settings
    )


def test_forty_secrets_are_two_calls_and_then_none(moto: str, aws: Any, calls: list[str]) -> None:
    names = [f"many/{number}" for number in range(40)]
    for name in names:
        aws.create_secret(Name=name, SecretString=f"value of {name}")
    calls.clear()
    secrets = secrets_at(moto)

    for _ in range(2):
        values = secrets.get_many(names)
        assert {ref: value.reveal() for ref, value in values.items()} == {n: f"value of {n}" for n in names}

    assert calls == ["BatchGetSecretValue"] * 2


def test_one_bad_name_does_not_spoil_the_others(moto: str, aws: Any) -> None:
    aws.create_secret(Name="good", SecretString="x")
    aws.create_secret(Name="deleted", SecretString="y")
    aws.delete_secret(SecretId="deleted")
    secrets = secrets_at(moto)

    answers = secrets.fetch([SecretRef("good"), SecretRef("deleted"), SecretRef("missing")])

    assert [type(answer).__name__ for answer in answers.values()] == [
        "FetchedSecret",
        "SecretDeleted",
        "SecretNotFound",
    ]
    with pytest.raises(SecretDeleted, match="restore-secret"):
        secrets.get_many(["good", "deleted", "missing"])
    aws.restore_secret(SecretId="deleted")
    assert secrets.get("deleted").reveal() == "y"


def test_text_fields_and_binary(moto: str, aws: Any) -> None:
    aws.create_secret(Name="text", SecretString="just text")
    aws.create_secret(Name="json", SecretString='{"user": "größe", "port": 5432}')
    aws.create_secret(Name="binary", SecretBinary=b"\xff\x00")
    secrets = secrets_at(moto)

    assert secrets.get("text").reveal() == "just text"
    assert secrets.get("json#user").reveal() == "größe"
    assert secrets.get("json").reveal() == '{"user": "größe", "port": 5432}'
    assert secrets.get("binary").reveal_bytes() == b"\xff\x00"
    assert secrets.get_many(["binary", "text"])["binary"].reveal_bytes() == b"\xff\x00"
    assert secrets.get("text").source == "AWS Secrets Manager in eu-west-1"
    for ref in ("text#user", "binary#user"):
        with pytest.raises(SecretFieldNotFound, match="not a JSON object"):
            secrets.get(ref)


def test_version_ids_and_stages(moto: str, aws: Any) -> None:
    first = aws.create_secret(Name="versions", SecretString="one")["VersionId"]
    aws.put_secret_value(SecretId="versions", SecretString="two")
    secrets = secrets_at(moto)

    values = secrets.get_many(
        ["versions", "versions@AWSPREVIOUS", f"versions@{first}", "versions@AWSCURRENT"]
    )

    assert [value.reveal() for value in values.values()] == ["two", "one", "one", "two"]
    with pytest.raises(SecretNotFound, match="secret or version"):
        secrets.get("versions@NO_SUCH_STAGE")
    with pytest.raises(SecretNotFound, match="secret or version"):
        secrets.get("versions@00000000-0000-0000-0000-000000000000")


def test_a_rotation_is_seen_when_asked_for(moto: str, aws: Any) -> None:
    aws.create_secret(Name="rotating", SecretString="old")
    secrets = secrets_at(moto)
    secrets.get("rotating")
    aws.put_secret_value(SecretId="rotating", SecretString="new")

    assert secrets.get("rotating").reveal() == "old"
    assert secrets.get("rotating", refresh=True).reveal() == "new"


def test_full_and_partial_arns_and_the_prefix(moto: str, aws: Any) -> None:
    arn = aws.create_secret(Name="prod/warehouse", SecretString='{"password": "x"}')["ARN"]
    aws.create_secret(Name="prod/crm", SecretString="y")
    secrets = secrets_at(moto, prefix="prod/")
    partial = arn.rpartition("-")[0]

    values = secrets.get_many([f"{arn}#password", "warehouse#password", f"{partial}#password", "crm"])

    assert [value.reveal() for value in values.values()] == ["x", "x", "x", "y"]


@pytest.mark.usefixtures("aws")
def test_an_arn_of_another_region_is_refused_without_a_call(moto: str, calls: list[str]) -> None:
    arn = "arn:aws:secretsmanager:us-east-2:123456789012:secret:warehouse-AbCdEf"

    with pytest.raises(
        SecretWrongRegion, match=r"in us-east-2, the client in eu-west-1.*region_name='us-east-2'"
    ):
        secrets_at(moto).get(f"{arn}#password")

    assert calls == []


def test_secrets_by_tag_are_paged_and_exact(moto: str, aws: Any, calls: list[str]) -> None:
    for number in range(130):
        tags = [{"Key": "team", "Value": "etl"}] if number < 105 else [{"Key": "team", "Value": "etl-other"}]
        aws.create_secret(Name=f"app/{number}", SecretString=f"v{number}", Tags=tags)
    aws.create_secret(Name="elsewhere", SecretString="x", Tags=[{"Key": "team", "Value": "etl"}])
    secrets = secrets_at(moto, prefix="app/")
    calls.clear()

    values = secrets.get_by_tag("team", "etl")

    assert {name: value.reveal() for name, value in values.items()} == {
        str(number): f"v{number}" for number in range(105)
    }
    assert calls.count("BatchGetSecretValue") == 6
    assert calls.count("ListSecrets") >= 2
    assert len(secrets.get_by_tag("team")) == 130
    assert secrets.get_by_tag("te") == {}
    with pytest.raises(SecretRefError, match="key of a tag"):
        secrets.get_by_tag("")


def test_a_tag_beside_a_prefix_says_what_it_leaves_out(
    moto: str, aws: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(dg.get_dagster_logger("secrets"), "info", told.append)
    tags = [{"Key": "shared", "Value": "yes"}]
    for name in ("in/a", *(f"out/{number}" for number in range(7))):
        aws.create_secret(Name=name, SecretString="hunter22-tagged", Tags=tags)

    assert list(secrets_at(moto, prefix="in/").get_by_tag("shared")) == ["a"]
    assert len(secrets_at(moto).get_by_tag("shared")) == 8

    assert told == [
        "AWS Secrets Manager in eu-west-1: of 8 secrets with the tag 'shared', 7 are not under the prefix 'in/' "
        "and left out: 'out/0', 'out/1', 'out/2', 'out/3', 'out/4' and 2 more"
    ]


def test_everything_with_a_tag_is_in_the_environment_for_a_while(
    moto: str, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [{"Key": "env", "Value": "etl"}]
    aws.create_secret(Name="env/TAGGED_PASSWORD", SecretString="hunter22", Tags=tags)
    aws.create_secret(Name="env/TAGGED_URL", SecretString="postgres://", Tags=tags)
    monkeypatch.setenv("TAGGED_URL", "before")
    monkeypatch.delenv("TAGGED_PASSWORD", raising=False)
    secrets = secrets_at(moto, prefix="env/")

    with contextlib.suppress(RuntimeError), secrets.tagged_in_environment("env", "etl") as names:
        assert names == ("TAGGED_PASSWORD", "TAGGED_URL")
        assert (os.environ["TAGGED_PASSWORD"], os.environ["TAGGED_URL"]) == ("hunter22", "postgres://")
        raise RuntimeError

    assert "TAGGED_PASSWORD" not in os.environ
    assert os.environ["TAGGED_URL"] == "before"
    assert secrets.tagged_as_env("env") == {"TAGGED_PASSWORD": "hunter22", "TAGGED_URL": "postgres://"}


def test_a_tagged_secret_that_no_variable_can_hold_sets_nothing(moto: str, aws: Any) -> None:
    tags = [{"Key": "mixed", "Value": "x"}]
    aws.create_secret(Name="MIXED_GOOD", SecretString="good", Tags=tags)
    aws.create_secret(Name="MIXED_RAW", SecretBinary=b"\xff\x00", Tags=tags)

    with (
        pytest.raises(SecretValueError, match="MIXED_RAW cannot hold"),
        secrets_at(moto).tagged_in_environment("mixed"),
    ):
        pass

    assert "MIXED_GOOD" not in os.environ


@pytest.mark.usefixtures("aws")
def test_a_role_in_another_account_is_assumed(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    other = boto3.client("sts", endpoint_url=moto, region_name=REGION).assume_role(
        RoleArn="arn:aws:iam::210987654321:role/reader", RoleSessionName="setup"
    )["Credentials"]
    there = boto3.client(
        "secretsmanager",
        endpoint_url=moto,
        region_name=REGION,
        aws_access_key_id=other["AccessKeyId"],
        aws_secret_access_key=other["SecretAccessKey"],
        aws_session_token=other["SessionToken"],
    )
    there.create_secret(Name="of the other account".replace(" ", "-"), SecretString="x")
    there.close()
    role = {"assume_role_arn": "arn:aws:iam::210987654321:role/reader", "external_id": "abc"}

    assert secrets_at(moto, **role).get("of-the-other-account").reveal() == "x"
    with pytest.raises(SecretNotFound):
        secrets_at(moto).get("of-the-other-account")


def test_the_injected_clients_settings_reach_dagster(
    moto: str, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.create_secret(Name="injected", SecretString="x")
    monkeypatch.setenv("SM_ENDPOINT", moto)
    monkeypatch.setenv("SM_PREFIX", "inj")
    seen = []

    @dg.asset
    def reader(secrets: AwsSecrets) -> None:
        seen.append(secrets.get("ected").reveal())

    client = SecretsManagerResource(region_name=REGION, endpoint_url=dg.EnvVar("SM_ENDPOINT"))
    secrets = AwsSecrets(client=client, prefix=dg.EnvVar("SM_PREFIX"))

    assert dg.materialize([reader], resources={"secrets": secrets}).success
    assert seen == ["x"]


def test_a_client_configured_at_launch(moto: str, aws: Any) -> None:
    aws.create_secret(Name="launched", SecretString="x")
    seen = []

    @dg.asset
    def reader(secrets: AwsSecrets) -> None:
        seen.append(secrets.get("launched").reveal())

    client = SecretsManagerResource.configure_at_launch()
    result = dg.materialize(
        [reader],
        resources={"secrets": AwsSecrets(client=client), "client": client},
        run_config={"resources": {"client": {"config": {"region_name": REGION, "endpoint_url": moto}}}},
    )

    assert result.success
    assert seen == ["x"]


@pytest.mark.usefixtures("aws")
def test_tenants_do_not_meet(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = secrets_at(moto)
    same = secrets_at(moto)
    assert first._shared() is same._shared()
    assert secrets_at(moto, prefix="x")._shared() is not first._shared()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    assert secrets_at(moto)._shared() is not first._shared()


def test_the_clients_keys_are_not_shown() -> None:
    client = SecretsManagerResource(
        aws_secret_access_key="key-of-the-client", aws_session_token="its-session"
    )
    shown = repr(AwsSecrets(client=client, prefix="prod/"))

    assert "key-of-the-client" not in shown
    assert "its-session" not in shown
    assert "prefix='prod/'" in shown
    assert "client='SecretsManagerResource'" in shown
