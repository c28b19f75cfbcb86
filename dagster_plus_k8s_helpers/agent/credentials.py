"""Telling a credential from other text, by its form or by the name it goes under.

What is found is described and never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.agent.file_rules import CREDENTIAL
from dagster_plus_k8s_helpers.credential_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.agent.yaml_file import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings import Finding

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

# The last words of a name say what it holds: DB_PASSWORD does, TOKEN_URL and SECRET_NAME do not.
_NAME = re.compile(
    r"(?:^|_)(?:PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|SECRET|SECRETS|TOKEN|CREDENTIAL|CREDENTIALS|PAT"
    r"|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY|AUTH_?KEY|ACCOUNT_?KEY)"
    r"(?:_?\d+)?$"
)
_WORDS = frozenset(
    ["true", "false", "yes", "no", "on", "off", "none", "null", "enabled", "disabled", "default", "unset"]
)
_REFERENCE = re.compile(r"\$\{.*\}|\$\(.*\)|\$[A-Z_][A-Z0-9_]*|\{\{.*\}\}|<.*>|%\(.*\)s", re.DOTALL)
_LOCATION = re.compile(
    r"/|\./|\.\./|~/|[A-Za-z]:\\|(?:https?|s3|gs|abfss?|file|arn|vault|secret|projects?)[:/]"
)
_NUMBER = re.compile(r"[0-9]{1,5}(?:\.[0-9]+)?(?:ms|s|m|h|d)?")
_SECRET_DATA = ("data", "stringData")
"""Where a Secret's own manifest, such as one in ``extraManifests``, has its values."""
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
    for url in _URL.finditer(value):
        if not _says_nothing(url[2]):
            return "a URL with a password"
    return ""


def credential_by_name(name: str, value: str) -> str:
    """The same by the name: a literal under a name such as ``DB_PASSWORD``."""
    if _says_nothing(value) or _LOCATION.match(value) or _NUMBER.fullmatch(value):
        return ""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").upper()
    found = _NAME.search(words)
    if not found:
        return ""
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
    and ``value`` or of ``KEY=VALUE`` texts, or in a mapping called ``env``; and so are the values in the
    manifest of a Secret.
    """
    return list(_walk(data, ()))


def _walk(data: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        variable, equals, literal = data.partition("=")
        is_variable = bool(equals) and path[-2:-1] in {("env_vars",), ("envVars",)}
        kind = looks_like_credential(variable, literal) if is_variable else credential_by_form(data)
        if kind:
            yield path, kind
    elif isinstance(data, Mapping):
        yield from _walk_mapping(data, path)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _walk(item, (*path, index))


def _walk_mapping(data: Mapping[object, object], path: Path) -> Iterator[tuple[Path, str]]:
    is_env = path[-1:] == ("env",)
    kind = "" if is_env else _of_entry(data.get("name"), data.get("value"))
    if kind:
        yield (*path, "value"), kind
    literals = _SECRET_DATA if data.get("kind") == "Secret" else ()
    for key, item in data.items():
        if key in literals and isinstance(item, Mapping):
            for name, text in item.items():
                if isinstance(text, str) and not _says_nothing(text):
                    yield (*path, str(key), str(name)), "a value of a Secret"
        elif is_env and isinstance(item, str):
            kind = looks_like_credential(str(key), item)
            if kind:
                yield (*path, str(key)), kind
        else:
            yield from _walk(item, (*path, str(key)))


def _of_entry(name: object, value: object) -> str:
    """What the value of an entry of ``env`` looks like by its name alone."""
    if not isinstance(name, str) or not isinstance(value, str) or credential_by_form(value):
        return ""
    return credential_by_name(name, value)


def _says_nothing(value: str) -> bool:
    """Whether a value is no secret: empty, a word such as ``true``, or a reference to another place."""
    text = value.strip()
    return not text or text.lower() in _WORDS or set(text) <= set("*xX.-") or bool(_REFERENCE.fullmatch(text))
