"""The calls to the Kubernetes API that the executor makes, as JSON in and out, each with a timeout."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from urllib3.exceptions import HTTPError

from dagster_plus_k8s_helpers.executor.api_json import items, text
from dagster_plus_k8s_helpers.executor.call_errors import CallError, answered, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client import ApiClient

    from dagster_plus_k8s_helpers.executor.api_json import ApiObject

__all__ = ["PAGE", "Cluster"]

PAGE = 500
"""Objects in a page of a LIST, as kubectl asks for them."""

# What is good to know must not hold up what has to be known: a kubelet that is dead answers no log.
_QUESTION_SECONDS = 5.0
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

Body: TypeAlias = dict[str, Any]


class Cluster:
    """The API server that a client of the ``kubernetes`` package is configured for.

    Objects stay dictionaries: making models of 5,000 pods takes seconds of CPU a sweep.

    Args:
        client: Whose configuration is used, credentials and their renewal included.
        timeout: Seconds a call may take.
    """

    def __init__(self, client: ApiClient, timeout: float) -> None:
        from kubernetes.client import ApiClient

        configuration = copy.deepcopy(client.configuration)
        # Each caller decides whether to try again: urllib3 would sleep and multiply the timeout.
        configuration.retries = False
        self._client = ApiClient(configuration)
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
        self._call("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", body=body)

    def read_job(self, namespace: str, name: str) -> ApiObject | None:
        """A Job as it is now, not as a cache has it; ``None`` when there is none."""
        try:
            return self._json("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}")
        except CallError as error:
            if error.status == 404:
                return None
            raise

    def delete_job(self, namespace: str, name: str) -> None:
        """Delete a Job and, before it, its pods; one that is gone is fine.

        Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#foreground-deletion
        """
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
        try:
            self._call("DELETE", f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}", body=body)
        except CallError as error:
            if error.status != 404:
                raise

    def jobs(self, namespace: str, selector: str, *, consistent: bool = False) -> Iterator[ApiObject]:
        """The Jobs with these labels: from the API server's cache, or ``consistent`` and in pages."""
        return self._list(f"/apis/batch/v1/namespaces/{namespace}/jobs", selector, consistent=consistent)

    def pods(self, namespace: str, selector: str, *, consistent: bool = False) -> Iterator[ApiObject]:
        """The pods with these labels: from the API server's cache, or ``consistent`` and in pages."""
        return self._list(f"/api/v1/namespaces/{namespace}/pods", selector, consistent=consistent)

    def events(self, namespace: str, name: str) -> list[ApiObject]:
        """The events of an object, oldest first."""
        query = [("fieldSelector", f"involvedObject.name={name}"), ("limit", str(PAGE))]
        path = f"/api/v1/namespaces/{namespace}/events"
        return sorted(items(self._json("GET", path, query, self._hasty), "items"), key=_time_of)

    def pod(self, namespace: str, name: str) -> ApiObject:
        """A pod."""
        return self._json("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")

    def nodes(self) -> list[ApiObject]:
        """The nodes of the cluster, for which few service accounts have the permission."""
        return list(self._list("/api/v1/nodes", "", consistent=False))

    def exists(self, path: str) -> bool:
        """Whether there is an object at a path; what it holds is not asked for.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
        """
        try:
            self._call("GET", path, accept=_METADATA_ONLY)
        except CallError as error:
            if error.status == 404:
                return False
            raise
        return True

    def data_keys(self, path: str) -> frozenset[str]:
        """The keys that the Secret or ConfigMap at a path has, without their values."""
        found = self._json("GET", path)
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
        self._call("POST", f"{group}/namespaces/{namespace}/{resource}", [("dryRun", "All")], body)

    def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines that a container wrote."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = [("container", container), ("tailLines", str(lines)), ("limitBytes", "65536")]
        return self._call("GET", path, query, timeout=self._hasty).decode(errors="replace")

    def _list(self, path: str, selector: str, *, consistent: bool) -> Iterator[ApiObject]:
        query = [("labelSelector", selector)]
        if not consistent:
            # Any version the cache has will do; it knows no pages, and comes whole whatever the limit.
            yield from items(self._json("GET", path, [*query, ("resourceVersion", "0")]), "items")
            return
        query.append(("limit", str(PAGE)))
        page = self._json("GET", path, query)
        while True:
            yield from items(page, "items")
            following = text(page, "metadata", "continue")
            if not following:
                return
            page = self._json("GET", path, [*query, ("continue", following)])

    def _json(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        timeout: float | None = None,
    ) -> ApiObject:
        content = self._call(method, path, query, timeout=timeout)
        try:
            found = json.loads(content)
        except ValueError:
            raise CallError(0, "the answer is not JSON") from None
        return found if isinstance(found, dict) else {}

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
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException

        try:
            response = self._client.call_api(
                path,
                method,
                query_params=query or [],
                header_params={"Accept": accept, "Content-Type": "application/json"},
                body=body,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=timeout or self._timeout,
            )
            content: bytes = response.data
        except ApiException as error:
            headers = error.headers or {}
            said = error.body if isinstance(error.body, str) else ""
            raise answered(error.status, error.reason, said, headers.get("Retry-After")) from None
        except (HTTPError, OSError) as error:
            raise unreachable(error) from None
        # A credential plugin asks a service of its own, which may be away as well.
        except ConfigException as error:
            raise CallError(0, f"no credentials: {error}") from None
        return content


def _time_of(event: ApiObject) -> str:
    return (
        text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(event, "metadata", "creationTimestamp")
    )
