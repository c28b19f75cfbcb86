"""Dynamic credentials of a real PostgreSQL, from OpenBao's database engine."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import time
import traceback
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from postgres import postgres

from dagster_plus_k8s_helpers.secrets import (
    SecretAccessDenied,
    SecretLeaseEnded,
    SecretNotFound,
    SecretRefError,
    SecretsBackendUnavailable,
    SecretsError,
    VaultSecrets,
    VaultTokenAuth,
    VaultUserpassAuth,
)
from dagster_plus_k8s_helpers.secrets.deadline import Deadline
from tests.secrets.faults import Fault, FaultyProxy
from tests.secrets.servers import HttpServer, json_answer, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from dagster_plus_k8s_helpers.secrets import VaultAuth, VaultLease
    from tests.secrets.servers import OpenBao

    RaisesCleanly = Callable[..., AbstractContextManager[Any]]

CREATE = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"


@pytest.fixture(scope="module")
def database(bao: OpenBao) -> Iterator[str]:
    """The socket directory of the server behind ``database/creds/...``."""
    with postgres() as socket_dir:
        bao.write("sys/mounts/database", type="database")
        bao.write(
            "database/config/warehouse",
            plugin_name="postgresql-database-plugin",
            allowed_roles="*",
            connection_url=f"postgresql://{{{{username}}}}@/postgres?host={socket_dir}",
            username="postgres",
        )
        for role, ttl, maximum in (("etl", "60s", "120s"), ("short", "3s", "60s"), ("fleeting", "1s", "2s")):
            bao.write(
                f"database/roles/{role}",
                db_name="warehouse",
                creation_statements=[CREATE],
                default_ttl=ttl,
                max_ttl=maximum,
            )
        yield socket_dir
        bao.call("PUT", "sys/leases/revoke-prefix/database/creds")
        bao.call("DELETE", "sys/mounts/database")


def vault(bao: OpenBao, url: str = "") -> VaultSecrets:
    return VaultSecrets(
        url=url or bao.url, auth=VaultTokenAuth(token=bao.token), timeout=30.0, attempt_timeout=5.0
    )


def works(socket_dir: str, user: str) -> bool:
    try:
        with psycopg.connect(host=socket_dir, user=user, dbname="postgres") as connection:
            return connection.execute("SELECT 42").fetchone() == (42,)
    except psycopg.OperationalError:
        return False


def test_credentials_work_while_they_are_held_and_not_after(bao: OpenBao, database: str) -> None:
    with vault(bao).lease("database/creds/etl") as creds:
        user = creds["username"].reveal()
        password = creds["password"].reveal()
        assert sorted(creds) == ["password", "username"]
        assert len(creds) == 2
        assert works(database, user)
        assert 50 < creds.seconds_left <= 60
        assert password not in repr(creds)
        assert "database/creds/etl" in repr(creds)
        with pytest.raises(KeyError):
            creds["token"]

    assert not works(database, user)
    assert creds.revocation_error is None
    with pytest.raises(SecretLeaseEnded):
        creds["password"]


def test_an_exception_in_the_block_revokes_too_and_comes_through(bao: OpenBao, database: str) -> None:
    users: list[str] = []

    def fail() -> None:
        with vault(bao).lease("database/creds/etl") as creds:
            users.append(creds["username"].reveal())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not works(database, users[0])


def test_a_short_lease_is_renewed_in_the_background(bao: OpenBao, database: str) -> None:
    with vault(bao).lease("database/creds/short") as creds:
        user = creds["username"].reveal()
        ends = creds._ends
        time.sleep(4)  # longer than the TTL: that is what is being tested

        assert creds._ends > ends
        assert works(database, user)
        assert creds["username"].reveal() == user


def test_failed_renewals_are_survived_until_the_lease_really_ends(
    bao: OpenBao, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultyProxy(bao.url) as proxy, vault(bao, proxy.url).lease("database/creds/short") as creds:
        user = creds["username"].reveal()
        proxy.fault = "refuse"
        wait_until(lambda: "trying again" in caplog.text or creds.seconds_left < 0.5, "no renewal was tried")
        proxy.fault = "none"
        ends = creds._ends
        wait_until(lambda: creds._ends > ends, "the lease was not renewed")

        assert works(database, user)
        assert creds["username"].reveal() == user


def test_a_lease_that_ends_says_so(bao: OpenBao, database: str, caplog: pytest.LogCaptureFixture) -> None:
    with vault(bao).lease("database/creds/fleeting") as creds:
        user = creds["username"].reveal()
        wait_until(lambda: not creds.seconds_left, "the lease did not end")
        with pytest.raises(SecretLeaseEnded, match="database/creds/fleeting"):
            creds["password"]
        wait_until(lambda: not works(database, user), "the credentials still work")

    assert "The lease has ended" in caplog.text


@pytest.mark.usefixtures("database")
def test_a_lease_revoked_by_somebody_else_is_noticed_at_the_next_renewal(
    bao: OpenBao, caplog: pytest.LogCaptureFixture
) -> None:
    with vault(bao).lease("database/creds/short") as creds:
        bao.call("PUT", "sys/leases/revoke", {"lease_id": creds.lease_id, "sync": True})
        wait_until(lambda: not creds.seconds_left, "nothing was noticed")

    assert "does not renew the lease" in caplog.text


@pytest.mark.usefixtures("database")
def test_a_failed_revocation_is_reported_and_hides_nothing(
    bao: OpenBao, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.secrets.vault.lease._REVOKE_WITHIN", 0.5)
    with FaultyProxy(bao.url) as proxy:
        with vault(bao, proxy.url).lease("database/creds/etl") as creds:
            password = creds["password"].reveal()
            proxy.fault = "refuse"

        assert creds.revocation_error is not None
        assert f"vault lease revoke {creds.lease_id}" in caplog.text
        assert password not in caplog.text
    bao.call("PUT", "sys/leases/revoke", {"lease_id": creds.lease_id})


@pytest.mark.usefixtures("database")
def test_a_revocation_that_vault_refuses_is_reported(bao: OpenBao) -> None:
    bao.policy("no-revoke", 'path "database/creds/etl" { capabilities = ["read"] }')
    token = bao.token_with("no-revoke", no_default_policy=True)
    secrets = VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=token))
    with secrets.lease("database/creds/etl") as creds:
        pass

    assert creds.revocation_error is not None


@pytest.mark.usefixtures("database")
def test_what_is_no_lease_is_refused(bao: OpenBao, raises_cleanly: RaisesCleanly) -> None:
    bao.put_secret("stored", password="hunter22")
    narrow = VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token_with("default")))
    for secrets, path, kind in (
        (vault(bao), "secret/data/stored", SecretRefError),
        (vault(bao), "", SecretRefError),
        (vault(bao), "database/../sys/mounts", SecretRefError),
        (vault(bao), "database/creds/nobody", SecretNotFound),
        (vault(bao), "nowhere/creds/etl", SecretNotFound),
        (narrow, "database/creds/etl", SecretAccessDenied),
    ):
        with raises_cleanly(kind, "hunter22", bao.token), secrets.lease(path):
            pass


def test_parameters_are_posted() -> None:
    def answer(method: str, path: str, _: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/v1/kubernetes/creds/pods":
            assert (method, body) == ("POST", b'{"kubernetes_namespace": "runs"}')
            data = {"service_account_token": "abc"}
            return json_answer(
                200, {"lease_id": "l/1", "lease_duration": 60, "renewable": False, "data": data}
            )
        return json_answer(200, {"data": {}})

    with HttpServer(answer) as server:
        secrets = VaultSecrets(url=server.url, auth=VaultTokenAuth(token="t"))
        with secrets.lease("kubernetes/creds/pods", data={"kubernetes_namespace": "runs"}) as creds:
            assert creds["service_account_token"].reveal() == "abc"
        revoked = [request for request in server.requests if request[1] == "/v1/sys/leases/revoke"]

    assert len(revoked) == 1


def test_a_long_lease_keeps_its_short_token_alive(bao: OpenBao, database: str) -> None:
    if "userpass/" not in bao.call("GET", "sys/auth")["data"]:
        bao.write("sys/auth/userpass", type="userpass")
    bao.write(
        "auth/userpass/users/leasing", password="correct-horse", token_policies=["read-all"], token_ttl="3s"
    )
    secrets = VaultSecrets(url=bao.url, auth=VaultUserpassAuth(username="leasing", password="correct-horse"))
    with secrets.lease("database/creds/etl") as creds:
        time.sleep(4)  # longer than the token's TTL: Vault revokes a token's leases with it

        assert works(database, creds["username"].reveal())


SCRIPT = """
    import os, sys, time
    from dagster_plus_k8s_helpers.secrets import VaultSecrets, VaultTokenAuth
    secrets = VaultSecrets(url=sys.argv[1], auth=VaultTokenAuth(token=sys.argv[2]))
    block = secrets.lease("database/creds/etl")
    lease = block.__enter__()
    print(lease["username"].reveal(), flush=True)
    if sys.argv[3] == "fork" and os.fork() == 0:
        sys.exit(0)
    if sys.argv[3] == "fork":
        os.wait()
        print("held" if lease["username"] else "", flush=True)
        time.sleep(60)
"""


def test_the_interpreters_exit_revokes(bao: OpenBao, database: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), bao.url, bao.token, "exit"]
    user = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert user
    assert not works(database, user)


def test_a_forked_childs_exit_does_not_revoke_its_parents_lease(bao: OpenBao, database: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT), bao.url, bao.token, "fork"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        user = process.stdout.readline().strip()
        try:
            assert process.stdout.readline().strip() == "held"
            assert works(database, user)
        finally:
            process.kill()


@pytest.mark.usefixtures("database")
def test_revoking_twice_is_once(bao: OpenBao, caplog: pytest.LogCaptureFixture) -> None:
    held: list[VaultLease] = []
    with caplog.at_level(logging.ERROR), vault(bao).lease("database/creds/etl") as creds:
        creds.revoke()
        held.append(creds)

    assert held[0].revocation_error is None
    assert not caplog.records
    assert creds == held[0]
    assert len({creds, held[0]}) == 1


# What is asked for once -----------------------------------------------------------------------------


def leases(bao: OpenBao) -> int:
    return len(bao.call("GET", "sys/leases/lookup/database/creds/etl?list=true")["data"]["keys"])


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("fault", ["truncate", "corrupt", "drip"])
def test_an_answer_that_is_lost_leaves_one_lease_behind_and_says_so(
    bao: OpenBao, fault: Fault, raises_cleanly: RaisesCleanly
) -> None:
    with vault(bao).lease("database/creds/etl"), FaultyProxy(bao.url) as proxy:
        secrets = VaultSecrets(url=proxy.url, auth=VaultTokenAuth(token=bao.token), attempt_timeout=1.5)
        secrets._vault().session.keep_alive(Deadline(60))
        before = leases(bao)
        proxy.fault = fault
        with (
            raises_cleanly(SecretsBackendUnavailable, bao.token) as caught,
            secrets.lease("database/creds/etl"),
        ):
            pass

        wait_until(lambda: leases(bao) == before + 1, "no lease was made")
    assert "(1 attempts" in str(caught.value)
    assert "Vault may have made credentials all the same" in str(caught.value)
    assert "`vault lease revoke -prefix database/creds/etl`" in str(caught.value)


@pytest.mark.usefixtures("database")
def test_a_lease_that_cannot_have_been_opened_is_asked_for_again(
    bao: OpenBao, raises_cleanly: RaisesCleanly
) -> None:
    with FaultyProxy(bao.url) as proxy:
        secrets = VaultSecrets(
            url=proxy.url, auth=VaultTokenAuth(token=bao.token), timeout=1.0, attempt_timeout=1.0
        )
        secrets._vault().session.keep_alive(Deadline(60))
    # Nobody listens any more, and no connection is left that could be reset in the middle of a request.
    secrets._vault().session.transport.close()
    with raises_cleanly(SecretsBackendUnavailable, bao.token) as caught, secrets.lease("database/creds/etl"):
        pass

    assert "Connection refused" in str(caught.value)
    assert "(1 attempts" not in str(caught.value)
    assert "not asked again" not in str(caught.value)


SEALED = json_answer(503, {"errors": ["Vault is sealed"]})


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        *((json_answer(status, {"errors": []}), True) for status in (412, 429, 472, 473)),
        (SEALED, True),
        *((json_answer(status, {"errors": ["no"]}), False) for status in (500, 502, 503, 504)),
        ((200, {}, b'{"lease_id": "half'), False),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else str(value),
)
def test_which_answers_a_lease_is_asked_for_again_after(
    answer: tuple[int, dict[str, str], bytes],
    again: bool,  # noqa: FBT001
) -> None:
    granted = {"lease_id": "l/1", "lease_duration": 60, "renewable": False, "data": {"password": "abc"}}
    answers = [answer, json_answer(200, granted)]

    def serve(_: str, path: str, *__: object) -> tuple[int, dict[str, str], bytes]:
        return answers.pop(0) if path.startswith("/v1/database") else json_answer(200, {"data": {}})

    with HttpServer(serve) as server:
        secrets = VaultSecrets(url=server.url, auth=VaultTokenAuth(token="t"))
        if again:
            with secrets.lease("database/creds/etl") as creds:
                assert creds["password"].reveal() == "abc"
        else:
            with pytest.raises(SecretsBackendUnavailable, match="It was not asked again"):
                secrets.lease("database/creds/etl").__enter__()
    assert len(answers) == (0 if again else 1)


def frames_told(failure: BaseException) -> str:
    frames = traceback.TracebackException.from_exception(failure, capture_locals=True).stack
    return repr([frame.locals for frame in frames if frame.filename != __file__])


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("what", ["lost", "denied", "no lease", "login refused", "login lost", "bad token"])
def test_a_traceback_with_locals_shows_no_token_or_value(bao: OpenBao, what: str) -> None:
    bao.put_secret("stored", password="hunter22-of-the-frames")
    if "userpass/" not in bao.call("GET", "sys/auth")["data"]:
        bao.write("sys/auth/userpass", type="userpass")
    narrow = bao.token_with("default")
    token, password, path = bao.token, "wrong-password-of-the-frames", "database/creds/etl"
    auth: VaultAuth = VaultTokenAuth(token=token)
    with FaultyProxy(bao.url) as proxy:
        match what:
            case "denied":
                auth = VaultTokenAuth(token=narrow)
            case "no lease":
                path = "secret/data/stored"
            case "bad token":
                auth = VaultTokenAuth(token="half\nof-a-token-of-the-frames")
            case "login refused" | "login lost":
                auth = VaultUserpassAuth(username="frames", password=password)
        secrets = VaultSecrets(url=proxy.url, auth=auth, timeout=1.0, attempt_timeout=1.0)
        if what == "lost":
            secrets._vault().session.keep_alive(Deadline(60))
        if what.endswith("lost"):
            proxy.fault = "refuse"
        for call in (lambda: secrets.lease(path).__enter__(), lambda: secrets.get("stored#nothing")):
            with pytest.raises(SecretsError) as caught:
                call()
            told = frames_told(caught.value)
            assert "self" in told
            for text in (token, narrow, password, "hunter22-of-the-frames", "of-a-token-of-the-frames"):
                assert text not in told


@pytest.mark.usefixtures("database")
def test_a_renewal_that_fails_in_an_unforeseen_way_is_a_failed_renewal(
    bao: OpenBao, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vault(bao).lease("database/creds/short") as creds:
        renew = creds._renew
        failures = [ZeroDivisionError("hunter22"), OSError("hunter22")]

        def fail() -> None:
            if failures:
                raise failures.pop()
            renew()

        monkeypatch.setattr(creds, "_renew", fail)
        ends = creds._ends
        wait_until(lambda: creds._ends > ends, "the lease was not renewed")

    assert "the renewal failed unexpectedly (ZeroDivisionError). The lease has" in caplog.text
    assert "the renewal failed unexpectedly (OSError)" in caplog.text
    assert "hunter22" not in caplog.text
