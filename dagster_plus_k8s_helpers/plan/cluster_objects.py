"""`ClusterObjects`: asks an API server whether objects are there, without asking what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import PlanError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

__all__ = ["ClusterObjects"]

_SECONDS = 20.0
_PATHS = {
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps/{name}",
    "PersistentVolumeClaim": "/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses/{name}",
    "RuntimeClass": "/apis/node.k8s.io/v1/runtimeclasses/{name}",
    "Secret": "/api/v1/namespaces/{namespace}/secrets/{name}",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
}


@answering
class ClusterObjects:
    """What is there in a cluster; each object is asked for once.

    Only the metadata of objects is asked for, so that no value of a Secret leaves the cluster. The user needs
    the right to ``get`` them all the same.

    Args:
        client: A client of the ``kubernetes`` package.
        namespace: Where the agent is, for pods whose namespace nothing says.

    Attributes:
        refused: What the API server would not say, by kind and namespace.
    """

    def __init__(self, client: ApiClient, namespace: str = "default") -> None:
        # It asks with a timeout, and tells apart what a refusal means.
        from dagster_plus_k8s_helpers.executor.cluster import Cluster  # noqa: PLC0415 - the client is heavy

        self.namespace = namespace
        self.refused: dict[tuple[str, str], str] = {}
        self._cluster = Cluster(client, _SECONDS)
        self._known: dict[str, bool] = {}

    @classmethod
    def from_kubeconfig(cls, *, context: str | None = None, namespace: str | None = None) -> Self:
        """The cluster that kubectl would use; inside a pod without a kubeconfig, the pod's own.

        Args:
            context: Another context of the kubeconfig than the current one.
            namespace: Where the agent is; that of the context when left out.

        Raises:
            PlanError: There is no such context, or no cluster is configured.
        """
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            contexts, current = config.list_kube_config_contexts()
        except config.ConfigException:
            contexts, current = [], None
        try:
            if current is None and context is None:
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(context=context, client_configuration=configuration)
        except config.ConfigException as error:
            raise PlanError(f"cluster: {error}; set KUBECONFIG, or name a context of it") from None
        chosen = next((item for item in contexts if item["name"] == context), current) or {}
        own = chosen.get("context", {}).get("namespace")
        return cls(client.ApiClient(configuration), namespace or own or "default")

    def has(self, kind: str, namespace: str, name: str) -> bool | None:
        """Whether an object is there; ``None`` when the API server does not say, see `refused`.

        Args:
            kind: Such as ``Secret``.
            namespace: Where it should be.
            name: Its name.

        Raises:
            PlanError: The API server cannot be reached.
        """
        from dagster_plus_k8s_helpers.executor.call_errors import CallError  # noqa: PLC0415 - as above

        path = _PATHS[kind].format(namespace=quote(namespace), name=quote(name, safe=""))
        if (kind, namespace) in self.refused:
            return None
        if path not in self._known:
            try:
                self._known[path] = self._cluster.exists(path)
            except CallError as error:
                if error.status not in {401, 403} or error.is_foreign:
                    raise PlanError(f"cluster: cannot ask for the {kind} {name!r}: {error}") from None
                self.refused[kind, namespace] = str(error)
                return None
        return self._known[path]
