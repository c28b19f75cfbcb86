"""The calls to the Kubernetes API that the executor makes, as JSON in and out, each with a deadline."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from dagster_plus_k8s_helpers.cluster.answers import PageGuard, listed, log_of, named, object_of
from dagster_plus_k8s_helpers.cluster.errors import CallError, answered
from dagster_plus_k8s_helpers.cluster.timed_http import Request, TimedHttp
from dagster_plus_k8s_helpers.diagnosis.api_json import name_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubernetes.client import ApiClient

    from dagster_plus_k8s_helpers.cluster.timed_http import Answer
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["MOST", "PAGE", "Cluster"]

PAGE = 500
"""Objects in a page of a LIST, as kubectl asks for them."""
MOST = 150_000
"""Pods that Kubernetes is made for, in all of a cluster.

Source: https://kubernetes.io/docs/setup/best-practices/cluster-large/
"""

_GOOD, _REDIRECTS = range(200, 300), range(300, 400)

# What is good to know must not hold up what has to be known: a kubelet that is dead answers no log.
_QUESTION_SECONDS = 5.0
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

Body: TypeAlias = dict[str, Any]


class Cluster:
    """The API server that a client of the ``kubernetes`` package is configured for.

    Objects stay dictionaries: making models of 5,000 pods takes seconds of CPU a look.

    Args:
        client: Whose configuration is used, credentials and their renewal included.
        timeout: Seconds a call may take, from its beginning to the last byte of its answer.
    """

    def __init__(self, client: ApiClient, timeout: float) -> None:
        from kubernetes.client import ApiClient

        configuration = copy.deepcopy(client.configuration)
        self._client = ApiClient(configuration)
        self._http = TimedHttp(self._client)
        self._timeout = timeout
        self._hasty = min(timeout, _QUESTION_SECONDS)

    def hastier(self, timeout: float) -> Cluster:
        """The same API server, asked with calls that take no longer than this.

        Args:
            timeout: Seconds a call may take, where it may take more now.
        """
        cluster = copy.copy(self)
        cluster._timeout = min(timeout, self._timeout)  # noqa: SLF001 - of the same class
        return cluster

    def create_job(self, namespace: str, job: object) -> None:
        """Create a Job."""
        body = self._client.sanitize_for_serialization(job)
        answer = self._call("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", body=body)
        named(object_of(answer), name_of(body))

    def read_job(self, namespace: str, name: str) -> ApiObject | None:
        """A Job as it is now, not as a cache has it; ``None`` when there is none."""
        try:
            return named(self._json(f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"), name)
        except CallError as error:
            if error.is_absent:
                return None
            raise

    def delete_job(self, namespace: str, name: str) -> None:
        """Delete a Job and, before it, its pods; one that is gone is fine.

        Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#foreground-deletion
        """
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
        try:
            object_of(self._call("DELETE", f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}", body=body))
        except CallError as error:
            if not error.is_absent:
                raise

    def jobs(
        self, namespace: str, selector: str, *, consistent: bool = False, most: int = MOST
    ) -> Iterator[ApiObject]:
        """The Jobs with these labels: from the API server's cache, or ``consistent`` and in pages.

        Args:
            namespace: Where they are.
            selector: What their labels are.
            consistent: Whether the cache is passed by.
            most: How many there can be: pages that bring more have no end.
        """
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        return self._list(path, selector, consistent=consistent, most=most)

    def pods(
        self, namespace: str, selector: str, *, consistent: bool = False, most: int = MOST
    ) -> Iterator[ApiObject]:
        """The pods with these labels: from the API server's cache, or ``consistent`` and in pages.

        Args:
            namespace: Where they are.
            selector: What their labels are.
            consistent: Whether the cache is passed by.
            most: How many there can be: pages that bring more have no end.
        """
        path = f"/api/v1/namespaces/{namespace}/pods"
        return self._list(path, selector, consistent=consistent, most=most)

    def events(self, namespace: str, name: str) -> list[ApiObject]:
        """The events of an object, oldest first."""
        query = [("fieldSelector", f"involvedObject.name={name}"), ("limit", str(PAGE))]
        path = f"/api/v1/namespaces/{namespace}/events"
        return sorted(listed(self._json(path, query, self._hasty)), key=_time_of)

    def question(self, path: str, query: Sequence[tuple[str, str]] = ()) -> ApiObject:
        """The object or list at a path, of what is good to know and holds nothing up.

        Args:
            path: Where it is.
            query: Of the call.

        Raises:
            CallError: It cannot be read.
        """
        return self._json(path, list(query), self._hasty)

    def pod(self, namespace: str, name: str) -> ApiObject:
        """A pod."""
        return named(self._json(f"/api/v1/namespaces/{namespace}/pods/{name}"), name)

    def nodes(self) -> list[ApiObject]:
        """The nodes of the cluster, for which few service accounts have the permission."""
        return list(self._list("/api/v1/nodes", "", consistent=False))

    def every(self, path: str) -> list[ApiObject]:
        """All objects of a list, in pages."""
        return list(self._list(path, "", consistent=True))

    def exists(self, path: str) -> bool:
        """Whether there is an object at a path; what it holds is not asked for.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
        """
        try:
            object_of(self._call("GET", path, accept=_METADATA_ONLY))
        except CallError as error:
            # Of an API that is not there at all the server says so without an object.
            if error.is_absent or (path.startswith("/apis/") and error.is_of_no_api):
                return False
            raise
        return True

    def data_keys(self, path: str) -> frozenset[str]:
        """The keys that the Secret or ConfigMap at a path has, without their values."""
        found = self._json(path)
        return frozenset(
            key
            for field in ("data", "binaryData")
            if isinstance(held := found.get(field), dict)
            for key in held
        )

    def create_dry(self, resource: str, namespace: str, body: Body) -> None:
        """Have everything that judges a new Job or pod judge this one, which is not made.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
        """
        group = {"jobs": "/apis/batch/v1", "pods": "/api/v1"}[resource]
        answer = self._call("POST", f"{group}/namespaces/{namespace}/{resource}", [("dryRun", "All")], body)
        object_of(answer)

    def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines that a container wrote.

        Raises:
            CallError: They cannot be read, or something else answered than the kubelet.
        """
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = [("container", container), ("tailLines", str(lines)), ("limitBytes", "65536")]
        answer = self._answer("GET", path, query, timeout=self._hasty)
        return log_of(answer.content, answer.headers.get("Content-Type") or "")

    def _list(self, path: str, selector: str, *, consistent: bool, most: int = MOST) -> Iterator[ApiObject]:
        query = [("labelSelector", selector)]
        if not consistent:
            # Any version the cache has will do; it knows no pages, and comes whole whatever the limit.
            yield from listed(self._json(path, [*query, ("resourceVersion", "0")]))
            return
        query.append(("limit", str(PAGE)))
        guard, place = PageGuard(most), query
        while True:
            page = self._json(path, place)
            found = list(listed(page))
            yield from found
            following = text(page, "metadata", "continue")
            if not following:
                return
            guard.turn(found, following)
            place = [*query, ("continue", following)]

    def _json(
        self, path: str, query: list[tuple[str, str]] | None = None, timeout: float | None = None
    ) -> ApiObject:
        return object_of(self._call("GET", path, query, timeout=timeout))

    def _call(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: Body | None = None,
        *,
        accept: str = "*/*",
        timeout: float | None = None,
    ) -> bytes:
        return self._answer(method, path, query, body, accept=accept, timeout=timeout).content

    def _answer(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: Body | None = None,
        *,
        accept: str = "*/*",
        timeout: float | None = None,
    ) -> Answer:
        request = Request(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            {"Accept": accept, "Content-Type": "application/json", **self._client.default_headers},
            json.dumps(body).encode() if body is not None else None,
        )
        answer = self._http.call(request, timeout or self._timeout)
        if answer.status in _GOOD:
            return answer
        said, headers = answer.content.decode(errors="replace"), answer.headers
        error = answered(answer.status, answer.reason, said, headers.get("Retry-After"))
        if answer.status in _REDIRECTS and (host := urlsplit(headers.get("Location", "")).hostname):
            error.reason = f"{error.reason} to {host}"
        raise error


def _time_of(event: ApiObject) -> str:
    return (
        text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(event, "metadata", "creationTimestamp")
    )
