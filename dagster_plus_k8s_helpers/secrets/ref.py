r"""How a secret is named: ``name``, ``name#field`` or ``name#field@version``.

The name may hold ``/``, ``:`` and dots, so full ARNs work as they are; a ``#``, an ``@`` or a ``\`` that
belongs to a name or field is written with a ``\`` before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.secrets.errors import SecretRefError

__all__ = ["SecretRef"]

# Longer than any backend's name: 2,048 characters for an ARN, 512 for an AWS name, Vault's paths alike.
_MAX_LENGTH = 4096
_FORM = (
    r"Write name, name#field or name#field@version, with \# and \@ for a '#' or '@' inside a name or field"
)
_PIECES = re.compile(r"\\(.)|([#@])|([^\\#@]+)|(\\)$", re.DOTALL)
# An ARN is full of colons.
_FIELD_IN_NAME = re.compile(r"(?!arn:)(?P<name>.*[^./:\s])[.:](?P<field>[^./:\s]+)")


@answering
@dataclass(frozen=True)  # no slots: cached_property keeps its value in __dict__
class SecretRef:
    """A reference to a secret, or to one field of it, perhaps at one version.

    Args:
        name: Name, path or ARN as the backend knows it; unescaped.
        field: One field of the secret; None means the whole secret.
        version: KV version number, or AWS version id or stage; None means the current one.

    Raises:
        SecretRefError: An empty or over-long part, or a character that no backend takes.
    """

    name: str
    field: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        for part, text in (("name", self.name), ("field", self.field), ("version", self.version)):
            if text is None and part != "name":
                continue
            if not isinstance(text, str):
                raise SecretRefError(f"the {part} of a secret reference is text, not {type(text).__name__}")
            if not text.strip() or text != text.strip():
                raise SecretRefError(
                    f"the {part} of a secret reference is empty or has spaces around it", check=_FORM
                )
            if len(text) > _MAX_LENGTH:
                raise SecretRefError(
                    f"the {part} of a secret reference has {len(text)} characters, {_MAX_LENGTH} is the most"
                )
            if not text.isprintable():
                raise SecretRefError(f"the {part} of a secret reference holds an unprintable character")

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        r"""Read ``name``, ``name#field``, ``name@version`` or ``name#field@version``.

        Raises:
            SecretRefError: Not text of this form.
        """
        if not isinstance(text, str):
            raise SecretRefError(
                f"a secret reference is text or a SecretRef, not {type(text).__name__}", check=_FORM
            )
        return _parse(text)

    @classmethod
    def of(cls, ref: str | SecretRef) -> SecretRef:
        """``ref`` itself when it is a SecretRef already, else what its text says."""
        return ref if isinstance(ref, SecretRef) else cls.parse(ref)

    @cached_property
    def secret(self) -> SecretRef:
        """The whole secret that this reference points into: what a backend fetches in one piece."""
        return self if self.field is None else SecretRef(self.name, version=self.version)

    @property
    def with_field(self) -> SecretRef | None:
        """The reference that was meant by ``name.field`` or ``name:field``, if the name is of this form."""
        found = _FIELD_IN_NAME.fullmatch(self.name)
        if found is None or self.field is not None:
            return None
        return SecretRef(found["name"], found["field"], self.version)

    def __str__(self) -> str:
        field = "" if self.field is None else f"#{_escape(self.field)}"
        version = "" if self.version is None else f"@{_escape(self.version)}"
        return f"{_escape(self.name)}{field}{version}"


@lru_cache(maxsize=4096)
def _parse(text: str) -> SecretRef:
    if len(text) > 3 * _MAX_LENGTH:
        raise SecretRefError(f"a secret reference of {len(text)} characters", check=_FORM)
    parts = {"name": ""}
    current = "name"
    for escaped, mark, plain, dangling in _PIECES.findall(text):
        if dangling:
            raise SecretRefError(r"the reference ends in a single '\'", ref=text, check=_FORM)
        if not mark:
            parts[current] += escaped or plain
            continue
        current = "field" if mark == "#" else "version"
        if current in parts or (current == "field" and "version" in parts):
            raise SecretRefError(f"an unescaped {mark!r} too many", ref=text, check=_FORM)
        parts[current] = ""
    return SecretRef(**parts)


def _escape(text: str) -> str:
    return re.sub(r"([\\#@])", r"\\\1", text)
