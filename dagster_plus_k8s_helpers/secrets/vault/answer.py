"""Reading what Vault answered, without letting more of it out than is meant to be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import requests

__all__ = ["child", "error_text", "json_object", "scrubbed"]

_LONGEST = 300
# In place of something shorter, a mask would tell what it stands for: "wrong ********word".
_SHORTEST_MASKED = 8
_LEFT_OUT = "its explanation repeats what it was sent, and is left out"


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
    """``text`` on one line, shortened, without the texts in ``hidden``; nothing of it for a short one."""
    spellings = {spelling for secret in hidden if secret for spelling in _spellings(secret)}
    for secret in sorted(spellings, key=len, reverse=True):
        if len(secret) >= _SHORTEST_MASKED:
            text = text.replace(secret, MASK)
        elif secret in text:
            return _LEFT_OUT
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _spellings(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="", errors="replace")}


def _sent(response: requests.Response) -> list[str]:
    """The token, and every text in the body but the names of its fields."""
    body = response.request.body
    found: list[str] = []
    nodes: list[Any] = [_decoded(body.decode(errors="replace") if isinstance(body, bytes) else body or "")]
    for node in nodes:
        if isinstance(node, dict):
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)
        elif isinstance(node, str):
            found.append(node)
    return [str(response.request.headers.get("X-Vault-Token", "")), *found]


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
