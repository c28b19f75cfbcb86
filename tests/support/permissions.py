"""What a call to the API server needs a permission for, and what rules allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_VERBS = {"POST": "create", "DELETE": "delete", "PUT": "update", "PATCH": "patch"}


class Right(NamedTuple):
    """One verb on one resource, as the API server authorizes it.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
    """

    group: str
    resource: str
    verb: str


def right_for(method: str, path: str) -> Right:
    """What a call needs."""
    parts = urlsplit(path).path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    resource, *below = rest
    if len(below) > 1:
        resource = f"{resource}/{below[1]}"
    several = "watch" if "watch=1" in urlsplit(path).query.split("&") else "list"
    return Right(group, resource, _VERBS.get(method) or ("get" if below else several))


def allowed_by(rules: Iterable[Mapping[str, Sequence[str]]]) -> set[Right]:
    """Everything that rules allow."""
    return {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
