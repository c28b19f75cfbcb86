"""Secrets at home: environment variables and an ``.env`` file."""

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import Field

from dagster_plus_k8s_helpers.secrets.errors import (
    SecretNotFound,
    SecretsConfigError,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret, no_versions
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource, known
from dagster_plus_k8s_helpers.secrets.value import SecretValue

__all__ = ["EnvSecrets"]


class EnvSecrets(SecretsResource):
    """Environment variables, then an ``.env`` file: the backend for a developer's machine.

    ``warehouse#password`` is the variable ``WAREHOUSE_PASSWORD``, ``crm`` is ``CRM``: upper case, with
    ``_`` for every character that a variable name cannot hold. ``get_all("warehouse")`` is every variable
    that begins with ``WAREHOUSE_``, under lower-case field names; a secret called ``warehouse_prod`` shares
    them. A set but empty variable is a value.
    """

    env_file: str | None = Field(
        default=None,
        description="Path of an .env file. It is read at each call, so an edit counts at once; the "
        "environment wins. Values are taken as written: $ is not expanded.",
    )
    prefix: str = Field(default="", description="Put before every variable name, such as DEV_.")

    @property
    def backend(self) -> str:
        return "the environment" + (f" and {self.env_file}" if self.env_file else "")

    def check_settings(self) -> None:
        if known(self.env_file) == "":
            raise SecretsConfigError("env_file is empty", check="Leave it out or name a file")
        if known(self.prefix) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.prefix):
            raise SecretsConfigError(
                f"prefix={self.prefix!r} cannot begin a variable name", check="Write letters, digits and _"
            )

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        variables = {**(read_env_file(self.env_file) if self.env_file else {}), **os.environ}
        return {ref: self._answer(ref, variables) for ref in refs}

    def _answer(self, ref: SecretRef, variables: Mapping[str, str]) -> FetchedSecret | SecretsError:
        refusal = no_versions(ref, self.backend)
        if refusal is not None:
            return refusal
        name = self.prefix + re.sub(r"[^A-Za-z0-9]", "_", ref.name).upper()
        fields = {
            variable.removeprefix(f"{name}_").lower(): _value(value, f"{self.backend} ({variable})")
            for variable, value in variables.items()
            if variable.startswith(f"{name}_") and variable != f"{name}_"
        }
        whole = variables.get(name)
        if whole is None and not fields:
            return SecretNotFound(
                f"neither {name} nor any {name}_... is set",
                check=f"Set {name}_FIELD for a field of it, or {name}",
                backend=self.backend,
                ref=str(ref),
            )
        return FetchedSecret(
            source=self.backend,
            fields=_AnySpelling(fields),
            whole=None if whole is None else _value(whole, f"{self.backend} ({name})"),
        )


def _value(text: str, source: str) -> SecretValue:
    """The value of a variable; Python stands in for bytes that are not UTF-8 with half surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return SecretValue(os.fsencode(text), source=source)
    return SecretValue(text, source=source)


class _AnySpelling(dict[str, SecretValue]):
    """Fields by name, looked up as the variable name would spell it: ``api-key`` finds ``API_KEY``."""

    def get(self, name: str, default: SecretValue | None = None) -> SecretValue | None:  # type: ignore[override]  # with any name
        return super().get(re.sub(r"[^a-z0-9]", "_", name.lower()), default)


def read_env_file(path: str) -> dict[str, str]:
    """The variables of an ``.env`` file, without expansion and without touching ``os.environ``.

    Raises:
        SecretsConfigError: The file is missing, not text, or half written; it names the line.
    """
    where = f".env file {path}"
    text, problem = _text_of(Path(path))
    if problem:
        raise SecretsConfigError(problem, check="Name an existing UTF-8 file, or no env_file", backend=where)
    variables = _parsed(text)
    # What was read is in no frame that an error leaves through.
    del text
    if isinstance(variables, int):
        raise SecretsConfigError(
            f"line {variables} is not NAME=value",
            check='Close its quotes, or put a value with spaces or # in it into "..."',
            backend=where,
        )
    return variables


def _parsed(text: str) -> dict[str, str] | int:
    """The variables, or the number of the line that cannot be read."""
    variables: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            return binding.original.line
        if binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
    return variables


def _text_of(path: Path) -> tuple[str, str]:
    try:
        return path.read_text(encoding="utf-8-sig"), ""
    except OSError as failure:
        return "", f"it cannot be read ({failure.strerror})"
    except UnicodeDecodeError:
        return "", "it is not UTF-8 text"
    except ValueError:
        return "", "its name holds a character that no path can have"
