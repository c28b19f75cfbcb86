"""The calls to the Kubernetes API that the executor makes, as JSON in and out, each with a deadline."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlencode

from dagster_plus_k8s_helpers.cluster.answers import Listing, PageGuard, listed, log_of, named, object_of
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.timed_http import Request, TimedHttp, error_of
from dagster_plus_k8s_helpers.diagnosis.api_json import name_of, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubernetes.client import ApiClient

    from dagster_plus_k8s_helpers.cluster.streams import Stream
    from dagster_plus_k8s_helpers.cluster.timed_http import Answer
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["MOST", "PAGE", "Cluster", "Resource"]

PAGE = 500
"""Objects in a page of a LIST, as kubectl asks for them."""
MOST = 150_000
"""Pods that Kubernetes is made for, in all of a cluster.

Source: https://kubernetes.io/docs/setup/best-practices/cluster-large/
"""

# What is good to know must not hold up what has to be known: a kubelet that is dead answers no log.
_QUESTION_SECONDS = 5.0
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

Body: TypeAlias = dict[str, Any]
Query: TypeAlias = list[tuple[str, str]]
Resource: TypeAlias = Literal["jobs", "pods"]


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

    def list_of(
        self,
        resource: Resource,
        namespace: str,
        selector: str,
        *,
        consistent: bool = False,
        most: int = MOST,
    ) -> Listing:
        """The Jobs or pods with these labels: from the API server's cache, or ``consistent`` and in pages.

        Args:
            resource: Which of them.
            namespace: Where they are.
            selector: What their labels are.
            consistent: Whether the cache is passed by.
            most: How many there can be: pages that bring more have no end.
        """
        return self._list(_path(resource, namespace), selector, consistent=consistent, most=most)

    def watch(
        self, resource: Resource, namespace: str, selector: str, version: str, *, seconds: int, silence: float
    ) -> Stream:
        """What becomes of the Jobs or pods with these labels, on a connection that stays open.

        Args:
            resource: Which of them.
            namespace: Where they are.
            selector: What their labels are.
            version: The ``resourceVersion`` of a list, after which it begins.
            seconds: After which the API server is to end it.
            silence: Seconds for which nothing may come; a bookmark comes about once a minute.

        Raises:
            CallError: There is none; status 410 when its version is too old.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
        """
        query = [
            ("watch", "1"),
            ("labelSelector", selector),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(seconds)),
        ]
        request = self._request("GET", _path(resource, namespace), query)
        return self._http.stream(request, self._timeout, silence)

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

    def _list(self, path: str, selector: str, *, consistent: bool, most: int = MOST) -> Listing:
        query = [("labelSelector", selector)]
        if not consistent:
            # Any version the cache has will do; it knows no pages, and comes whole whatever the limit.
            return Listing(lambda _following: self._json(path, [*query, ("resourceVersion", "0")]), None)
        query.append(("limit", str(PAGE)))

        def page(following: str) -> ApiObject:
            return self._json(path, [*query, ("continue", following)] if following else query)

        return Listing(page, PageGuard(most))

    def _json(self, path: str, query: Query | None = None, timeout: float | None = None) -> ApiObject:
        return object_of(self._call("GET", path, query, timeout=timeout))

    def _call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
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
        query: Query | None = None,
        body: Body | None = None,
        *,
        accept: str = "*/*",
        timeout: float | None = None,
    ) -> Answer:
        request = self._request(method, path, query, body, accept)
        answer = self._http.call(request, timeout or self._timeout)
        if (error := error_of(answer)) is not None:
            raise error
        return answer

    def _request(
        self, method: str, path: str, query: Query | None, body: Body | None = None, accept: str = "*/*"
    ) -> Request:
        return Request(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            {"Accept": accept, "Content-Type": "application/json", **self._client.default_headers},
            json.dumps(body).encode() if body is not None else None,
        )


def _path(resource: Resource, namespace: str) -> str:
    return f"{'/apis/batch/v1' if resource == 'jobs' else '/api/v1'}/namespaces/{namespace}/{resource}"


def _time_of(event: ApiObject) -> str:
    return (
        text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(event, "metadata", "creationTimestamp")
    )
