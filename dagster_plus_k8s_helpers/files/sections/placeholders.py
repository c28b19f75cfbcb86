"""What a template, a pipeline or a shell fills in before Dagster+ or Helm reads a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_with_placeholders", "has_placeholder", "holds_placeholder"]

_PLACEHOLDER = re.compile(
    r"""
    \$?\{\{ .*? (?:\}\}|$)      # Jinja, Helm, GitHub Actions
    | \{% .*? (?:%\}|$)         # Jinja
    | [$#]\{ [^}]* (?:\}\#?|$)  # the shell, envsubst, Octopus
    | [$%]\( [^)]* (?:\)s?|$)   # Azure pipelines, Python
    | \$[A-Za-z_]\w*            # the shell
    | @@ (?:\w+@@)?
    | @[A-Z][A-Z0-9_]*@
    | __[A-Z][A-Z0-9_]*__
    | %[A-Z][A-Z0-9_]*%
    """,
    re.VERBOSE | re.DOTALL,
)

_FILLINGS = ("a", "1", "", "a/a", ":1", "0" * 64, f"sha256:{'0' * 64}", f"@sha256:{'0' * 64}")
"""Of each kind one: a word, a number, nothing, and what an image has between its parts and behind them."""

_MOST_MIXED = 3
"""How many placeholders of one text are filled in with each other's kinds."""


def has_placeholder(text: object) -> bool:
    """Whether something is filled into a value, which is then another."""
    return isinstance(text, str) and _PLACEHOLDER.search(text) is not None


def holds_placeholder(data: object) -> bool:
    """Whether something is filled into any value or key of what a file holds."""
    if isinstance(data, Mapping):
        return any(map(holds_placeholder, (*data, *data.values())))
    return any(map(holds_placeholder, data)) if isinstance(data, list) else has_placeholder(data)


def check_with_placeholders(text: str, check: Callable[[str], None]) -> None:
    """Checks a text that may have placeholders in it.

    Args:
        text: As the file has it.
        check: Refuses the text that it becomes.

    Raises:
        K8sConfigError: The text is refused whatever is filled in.
    """
    written = _PLACEHOLDER.findall(text)
    if not written:
        check(text)
        return
    between = _PLACEHOLDER.split(text)
    mixed = product(_FILLINGS, repeat=len(written)) if len(written) <= _MOST_MIXED else ()
    alike = [(filling,) * len(written) for filling in _FILLINGS]
    if any(_passes(_filled(between, fillings), check) for fillings in (*alike, *mixed)):
        return
    names = [f"zq{index}zq" for index in range(len(written))]
    try:
        check(_filled(between, names))
    except K8sConfigError as error:
        reason = error.reason
        for name, placeholder in zip(names, written, strict=True):
            reason = reason.replace(name, placeholder)
        raise K8sConfigError(reason, where=error.where) from None


def _filled(between: list[str], fillings: tuple[str, ...] | list[str]) -> str:
    return between[0] + "".join(
        filling + literal for filling, literal in zip(fillings, between[1:], strict=True)
    )


def _passes(text: str, check: Callable[[str], None]) -> bool:
    try:
        check(text)
    except K8sConfigError:
        return False
    return True
