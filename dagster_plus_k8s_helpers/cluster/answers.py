"""What an answer of the API server must look like: anything in front of it may answer in its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.cluster.errors import CallError, answered
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, mapping, name_of, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Change", "Listing", "PageGuard", "change_of", "listed", "log_of", "named", "object_of"]

_FIRST_ERROR = 400
_FRUITLESS = 10


def object_of(content: bytes) -> ApiObject:
    """The object that an answer is.

    Raises:
        CallError: It is none, or one that says that the call failed, whatever the HTTP status says.
    """
    try:
        found = json.loads(content)
    except RecursionError:
        raise CallError(0, "the answer is JSON that is nested too deeply") from None
    except ValueError:
        what = "is not JSON" if content.strip() else "is empty"
        raise CallError(0, f"the answer {what}") from None
    if not isinstance(found, dict):
        raise CallError(0, "the answer is JSON, but no object")
    if text(found, "kind") == "Status" and text(found, "status") == "Failure":
        code = integer(found, "code") or 0
        raise answered(
            code if code >= _FIRST_ERROR else 500, text(found, "reason"), content.decode(errors="replace")
        )
    return found


def named(found: ApiObject, name: str) -> ApiObject:
    """The object, if it is the one of this name.

    Raises:
        CallError: It is another one, or none.
    """
    if name_of(found) != name:
        raise CallError(0, f"the answer is not the object {name!r} that was asked for")
    return found


def log_of(content: bytes, content_type: str) -> str:
    """The text of a container's log, which the API server hands on as ``text/plain``.

    Raises:
        CallError: It is the page of a proxy or a login, or an object that says that the call failed.
    """
    if "html" in content_type:
        raise CallError(0, "the answer is a page of HTML, and no log")
    if "json" in content_type and b'"Status"' in content:
        object_of(content)
    return content.decode(errors="replace")


def listed(found: ApiObject) -> Iterator[ApiObject]:
    """The objects of a list; who answers without one has not said that there are none.

    Raises:
        CallError: It is no list.
    """
    if "items" not in found or not isinstance(found["items"], list | None):
        raise CallError(0, "the answer is no list")
    return items(found, "items")


class Listing:
    """The objects of a list, asked for page by page as they are taken.

    Args:
        page: Asks for the page that follows a token, the first one with none.
        guard: Ends pages that do not end; ``None`` when there is one page.

    Attributes:
        version: The ``resourceVersion`` that the list is of, once its first page has come.
    """

    def __init__(self, page: Callable[[str], ApiObject], guard: PageGuard | None) -> None:
        self._page, self._guard = page, guard
        self.version = ""

    def __iter__(self) -> Iterator[ApiObject]:
        following = ""
        while True:
            page = self._page(following)
            found = list(listed(page))
            self.version = self.version or text(page, "metadata", "resourceVersion")
            yield from found
            following = text(page, "metadata", "continue")
            if not following or self._guard is None:
                return
            self._guard.turn(found, following)


class Change(NamedTuple):
    """What a watch says of an object.

    Attributes:
        kind: ``ADDED``, ``MODIFIED``, ``DELETED``; or ``BOOKMARK``, which only brings a version.
        item: The object.
        version: The ``resourceVersion`` up to which is said what there is to say.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
    """

    kind: str
    item: ApiObject
    version: str


_KINDS = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})


def change_of(line: bytes) -> Change:
    """What a line of a watch says.

    Raises:
        CallError: It says that the watch has failed, or is no line of a watch.
    """
    found = object_of(line)
    kind, item = text(found, "type"), mapping(found, "object")
    if kind == "ERROR":
        code = integer(item, "code") or 0
        raise answered(
            code if code >= _FIRST_ERROR else 500, text(item, "reason"), json.dumps(item, default=str)
        )
    version = text(item, "metadata", "resourceVersion")
    if kind not in _KINDS or not version or (kind != "BOOKMARK" and not name_of(item)):
        raise CallError(0, "the watch brought something that is no change of an object")
    return Change(kind, item, version)


class PageGuard:
    """Ends a list whose pages do not.

    Args:
        most: Objects that there can be.
    """

    def __init__(self, most: int) -> None:
        self._most, self._fruitless = most, 0
        self._tokens: set[str] = set()
        self._names: set[str] = set()

    def turn(self, page: list[ApiObject], following: str) -> None:
        """Allow one more page, or raise.

        A page may come short, and even empty: what was left out of it has other labels.

        Args:
            page: What the last one held.
            following: By which the next one is asked for.

        Raises:
            CallError: The pages go in a circle, bring nothing new, or more than there can be.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        before = len(self._names)
        self._names.update(map(name_of, page))
        self._fruitless = self._fruitless + 1 if len(self._names) == before else 0
        if following in self._tokens or self._fruitless > _FRUITLESS or len(self._names) > self._most:
            raise CallError(0, f"the pages of the list do not end: {len(self._names)} objects so far")
        self._tokens.add(following)
