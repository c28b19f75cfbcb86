"""The cache, on its own with a clock in hand and in resources on a real server."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers.secrets import (
    SecretNotFound,
    SecretRef,
    SecretsBackendUnavailable,
    SecretsError,
    SecretValue,
    VaultAppRoleAuth,
    VaultAwsIamAuth,
    VaultCertAuth,
    VaultJwtAuth,
    VaultKubernetesAuth,
    VaultSecrets,
    VaultTokenAuth,
)
from dagster_plus_k8s_helpers.secrets.cache import CachePolicy, SecretCache
from dagster_plus_k8s_helpers.secrets.fetched import FetchedSecret
from dagster_plus_k8s_helpers.secrets.shared import settings_digest
from tests.secrets.faults import FaultyProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dagster_plus_k8s_helpers.secrets.fetched import Answers
    from tests.secrets.servers import OpenBao

A, B, C = SecretRef("a"), SecretRef("b"), SecretRef("c")


class Backend:
    """Counts calls; answers with the number of the call, or with ``trouble``."""

    def __init__(self) -> None:
        self.calls: list[list[SecretRef]] = []
        self.trouble: SecretsError | BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.now = 1000.0
        self.warnings: list[str] = []

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        self.calls.append(list(refs))
        number = len(self.calls)
        self.entered.set()
        assert self.gate.wait(60)
        if self.trouble is not None:
            raise self.trouble
        return {ref: FetchedSecret("test", whole=SecretValue(f"call {number}")) for ref in refs}

    def cache(self, *, ttl: float = 100.0, max_stale: float = 300.0, max_size: int = 10) -> SecretCache:
        policy = CachePolicy(ttl, max_stale, max_size)
        return SecretCache(self.fetch, policy, self.warnings.append, clock=lambda: self.now)


@pytest.fixture
def backend() -> Backend:
    return Backend()


def read(cache: SecretCache, ref: SecretRef = A, *, refresh: bool = False) -> str:
    answer = cache.get([ref], refresh=refresh)[ref]
    if isinstance(answer, SecretsError):
        raise answer
    assert answer.whole is not None
    return answer.whole.reveal()


def test_a_value_is_kept_for_the_ttl_less_a_tenth_at_most(backend: Backend) -> None:
    cache = backend.cache(ttl=100)
    assert read(cache) == "call 1"

    backend.now += 89
    assert read(cache) == "call 1"
    assert cache.peek(A) is not None
    backend.now += 11.1
    assert cache.peek(A) is None
    assert read(cache) == "call 2"


def test_two_caches_do_not_expire_together(backend: Backend) -> None:
    caches = [backend.cache(ttl=100) for _ in range(40)]
    for cache in caches:
        read(cache)
    backend.now += 95

    assert 0 < sum(cache.peek(A) is None for cache in caches) < 40


def test_a_ttl_of_nothing_keeps_nothing(backend: Backend) -> None:
    cache = backend.cache(ttl=0)

    assert [read(cache), read(cache)] == ["call 1", "call 2"]


def test_the_secret_used_least_recently_goes_first(backend: Backend) -> None:
    cache = backend.cache(max_size=2)
    cache.get([A, B])
    cache.peek(A)
    cache.get([C])

    assert (cache.peek(A) is None, cache.peek(B) is None, cache.peek(C) is None) == (False, True, False)


def test_only_what_is_missing_is_asked_for_and_once(backend: Backend) -> None:
    cache = backend.cache()
    cache.get([A])
    cache.get([A, B, B, C])

    assert backend.calls == [[A], [B, C]]


@pytest.mark.parametrize("how", ["refresh", "invalidate", "invalidate_name", "clear"])
def test_a_value_is_read_anew_at_once_when_asked(backend: Backend, how: str) -> None:
    cache = backend.cache()
    read(cache)
    {
        "refresh": lambda: None,
        "invalidate": lambda: cache.invalidate(A),
        "invalidate_name": lambda: cache.invalidate_name("a"),
        "clear": cache.clear,
    }[how]()

    assert read(cache, refresh=how == "refresh") == "call 2"
    assert read(cache) == "call 2"


def test_sixty_four_threads_make_one_call(backend: Backend) -> None:
    cache = backend.cache()
    backend.gate.clear()
    start = threading.Barrier(65)

    def ask() -> str:
        start.wait(60)
        return read(cache)

    with ThreadPoolExecutor(64) as pool:
        answers = [pool.submit(ask) for _ in range(64)]
        start.wait(60)
        backend.gate.set()

    assert {answer.result() for answer in answers} == {"call 1"}
    assert len(backend.calls) == 1


def test_an_error_reaches_every_waiting_thread_and_is_not_kept(backend: Backend) -> None:
    cache = backend.cache()
    backend.trouble = SecretNotFound("no")
    backend.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(read, cache) for _ in range(8)]
        assert backend.entered.wait(60)
        backend.gate.set()
    assert {type(answer.exception()) for answer in answers} == {SecretNotFound}

    backend.trouble = None
    assert read(cache).startswith("call ")


def test_a_read_that_was_killed_is_done_again_by_those_who_waited(backend: Backend) -> None:
    cache = backend.cache()
    backend.gate.clear()

    def killed_once(_: Sequence[SecretRef]) -> Answers:
        cache._fetch = backend.fetch
        backend.entered.set()
        assert backend.gate.wait(60)
        raise KeyboardInterrupt

    cache._fetch = killed_once
    with ThreadPoolExecutor(2) as pool:
        killed = pool.submit(read, cache)
        assert backend.entered.wait(60)
        waiting = pool.submit(read, cache)
        backend.gate.set()

        with pytest.raises(KeyboardInterrupt):
            killed.result()
        assert waiting.result() == "call 1"


def test_what_was_invalidated_while_it_was_read_is_not_kept(backend: Backend) -> None:
    cache = backend.cache()
    backend.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(read, cache)
        assert backend.entered.wait(60)
        cache.invalidate(A)
        backend.gate.set()
        assert old.result() == "call 1"

    assert read(cache) == "call 2"


def test_a_stale_value_is_served_with_its_age_until_max_stale_and_not_after(backend: Backend) -> None:
    cache = backend.cache(ttl=100, max_stale=300)
    read(cache)
    backend.trouble = SecretsBackendUnavailable("status 503", backend="Vault")

    backend.now += 150
    assert read(cache) == "call 1"
    (warning,) = backend.warnings
    assert warning == (
        "Vault: secret 'a': serving the value read 150 s ago, because status 503. "
        "It is served until it is 300 s old (max_stale)."
    )
    assert read(cache) == "call 1"
    assert len(backend.calls) == 2  # not asked again at once
    backend.now += 149
    assert read(cache) == "call 1"
    backend.now += 1.1
    with pytest.raises(SecretsBackendUnavailable):
        read(cache)


def test_a_backend_that_is_back_is_asked_again_soon(backend: Backend) -> None:
    cache = backend.cache(ttl=100)
    read(cache)
    backend.trouble = SecretsBackendUnavailable("down")
    backend.now += 150
    read(cache)
    backend.trouble = None
    backend.now += 6

    assert read(cache) == "call 3"


def test_no_stale_value_for_a_refresh_or_for_another_error(backend: Backend) -> None:
    cache = backend.cache(ttl=100)
    read(cache)
    backend.now += 150
    backend.trouble = SecretsBackendUnavailable("down")
    with pytest.raises(SecretsBackendUnavailable):
        read(cache, refresh=True)
    backend.trouble = SecretNotFound("deleted meanwhile")
    with pytest.raises(SecretNotFound):
        read(cache)


def test_threads_with_overlapping_wishes_do_not_wait_for_each_other(backend: Backend) -> None:
    cache = backend.cache(ttl=0)

    with ThreadPoolExecutor(16) as pool:
        wishes = [[A, B], [B, A], [B, C], [C, A]] * 25
        answers = list(pool.map(cache.get, wishes))

    assert all(set(answer) == set(wish) for answer, wish in zip(answers, wishes, strict=True))


# On a real server -------------------------------------------------------------------------------------


@pytest.fixture
def counted(bao: OpenBao) -> Iterator[FaultyProxy]:
    bao.put_secret("cached", password="first")
    with FaultyProxy(bao.url) as proxy:
        yield proxy


def vault(url: str, token: str, **settings: float) -> VaultSecrets:
    return VaultSecrets(
        url=url,
        auth=VaultTokenAuth(token=token),
        kv_version=2,
        timeout=60.0,
        attempt_timeout=30.0,
        **settings,
    )


def test_instances_with_equal_settings_share_and_others_do_not(bao: OpenBao, counted: FaultyProxy) -> None:
    first, twin = vault(counted.url, bao.token), vault(counted.url, bao.token)
    first.get("cached#password")
    before = counted.connections
    twin.get("cached#password")
    assert counted.connections == before

    other_token = bao.token_with("read-all")
    vault(counted.url, other_token).get("cached#password")
    vault(counted.url, bao.token, cache_ttl=1.0).get("cached#password")

    assert counted.connections > before


def test_sixty_four_cold_threads_make_one_read(bao: OpenBao, counted: FaultyProxy) -> None:
    secrets = vault(counted.url, bao.token)
    secrets.get("cached#password")
    secrets.invalidate("cached")
    before = counted.connections
    start = threading.Barrier(64)

    def ask(_: int) -> str:
        start.wait(60)
        return secrets.get("cached#password").reveal()

    with ThreadPoolExecutor(64) as pool:
        answers = set(pool.map(ask, range(64)))

    assert answers == {"first"}
    assert counted.connections - before == 1


def test_a_rotated_secret_is_seen_within_the_ttl_or_at_once(bao: OpenBao) -> None:
    bao.put_secret("rotated", password="old")
    secrets = vault(bao.url, bao.token)
    assert secrets.get("rotated#password").reveal() == "old"
    bao.put_secret("rotated", password="new")

    assert secrets.get("rotated#password").reveal() == "old"
    assert secrets.get("rotated#password", refresh=True).reveal() == "new"
    bao.put_secret("rotated", password="newer")
    secrets.invalidate("rotated#password")
    assert secrets.get("rotated#password").reveal() == "newer"


def test_dagsters_teardown_drops_the_values(bao: OpenBao) -> None:
    bao.put_secret("dropped", password="first")
    held: list[weakref.ref[SecretValue]] = []

    @dg.asset
    def reader(secrets: VaultSecrets) -> None:
        held.append(weakref.ref(secrets.get("dropped#password")))
        assert held[0]() is not None

    assert dg.materialize([reader], resources={"secrets": vault(bao.url, bao.token)}).success
    gc.collect()

    assert held[0]() is None


def test_a_pickled_resource_takes_no_value_along(bao: OpenBao) -> None:
    bao.put_secret("pickled", password="not-in-the-pickle")
    secrets = vault(bao.url, bao.token)
    secrets.get("pickled#password")

    assert secrets.get("pickled#password").reveal() == "not-in-the-pickle"
    assert b"not-in-the-pickle" not in pickle.dumps(secrets)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_starts_with_no_locks_sockets_or_values(bao: OpenBao, counted: FaultyProxy) -> None:
    secrets = vault(counted.url, bao.token)
    secrets.get("cached#password")
    shared = secrets._shared()
    before = counted.connections

    # The worst moment: another thread of the parent holds the locks, and does not exist in the child.
    with shared.cache._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # a deadlock is a failure, not a hang
            answered = secrets.get("cached#password").reveal() == "first"
            os._exit(0 if answered and secrets._shared() is not shared else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert counted.connections > before
    assert secrets._shared() is shared


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("how", ["reads", "closes", "collects garbage"])
def test_a_forked_child_leaves_its_parents_socket_pool_alone(bao: OpenBao, how: str) -> None:
    bao.put_secret("cached", password="first")
    secrets = vault(bao.url, bao.token, cache_ttl=77.0)
    secrets.get("cached#password")
    # Held by another thread: for the child, held for ever.
    held, release = threading.Event(), threading.Event()

    def hold(pools: Any, sockets: Any) -> None:
        with pools, sockets:
            held.set()
            release.wait(120)

    thread = threading.Thread(target=hold, args=_locks(secrets))
    thread.start()
    try:
        assert held.wait(60)
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # a deadlock is a failure, not a hang
            if how == "closes":
                secrets.close()
            gc.collect()
            answered = how != "reads" or secrets.get("cached#password").reveal() == "first"
            gc.collect()
            os._exit(0 if answered else 1)
        _, status = os.waitpid(child, 0)
    finally:
        release.set()
        thread.join()

    assert os.waitstatus_to_exitcode(status) == 0


def _locks(secrets: VaultSecrets) -> tuple[Any, Any]:
    transport = secrets._vault().session.transport
    pools = transport._session.get_adapter(transport.url).poolmanager.pools
    return pools.lock, next(iter(pools._container.values())).pool.mutex


@pytest.mark.parametrize("method", ["token_file", "kubernetes", "jwt_path", "secret_id_path", "certificate"])
def test_a_file_with_other_credentials_is_another_tenant(tmp_path: Path, method: str) -> None:
    file, key = tmp_path / "credentials", tmp_path / "key"
    file.write_text("of the first tenant")

    def digest() -> bytes:
        auth = {
            "token_file": lambda: VaultTokenAuth(token_file=str(file)),
            "kubernetes": lambda: VaultKubernetesAuth(role="etl", token_path=str(file)),
            "jwt_path": lambda: VaultJwtAuth(role="etl", jwt_path=str(file)),
            "secret_id_path": lambda: VaultAppRoleAuth(role_id="r", secret_id_path=str(file)),
            "certificate": lambda: VaultCertAuth(client_cert=str(file), client_key=str(key)),
        }[method]()
        secrets = VaultSecrets(url="https://vault:8200", auth=auth)
        return settings_digest(secrets, secrets.identity())

    first = digest()
    assert digest() == first
    file.write_text("of the second one")

    assert digest() != first


def test_a_relative_path_is_a_file_of_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        identities.append(VaultTokenAuth(token_file="token").identity())

    assert identities[0] != identities[1]


def test_two_aws_identities_share_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for identity in ("AKIAFIRST", "AKIASECOND", "AKIASECOND"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", identity)
        secrets = VaultSecrets(url="https://vault:8200", auth=VaultAwsIamAuth(role="etl"))
        shares.append(secrets._shared())

    assert shares[0] is not shares[1]
    assert shares[1] is shares[2]


def test_the_digest_of_settings_tells_nothing_and_an_unknown_object_is_never_shared() -> None:
    auth = VaultTokenAuth(token="hvs.secret")
    assert settings_digest(auth) == settings_digest(VaultTokenAuth(token="hvs.secret"))
    assert settings_digest(auth) != settings_digest(VaultTokenAuth(token="hvs.other"))
    assert b"hvs" not in settings_digest(auth)
    assert settings_digest({"a": [1]}, None) == settings_digest({"a": [1]}, None)
    assert settings_digest(object()) != settings_digest(object())
