"""Backends of secrets as YAML: which there are, their settings, and what may not be written into a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_plus_k8s_helpers import secrets
from dagster_plus_k8s_helpers.components.schemas import (
    BOOLEAN,
    NUMBER,
    TEXT,
    WHOLE,
    Schema,
    described,
    list_of,
    object_of,
    one_of,
    worded,
)
from dagster_plus_k8s_helpers.components.values import known_only, within
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

__all__ = ["backend_of", "backend_schema", "with_env_vars"]

_WORDS = "a mapping such as {type: vault, url: ..., auth: {type: kubernetes, role: dagster}}"
_ENV = re.compile(r"""\s*\{\{\s*env(?:\.([A-Za-z_]\w*)|\(\s*(['"])([A-Za-z_]\w*)\2\s*\))\s*\}\}\s*""")
_BACKENDS = {"vault": "VaultSecrets", "aws": "AwsSecrets", "env": "EnvSecrets", "files": "FileSecrets"}
_AUTHS = {
    "kubernetes": "VaultKubernetesAuth",
    "token": "VaultTokenAuth",
    "jwt": "VaultJwtAuth",
    "approle": "VaultAppRoleAuth",
    "userpass": "VaultUserpassAuth",
    "cert": "VaultCertAuth",
    "aws_iam": "VaultAwsIamAuth",
}
_CHAIN = "chain"
_CLIENT = ("region_name", "profile_name", "endpoint_url", "max_attempts", "use_ssl", "verify")


def with_env_vars(written: Any) -> Any:
    """What was written, with ``{{ env.NAME }}`` as the variable itself instead of its value.

    Dagster then reads it when a run begins; until then nothing holds the value, and no repr shows it.
    """
    if isinstance(written, Mapping):
        return {name: with_env_vars(item) for name, item in written.items()}
    if isinstance(written, list):
        return [with_env_vars(item) for item in written]
    found = _ENV.fullmatch(written) if isinstance(written, str) else None
    return dg.EnvVar(found[1] or found[3]) if found else written


def backend_of(value: object) -> SecretsResource:
    """A resource of secrets, from its type and settings.

    Raises:
        K8sConfigError: No such type, or a setting that there is not.
        SecretsConfigError: A setting that cannot work.
    """
    if isinstance(value, SecretsResource):
        return value
    if not isinstance(value, Mapping):
        raise K8sConfigError(f"must be {_WORDS}, not {type(value).__name__}")
    kind, settings = _typed(value, (*_BACKENDS, _CHAIN), "a backend of secrets")
    if kind == _CHAIN:
        known_only(settings, ("backends",), "a chain of secrets")
        given = settings.get("backends")
        if not isinstance(given, list):
            raise K8sConfigError("must be a list of backends", where="backends")
        backends = [within(f"backends[{place}]", backend_of, item) for place, item in enumerate(given)]
        return secrets.ChainedSecrets(backends=backends)
    made = getattr(secrets, _BACKENDS[kind])
    if kind == "vault" and settings.get("auth") is not None:
        settings["auth"] = within("auth", _auth_of, settings["auth"])
    if kind == "aws":
        settings["client"] = within("client", _client_of, settings.get("client") or {})
    found: SecretsResource = _made(made, settings)
    return found


def _auth_of(value: object) -> Any:
    if isinstance(value, secrets.VaultAuth):
        return value
    if not isinstance(value, Mapping):
        raise K8sConfigError("must be a mapping such as {type: kubernetes, role: dagster}")
    kind, settings = _typed(value, tuple(_AUTHS), "a way to log in to Vault")
    return _made(getattr(secrets, _AUTHS[kind]), settings)


def _client_of(value: object) -> Any:
    if not isinstance(value, Mapping):
        return value
    known_only(value, _CLIENT, "the client of AWS")
    from dagster_aws.secretsmanager import SecretsManagerResource

    return SecretsManagerResource(**value)


def _typed(value: Mapping[str, Any], known: tuple[str, ...], of: str) -> tuple[str, dict[str, Any]]:
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in known:
        near = did_you_mean(kind, known) if isinstance(kind, str) else ""
        raise K8sConfigError(f"{of} is one of {', '.join(known)}{near}", where="type")
    return kind, {name: item for name, item in value.items() if name != "type"}


def _made(kind: Any, settings: Mapping[str, Any]) -> Any:
    fields: Mapping[str, FieldInfo] = kind.model_fields
    known_only(settings, fields, kind.__name__)
    for name, value in settings.items():
        if _is_secret(fields[name]) and isinstance(value, str) and not isinstance(value, dg.EnvVar):
            raise K8sConfigError(
                "is a secret, and whoever can read the project can read this file; write '{{ env.NAME }}'",
                where=name,
            )
    return kind(**settings)


def _is_secret(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(
        field.json_schema_extra.get("dagster__is_secret")
    )


@cache
def backend_schema() -> Schema:
    """What may be written for a backend."""
    return {
        "title": "Secrets",
        "description": "Where secrets are: vault, aws, env, files, or a chain of several.",
        "examples": [{"type": "env", "env_file": ".env"}],
        **_by_type(
            {kind: _fields(name, nested=_NESTED.get(kind, {})) for kind, name in _BACKENDS.items()}
            | {_CHAIN: {"backends": list_of(worded({"type": "object"}, _WORDS), "a list of backends")}},
            _WORDS,
        ),
    }


def _by_type(fields: Mapping[str, Mapping[str, Schema]], words: str) -> Schema:
    """A mapping whose ``type`` says which other names it has."""
    kind = described(one_of(*fields), "Which kind it is.", next(iter(fields)))
    cases = [
        {
            "if": {"type": "object", "required": ["type"], "properties": {"type": {"const": name}}},
            "then": object_of({"type": kind, **settings}, words, near=True),
        }
        for name, settings in fields.items()
    ]
    return {
        **worded({"type": "object"}, words),
        "properties": {"type": kind},
        "allOf": [*cases, {"if": {"type": "object"}, "then": {"required": ["type"]}}],
    }


def _fields(name: str, *, nested: Mapping[str, Callable[[], Schema]]) -> dict[str, Schema]:
    fields: Mapping[str, FieldInfo] = getattr(secrets, name).model_fields
    return {
        setting: described(
            nested[setting]() if setting in nested else _setting(field), field.description or ""
        )
        for setting, field in fields.items()
    }


def _setting(field: FieldInfo) -> Schema:
    if _is_secret(field):
        return {
            "if": {"anyOf": [{"type": "null"}, {"type": "string", "pattern": r"^\s*\{\{.*\}\}\s*$"}]},
            "else": {"const": "a variable, such as '{{ env.NAME }}', and no secret", "doNotSuggest": True},
        }
    return next((schema for kind, schema in _KINDS.items() if kind in str(field.annotation)), TEXT)


def _auth_schema() -> Schema:
    words = "a mapping such as {type: kubernetes, role: dagster}"
    return _by_type({kind: _fields(name, nested={}) for kind, name in _AUTHS.items()}, words)


def _client_schema() -> Schema:
    return object_of(
        {
            "region_name": TEXT,
            "profile_name": TEXT,
            "endpoint_url": TEXT,
            "max_attempts": WHOLE,
            "use_ssl": BOOLEAN,
            "verify": worded({"type": ["boolean", "string"]}, "true, false, or a path"),
        },
        "a mapping such as {region_name: eu-west-1}",
        near=True,
    )


_NESTED: Mapping[str, Mapping[str, Callable[[], Schema]]] = {
    "vault": {"auth": _auth_schema},
    "aws": {"client": _client_schema},
}
_KINDS: Mapping[str, Schema] = {
    "list": list_of(TEXT),
    "float": NUMBER,
    "int": WHOLE,
    "bool": BOOLEAN,
}
