"""No frame that an error leaves through holds what was read: tracebacks are shown with their locals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.files.editing.edit import edited
from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment
from dagster_plus_k8s_helpers.secrets import (
    ChainedSecrets,
    EnvSecrets,
    FileSecrets,
    SecretsError,
    SecretValue,
    VaultAppRoleAuth,
    VaultSecrets,
    VaultTokenAuth,
)
from dagster_plus_k8s_helpers.secrets.env import read_env_file
from dagster_plus_k8s_helpers.testing import FakeSecrets
from tests.secrets.frames import exposed
from tests.secrets.servers import HttpServer, json_answer
from tests.secrets.test_aws_trouble import SESSION, refusal, value
from tests.secrets.test_aws_trouble import secrets_at as aws_at
from tests.secrets.test_errors import BAD_SETTINGS, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


HIDDEN = "hunter22-in-a-local"


def error_of(call: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (each row its own)
        call()
    return caught.value


def test_what_a_frame_holds_is_found_in_the_locals_of_causes_and_closures() -> None:
    class Holder:
        __slots__ = ("kept",)

    def fail(text: str) -> None:
        holder = Holder()
        holder.kept = [text]  # type: ignore[attr-defined]

        def raised() -> None:
            raise ValueError(str(len(text)))

        try:
            raised()
        except ValueError:
            raise KeyError from None

    found = exposed(error_of(lambda: fail(HIDDEN)), HIDDEN, everywhere=True)

    assert found == []  # frames of tests are not looked into
    from tests.secrets import frames

    failure = error_of(lambda: fail(HIDDEN))
    names = {
        name
        for frame in frames._frames(failure)
        for name, value in frame.f_locals.items()
        if any(HIDDEN in shown for _, shown in frames._reachable(value))
    }
    assert names >= {"text", "holder", "raised"}


@pytest.mark.parametrize(
    "content",
    [
        f'A="{HIDDEN}',
        f"A=1\nB={HIDDEN}\nthis is not one {HIDDEN}",
        f"B='{HIDDEN}\nC=2",
        f"A={HIDDEN}\n\xff",
    ],
)
def test_an_env_file_that_does_not_parse(content: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content.encode("latin-1"))
    secrets = EnvSecrets(env_file=str(path))
    chained = ChainedSecrets(backends=[secrets])

    for call in (
        lambda: read_env_file(str(path)),
        lambda: secrets.get("b"),
        lambda: secrets.get_many(["b", "c"]),
        lambda: secrets.get_all("b"),
        lambda: secrets.as_env({"B": "b"}),
        lambda: chained.get("b"),
    ):
        failure = error_of(call)
        assert isinstance(failure, SecretsError)
        assert exposed(failure, HIDDEN) == []


@pytest.mark.parametrize(("kind", "settings", "told"), BAD_SETTINGS)
def test_a_setting_that_is_refused(kind: type[Any], settings: dict[str, object], told: str) -> None:
    failure = error_of(lambda: kind(**settings))

    assert told
    assert exposed(failure, TOKEN, everywhere=True) == []


def test_a_setting_that_is_refused_when_a_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", f"https://me:{HIDDEN}@vault:8200")
    secrets = VaultSecrets(url=dg.EnvVar("VAULT_ADDR"), auth=VaultTokenAuth(token="t"))

    def begin() -> None:
        with secrets.process_config_and_initialize_cm():
            pass

    # Dagster's own frames hold the config that it has resolved.
    assert exposed(error_of(begin), HIDDEN) == []


def test_a_value_that_is_none(tmp_path: Path) -> None:
    assert exposed(error_of(lambda: SecretValue([HIDDEN])), HIDDEN) == []  # type: ignore[arg-type]
    assert exposed(error_of(lambda: SecretValue(HIDDEN.encode() + b"\xff").reveal()), HIDDEN) == []


FAKE = {"a": {"x": HIDDEN, "nul": f"{HIDDEN}\0"}, "text": HIDDEN, "bin": HIDDEN.encode() + b"\xff"}


@pytest.mark.parametrize(
    "call",
    [
        lambda fake: fake.get("a#y"),
        lambda fake: fake.get("a"),
        lambda fake: fake.get("text#x"),
        lambda fake: fake.get("b"),
        lambda fake: fake.get_many(["a#x", "b", "c"]),
        lambda fake: fake.get_all("text"),
        lambda fake: fake.get("bin").reveal(),
        lambda fake: fake.as_env({"A": "a#x", "B": "a#nul"}),
        lambda fake: fake.as_env({"A": "a#x", "B": "bin"}),
        lambda fake: fake.as_env({"A": "a#x", "B=": "text"}),
    ],
)
def test_what_is_asked_for_wrongly(call: Callable[[FakeSecrets], object]) -> None:
    fake = FakeSecrets(secrets=FAKE)

    assert exposed(error_of(lambda: call(fake)), HIDDEN) == []


def test_an_error_in_the_block_of_an_environment_leaves_through_no_frame_with_a_value() -> None:
    fake = FakeSecrets(secrets=FAKE)

    def fail() -> None:
        with fake.in_environment({"FRAMES_A": "a#x"}):
            assert os.environ["FRAMES_A"] == HIDDEN
            raise RuntimeError

    assert exposed(error_of(fail), HIDDEN, everywhere=True) == []


def test_files(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(HIDDEN.encode() * 100_000)
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse" / "big").write_bytes(HIDDEN.encode() * 100_000)
    (tmp_path / "warehouse" / "good").write_text(HIDDEN)
    files = FileSecrets(directory=str(tmp_path))

    for call in (
        lambda: files.get("whole"),
        lambda: files.get("warehouse#big"),
        lambda: files.get_all("warehouse"),
        lambda: files.get("warehouse#none"),
        lambda: files.get_many(["warehouse#good", "whole"]),
    ):
        assert exposed(error_of(call), HIDDEN) == []


READ = {"type": "kv", "options": {"version": "2"}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"data": HIDDEN}),
        (200, {"data": {"data": {"password": HIDDEN}, "metadata": {}}, "wrong": 1}),
        (400, {"errors": [f"no {TOKEN}"]}),
        (403, {"errors": [f"permission denied for {TOKEN}"]}),
        (404, {"data": {"data": None, "metadata": {"destroyed": True}}}),
        (500, {"errors": [f"permission denied for {TOKEN}"]}),
        (302, {}),
    ],
)
@pytest.mark.parametrize("asked", ["mount", "secret", "lease", "login"])
def test_vault(status: int, body: dict[str, object], asked: str) -> None:
    def answer(_method: str, path: str, _headers: object, _body: object) -> Any:
        if asked == "mount" or (asked == "secret" and "/secret/" in path) or asked in ("lease", "login"):
            return json_answer(status, body)
        return json_answer(200, {"data": READ})

    with HttpServer(answer) as server:
        auth = (
            VaultAppRoleAuth(role_id=TOKEN, wrapped_secret_id=TOKEN)
            if asked == "login"
            else VaultTokenAuth(token=TOKEN)
        )
        secrets = VaultSecrets(
            url=server.url,
            auth=auth,
            timeout=0.3,
            attempt_timeout=0.3,
            kv_version=None if asked == "mount" else 2,
        )

        def lease() -> None:
            with secrets.lease("database/creds/etl"):
                pass

        calls: list[Callable[[], object]] = (
            [lease]
            if asked == "lease"
            else [
                lambda: secrets.get("a#other"),
                lambda: secrets.get_many(["a#other", "b"]),
                lambda: secrets.get_all("a#x"),
                lambda: secrets.get("a@x"),
            ]
        )
        for call in calls:
            failure = error_of(call)
            assert isinstance(failure, SecretsError), failure
            assert exposed(failure, HIDDEN, TOKEN) == []


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"[" * 100_000),
        (200, {}, f'{{"SecretString": {{"a": "{HIDDEN}"}}}}'.encode()),
        (200, {}, f'{{"SecretBinary": "{HIDDEN}"}}'.encode()),
        (200, {}, f'"{HIDDEN}"'.encode()),
        json_answer(200, {"SecretValues": [{**value("a"), "SecretString": 3, "Hidden": HIDDEN}]}),
        refusal(400, "InvalidSignatureException", f"should have been x-amz-security-token:{SESSION}"),
        refusal(400, "ResourceNotFoundException", "there is none"),
    ],
)
def test_aws(answer: tuple[int, dict[str, str], bytes]) -> None:
    with HttpServer(lambda *_: answer) as server:
        secrets = aws_at(server.url)

        for call in (
            lambda: secrets.get("a#other"),
            lambda: secrets.get_many(["a#other", "b"]),
            lambda: secrets.get_by_tag("team"),
            lambda: secrets.tagged_as_env("team"),
        ):
            failure = error_of(call)
            assert isinstance(failure, SecretsError), failure
            assert exposed(failure, HIDDEN, SESSION) == []


@pytest.mark.parametrize(
    "value", ["!!float {}", "!!int {}", "!!int 0x{}", "!!bool {}", "!{}", "!!{}", "'{}", "*{}"]
)
def test_a_finding_about_a_value_that_yaml_refuses_does_not_quote_it(value: str) -> None:
    _, findings = read_yaml(f"password: {value.format(HIDDEN)}", "f")

    assert findings
    assert HIDDEN not in repr(findings)


@pytest.mark.parametrize(
    ("content", "assignment"),
    [
        (f"a: {HIDDEN}\nb: [", Assignment(("a",), "x")),
        (f"a: !!float {HIDDEN}", Assignment(("a",), "x")),
        (f"locations:\n- location_name: {HIDDEN}\n", Assignment(("a",), HIDDEN)),
        (f"dagsterCloudAgent: # {HIDDEN}\n  replicas: 1\n", Assignment(("dagsterCloudAgent",), 3)),
    ],
)
def test_an_edit_that_is_refused(content: str, assignment: Assignment) -> None:
    failure = error_of(lambda: edited(content.encode(), "f", [assignment]))

    assert isinstance(failure, DagsterPlusK8sError)
    assert HIDDEN not in str(failure)
    assert exposed(failure, HIDDEN) == []
