"""What moto does not do: denials, KMS, throttling and broken answers, as AWS documents them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any, get_args

import pytest
from dagster_aws.secretsmanager import SecretsManagerResource

from dagster_plus_k8s_helpers.secrets import (
    AwsSecrets,
    SecretAccessDenied,
    SecretDeleted,
    SecretKmsDenied,
    SecretNotFound,
    SecretRefError,
    SecretsAuthError,
    SecretsBackendUnavailable,
    SecretsConfigError,
    SecretsError,
    SecretsThrottled,
)
from dagster_plus_k8s_helpers.secrets.deadline import Deadline
from tests.secrets.faults import Fault, FaultyProxy
from tests.secrets.servers import HttpServer, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    RaisesCleanly = Callable[..., AbstractContextManager[Any]]

SECRET = "hunter22-of-aws"
KEY = "aws-secret-key"
SESSION = "aws-session-token"


def secrets_at(url: str, **settings: Any) -> AwsSecrets:
    client = SecretsManagerResource(
        region_name="eu-west-1",
        endpoint_url=url,
        max_attempts=settings.pop("max_attempts", 1),
        aws_access_key_id="AKIATEST",
        aws_secret_access_key=KEY,
        aws_session_token=SESSION,
    )
    return AwsSecrets(client=client, **{"timeout": 30.0, "cache_ttl": 0.0, **settings})


def operation(headers: dict[str, str]) -> str:
    return headers["X-Amz-Target"].rpartition(".")[2]


def refusal(status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    return json_answer(status, {"__type": code, "Message": message})


def value(name: str) -> dict[str, str]:
    arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf"
    return {"ARN": arn, "Name": name, "VersionId": "x" * 32, "SecretString": SECRET}


REFUSALS = [
    (400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", SecretNotFound),
    (
        400,
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
        SecretDeleted,
    ),
    (
        400,
        "AccessDeniedException",
        "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: secretsmanager:GetSecretValue",
        SecretAccessDenied,
    ),
    (400, "AccessDeniedException", "Access to KMS is not allowed", SecretKmsDenied),
    (400, "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text.", SecretKmsDenied),
    (400, "ThrottlingException", "Rate exceeded", SecretsThrottled),
    (400, "ExpiredTokenException", f"The security token {SESSION} is expired", SecretsAuthError),
    (
        400,
        "InvalidSignatureException",
        f"The Canonical String should have been x-amz-security-token:{SESSION}",
        SecretsAuthError,
    ),
    (400, "UnrecognizedClientException", "The security token is invalid.", SecretsAuthError),
    (400, "InvalidParameterException", "The parameter name is invalid.", SecretRefError),
    (500, "InternalServiceError", "An error occurred on the server side.", SecretsBackendUnavailable),
    (503, "ServiceUnavailable", "Try again", SecretsBackendUnavailable),
    (400, "SomethingNew", "Nobody knows this yet", SecretsConfigError),
]


@pytest.fixture(scope="module")
def refusing() -> Iterator[tuple[HttpServer, list[Any]]]:
    """A server that answers with the last of a list; one client for all tests, as making one is slow."""
    answers: list[Any] = []
    with HttpServer(lambda *_: answers[-1]) as server:
        held = secrets_at(server.url)
        held._shared()
        yield server, answers


@pytest.mark.parametrize(("status", "code", "message", "kind"), REFUSALS)
@pytest.mark.parametrize("how", ["alone", "in a batch"])
def test_each_failure_is_its_own_error(
    refusing: tuple[HttpServer, list[Any]],
    status: int,
    code: str,
    message: str,
    kind: type[SecretsError],
    how: str,
    raises_cleanly: RaisesCleanly,
) -> None:
    server, answers = refusing
    errors = [{"SecretId": "bad", "ErrorCode": code, "Message": message}]
    batch = json_answer(200, {"SecretValues": [value("good")], "Errors": errors})
    answers.append(batch if how == "in a batch" else refusal(status, code, message))

    with raises_cleanly(kind, SECRET, KEY, SESSION) as caught:
        secrets_at(server.url).get_many(["bad"] if how == "alone" else ["good", "bad"])

    assert "'bad'" in str(caught.value)
    assert "AWS Secrets Manager in eu-west-1" in str(caught.value)


@pytest.mark.parametrize(
    "refused",
    [
        row
        for row in REFUSALS
        if row[1] in ("AccessDeniedException", "ThrottlingException", "DecryptionFailure")
    ]
    + [row for row in REFUSALS if row[1] in ("ExpiredTokenException", "InvalidParameterException")],
    ids=lambda row: row[1],
)
def test_a_batch_refused_as_a_whole_is_the_same_error(
    refused: tuple[int, str, str, type[SecretsError]], raises_cleanly: RaisesCleanly
) -> None:
    *answer, kind = refused
    with (
        HttpServer(lambda *_: refusal(*answer)) as server,
        raises_cleanly(kind, SECRET, KEY, SESSION) as caught,
    ):
        secrets_at(server.url).get_many(["bad", "good"])
    assert "'bad'" in str(caught.value)


def test_a_policy_that_forbids_batches_is_noted_once_and_worked_around(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(_: str, __: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if operation(headers) == "BatchGetSecretValue":
            return refusal(400, "AccessDeniedException", "not authorized: secretsmanager:BatchGetSecretValue")
        return json_answer(200, value(json.loads(body)["SecretId"]))

    with HttpServer(answer) as server, caplog.at_level("INFO"):
        secrets = secrets_at(server.url)
        for _ in range(3):
            assert {v.reveal() for v in secrets.get_many(["a", "b", "c"]).values()} == {SECRET}
        made = [operation(request[2]) for request in server.requests]

    assert made.count("BatchGetSecretValue") == 1
    assert made.count("GetSecretValue") == 9
    assert caplog.text.count("reading secrets one by one") == 1


def test_a_batch_that_comes_in_pages_and_forgets_one_is_completed() -> None:
    def answer(_: str, __: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        request = json.loads(body)
        if operation(headers) == "GetSecretValue":
            return json_answer(200, value(request["SecretId"]))
        if "NextToken" in request:
            return json_answer(200, {"SecretValues": [value("b")], "Errors": []})
        return json_answer(200, {"SecretValues": [value("a")], "Errors": [], "NextToken": "more"})

    with HttpServer(answer) as server:
        values = secrets_at(server.url).get_many(["a", "b", "forgotten"])
        made = [operation(request[2]) for request in server.requests]

    assert list(values) == ["a", "b", "forgotten"]
    assert made == ["BatchGetSecretValue", "BatchGetSecretValue", "GetSecretValue"]


def test_throttling_that_passes_is_survived_by_boto3s_retries() -> None:
    answers = [refusal(400, "ThrottlingException", "Rate exceeded"), json_answer(200, value("a"))]

    with HttpServer(lambda *_: answers.pop(0)) as server:
        assert secrets_at(server.url, max_attempts=3).get("a").reveal() == SECRET


@pytest.mark.parametrize("fault", [fault for fault in get_args(Fault) if fault not in ("none", "delay")])
def test_a_broken_connection_ends_at_the_deadline_without_a_leak(
    fault: Fault, raises_cleanly: RaisesCleanly
) -> None:
    with HttpServer(lambda *_: json_answer(200, value("a"))) as server, FaultyProxy(server.url) as proxy:
        secrets = secrets_at(proxy.url, timeout=1.5)
        secrets._aws()._ready(Deadline(60))  # making a client takes a second of its own
        assert secrets_at(proxy.url).get("a").reveal() == SECRET
        proxy.fault = fault
        begun = time.monotonic()
        with raises_cleanly(SecretsBackendUnavailable, SECRET, KEY, SESSION):
            secrets.get("a")

    assert time.monotonic() - begun < 30.0


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"SecretString": 3}', b"\xff"])
def test_an_answer_that_is_none_is_unavailable(body: bytes, raises_cleanly: RaisesCleanly) -> None:
    with (
        HttpServer(lambda *_: (200, {}, body)) as server,
        raises_cleanly(SecretsBackendUnavailable, KEY, SESSION),
    ):
        secrets_at(server.url).get("a")


def test_no_region_no_credentials_and_no_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, raises_cleanly: RaisesCleanly
) -> None:
    for name in (
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for client, kind, told in (
        (SecretsManagerResource(), SecretsConfigError, "NoRegionError"),
        (
            SecretsManagerResource(region_name="eu-west-1", profile_name="nope"),
            SecretsConfigError,
            "ProfileNotFound",
        ),
        (SecretsManagerResource(region_name="not a region!"), SecretsConfigError, "InvalidRegionError"),
        (
            SecretsManagerResource(region_name="eu-west-1", endpoint_url="http://127.0.0.1:9"),
            SecretsAuthError,
            "IRSA",
        ),
    ):
        with raises_cleanly(kind) as caught:
            AwsSecrets(client=client).get("a")
        assert told in str(caught.value)


def test_a_dead_endpoint_is_unavailable(raises_cleanly: RaisesCleanly) -> None:
    with raises_cleanly(SecretsBackendUnavailable, KEY, SESSION) as caught:
        secrets_at("http://127.0.0.1:9").get("a")
    assert "EndpointConnectionError" in str(caught.value)


HELD = 600.0
SCRIPT = """
    import sys
    from dagster_aws.secretsmanager import SecretsManagerResource
    from dagster_plus_k8s_helpers.secrets import AwsSecrets, SecretsBackendUnavailable
    from dagster_plus_k8s_helpers.secrets.deadline import Deadline
    client = SecretsManagerResource(region_name="eu-west-1", endpoint_url=sys.argv[1],
                                    aws_access_key_id="a", aws_secret_access_key="b")
    secrets = AwsSecrets(client=client, timeout=1.0)
    secrets._aws()._ready(Deadline(60))  # making a client takes a second of its own
    try:
        secrets.get_many(["a@AWSPREVIOUS", "b@AWSPREVIOUS"])
    except SecretsBackendUnavailable as failure:
        print(failure, flush=True)
"""


def test_a_process_that_has_given_up_on_aws_can_end() -> None:
    release = threading.Event()

    def hold(*_: object) -> tuple[int, dict[str, str], bytes]:
        release.wait(HELD)
        return json_answer(200, value("a"))

    with HttpServer(hold) as server:
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT), server.url]
        try:
            # The bound is what the server holds the requests for: a process that waits for them is late.
            ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=HELD / 4)
        finally:
            release.set()

    assert "no answer within 1 s" in ended.stdout
    assert len(server.requests) == 2


def test_a_batch_whose_pages_repeat_ends(raises_cleanly: RaisesCleanly) -> None:
    page = json_answer(200, {"SecretValues": [value("a")], "Errors": [], "NextToken": "again"})
    with (
        HttpServer(lambda *_: page) as server,
        raises_cleanly(SecretsBackendUnavailable, SECRET, KEY, SESSION) as caught,
    ):
        secrets_at(server.url).get_many(["a", "b"])

    assert "the same page of a batch again" in str(caught.value)
    assert len(server.requests) == 2


def test_a_list_whose_pages_repeat_ends(raises_cleanly: RaisesCleanly) -> None:
    page = json_answer(200, {"SecretList": [], "NextToken": "again"})
    with HttpServer(lambda *_: page) as server, raises_cleanly(SecretsBackendUnavailable, KEY) as caught:
        secrets_at(server.url).get_by_tag("team")

    assert "PaginationError" in str(caught.value)


@pytest.mark.parametrize("how", ["a list", "a batch"])
def test_after_the_deadline_no_further_page_is_asked_for(how: str, raises_cleanly: RaisesCleanly) -> None:
    given_up = threading.Event()

    def endless(*_: object) -> tuple[int, dict[str, str], bytes]:
        # The second page comes when the caller has given up; no third one may be asked for.
        if len(server.requests) > 1:
            given_up.wait(60)
        page = {"SecretList": [], "SecretValues": [], "NextToken": f"page {len(server.requests)}"}
        return json_answer(200, page)

    with HttpServer(endless) as server:
        secrets = secrets_at(server.url, timeout=1.0)
        secrets._aws()._ready(Deadline(60))  # making a client takes a second of its own
        with raises_cleanly(SecretsBackendUnavailable) as caught:
            if how == "a list":
                secrets.get_by_tag("team")
            else:
                secrets.get_many(["a", "b"])
        given_up.set()
        abandoned = [thread for thread in threading.enumerate() if thread.name == "secrets-call"]
        for thread in abandoned:
            thread.join(60)

        assert abandoned
        assert not any(thread.is_alive() for thread in abandoned)
        assert len(server.requests) == 2
    assert "no answer within 1 s" in str(caught.value)
