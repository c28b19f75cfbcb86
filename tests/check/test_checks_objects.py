"""What pods name and do not bring along: asked of an API server over HTTP, or looked for in the agent's values."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner
from kubernetes.config import new_client_from_config

from dagster_plus_k8s_helpers import PlanError, k8s_executor
from dagster_plus_k8s_helpers.check.subjects.references import provided, references
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.plan import ClusterObjects, check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer

SPEC: dict[str, Any] = {
    "serviceAccountName": "trainer",
    "priorityClassName": "batch",
    "runtimeClassName": "nvidia",
    "imagePullSecrets": [{"name": "registry"}],
    "resourceClaims": [
        {"name": "gpu", "resourceClaimTemplateName": "one-gpu"},
        {"name": "fpga", "resourceClaimName": "the-fpga"},
    ],
    "initContainers": [{"name": "a", "envFrom": [{"configMapRef": {"name": "settings"}}]}],
    "containers": [
        {
            "name": "dagster",
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "warehouse", "key": "b"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "levels", "key": "c"}}},
                {"name": "D", "valueFrom": {"secretKeyRef": {"name": "x", "key": "d", "optional": True}}},
                {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            ],
            "envFrom": [{"secretRef": {"name": "tokens"}}, {"secretRef": {"name": "y", "optional": True}}],
        }
    ],
    "volumes": [
        {"name": "a", "secret": {"secretName": "certificates"}},
        {"name": "b", "configMap": {"name": "queries"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "models"}},
        {
            "name": "d",
            "projected": {"sources": [{"secret": {"name": "both"}}, {"configMap": {"name": "one"}}]},
        },
        {"name": "e", "emptyDir": {}},
        {
            "name": "g",
            "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "fast", "resources": {}}}},
        },
        {"name": "f", "secret": {"secretName": "z", "optional": True}},
    ],
}


def test_everything_that_must_be_there_is_named_with_its_place() -> None:
    assert [tuple(reference)[:3] for reference in references(SPEC)] == [
        ("ServiceAccount", "trainer", "serviceAccountName"),
        ("PriorityClass", "batch", "priorityClassName"),
        ("RuntimeClass", "nvidia", "runtimeClassName"),
        ("ResourceClaimTemplate", "one-gpu", "resourceClaims[0].resourceClaimTemplateName"),
        ("ResourceClaim", "the-fpga", "resourceClaims[1].resourceClaimName"),
        ("Secret", "registry", "imagePullSecrets[0].name"),
        ("ConfigMap", "settings", "initContainers[0].envFrom[0].configMapRef.name"),
        ("Secret", "tokens", "containers[0].envFrom[0].secretRef.name"),
        ("Secret", "warehouse", "containers[0].env[1].valueFrom.secretKeyRef.name"),
        ("ConfigMap", "levels", "containers[0].env[2].valueFrom.configMapKeyRef.name"),
        ("Secret", "certificates", "volumes[0].secret.secretName"),
        ("ConfigMap", "queries", "volumes[1].configMap.name"),
        ("PersistentVolumeClaim", "models", "volumes[2].persistentVolumeClaim.claimName"),
        ("Secret", "both", "volumes[3].projected.sources[0].secret.name"),
        ("ConfigMap", "one", "volumes[3].projected.sources[1].configMap.name"),
        ("StorageClass", "fast", "volumes[5].ephemeral.volumeClaimTemplate.spec.storageClassName"),
    ]


def test_what_values_make_or_name_is_provided() -> None:
    values = {
        "serviceAccount": {"name": "agent"},
        "imagePullSecrets": [{"name": "registry"}],
        "workspace": {
            "serviceAccountName": "code",
            "envSecrets": [{"name": "tokens"}],
            "envConfigMaps": [{"name": "levels"}],
            "volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "models"}}],
        },
        "extraManifests": [{"kind": "ServiceAccount", "metadata": {"name": "trainer"}}, 3],
    }

    assert provided(values) == {
        ("ServiceAccount", "agent"),
        ("ServiceAccount", "code"),
        ("ServiceAccount", "trainer"),
        ("Secret", "registry"),
        ("Secret", "tokens"),
        ("ConfigMap", "levels"),
        ("PersistentVolumeClaim", "models"),
    }
    assert provided({"workspace": None, "extraManifests": "x"}) == set()


class ObjectServer:
    """An API server that has a few objects; it keeps what it was asked for and how."""

    def __init__(self, folder: Path, *paths: str, forbidden: str = "") -> None:
        self.asked: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, self.headers["Accept"]))
                there = {*paths, *(f"/api/v1/namespaces/{name}" for name in ("a", "code", "shop"))}
                status = 403 if forbidden and forbidden in self.path else 200 if self.path in there else 404
                kind = "PartialObjectMetadata" if status == 200 else "Status"
                body = json.dumps({"kind": kind, "message": f"secrets is {status}"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(self._config()))

    def _config(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._server.server_port}"
        return {
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [
                {"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "code"}},
                {"name": "other", "context": {"cluster": "c", "user": "u"}},
            ],
            "current-context": "main",
        }

    @property
    def paths(self) -> list[str]:
        """What was asked for, but for namespaces."""
        return [path for path, _ in self.asked if path.count("/") > 4]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    started: list[ObjectServer] = []

    def start(*paths: str, forbidden: str = "") -> ObjectServer:
        server = ObjectServer(tmp_path, *paths, forbidden=forbidden)
        started.append(server)
        # The client reads the variable when it is imported, and then never again.
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(server.kubeconfig)
        )
        return server

    yield start
    for server in started:
        server.close()


def definitions(**config: Any) -> dg.Definitions:
    @dg.asset(op_tags={"dagster-k8s/config": config})
    def train() -> None: ...

    return dg.Definitions(assets=[train], executor=k8s_executor(max_concurrent=1))


ENV_FROM = {"container_config": {"env_from": [{"secret_ref": {"name": "warehouse"}}]}}
OP = "op tags (tags of the op 'train')"
WAREHOUSE = "/api/v1/namespaces/code/secrets/warehouse"


def test_what_the_cluster_does_not_have_is_named_with_its_layer(servers: Any) -> None:
    server = servers()

    findings = check(definitions(**ENV_FROM), cluster=ClusterObjects.from_kubeconfig())

    assert [(item.code, item.message) for item in findings] == [
        (
            "DPK532",
            f"step 'train': containers[0].envFrom[0].secretRef.name is 'warehouse' by {OP}, and there is no such "
            "Secret in the namespace 'code'",
        )
    ]
    metadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    assert server.asked == [("/api/v1/namespaces/code", metadata), (WAREHOUSE, metadata)]


def test_what_is_there_is_no_finding_and_each_is_asked_for_once(servers: Any) -> None:
    server = servers(WAREHOUSE)

    assert check(definitions(**ENV_FROM), cluster=ClusterObjects.from_kubeconfig()) == []
    assert check(definitions(**ENV_FROM), cluster=ClusterObjects.from_kubeconfig(context="main")) == []
    assert server.paths == [WAREHOUSE, WAREHOUSE]


def test_what_the_chart_makes_need_not_be_there_yet(servers: Any) -> None:
    server = servers()
    agent = {
        "serviceAccount": {"name": "agent"},
        "extraManifests": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "warehouse"}}],
    }

    assert check(definitions(**ENV_FROM), agent=agent, cluster=ClusterObjects.from_kubeconfig()) == []
    assert server.paths == []


def test_classes_have_no_namespace_and_locations_have_their_own(servers: Any) -> None:
    server = servers()
    location = {"location_name": "shop", "container_context": {"k8s": {"namespace": "shop"}}}
    config = {"pod_spec_config": {"priority_class_name": "batch", "service_account_name": "trainer"}}

    check(definitions(**config), location=location, cluster=ClusterObjects.from_kubeconfig())

    assert set(server.paths) == {
        "/apis/scheduling.k8s.io/v1/priorityclasses/batch",
        "/api/v1/namespaces/shop/serviceaccounts/trainer",
    }


def test_what_may_not_be_read_is_said_once(servers: Any) -> None:
    servers(forbidden="/secrets/")
    config = {
        "container_config": {"env_from": [{"secret_ref": {"name": "a"}}, {"secret_ref": {"name": "b"}}]}
    }

    (finding,) = check(definitions(**config), cluster=ClusterObjects.from_kubeconfig())

    assert (finding.code, finding.where.path, finding.message) == (
        "DPK534",
        "the cluster",
        "whether there is each Secret in the namespace 'code' is not known: HTTP 403 secrets is 403",
    )


def test_the_definitions_waive_what_may_not_be_read(servers: Any) -> None:
    servers(forbidden="/secrets/")
    waiver = {"dagster-plus-k8s/ignore": {"DPK534": "whoever deploys may read Secrets"}}
    defs = definitions(container_config={"env_from": [{"secret_ref": {"name": "a"}}]})
    defs = dg.Definitions.merge(defs, dg.Definitions(metadata=waiver))

    assert check(defs, agent={}, location={}, cluster=ClusterObjects.from_kubeconfig()) == []


def test_a_cluster_that_does_not_answer_is_an_error(servers: Any) -> None:
    servers().close()

    with pytest.raises(
        PlanError, match=r"^cluster: cannot ask for the Namespace 'code': .*Connection refused"
    ):
        check(definitions(**ENV_FROM), cluster=ClusterObjects.from_kubeconfig())


@pytest.mark.usefixtures("servers")
def test_a_context_that_is_not_there_is_an_error(servers: Any) -> None:
    servers()

    with pytest.raises(PlanError, match=r"^cluster: .*nope.*; set KUBECONFIG, or name a context of it$"):
        ClusterObjects.from_kubeconfig(context="nope")


MODULE = """
import dagster as dg
from dagster_plus_k8s_helpers import K8sConfig, SecretEnvSource, k8s_executor

@dg.asset(op_tags=K8sConfig(env_from=[SecretEnvSource("warehouse")]).tags)
def train(): ...

defs = dg.Definitions(assets=[train], executor=k8s_executor(max_concurrent=1))
"""


def test_the_command_asks_the_cluster_of_the_kubeconfig(
    servers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers()
    (tmp_path / "asking.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(
        main, ["check", "-m", "asking", "--cluster", "--context", "other", "--namespace", "a"]
    )

    assert result.exit_code == 1, result.output
    assert "DPK532" in result.output
    assert server.paths == ["/api/v1/namespaces/a/secrets/warehouse"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cluster", "values.yaml"], "--cluster goes with -m MODULE"),
        (["-m", "x", "--namespace", "a"], "--context, --namespace, --keys and --dry-run go with --cluster"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["check", *arguments])

    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_without_a_cluster_what_the_values_neither_make_nor_name_is_a_warning() -> None:
    (finding,) = check(definitions(**ENV_FROM), agent={"workspace": {}})

    assert (finding.code, finding.severity.value, finding.message) == (
        "DPK533",
        "warning",
        f"step 'train': containers[0].envFrom[0].secretRef.name is 'warehouse' by {OP}, a Secret that the agent's "
        "values neither make nor name",
    )


@pytest.mark.parametrize(
    "agent", [None, {"workspace": {"envSecrets": [{"name": "warehouse"}]}}], ids=["no agent", "named"]
)
def test_what_the_values_name_or_nobody_asked_about_is_no_finding(agent: dict[str, Any] | None) -> None:
    assert check(definitions(**ENV_FROM), agent=agent) == []


def asked_of(server: ApiServer, *, keys: bool = False) -> ClusterObjects:
    return ClusterObjects(new_client_from_config(str(server.kubeconfig)), "code", keys=keys)


def said_of(server: ApiServer, *, keys: bool = False, **config: Any) -> list[tuple[str, str]]:
    found = check(definitions(**config), cluster=asked_of(server, keys=keys))
    return [(item.code, item.message) for item in found]


def test_a_namespace_that_is_not_there_is_the_one_thing_told(api_server: ApiServer) -> None:
    api_server.absent = {"code", "warehouse"}

    assert said_of(api_server, **ENV_FROM) == [
        ("DPK532", "the run's pod and step 'train': there is no namespace 'code' in the cluster")
    ]


CLAIM = {
    "name": "scratch",
    "ephemeral": {
        "volume_claim_template": {
            "spec": {
                "storage_class_name": "fast",
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            }
        }
    },
}


@pytest.mark.parametrize(
    ("spec", "kind", "name", "place"),
    [
        ({"priority_class_name": "batch"}, "PriorityClass", "batch", "in the cluster"),
        ({"runtime_class_name": "nvidia"}, "RuntimeClass", "nvidia", "in the cluster"),
        ({"volumes": [CLAIM]}, "StorageClass", "fast", "in the cluster"),
        ({"service_account_name": "trainer"}, "ServiceAccount", "trainer", "in the namespace 'code'"),
        (
            {"resource_claims": [{"name": "gpu", "resource_claim_template_name": "one-gpu"}]},
            "ResourceClaimTemplate",
            "one-gpu",
            "in the namespace 'code'",
        ),
    ],
)
def test_each_kind_is_missed_where_it_would_be(
    api_server: ApiServer, spec: dict[str, Any], kind: str, name: str, place: str
) -> None:
    api_server.absent = {name}

    ((code, message),) = said_of(api_server, pod_spec_config=spec)

    assert code == "DPK532"
    assert f"is {name!r} by {OP}, and there is no such {kind} {place}" in message


def test_a_claim_template_of_an_older_api_is_found(api_server: ApiServer) -> None:
    api_server.gone = {"/apis/resource.k8s.io/v1/", "/apis/resource.k8s.io/v1beta2/"}
    claims = [{"name": "gpu", "resource_claim_template_name": "one-gpu"}]

    assert said_of(api_server, pod_spec_config={"resource_claims": claims}) == []


def variable(name: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": name, "value_from": {"secret_key_ref": {"name": secret, "key": key}}}


def test_one_name_that_is_missing_is_told_once_and_names_its_neighbour(api_server: ApiServer) -> None:
    api_server.absent = {"warehose"}
    env = [variable("A", "warehouse", "a"), *(variable(f"V{index}", "warehose", "a") for index in range(30))]

    (finding,) = check(definitions(container_config={"env": env}), cluster=asked_of(api_server))

    assert finding.message.endswith(
        "there is no such Secret in the namespace 'code'; did you mean 'warehouse'?"
    )
    assert finding.folded == (
        "also containers[0].env[V1] by op tags, containers[0].env[V2] by op tags, "
        "containers[0].env[V3] by op tags + 26 more",
    )


VALUE = "c3dvcmRmaXNo"


def test_a_key_that_a_secret_does_not_have_is_found_when_keys_are_read(api_server: ApiServer) -> None:
    api_server.held[WAREHOUSE] = {"kind": "Secret", "data": {"password": VALUE}}
    env = [variable("A", "warehouse", "pasword"), variable("B", "warehouse", "password")]

    assert said_of(api_server, keys=True, container_config={"env": env}) == [
        (
            "DPK570",
            f"step 'train': containers[0].env[A] by {OP} reads the key 'pasword', which the Secret 'warehouse' in "
            "the namespace 'code' does not have; did you mean 'password'?",
        )
    ]
    assert said_of(api_server, container_config={"env": env}) == []


def test_items_of_volumes_are_keys_too(api_server: ApiServer) -> None:
    api_server.held["/api/v1/namespaces/code/configmaps/queries"] = {
        "data": {"a.sql": ""},
        "binaryData": {"b": ""},
    }
    items = [{"key": key, "path": key} for key in ("a.sql", "b", "c")]
    volume = {"name": "q", "config_map": {"name": "queries", "items": items}}

    ((code, message),) = said_of(api_server, keys=True, pod_spec_config={"volumes": [volume]})

    assert code == "DPK570"
    assert "volumes[0].configMap.name" in message
    assert "the key 'c'" in message


def test_no_value_of_a_secret_is_kept_or_shown(api_server: ApiServer) -> None:
    api_server.held[WAREHOUSE] = {"kind": "Secret", "data": {"password": VALUE}}
    asked = asked_of(api_server, keys=True)

    findings = check(definitions(container_config={"env": [variable("A", "warehouse", "x")]}), cluster=asked)

    assert [item.code for item in findings] == ["DPK570"]
    kept = {key: value for key, value in vars(asked).items() if key != "_cluster"}
    assert VALUE not in f"{findings}{kept}"


def test_keys_that_may_not_be_read_are_said_once(api_server: ApiServer) -> None:
    api_server.forbidden = {"/secrets/"}
    env = [variable("A", "warehouse", "a"), variable("B", "warehouse", "b")]

    assert [code for code, _ in said_of(api_server, keys=True, container_config={"env": env})] == ["DPK534"]
