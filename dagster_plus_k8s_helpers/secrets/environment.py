"""Secret values as environment variables: which can be one, and ``os.environ`` with them for a while.

The revealed texts are in no frame that an error leaves through.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.secrets.errors import SecretRefError, SecretValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dagster_plus_k8s_helpers.secrets.ref import SecretRef
    from dagster_plus_k8s_helpers.secrets.value import SecretValue

__all__ = ["fitting", "in_environment", "refuse_names"]


def refuse_names(names: Iterable[object]) -> None:
    """Raise SecretRefError for what no environment variable can be called."""
    for name in names:
        if not isinstance(name, str) or not name or "=" in name or not _fits(name):
            raise SecretRefError(f"{name!r} is not a name for an environment variable")


def fitting(
    values: dict[str, SecretValue], refs: Mapping[str, str | SecretRef], backend: str
) -> dict[str, SecretValue]:
    """The values, each of which an environment variable can hold.

    Args:
        values: By variable name.
        refs: Where each came from, for the error.
        backend: As messages name it.

    Raises:
        SecretValueError: One is binary, or has a NUL in it.
    """
    for name, value in values.items():
        problem = _problem(value, name)
        if problem:
            raise SecretValueError(problem, backend=backend, ref=str(refs[name]))
    return values


@contextmanager
def in_environment(values: Mapping[str, SecretValue]) -> Iterator[None]:
    """``os.environ`` with these variables in it; as it was afterwards, whatever happens."""
    before = {name: os.environ.get(name) for name in values}
    try:
        for name, value in values.items():
            os.environ[name] = value.reveal()
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


def _problem(value: SecretValue, name: str) -> str:
    try:
        fits = _fits(value.reveal())
    except SecretValueError:
        return f"it is binary, which the environment variable {name} cannot hold"
    return (
        ""
        if fits
        else f"it holds a NUL or half a surrogate pair, which the environment variable {name} cannot"
    )


def _fits(text: str) -> bool:
    # os.environ would raise the same error, which quotes the text.
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
