"""`ClusterObjects`: asks an API server whether objects are there, and whether it takes what is planned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.client import ApiClient

    from dagster_plus_k8s_helpers.cluster.errors import CallError
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["CLUSTER_SCOPED", "ClusterObjects"]

T = TypeVar("T")

_SECONDS = 20.0
_DRA = tuple(
    f"/apis/resource.k8s.io/{version}/namespaces/{{namespace}}" for version in ("v1", "v1beta2", "v1beta1")
)
# Where an object may be asked for; of an API that has moved on, in each version that clusters have.
_PATHS = {
    "ConfigMap": ("/api/v1/namespaces/{namespace}/configmaps/{name}",),
    "Namespace": ("/api/v1/namespaces/{name}",),
    "PersistentVolumeClaim": ("/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}",),
    "PriorityClass": ("/apis/scheduling.k8s.io/v1/priorityclasses/{name}",),
    "ResourceClaim": tuple(f"{path}/resourceclaims/{{name}}" for path in _DRA),
    "ResourceClaimTemplate": tuple(f"{path}/resourceclaimtemplates/{{name}}" for path in _DRA),
    "RuntimeClass": ("/apis/node.k8s.io/v1/runtimeclasses/{name}",),
    "Secret": ("/api/v1/namespaces/{namespace}/secrets/{name}",),
    "ServiceAccount": ("/api/v1/namespaces/{namespace}/serviceaccounts/{name}",),
    "StorageClass": ("/apis/storage.k8s.io/v1/storageclasses/{name}",),
}

CLUSTER_SCOPED = frozenset(kind for kind, paths in _PATHS.items() if "{namespace}" not in paths[0])
"""Kinds whose objects are in no namespace.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
"""


@answering
class ClusterObjects:
    """What is there in a cluster; each object is asked for once.

    Only the metadata of objects is asked for, so that no value of a Secret leaves the cluster, unless
    ``keys`` says to read the keys of Secrets and ConfigMaps; of those, the values are forgotten as they come.
    The user needs the right to ``get`` them all the same, and for a dry run to ``create`` Jobs and pods.

    Args:
        client: A client of the ``kubernetes`` package.
        namespace: Where the agent is, for pods whose namespace nothing says.
        keys: Whether to read which keys Secrets and ConfigMaps have.
        dry_run: Whether to have the API server judge each Job and pod, without making it.

    Attributes:
        refused: What the API server would not say, by what it was asked.
    """

    def __init__(
        self, client: ApiClient, namespace: str = "default", *, keys: bool = False, dry_run: bool = False
    ) -> None:
        # It asks with a timeout, and tells apart what a refusal means.
        from dagster_plus_k8s_helpers.cluster.calls import Cluster  # noqa: PLC0415 - the client is heavy

        self.namespace = namespace
        self.reads_keys = keys
        self.dry_runs = dry_run
        self.refused: dict[str, str] = {}
        self._cluster = Cluster(client, _SECONDS)
        self._known: dict[str, bool] = {}
        self._keys: dict[str, frozenset[str] | None] = {}
        self._judged: dict[str, CallError | None] = {}
        self._queues: list[ApiObject] | None = None

    @classmethod
    def from_kubeconfig(
        cls,
        *,
        context: str | None = None,
        namespace: str | None = None,
        keys: bool = False,
        dry_run: bool = False,
    ) -> Self:
        """The cluster that kubectl would use; inside a pod without a kubeconfig, the pod's own.

        Args:
            context: Another context of the kubeconfig than the current one.
            namespace: Where the agent is; that of the context when left out.
            keys: As for the class.
            dry_run: As for the class.

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
        return cls(client.ApiClient(configuration), namespace or own or "default", keys=keys, dry_run=dry_run)

    def has(self, kind: str, namespace: str, name: str) -> bool | None:
        """Whether an object is there; ``None`` when the API server does not say, see `refused`.

        Args:
            kind: Such as ``Secret``.
            namespace: Where it should be.
            name: Its name.

        Raises:
            PlanError: The API server cannot be reached.
        """
        question = f"whether there is each {kind} in {_place(kind, namespace)}"
        if question in self.refused:
            return None
        key = f"{kind} {namespace} {name}"
        if key not in self._known:
            paths = _paths(kind, namespace, name)
            answer = self._asked(
                question, lambda: any(map(self._cluster.exists, paths)), f"the {kind} {name!r}"
            )
            if answer is None:
                return None
            self._known[key] = answer
        return self._known[key]

    def keys_of(self, kind: str, namespace: str, name: str) -> frozenset[str] | None:
        """The keys of a Secret or ConfigMap; ``None`` when it is not there, or the API server does not say.

        Args:
            kind: ``Secret`` or ``ConfigMap``.
            namespace: Where it is.
            name: Its name.

        Raises:
            PlanError: The API server cannot be reached.
        """
        if not self.has(kind, namespace, name):
            return None
        (path,) = _paths(kind, namespace, name)
        if path not in self._keys:
            question = f"which keys each {kind} in {_place(kind, namespace)} has"
            self._keys[path] = self._asked(
                question, lambda: self._cluster.data_keys(path), f"the {kind} {name!r}"
            )
        return self._keys[path]

    def refusal(self, resource: str, namespace: str, body: Mapping[str, Any]) -> CallError | None:
        """Why the API server would not make an object; ``None`` when it would, or may not be asked.

        Args:
            resource: ``jobs`` or ``pods``.
            namespace: Where it would be.
            body: The object.

        Raises:
            PlanError: The API server cannot be reached.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
        """
        from dagster_plus_k8s_helpers.cluster.errors import CallError  # noqa: PLC0415 - as above

        question = f"whether the cluster takes the {resource} of {_place('', namespace)}"
        key = f"{resource} {namespace} {json.dumps(body, sort_keys=True)}"
        if key in self._judged or question in self.refused:
            return self._judged.get(key)
        self._judged[key] = None
        try:
            self._cluster.create_dry(resource, namespace, dict(body))
        except CallError as error:
            # The first is what RBAC says, the second what a webhook with side effects makes the server say.
            is_no_answer = error.status == 401 or any(text in str(error) for text in _NO_ANSWER)
            if is_no_answer:
                self.refused[question] = str(error)
                return None
            if error.is_passing:
                raise PlanError(f"cluster: cannot ask it for a dry run of the {resource}: {error}") from None
            self._judged[key] = error
        return self._judged[key]

    def queues(self) -> list[ApiObject] | None:
        """The ClusterQueues and LocalQueues of Kueue, none where there is no Kueue.

        ``None`` when the API server does not say, see `refused`.

        Raises:
            PlanError: The API server cannot be reached.
        """
        question = "which queues of Kueue there are"
        if self._queues is None and question not in self.refused:
            self._queues = self._asked(question, self._read_queues, "the queues of Kueue")
        return self._queues

    def _read_queues(self) -> list[ApiObject]:
        from dagster_plus_k8s_helpers.cluster.errors import CallError  # noqa: PLC0415 - as above
        from dagster_plus_k8s_helpers.cluster.kueue import queues  # noqa: PLC0415 - as above

        try:
            return queues(self._cluster, self.namespace)
        except CallError as error:
            if error.is_absent:
                return []
            raise

    @property
    def knows_queues(self) -> bool:
        """Whether the queues have been read."""
        return self._queues is not None

    def _asked(self, question: str, ask: Callable[[], T], what: str) -> T | None:
        from dagster_plus_k8s_helpers.cluster.errors import CallError  # noqa: PLC0415 - as above

        try:
            return ask()
        except CallError as error:
            if error.status not in {401, 403} or error.is_foreign:
                raise PlanError(f"cluster: cannot ask for {what}: {error}") from None
            self.refused[question] = str(error)
            return None


_NO_ANSWER = ("cannot create resource", "does not support dry run")
"""What the API server says where it does not judge.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#side-effects
"""


def _place(kind: str, namespace: str) -> str:
    return "the cluster" if kind in CLUSTER_SCOPED else f"the namespace {namespace!r}"


def _paths(kind: str, namespace: str, name: str) -> list[str]:
    where = {"namespace": quote(namespace), "name": quote(name, safe="")}
    return [path.format(**where) for path in _PATHS[kind]]
