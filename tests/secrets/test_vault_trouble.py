"""Vault in trouble: nothing hangs past its deadline, nothing leaks, and what can be survived is."""

from __future__ import annotations

import json
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, get_args

import pytest

from dagster_plus_k8s_helpers.secrets import (
    SecretsAuthError,
    SecretsBackendSealed,
    SecretsBackendUnavailable,
    SecretsConfigError,
    SecretsError,
    SecretsThrottled,
    VaultSecrets,
    VaultTokenAuth,
    VaultUserpassAuth,
)
from dagster_plus_k8s_helpers.secrets.deadline import Deadline
from dagster_plus_k8s_helpers.secrets.vault.answer import scrubbed
from tests.secrets.faults import Fault, FaultyProxy
from tests.secrets.servers import HttpServer, SealableOpenBao, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.secrets.servers import OpenBao

    RaisesCleanly = Callable[..., AbstractContextManager[Any]]

SECRET = "hunter22-in-trouble"
# What a good answer may take on a busy machine; a fault that stays costs the timeouts of `vault`.
PATIENT = {"timeout": 60.0, "attempt_timeout": 20.0}
FAULTS = [fault for fault in get_args(Fault) if fault != "none"]


@pytest.fixture
def proxy(bao: OpenBao) -> Iterator[FaultyProxy]:
    bao.put_secret("trouble", password=SECRET)
    with FaultyProxy(bao.url) as proxy:
        yield proxy


def vault(url: str, token: str, **settings: Any) -> VaultSecrets:
    settings = {"timeout": 2.0, "attempt_timeout": 0.6, "kv_version": 2, "cache_ttl": 0.0, **settings}
    return VaultSecrets(url=url, auth=VaultTokenAuth(token=token), **settings)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_survived(bao: OpenBao, proxy: FaultyProxy, fault: Fault) -> None:
    secrets = vault(proxy.url, bao.token, timeout=60.0, attempt_timeout=1.0)
    secrets.get("trouble#password")
    proxy.fault, proxy.times = fault, 1

    assert secrets.get("trouble#password").reveal() == SECRET


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "delay"])
def test_a_fault_that_stays_ends_at_the_deadline_without_a_leak(
    bao: OpenBao, proxy: FaultyProxy, raises_cleanly: RaisesCleanly, fault: Fault
) -> None:
    secrets = vault(proxy.url, bao.token, timeout=1.2)
    secrets._vault().session.keep_alive(Deadline(60))
    proxy.fault = fault
    begun = time.monotonic()

    with raises_cleanly(SecretsBackendUnavailable, SECRET, bao.token) as caught:
        secrets.get("trouble#password")

    assert time.monotonic() - begun < 30.0
    assert "deadline 1.2 s" in str(caught.value)
    assert proxy.url in str(caught.value)


def test_the_last_good_value_is_served_while_vault_is_away(
    bao: OpenBao, proxy: FaultyProxy, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = vault(proxy.url, bao.token, attempt_timeout=2.0, cache_ttl=60.0, max_stale=3600.0)
    secrets._vault().session.keep_alive(Deadline(60))
    now = [0.0]
    secrets._shared().cache._clock = lambda: now[0]
    secrets.get("trouble#password")
    proxy.fault = "refuse"
    for now[0] in (61.0, 3599.0):
        assert secrets.get("trouble#password").reveal() == SECRET
    now[0] = 3601.0
    with pytest.raises(SecretsBackendUnavailable):
        secrets.get("trouble#password")

    assert "serving the value read" in caplog.text
    assert SECRET not in caplog.text


def test_a_dead_address_is_unavailable(raises_cleanly: RaisesCleanly) -> None:
    with raises_cleanly(SecretsBackendUnavailable, "some-token") as caught:
        vault("http://127.0.0.1:9", "some-token").get("a")
    assert "Connection refused" in str(caught.value)
    with raises_cleanly(SecretsBackendUnavailable, "some-token"):
        vault("http://no-such-host.invalid:8200", "some-token").get("a")


RETRIED = [412, 429, 472, 473, 500, 502, 503]


@pytest.mark.parametrize("status", RETRIED)
def test_these_statuses_are_tried_again(status: int) -> None:
    answers = [
        json_answer(status, {"errors": ["not now"]}),
        json_answer(status, {"errors": []}),
        json_answer(200, {"data": {"data": {"password": SECRET}}}),
    ]

    with HttpServer(_after_lookup(lambda: answers.pop(0))) as server:
        assert vault(server.url, "some-token", **PATIENT).get("a#password").reveal() == SECRET


def _after_lookup(answer: Callable[[], Any]) -> Callable[..., Any]:
    return lambda _, path, *__: json_answer(200, {"data": {}}) if "lookup-self" in path else answer()


@pytest.mark.parametrize("status", [400, 404, 405])
def test_these_are_final(status: int) -> None:
    with HttpServer(_after_lookup(lambda: json_answer(status, {"errors": ["no"]}))) as server:
        with pytest.raises(SecretsError):
            vault(server.url, "some-token", **PATIENT).get("a")

        assert len(server.requests) == 2


def test_retry_after_is_honoured_as_seconds_and_as_a_date() -> None:
    ok = json_answer(200, {"data": {"data": {"password": SECRET}}})
    for written in (lambda: "1", lambda: formatdate(time.time() + 2, usegmt=True)):
        answers = [json_answer(429, {"errors": []}, **{"Retry-After": written()}), ok]
        with HttpServer(_after_lookup(lambda answers=answers: answers.pop(0))) as server:
            begun = time.monotonic()
            assert vault(server.url, "some-token", **PATIENT).get("a#password").reveal() == SECRET
            assert time.monotonic() - begun >= 0.9


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(raises_cleanly: RaisesCleanly) -> None:
    throttled = json_answer(429, {"errors": ["slow down"]}, **{"Retry-After": "3600"})
    with HttpServer(_after_lookup(lambda: throttled)) as server:
        begun = time.monotonic()
        with raises_cleanly(SecretsThrottled, "some-token") as caught:
            vault(server.url, "some-token", **PATIENT).get("a")

    assert time.monotonic() - begun < 30.0
    assert "asks to wait 3600 s" in str(caught.value)


@pytest.mark.parametrize("garbage", ["soon", "-1", "1e9999", "٣"])
def test_a_retry_after_that_is_none_is_ignored(garbage: str) -> None:
    ok = json_answer(200, {"data": {"data": {"password": SECRET}}})
    answers = [json_answer(503, {"errors": []}, **{"Retry-After": garbage.encode().decode("latin-1")}), ok]
    with HttpServer(_after_lookup(lambda: answers.pop(0))) as server:
        assert vault(server.url, "some-token", **PATIENT).get("a#password").reveal() == SECRET


def test_a_rate_limit_quota_is_waited_out_or_named(bao: OpenBao, raises_cleanly: RaisesCleanly) -> None:
    bao.mount_kv("limited")
    bao.put_secret("a", mount="limited", password=SECRET)
    bao.write("sys/quotas/rate-limit/limited", path="limited", rate=1, interval="2s")
    try:
        secrets = vault(bao.url, bao.token, mount="limited", **PATIENT)
        assert [secrets.get("a#password").reveal() for _ in range(3)] == [SECRET] * 3
        impatient = vault(bao.url, bao.token, mount="limited", timeout=0.7)
        with raises_cleanly(SecretsThrottled, bao.token, SECRET) as caught:
            for _ in range(3):
                impatient.get("a#password")
        assert "too many requests" in str(caught.value)
    finally:
        bao.call("DELETE", "sys/quotas/rate-limit/limited")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": {"data": "text"}}',
        b'{"data": {"dat',
        b"<html>",
        b"\xff\xfe",
        b"[" * 200_000,
    ],
)
def test_an_answer_that_is_none_is_no_answer(body: bytes, raises_cleanly: RaisesCleanly) -> None:
    with (
        HttpServer(_after_lookup(lambda: (200, {}, body))) as server,
        raises_cleanly(SecretsBackendUnavailable, "some-token"),
    ):
        vault(server.url, "some-token", timeout=0.6).get("a#password")


@pytest.mark.parametrize(("status", "kind"), [(500, SecretsBackendUnavailable), (400, SecretsConfigError)])
def test_a_server_that_repeats_what_it_was_sent_is_not_quoted(
    status: int, kind: type[SecretsError], raises_cleanly: RaisesCleanly
) -> None:
    def echo(_: str, __: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        return json_answer(status, {"errors": [f"failed: {headers} {body!r}" + "x" * 5000]})

    with HttpServer(echo) as server, raises_cleanly(kind, "hvs.echoed-token") as caught:
        vault(server.url, "hvs.echoed-token").get("a")
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("password", ["s3cret!", "x#", 'q"u\\o te', "größe-und-länge", "a"])
@pytest.mark.parametrize("status", [500, 400])
def test_a_server_that_repeats_a_password_however_short_is_not_quoted(
    status: int, password: str, raises_cleanly: RaisesCleanly
) -> None:
    def echo(_: str, __: str, ___: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return json_answer(
            status, {"errors": [f"<<{json.loads(body)['password']}>>", f"<<{body.decode()}>>"]}
        )

    auth = VaultUserpassAuth(username="etl", password=password)
    with HttpServer(echo) as server, pytest.raises(SecretsError) as caught:
        VaultSecrets(url=server.url, auth=auth, kv_version=2, timeout=0.5, attempt_timeout=0.5).get("b#f")

    assert f"<<{password}" not in str(caught.value)
    assert json.dumps(password)[1:-1] + '"' not in str(caught.value)


def test_what_a_server_says_is_quoted_where_it_repeats_no_credential() -> None:
    for hidden, told in (
        (["a-long-password", "role"], "no ******** here"),
        (["here", "x"], "its explanation repeats what it was sent, and is left out"),
        (["", "there"], "no a-long-password here"),
    ):
        assert scrubbed("no  a-long-password\nhere", hidden) == told


@pytest.mark.parametrize("token", ["zwölf", "a\nb", "a\r\nX-Injected: 1", "\x00"])
def test_a_token_no_header_can_hold_is_refused_unquoted(token: str, raises_cleanly: RaisesCleanly) -> None:
    with raises_cleanly(SecretsAuthError, token):
        vault("http://127.0.0.1:9", token).get("a")


def test_seal_and_restart_in_the_middle(tmp_path: Any, raises_cleanly: RaisesCleanly) -> None:
    bao = SealableOpenBao(tmp_path)
    try:
        bao.mount_kv("secret")
        bao.put_secret("a", password=SECRET)
        secrets = vault(bao.url, bao.token, timeout=60.0)
        assert secrets.get("a#password").reveal() == SECRET

        bao.seal()
        with raises_cleanly(SecretsBackendSealed, SECRET, bao.token) as caught:
            vault(bao.url, bao.token).get("a#password")
        assert "it is sealed" in str(caught.value)
        helper = threading.Timer(0.3, bao.unseal)
        helper.start()
        assert secrets.get("a#password").reveal() == SECRET
        helper.join()

        bao.stop()
        with raises_cleanly(SecretsBackendUnavailable, SECRET, bao.token):
            vault(bao.url, bao.token).get("a#password")
        bao.start()
        bao.unseal()
        assert secrets.get("a#password").reveal() == SECRET
    finally:
        bao.stop()
        bao.close()
