"""Telling a credential from other text, by its form or by the name it goes under.

What is found is described and never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.credentials.forms import FORMS
from dagster_plus_k8s_helpers.documents.rules import CREDENTIAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = [
    "check_credentials",
    "credential_by_form",
    "credential_by_name",
    "find_credentials",
    "looks_like_credential",
]

_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,30}://([^\s/:@'\"]{0,200}):([^\s@/'\"]{1,200})@[^\s/]", re.IGNORECASE
)

_IN_CONNECTION_STRING = re.compile(r"(?:^|[?&;\s])(?:password|passwd|pwd)=([^&;\s]{1,200})", re.IGNORECASE)
_FLAG = re.compile(r"--?([A-Za-z][\w.-]{0,80})(?:=(.{1,1000}))?", re.DOTALL)
"""An argument of a command, with or without its value."""

# The last words of a name say what it holds: DB_PASSWORD does, TOKEN_URL and SECRET_NAME do not.
_NAME = re.compile(
    r"((?:^|_)(?:PASS|PWD)|PASSWD|PASSWORD|PASSPHRASE"
    r"|(?:^|_)(?:SECRET|SECRETS|TOKEN|CREDENTIAL|CREDENTIALS|PAT"
    r"|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY|AUTH_?KEY|ACCOUNT_?KEY))"
    r"(?:_(?:PROD|PRODUCTION|STAGING|STAGE|LIVE|DEV|DEVELOPMENT|TEST|QA|UAT))?(?:_?\d+)?$"
)
_PASSWORD = re.compile(r"PASS|PWD")
"""In what such a name ends that stands for a password, which may be a number."""
_NAME_OF_A_SECRET = re.compile(r"[a-z](?:[a-z.-]*[a-z])?")
"""What Secrets are called: words, as they stand in ``IMAGE_PULL_SECRET=regcred``."""
_SECRET_ITSELF = re.compile(
    r"(?:^|_)(?:API|APP|AUTH|CLIENT|CONSUMER|COOKIE|HMAC|JWT|OAUTH|SESSION|SHARED|SIGNING|WEBHOOK)_SECRETS?(?=_|$)"
)
_WORDS = frozenset(
    [
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "none",
        "null",
        "enabled",
        "disabled",
        "default",
        "unset",
        "0",
        "1",
    ]
)
_REFERENCE = re.compile(r"\$\{.*\}|\$\(.*\)|\$[A-Z_][A-Z0-9_]*|\{\{.*\}\}|<.*>|%\(.*\)s", re.DOTALL)
_LOCATION = re.compile(
    r"/|\./|\.\./|~/|[A-Za-z]:\\|(?:https?|s3|gs|abfss?|file|arn|vault|projects?)[:/]|secret/"
)
_NUMBER = re.compile(r"[0-9]{1,5}(?:\.[0-9]+)?(?:ms|s|m|h|d)?")
_DATA = ("data", "stringData")
_DATA_OF = ("Secret", "ConfigMap")
"""Where the manifest of a Secret or a ConfigMap, such as one in ``extraManifests``, has its values."""
_LOG_CONFIG = ("computeLogs", "custom", "config")
"""What a compute log manager is made with, in the agent's values."""
_MOST_CHARACTERS = 20_000


def looks_like_credential(name: str, value: str) -> str:
    """What kind of credential a value looks like, such as ``"a private key"``; empty when like none.

    Args:
        name: The name it goes under, such as that of an environment variable; may be empty.
        value: The text itself.
    """
    return credential_by_form(value) or credential_by_name(name, value)


def credential_by_form(value: str) -> str:
    """The same by the value alone: keys and tokens of known forms, and URLs with a password in them."""
    value = value[:_MOST_CHARACTERS]
    for kind, form in FORMS:
        if form.search(value):
            return kind
    if any(not _says_nothing(url[2]) for url in _URL.finditer(value)):
        return "a URL with a password"
    if any(not _says_nothing(found[1]) for found in _IN_CONNECTION_STRING.finditer(value)):
        return "a connection string with a password"
    return ""


def credential_by_name(name: str, value: str) -> str:
    """The same by the name: a literal under a name such as ``DB_PASSWORD``."""
    if _says_nothing(value) or _LOCATION.match(value):
        return ""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").upper()
    found = _NAME.search(words)
    if not found or (_NUMBER.fullmatch(value) and not _PASSWORD.search(found[1])):
        return ""
    if found[1] in {"_SECRET", "_SECRETS"} and not _SECRET_ITSELF.search(words):
        return "" if _NAME_OF_A_SECRET.fullmatch(value) else _by_name(name)
    return _by_name(name)


def _by_name(name: str) -> str:
    return f"a credential, by the name {name!r}"


def check_credentials(document: YamlDocument) -> list[Finding]:
    """A finding for each literal in a document that looks like a credential."""
    return [
        CREDENTIAL.at(document.where(path), f"this looks like {kind}")
        for path, kind in find_credentials(document.data)
    ]


def find_credentials(data: object) -> list[tuple[Path, str]]:
    """Where in a document text looks like a credential, and like which kind.

    By its form any text can; by its name the value of an environment variable, be it in a list of ``name``
    and ``value`` or of ``KEY=VALUE`` texts, or in a mapping called ``env``; an argument such as
    ``--password=...``; and what a ConfigMap or the config of a compute log manager holds. The values in the
    manifest of a Secret are credentials, whatever they look like.
    """
    return list(_walk(data, ()))


def _walk(data: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        kind = _of_text(data, path)
        if kind:
            yield path, kind
    elif isinstance(data, Mapping):
        yield from _walk_mapping(data, path)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _walk(item, (*path, index))
            kind = _of_argument(data[index - 1], item) if index else ""
            if kind:
                yield (*path, index), kind


def _of_text(text: str, path: Path) -> str:
    if path[-2:-1] in {("env_vars",), ("envVars",)}:
        variable, equals, literal = text.partition("=")
        return looks_like_credential(variable, literal) if equals else credential_by_form(text)
    if path[: len(_LOG_CONFIG)] == _LOG_CONFIG:
        return looks_like_credential(next(part for part in reversed(path) if isinstance(part, str)), text)
    flag = _FLAG.fullmatch(text)
    return credential_by_form(text) or (credential_by_name(flag[1], flag[2]) if flag and flag[2] else "")


def _of_argument(flag: object, value: object) -> str:
    """What the argument after a flag looks like by the name of that: ``["--password", "..."]``."""
    name = _FLAG.fullmatch(flag) if isinstance(flag, str) else None
    if name is None or name[2] or not isinstance(value, str) or value.startswith("-"):
        return ""
    return "" if credential_by_form(value) else credential_by_name(name[1], value)


def _walk_mapping(data: Mapping[object, object], path: Path) -> Iterator[tuple[Path, str]]:
    is_env = path[-1:] == ("env",)
    kind = "" if is_env else _of_entry(data.get("name"), data.get("value"))
    if kind:
        yield (*path, "value"), kind
    for key, item in data.items():
        here = (*path, str(key))
        if key in _DATA and data.get("kind") in _DATA_OF and isinstance(item, Mapping):
            yield from _walk_data(item, here, is_secret=data["kind"] == "Secret")
        elif is_env and isinstance(item, str):
            kind = looks_like_credential(str(key), item)
            if kind:
                yield here, kind
        else:
            yield from _walk(item, here)


def _walk_data(data: Mapping[object, object], path: Path, *, is_secret: bool) -> Iterator[tuple[Path, str]]:
    """What a Secret or a ConfigMap holds."""
    for name, text in data.items():
        if not isinstance(text, str) or _says_nothing(text):
            continue
        kind = "a value of a Secret" if is_secret else looks_like_credential(str(name), text)
        if kind:
            yield (*path, str(name)), kind


def _of_entry(name: object, value: object) -> str:
    """What the value of an entry of ``env`` looks like by its name alone."""
    if not isinstance(name, str) or not isinstance(value, str) or credential_by_form(value):
        return ""
    return credential_by_name(name, value)


def _says_nothing(value: str) -> bool:
    """Whether a value is no secret: empty, a word such as ``true``, or a reference to another place."""
    text = value.strip()
    return not text or text.lower() in _WORDS or set(text) <= set("*xX.-") or bool(_REFERENCE.fullmatch(text))
