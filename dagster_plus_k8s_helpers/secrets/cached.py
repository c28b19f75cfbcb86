"""``SecretsResource`` for backends across a network: one shared connection, one shared cache."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import dagster as dg
from pydantic import BaseModel, Field

from dagster_plus_k8s_helpers.secrets import redact
from dagster_plus_k8s_helpers.secrets.cache import CachePolicy
from dagster_plus_k8s_helpers.secrets.errors import SecretsConfigError, SecretsError
from dagster_plus_k8s_helpers.secrets.fetched import Answers, select
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource
from dagster_plus_k8s_helpers.secrets.shared import Connection, Shared, settings_digest, shared
from dagster_plus_k8s_helpers.secrets.value import SecretValue

__all__ = ["CachedSecretsResource", "known_number"]

# Where an instance keeps its Shared: in its __dict__, as a pydantic private attribute costs 3 µs a read.
_SLOT = "_shared_connection"
# EnvVar.int() makes a number that raises at any use of it, and whose class Dagster does not name in public.
_IntEnvVar: type[int] = type(dg.EnvVar.int("ANY"))


class CachedSecretsResource(SecretsResource, ABC):
    """A backend across a network; subclasses say how to connect.

    Instances with equal settings share one connection and one cache in a process. Both go, values and
    all, when Dagster tears down the last of them; a forked child begins with none.
    """

    cache_ttl: float = Field(
        default=300.0,
        description="Seconds a value is kept before it is read anew, less up to a tenth at random. "
        "A rotated secret is seen within this time. 0 keeps nothing.",
    )
    max_stale: float = Field(
        default=900.0,
        description="Greatest age, in seconds, of a value that is served because the backend is "
        "unavailable, with a warning. 0 never serves one.",
    )
    cache_size: int = Field(default=1024, description="Number of secrets kept at most.")

    @abstractmethod
    def connect(self) -> Connection:
        """A new connection; called once a process for equal settings, must not keep ``self``."""

    def identity(self) -> object:
        """What distinguishes tenants beside the settings: by default nothing."""
        return None

    def check_settings(self) -> None:
        for name, value, least in (
            ("cache_ttl", self.cache_ttl, 0),
            ("max_stale", self.max_stale, 0),
            ("cache_size", self.cache_size, 1),
        ):
            number = known_number(value)
            if number is not None and not least <= number < float("inf"):
                raise SecretsConfigError(
                    f"{name}={value} is not a number from {least} up", backend=type(self).__name__
                )

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        return self._shared().connection.fetch(refs)

    def get(self, ref: str | SecretRef, *, refresh: bool = False) -> SecretValue:
        if not refresh:
            ref = SecretRef.of(ref)
            secret = self._shared().cache.peek(ref.secret)
            if secret is not None:
                return select(secret, ref)
        return super().get(ref, refresh=refresh)

    def invalidate(self, ref: str | SecretRef | None = None) -> None:
        cache = self._shared().cache
        if ref is None:
            cache.clear()
        else:
            cache.invalidate_name(SecretRef.of(ref).name)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster calls it
        """Let go of the connection and the values; Dagster calls this at the end of a run or step."""
        self.close()

    def close(self) -> None:
        """The same, for an instance that Dagster does not tear down. It connects again when used again."""
        self.__dict__.pop(_SLOT, None)

    def _lookup(self, refs: Sequence[SecretRef], *, refresh: bool) -> Answers:
        answers = self._shared().cache.get(refs, refresh=refresh)
        redact.notice(
            value
            for answer in answers.values()
            if not isinstance(answer, SecretsError)
            for value in answer.values()
        )
        return answers

    def _shared(self) -> Shared[Connection]:
        found: Shared[Connection] | None = self.__dict__.get(_SLOT)
        # The pid: a forked child inherits the instance, and must not use the parent's sockets and locks.
        if found is None or found.pid != os.getpid():
            _refuse_unresolved(self, type(self).__name__)
            found = shared(settings_digest(self, self.identity()), self._make_shared)
            self.__dict__[_SLOT] = found
        return found

    def _make_shared(self) -> Shared[Connection]:
        policy = CachePolicy(self.cache_ttl, self.max_stale, self.cache_size)
        return Shared(self.connect(), policy, warn=dg.get_dagster_logger("secrets").warning)

    def _initialised(self, data: Mapping[str, object]) -> SecretsConfigError | None:
        for name, value in data.items():
            field = type(self).model_fields.get(name)
            if isinstance(value, _IntEnvVar) and field is not None and field.annotation is float:
                return SecretsConfigError(
                    f"{name} is a number with a fraction, which Dagster reads from no environment variable",
                    check="Write a number, or float(os.environ[...]) where the definitions are made",
                    backend=type(self).__name__,
                )
        return super()._initialised(data)

    def __getstate__(self) -> dict[object, object]:
        # A pickled resource takes its settings along, a credential among them included; not what it has
        # read, and not the token that it has logged in for.
        state = super().__getstate__()
        values = {name: value for name, value in state["__dict__"].items() if name != _SLOT}
        return {**state, "__dict__": values}


def known_number(value: float | None) -> float | None:
    """A setting that is a number, or None while it is an EnvVar.int() that Dagster has not resolved."""
    return None if isinstance(value, _IntEnvVar) else value


def _refuse_unresolved(resource: BaseModel, where: str) -> None:
    for name in type(resource).model_fields:
        value = getattr(resource, name)
        if isinstance(value, (dg.EnvVar, _IntEnvVar)):
            kind = "EnvVar.int" if isinstance(value, _IntEnvVar) else "EnvVar"
            variable = getattr(value, "env_var_name", "")
            raise SecretsConfigError(
                f"{name} is {kind}({variable!r}), which Dagster resolves when a run begins",
                check="In a script, use `with resource.process_config_and_initialize_cm() as secrets:`",
                backend=where,
            )
        if isinstance(value, BaseModel):
            _refuse_unresolved(value, f"{where}.{name}")
