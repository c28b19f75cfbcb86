"""`FakeSecrets`: secrets from a dictionary, for tests."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from dagster_plus_k8s_helpers.secrets.errors import SecretNotFound, SecretsConfigError, SecretsError
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource
from dagster_plus_k8s_helpers.secrets.value import MASK, SecretValue

__all__ = ["FakeSecrets"]


class FakeSecrets(SecretsResource):
    """Secrets from a dictionary, with every call of the real backends.

    ``FakeSecrets(secrets={"warehouse": {"password": "x"}, "crm": "token", "key": b"raw"})``

    Args:
        secrets: By name, or by ``name@version``: a mapping of fields, a text (a JSON object in it has
            fields), bytes, or a :class:`SecretsError` to raise, so that trouble can be tested too.

    Attributes:
        reads: Every reference that was read, in order, as text.
    """

    secrets: dg.ResourceDependency[dict[str, Any]]
    _reads: list[str] = PrivateAttr(default_factory=list)

    @property
    def backend(self) -> str:
        return "FakeSecrets"

    @property
    def reads(self) -> list[str]:
        """Every reference that was read, in order, as text."""
        return list(self._reads)

    def check_settings(self) -> None:
        if not isinstance(self.secrets, Mapping):
            raise SecretsConfigError("secrets is not a dictionary of secrets by name", backend="FakeSecrets")
        for name, secret in self.secrets.items():
            SecretRef.parse(name)
            if not isinstance(secret, (str, bytes, Mapping, SecretsError)):
                raise SecretsConfigError(
                    f"{name} is of type {type(secret).__name__}",
                    check="Write a dictionary of fields, a text, bytes, or a SecretsError",
                    backend="FakeSecrets",
                )
            for field, value in secret.items() if isinstance(secret, Mapping) else ():
                if not isinstance(field, str) or not _is_json(value):
                    raise SecretsConfigError(
                        f"{name}#{field} is of type {type(value).__name__}",
                        check="Write a text, or what JSON can hold; a binary secret has no fields",
                        backend="FakeSecrets",
                    )

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        yield "secrets", dict.fromkeys(self.secrets, MASK)

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        self._reads.extend(map(str, refs))
        by_ref = {SecretRef.parse(name): secret for name, secret in self.secrets.items()}
        return {ref: self._answer(by_ref.get(ref), ref) for ref in refs}

    def _answer(self, secret: object, ref: SecretRef) -> FetchedSecret | SecretsError:
        if isinstance(secret, SecretsError):
            return secret
        if isinstance(secret, str):
            return FetchedSecret.from_text(secret, source=self.backend)
        if isinstance(secret, bytes):
            return FetchedSecret(source=self.backend, whole=SecretValue(secret, source=self.backend))
        if isinstance(secret, Mapping):
            return FetchedSecret.from_mapping(secret, source=self.backend)
        return SecretNotFound("there is no such secret", backend=self.backend, ref=str(ref))


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
