"""A secret value that has to be asked before it shows itself."""

from __future__ import annotations

import hmac
from typing import Never, NoReturn, Self, SupportsIndex

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.secrets.errors import SecretValueError

__all__ = ["MASK", "SecretValue"]

MASK = "********"


@answering
class SecretValue:
    """One secret value: masked in ``repr``, ``str`` and f-strings, refused by pickle and JSON.

    It compares in constant time with another SecretValue and is not hashable, because a set or a
    dictionary would compare hashes.

    Args:
        value: Text, or bytes for a binary secret.
        source: Where the value came from, such as ``Vault at https://vault:8200``; not a secret.

    Attributes:
        source: As given; this is how a chain says which backend answered.
    """

    __slots__ = ("__weakref__", "_value", "source")
    __hash__ = None  # type: ignore[assignment]  # the documented way to make a class unhashable

    _value: str | bytes
    source: str

    def __init__(self, value: str | bytes, *, source: str = "") -> None:
        if not isinstance(value, (str, bytes)):
            kind = type(value).__name__
            # A traceback that shows locals shows this frame.
            del value
            raise SecretValueError(f"a secret value is text or bytes, not {kind}")
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "source", source)

    def reveal(self) -> str:
        """The value as text.

        Raises:
            SecretValueError: The secret is binary and not UTF-8 text.
        """
        if isinstance(self._value, str):
            return self._value
        text = _decoded(self._value)
        if text is None:
            raise SecretValueError("this secret is binary", check="Call .reveal_bytes()")
        return text

    def reveal_bytes(self) -> bytes:
        """The value as bytes; text is encoded as UTF-8."""
        return (
            self._value
            if isinstance(self._value, bytes)
            else self._value.encode("utf-8", errors="surrogatepass")
        )

    def __repr__(self) -> str:
        return f"SecretValue({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self.reveal_bytes(), other.reveal_bytes())

    def __add__(self, other: Never) -> Never:
        raise SecretValueError(
            "a SecretValue is no text", check="Call .reveal() in the one place that needs its text"
        )

    __radd__ = __add__

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a SecretValue has no {name!r}; its text is .reveal()")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a SecretValue does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a SecretValue does not change")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise SecretValueError(
            "a SecretValue is not pickled, so it cannot be an output that an IO manager stores",
            check="Return the SecretRef (or its text) and read the secret in the step that needs it",
        )

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(2)

    def __fspath__(self) -> NoReturn:
        # Dagster's metadata takes any os.PathLike; being one is what lets this class answer for itself
        # there, where the stock answer would advise wrapping the value in a MetadataValue.
        raise SecretValueError(
            "a SecretValue is neither a path nor metadata",
            check="Metadata is stored and shown in the UI: put the name of the secret there, not the secret",
        )


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
