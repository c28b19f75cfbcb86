"""Whether a name is that of a credential: ``DB_PASSWORD`` is, ``PASSWORD_FILE`` is not."""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["Kind", "kind_of_name"]


class Kind(Enum):
    """What a name stands for."""

    PASSWORD = "password"  # noqa: S105  (a kind)
    """A password, which may be a number."""
    PASS = "pass"  # noqa: S105  (a kind)
    """``pass`` alone, which is a test's as well."""
    OTHER = "other"
    """A token, a key, a secret."""


_WORD = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[A-Z]|\d+")
_PASSWORDS = re.compile(
    r"\w*passwords?|\w*passwd|\w*passphrase|\w*passcode|pwd|pw|pswd|pgpass|(?:db|user|root|smtp)pass"
)
_OTHERS = re.compile(r"\w*(?:secrets?|credentials?|tokens?)|creds?")
_OF_KEYS = (
    "api|access|account|app|auth|encryption"
    "|license|master|private|secret|service|session|shared|signing|ssh|storage"
)
_KEYS = re.compile(rf"(?:\w*(?:{_OF_KEYS}))keys?")
_OF_A_KEY = re.compile(rf"\w*(?:{_OF_KEYS})")
_OF_A_PASS = re.compile(r"admin|database|db|key|proxy|root|smtp|user")

# The same words in front make something else of it: FIRST_PASS, PARTITION_KEY, max_tokens.
_FIRST = re.compile(r"all|by|first|last|next|no|one|per|second|single|test|tests|third")
_NO_KEY = re.compile(
    r"asset|bucket|business|cache|cluster|dist|distribution|foreign|group|hot|join|natural|"
    r"object|op|order|partition|primary|public|route|routing|row|sort|step|surrogate|tag|unique"
)
_COUNTED = re.compile(r"completion|input|max|min|new|num|number|output|prompt|total")
_REFUSED = re.compile(r"bad|invalid|missing|no|unexpected|unknown")

# Words behind it that make it the name of a place, of a property or of an error.
_ABOUT = re.compile(
    r"age|arn|class|column|columns|count|dir|directory|endpoint|enabled|error|exception|expired|"
    r"expires|expiry|field|file|filename|header|invalid|len|length|limit|location|manager|max|"
    r"min|missing|mount|name|names|namespace|path|paths|policy|prefix|provider|ref|required|"
    r"rotation|size|store|timeout|ttl|type|uri|url|usage|used|vault|version|warning"
)


def kind_of_name(name: str) -> Kind | None:
    """What kind of credential stands under a name; ``None`` when there is none.

    Args:
        name: In any spelling: ``DB_PASSWORD``, ``dbPassword``, ``db-password``.
    """
    words = [word for word in _WORD.findall(name) if not word.isdigit()]
    plain = [word.lower() for word in words]
    for position in range(len(plain) - 1, -1, -1):
        kind = _kind(words, plain, position)
        if kind:
            before = plain[position - 1] if position else ""
            about = any(_ABOUT.fullmatch(word) for word in plain[position + 1 :])
            return None if about or _REFUSED.fullmatch(before) else kind
    return None


def _kind(words: list[str], plain: list[str], position: int) -> Kind | None:
    word, before = plain[position], plain[position - 1] if position else ""
    # In capitals a name is that of a variable: DB_PASS and APP_KEY, but not "compass" and "asset_key".
    is_variable = words[position].isupper() and position == len(plain) - 1
    if word == "pass":
        return _kind_of_pass(before, is_variable=is_variable, is_last=position == len(plain) - 1)
    if word in {"key", "keys"}:
        of_itself = is_variable and not _NO_KEY.fullmatch(before)
        return Kind.OTHER if of_itself or _OF_A_KEY.fullmatch(before) else None
    if _PASSWORDS.fullmatch(word):
        return Kind.PASSWORD
    is_counted = word == "tokens" and _COUNTED.fullmatch(before)
    return Kind.OTHER if (_KEYS.fullmatch(word) or _OTHERS.fullmatch(word)) and not is_counted else None


def _kind_of_pass(before: str, *, is_variable: bool, is_last: bool) -> Kind | None:
    if not is_last:
        return None
    if not before:
        return Kind.PASS
    of_a_pass = is_variable and not _FIRST.fullmatch(before)
    return Kind.PASSWORD if of_a_pass or _OF_A_PASS.fullmatch(before) else None
