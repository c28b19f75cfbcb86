"""Servers that the tests share, and what no test may leave behind."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dagster_plus_k8s_helpers.secrets import SecretsError
from tests.secrets import keys, servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return keys.tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def bao(tls: dict[str, Path]) -> Iterator[servers.OpenBao]:
    with servers.openbao_dev(tls=tls) as server:
        server.policy("read-all", 'path "*" { capabilities = ["read", "create", "update", "list"] }')
        yield server


@pytest.fixture(scope="session")
def moto(monkeypatch_session: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "aws-secret-key-of-the-tests"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch_session.setenv(name, value)
    with servers.moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture
def raises_cleanly() -> Callable[..., AbstractContextManager[Any]]:
    """``pytest.raises`` for a SecretsError in which, cause and context included, a text does not occur."""

    @contextmanager
    def check(kind: type[SecretsError], *hidden: str) -> Iterator[Any]:
        with pytest.raises(kind) as caught:
            yield caught
        assert type(caught.value) is kind
        told = everything_told(caught.value)
        for text in hidden:
            assert text not in told
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None or isinstance(caught.value.__context__, SecretsError)

    return check


def everything_told(failure: BaseException | None) -> str:
    """All that an exception and those behind it say, with their attributes."""
    told = ""
    while failure is not None:
        told += f"{failure!s} {failure.args!r} {failure.__dict__!r} {getattr(failure, '__notes__', '')!r}"
        failure = failure.__cause__ or failure.__context__
    return told
