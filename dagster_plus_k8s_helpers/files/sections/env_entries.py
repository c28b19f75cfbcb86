"""What an environment variable in a file must be, alike in values and in code locations."""

from __future__ import annotations

from collections.abc import Mapping

from dagster_plus_k8s_helpers.credentials.telling import credential_by_form
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.objects.names import check_env_name

__all__ = ["VALUE_FIX", "check_env_text", "check_env_texts", "has_no_value", "names_in_env"]

VALUE_FIX = 'write its value; where empty text is meant, value: ""'
"""What to write instead of an entry without a value."""


def has_no_value(entry: Mapping[object, object]) -> bool:
    """Whether an entry has a name only, which Kubernetes takes as a variable of empty text."""
    sources = ("value", "value_from", "valueFrom")
    return isinstance(entry.get("name"), str) and all(entry.get(source) is None for source in sources)


def names_in_env(env: object) -> set[str]:
    """The variables that an ``env`` sets, be it a mapping or a list of entries."""
    if isinstance(env, Mapping):
        return {name for name in env if isinstance(name, str)}
    entries = env if isinstance(env, list | tuple) else ()
    names = (entry.get("name") for entry in entries if isinstance(entry, Mapping))
    return {name for name in names if isinstance(name, str)}


def check_env_text(text: str) -> None:
    """One ``NAME=value`` or ``NAME``.

    Raises:
        K8sConfigError: The name is none, or none that anybody means.
    """
    name = text.partition("=")[0]
    if credential_by_form(name):
        raise K8sConfigError("looks like a value and not like a name; write NAME=value")
    try:
        check_env_name(name)
    except K8sConfigError as error:
        raise K8sConfigError(f"{error.reason}; write NAME=value") from None
    # New versions of Kubernetes take a space in a name, which no shell and no program can read.
    if " " in name:
        without = " without export" if name.startswith("export ") else ""
        raise K8sConfigError(f"the name {name!r} has a space in it; write NAME=value{without}")


def check_env_texts(texts: tuple[str, ...] | None) -> None:
    """A list of ``NAME=value`` and ``NAME``, no name twice.

    Raises:
        K8sConfigError: The first that is wrong.
    """
    seen: set[str] = set()
    for index, text in enumerate(texts or ()):
        name = text.partition("=")[0]
        try:
            check_env_text(text)
        except K8sConfigError as error:
            raise error.within(f"[{index}]") from None
        if name in seen:
            raise K8sConfigError(f"names {name!r} twice; keep one of the two", where=f"[{index}]")
        seen.add(name)
