"""Several backends as one: the first that has the secret."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg

from dagster_plus_k8s_helpers.secrets.errors import SecretNotFound, SecretsConfigError, SecretsError
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource

__all__ = ["ChainedSecrets"]


class ChainedSecrets(SecretsResource):
    """The first of ``backends`` that has a secret answers for it: ``SecretValue.source`` says which did.

    Only "there is no such secret" passes a question on. A backend that is down, denies, or has deleted
    the secret ends it with that error: the next one may hold an old value.

    Args:
        backends: Resources, asked in this order.
    """

    backends: dg.ResourceDependency[list[Any]]

    @property
    def backend(self) -> str:
        return "the chain of " + ", ".join(backend.backend for backend in self._chain)

    @property
    def _chain(self) -> list[SecretsResource]:
        chain: list[SecretsResource] = self.backends
        return chain

    def check_settings(self) -> None:
        backends: object = self.backends
        if not isinstance(backends, list) or not backends:
            raise SecretsConfigError("backends is not a list with a resource in it", backend="ChainedSecrets")
        for number, backend in enumerate(self.backends):
            if not isinstance(backend, SecretsResource):
                raise SecretsConfigError(
                    f"backends[{number}] is of type {type(backend).__name__}, not a SecretsResource",
                    check="Write for example [EnvSecrets(), VaultSecrets(...)]",
                    backend="ChainedSecrets",
                )

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        return self._ask(refs, refresh=False)

    def invalidate(self, ref: str | SecretRef | None = None) -> None:
        for backend in self._chain:
            backend.invalidate(ref)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["ChainedSecrets"]:  # noqa: ARG002 - Dagster calls it
        """Set up each backend and tear it down afterwards; Dagster does so only for single resources."""
        with ExitStack() as stack:
            ready = [
                stack.enter_context(backend.process_config_and_initialize_cm()) for backend in self._chain
            ]
            yield type(self)(backends=ready)

    def _lookup(self, refs: Sequence[SecretRef], *, refresh: bool) -> Answers:
        return self._ask(refs, refresh=refresh)

    def _ask(self, refs: Sequence[SecretRef], *, refresh: bool) -> Answers:
        answers: dict[SecretRef, FetchedSecret | SecretsError] = {}
        open_refs = list(refs)
        tried: list[str] = []
        for backend in self._chain:
            tried.append(backend.backend)
            found = _asked(backend, open_refs, refresh=refresh)
            # Not isinstance: a deleted secret is a SecretNotFound too, and is not passed on.
            missing = [ref for ref in open_refs if type(found[ref]) is SecretNotFound]
            answers.update({ref: answer for ref, answer in found.items() if ref not in missing})
            open_refs = missing
            if not open_refs:
                break
        for ref in open_refs:
            answers[ref] = SecretNotFound(
                "none of the backends has it", check=f"Asked: {'; '.join(tried)}", ref=str(ref)
            )
        return answers


def _asked(backend: SecretsResource, refs: Sequence[SecretRef], *, refresh: bool) -> Answers:
    try:
        return backend._answers(refs, refresh=refresh)  # noqa: SLF001  (the cached way in, without selecting)
    except SecretsError as failure:
        return dict.fromkeys(refs, failure)
