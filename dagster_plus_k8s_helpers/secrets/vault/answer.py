"""Reading what Vault answered, without letting more of it out than is meant to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import requests

__all__ = ["child", "error_text", "json_object", "scrubbed"]

_LONGEST = 300
# Shorter things that were sent, such as a role "dev", are words that an error message may well hold.
_SHORTEST_HIDDEN = 8


def json_object(response: requests.Response) -> dict[str, Any] | None:
    """The answer's JSON object, or None when it is anything else."""
    try:
        body = response.json()
    # The decoder's error holds the whole text; it ends here. RecursionError: brackets without end.
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def child(body: Mapping[str, Any] | None, *path: str) -> dict[str, Any]:
    """The object at ``path`` inside ``body``; an empty one when there is none."""
    node: Any = body
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def error_text(response: requests.Response) -> str:
    """Vault's own error messages on one line, shortened, without anything that was sent to it."""
    body = json_object(response) or {}
    errors = body.get("errors")
    return scrubbed("; ".join(map(str, errors)) if isinstance(errors, list) else "", _sent(response))


def scrubbed(text: str, hidden: Iterable[str]) -> str:
    """``text`` on one line, shortened, without the texts in ``hidden``."""
    for secret in sorted(hidden, key=len, reverse=True):
        if len(secret) >= _SHORTEST_HIDDEN:
            text = text.replace(secret, MASK)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _sent(response: requests.Response) -> list[str]:
    body = response.request.body
    sent = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    return [str(response.request.headers.get("X-Vault-Token", "")), *sent.split('"')]
