"""AgentValues: every task of an operator in Python, in YAML, and back."""

from __future__ import annotations

import pickle
import re
from textwrap import dedent
from typing import TYPE_CHECKING, get_args

import pytest
from chart import chart_keys, chart_problems
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import UserDefinedDagsterK8sConfig

from dagster_plus_k8s_helpers import (
    AgentImage,
    AgentQueues,
    AgentValues,
    AllowedFields,
    BranchDeploymentTTL,
    ComputeLogs,
    ConfigMapEnvSource,
    DagsterCloud,
    DagsterCloudAgent,
    FullDeploymentTTL,
    InvalidFileError,
    K8sConfig,
    K8sConfigError,
    PythonLogs,
    Resources,
    SecretEnvSource,
    ServerK8sConfig,
    ServerTTL,
    ServiceAccount,
    Toleration,
    Volume,
    Workspace,
)
from dagster_plus_k8s_helpers.agent.manifests import (
    OWNER_REFERENCES,
    START_STEPS,
    irsa,
    role,
    service_account,
    workload_identity,
)
from dagster_plus_k8s_helpers.agent.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = K8sConfig(resources=Resources(cpu="500m", memory="1Gi"), labels={"team": "data"})

TASKS: list[tuple[str, AgentValues, str]] = [
    ("nothing", AgentValues(), "{}\n"),
    (
        "token by Secret name, endpoint, label",
        AgentValues(
            dagster_cloud=DagsterCloud(
                endpoint="https://acme.agent.dagster.cloud",
                agent_token_secret_name="dagster-cloud-agent-token",
                agent_label="blue",
            )
        ),
        """\
        dagsterCloud:
          endpoint: https://acme.agent.dagster.cloud
          agentTokenSecretName: dagster-cloud-agent-token
          agentLabel: blue
        """,
    ),
    (
        "token by value",
        AgentValues(
            dagster_cloud=DagsterCloud(agent_token_value="agent:acme:1", agent_token_secret_name=None)
        ),
        """\
        dagsterCloud:
          agentTokenSecretName: null
          agentTokenValue: agent:acme:1
        """,
    ),
    (
        "deployments and branch deployments",
        AgentValues(dagster_cloud=DagsterCloud(deployments=["prod", "staging"], branch_deployments=True)),
        """\
        dagsterCloud:
          deployments:
            - prod
            - staging
          branchDeployments: true
        """,
    ),
    (
        "an agent elsewhere for one location",
        AgentValues(
            dagster_cloud=DagsterCloud(
                agent_queues=AgentQueues(include_default_queue=False, additional_queues=["gpu"])
            )
        ),
        """\
        dagsterCloud:
          agentQueues:
            includeDefaultQueue: false
            additionalQueues:
              - gpu
        """,
    ),
    (
        "requests to Dagster+",
        AgentValues(
            dagster_cloud=DagsterCloud(
                proxies={"https": "http://proxy:3128"},
                socket_options=[["SOL_SOCKET", "SO_KEEPALIVE", 1]],
                timeout=60,
                retries=6,
                backoff_factor=0.5,
            )
        ),
        """\
        dagsterCloud:
          proxies:
            https: http://proxy:3128
          socketOptions:
            - - SOL_SOCKET
              - SO_KEEPALIVE
              - 1
          timeout: 60
          retries: 6
          backoffFactor: 0.5
        """,
    ),
    (
        "replicas without downtime, isolated",
        AgentValues(dagster_cloud_agent=DagsterCloudAgent.without_downtime(replicas=3), isolated_agents=True),
        """\
        dagsterCloudAgent:
          replicas: 3
          deploymentStrategy:
            type: RollingUpdate
            rollingUpdate:
              maxUnavailable: 0%
              maxSurge: 200%
          readinessProbe:
            exec:
              command:
                - /bin/bash
                - -c
                - test -f /tmp/finished_initial_reconciliation_sentinel.txt
            failureThreshold: 60
            initialDelaySeconds: 0
            periodSeconds: 10
        isolatedAgents:
          enabled: true
        """,
    ),
    (
        "a pinned image",
        AgentValues(
            dagster_cloud_agent=DagsterCloudAgent(image=AgentImage(tag="1.11.4", pull_policy="IfNotPresent"))
        ),
        """\
        dagsterCloudAgent:
          image:
            tag: 1.11.4
            pullPolicy: IfNotPresent
        """,
    ),
    (
        "a tag that Helm would read as a number",
        AgentValues(dagster_cloud_agent=DagsterCloudAgent(image=AgentImage(tag="12e4567"))),
        """\
        dagsterCloudAgent:
          image:
            tag: "12e4567"
        """,
    ),
    (
        "the agent's own pod",
        AgentValues(
            dagster_cloud_agent=DagsterCloudAgent(
                resources=Resources(cpu=("250m", "1"), memory="1Gi"),
                env={"LEVEL": "1"},
                env_from=[SecretEnvSource("agent-env"), ConfigMapEnvSource("settings", optional=True)],
                node_selector={"disk": "ssd"},
                tolerations=[Toleration("dedicated", "dagster", effect="NoSchedule")],
                pod_security_context={"runAsUser": 1001},
                volumes=[Volume.secret("ca", "/ca")],
                init_containers=[{"name": "wait", "image": "busybox:1"}],
                additional_pod_spec_config={"restart_policy": "Always", "hostNetwork": True},
            )
        ),
        """\
        dagsterCloudAgent:
          resources:
            requests:
              cpu: 250m
            limits:
              cpu: "1"
              memory: 1Gi
          env:
            LEVEL: "1"
          envFrom:
            - secretRef:
                name: agent-env
            - configMapRef:
                name: settings
                optional: true
          nodeSelector:
            disk: ssd
          tolerations:
            - key: dedicated
              value: dagster
              operator: Equal
              effect: NoSchedule
          podSecurityContext:
            runAsUser: 1001
          volumes:
            - name: ca
              secret:
                secretName: ca
          volumeMounts:
            - name: ca
              mountPath: /ca
              readOnly: true
          initContainers:
            - name: wait
              image: busybox:1
          additionalPodSpecConfig:
            restartPolicy: Always
            hostNetwork: true
        """,
    ),
    (
        "image pull secrets by name",
        AgentValues(image_pull_secrets=["regcred", {"name": "other"}]),
        """\
        imagePullSecrets:
          - name: regcred
          - name: other
        """,
    ),
    (
        "compute logs in Dagster+",
        AgentValues(compute_logs=ComputeLogs.dagster_plus()),
        "computeLogs:\n  enabled: true\n",
    ),
    ("compute logs off", AgentValues(compute_logs=ComputeLogs.off()), "computeLogs:\n  enabled: false\n"),
    (
        "compute logs in S3, as a link",
        AgentValues(compute_logs=ComputeLogs.s3("acme-logs", region="eu-west-1", prefix="dagster")),
        """\
        computeLogs:
          enabled: true
          custom:
            module: dagster_aws.s3.compute_log_manager
            class: S3ComputeLogManager
            config:
              bucket: acme-logs
              show_url_only: true
              region: eu-west-1
              prefix: dagster
        """,
    ),
    (
        "compute logs by any manager",
        AgentValues(compute_logs=ComputeLogs.by("acme.logs", "Manager")),
        """\
        computeLogs:
          enabled: true
          custom:
            module: acme.logs
            class: Manager
            config: {}
        """,
    ),
    (
        "environment from Secrets and ConfigMaps, required and optional",
        AgentValues(
            workspace=Workspace(
                env_secrets=["warehouse", SecretEnvSource("extra", optional=True)],
                env_config_maps=["settings"],
                env_vars={"LEVEL": "1", "REGION": None},
            )
        ),
        """\
        workspace:
          envVars:
            - LEVEL=1
            - REGION
          envSecrets:
            - name: warehouse
            - name: extra
              optional: true
          envConfigMaps:
            - name: settings
        """,
    ),
    (
        "service accounts with annotations and permissions",
        AgentValues(
            service_account=ServiceAccount(
                create=True, name="agent", annotations=workload_identity("a@p.iam.gserviceaccount.com")
            ),
            workspace=Workspace(service_account_name="code"),
            extra_manifests=[
                service_account("code", annotations=irsa("arn:aws:iam::123456789012:role/code")),
                *role("steps", *OWNER_REFERENCES, service_account="code"),
            ],
        ),
        """\
        serviceAccount:
          create: true
          name: agent
          annotations:
            iam.gke.io/gcp-service-account: a@p.iam.gserviceaccount.com
        workspace:
          serviceAccountName: code
        extraManifests:
          - apiVersion: v1
            kind: ServiceAccount
            metadata:
              name: code
              annotations:
                eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/code
          - apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: steps
            rules:
              - apiGroups:
                  - ''
                resources:
                  - pods
                verbs:
                  - get
          - apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata:
              name: steps
            roleRef:
              apiGroup: rbac.authorization.k8s.io
              kind: Role
              name: steps
            subjects:
              - kind: ServiceAccount
                name: code
        """,
    ),
    (
        "pods of runs and of code servers",
        AgentValues(
            workspace=Workspace(
                run_k8s_config=K8sConfig(ttl_seconds_after_finished=7200) | SMALL,
                server_k8s_config=ServerK8sConfig(
                    SMALL,
                    deployment_metadata={"annotations": {"a": "b"}},
                    service_metadata={"labels": {"c": "d"}},
                ),
            )
        ),
        """\
        workspace:
          runK8sConfig:
            containerConfig:
              resources:
                limits:
                  cpu: 500m
                  memory: 1Gi
            podTemplateSpecMetadata:
              labels:
                team: data
            jobSpecConfig:
              ttlSecondsAfterFinished: 7200
          serverK8sConfig:
            containerConfig:
              resources:
                limits:
                  cpu: 500m
                  memory: 1Gi
            podTemplateSpecMetadata:
              labels:
                team: data
            deploymentMetadata:
              annotations:
                a: b
            serviceMetadata:
              labels:
                c: d
        """,
    ),
    (
        "what all pods have in common",
        AgentValues(
            workspace=Workspace(
                namespace="code",
                pull_policy="IfNotPresent",
                resources=Resources(memory="1Gi"),
                volumes=[Volume.empty_dir("scratch", "/scratch")],
                labels={"team": "data"},
                security_context={"runAsNonRoot": True},
                scheduler_name="volcano",
            )
        ),
        """\
        workspace:
          namespace: code
          pullPolicy: IfNotPresent
          resources:
            limits:
              memory: 1Gi
          volumes:
            - name: scratch
              emptyDir: {}
          volumeMounts:
            - name: scratch
              mountPath: /scratch
          labels:
            team: data
          securityContext:
            runAsNonRoot: true
          schedulerName: volcano
        """,
    ),
    (
        "times",
        AgentValues(
            workspace=Workspace(
                server_ttl=ServerTTL(
                    full_deployments=FullDeploymentTTL(enabled=True, ttl_seconds=7200),
                    branch_deployments=BranchDeploymentTTL(ttl_seconds=3600),
                    max_servers=10,
                ),
                deployment_startup_timeout=300,
                server_process_startup_timeout=180,
                image_pull_grace_period=30,
            )
        ),
        """\
        workspace:
          serverTTL:
            fullDeployments:
              enabled: true
              ttlSeconds: 7200
            branchDeployments:
              ttlSeconds: 3600
            maxServers: 10
          deploymentStartupTimeout: 300
          serverProcessStartupTimeout: 180
          imagePullGracePeriod: 30
        """,
    ),
    (
        "what locations and run tags may set",
        AgentValues(
            workspace=Workspace(
                only_allow_user_defined_k8s_config_fields=[
                    "resources",
                    "pod_security_context",
                    "ttl_seconds_after_finished",
                    "pod_spec_config.host_network",
                    "namespace",
                ],
                only_allow_user_defined_env_vars=["LEVEL"],
            )
        ),
        """\
        workspace:
          onlyAllowUserDefinedK8sConfigFields:
            containerConfig:
              resources: true
            podSpecConfig:
              securityContext: true
              hostNetwork: true
            jobSpecConfig:
              ttlSecondsAfterFinished: true
            namespace: true
          onlyAllowUserDefinedEnvVars:
            - LEVEL
        """,
    ),
    (
        "logging and metrics",
        AgentValues(
            python_logs=PythonLogs(python_log_level="INFO", managed_python_loggers=["acme"]),
            agent_metrics=True,
            code_server_metrics=False,
        ),
        """\
        pythonLogs:
          pythonLogLevel: INFO
          managedPythonLoggers:
            - acme
        agentMetrics:
          enabled: true
        codeServerMetrics:
          enabled: false
        """,
    ),
]
IDS = [task for task, _, _ in TASKS]


@pytest.mark.parametrize(("values", "text"), [row[1:] for row in TASKS], ids=IDS)
def test_a_task_is_written(values: AgentValues, text: str) -> None:
    assert values.to_yaml() == dedent(text)


@pytest.mark.parametrize(("values", "text"), [row[1:] for row in TASKS], ids=IDS)
def test_a_task_is_read_back(values: AgentValues, text: str) -> None:
    read = AgentValues.from_yaml(dedent(text))

    assert read == values
    assert read.to_yaml() == dedent(text)


@pytest.mark.parametrize("values", [row[1] for row in TASKS], ids=IDS)
def test_the_chart_accepts_a_task(values: AgentValues) -> None:
    assert chart_problems(values.to_dict()) == []


@pytest.mark.parametrize("values", [row[1] for row in TASKS], ids=IDS)
def test_dagster_k8s_accepts_the_pods_of_a_task(values: AgentValues) -> None:
    workspace = values.workspace or Workspace()
    allowed = workspace.only_allow_user_defined_k8s_config_fields
    # What the chart makes of it: the sections in snake_case, and below them what the values say.
    by_section = {name: getattr(allowed, name) for name in type(allowed).model_fields} if allowed else {}
    fields = {name: said for name, said in by_section.items() if said is not None}
    written = workspace.to_dict().get("runK8sConfig", {})
    config = UserDefinedDagsterK8sConfig.from_dict({snake_case(key): said for key, said in written.items()})
    context = K8sContainerContext(run_k8s_config=config)

    if allowed is None:
        assert context.validate_user_k8s_config_for_run(None, None) == context
    else:
        assert K8sContainerContext().validate_user_k8s_config_for_run(fields, None) == K8sContainerContext()


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def test_an_allowed_field_passes_the_agent_and_another_does_not() -> None:
    allowed = AllowedFields.of("resources", "node_selector")
    lists = {"container_config": allowed.container_config, "pod_spec_config": allowed.pod_spec_config}
    fits = K8sContainerContext(
        run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(SMALL.without("labels").to_dict())
    )
    does_not = K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(SMALL.to_dict()))

    assert fits.validate_user_k8s_config_for_run(lists, None) == fits
    with pytest.raises(Exception, match=r"pod_template_spec_metadata\.labels"):
        does_not.validate_user_k8s_config_for_run(lists, None)


def test_the_chart_refuses_what_is_wrong() -> None:
    problems = chart_problems({"dagsterCloudAgent": {"resources": {"limit": {}}}, "isolatedAgents": True})

    assert len(problems) == 2


def test_every_key_of_the_chart_is_known() -> None:
    assert [path for path in chart_keys() if path not in known_keys()] == []


def known_keys() -> set[str]:
    """The path of every key that AgentValues has a field for."""

    def walk(section: type[Section], path: str) -> Iterator[str]:
        for name, info in section.model_fields.items():
            here = f"{path}.{info.alias or name}".removeprefix(".")
            yield here
            for kind in get_args(info.annotation) or (info.annotation,):
                if isinstance(kind, type) and issubclass(kind, Section):
                    yield from walk(kind, here)

    return set(walk(AgentValues, ""))


@pytest.mark.parametrize(
    "text", ["a\x85b", "a\u2028", "a\nb", "a\n  b\n\n", " \n", "\t", "\0", "yes", "y", "1e3", "0o7", "~", ""]
)
def test_text_of_every_kind_comes_back(text: str) -> None:
    values = AgentValues(dagster_cloud_agent=DagsterCloudAgent(env={"TEXT": text}))

    assert AgentValues.from_yaml(values.to_yaml()) == values


def test_null_in_a_file_says_that_the_chart_s_own_value_goes() -> None:
    values = AgentValues.from_yaml("dagsterCloud:\n  deployments: null\n")

    assert values.to_yaml() == "dagsterCloud:\n  deployments: null\n"


def test_unknown_keys_of_a_file_are_kept() -> None:
    text = "dagsterCloud:\n  deployments:\n    - prod\n  zebra:\n    deep:\n      - 1\nquagga: x\n"

    assert AgentValues.from_yaml(text).to_yaml() == text


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("workspace:\n  namespace: code\n")

    assert AgentValues.from_yaml(tmp_path / "values.yaml") == AgentValues(
        workspace=Workspace(namespace="code")
    )


def test_a_file_with_mistakes_is_refused_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text("isolatedAgents: true\nworkspace:\n  namespace: 1\n  envVars: [A]\n")

    with pytest.raises(InvalidFileError) as refusal:
        AgentValues.from_yaml(path)

    assert str(refusal.value) == (
        f"{path}:1:17 isolatedAgents: error DPK201: must be a mapping, not true or false; "
        "write isolatedAgents: {enabled: true}\n"
        f"{path}:3:14 workspace.namespace: error DPK201: must be text, not a number; put it in quotation marks"
    )
    assert [finding.where.line for finding in refusal.value.findings] == [1, 3]
    assert str(pickle.loads(pickle.dumps(refusal.value))) == str(refusal.value)


def test_a_waiver_lets_a_mistake_pass_when_the_value_can_be_kept() -> None:
    waiver = "  # dagster-plus-k8s: ignore[DPK101, DPK201] our fork of the chart reads it"

    values = AgentValues.from_yaml(f"dagsterCloud:\n  branchDeployment: true{waiver}\n")

    assert values.to_yaml() == "dagsterCloud:\n  branchDeployment: true\n"
    with pytest.raises(InvalidFileError, match="<text>:1:17 isolatedAgents: error DPK201: must be a mapping"):
        AgentValues.from_yaml(f"isolatedAgents: true{waiver}\n")


def test_the_token_is_not_shown() -> None:
    values = AgentValues(dagster_cloud=DagsterCloud(agent_token_value="agent:acme:1"))

    assert "agent:acme:1" not in repr(values)
    assert str(AgentValues().diff(values)) == "+ dagsterCloud.agentTokenValue: (a token)"


REFUSED = [
    (
        lambda: AgentValues(branch_deployments=True),
        "AgentValues has no field 'branch_deployments'",
    ),
    (
        lambda: DagsterCloud(deployment_names=["a"]),
        "DagsterCloud has no field 'deployment_names'; did you mean 'deployments'?",
    ),
    (lambda: DagsterCloud(deployments="prod"), "deployments: must be a list, not text"),
    (lambda: DagsterCloud(deployments=["a", "a"]), "deployments[1]: names 'a' twice; keep one of the two"),
    (
        lambda: DagsterCloud(endpoint="acme"),
        "endpoint: 'acme' is no address; write it in full, such as 'https://ORGANIZATION.agent.dagster.cloud'",
    ),
    (lambda: DagsterCloudAgent(replicas=-1), "replicas: -1 is below 0"),
    (
        lambda: DagsterCloudAgent.without_downtime(replicas=0),
        "replicas: 0 agents serve nothing; write at least 1",
    ),
    (
        lambda: AgentImage(pull_policy="always"),
        "pull_policy: 'always' is none of Always, IfNotPresent, Never; did you mean 'Always'?",
    ),
    (
        lambda: AgentImage(tag=1.10),
        "tag: must be text, not a number, which loses zeros at its end; write '1.1'",
    ),
    (
        lambda: Workspace(run_k8s_config=K8sConfig(merge_behavior="DEEP")),
        "run_k8s_config.merge_behavior: means nothing in the agent's values, the lowest layer; use .without('merge_behavior')",
    ),
    (
        lambda: Workspace(run_k8s_config=ServerK8sConfig()),
        "run_k8s_config: must be a K8sConfig, not ServerK8sConfig",
    ),
    (
        lambda: Workspace(server_k8s_config=K8sConfig(ttl_seconds_after_finished=1)),
        "server_k8s_config.job_spec_config: a code server is no Job and takes no ttl_seconds_after_finished; leave it out with .without(...)",
    ),
    (
        lambda: Workspace(env_secrets=[SecretEnvSource("a", prefix="X_")]),
        "env_secrets[0]: the chart takes no prefix here; write it in env_from of run_k8s_config and server_k8s_config",
    ),
    (
        lambda: DagsterCloud(agent_token_value="a", agent_token_secret_name="b"),
        "agent_token_value: is set beside agent_token_secret_name; keep that",
    ),
    (
        lambda: DagsterCloud(deployment="a", deployments=["b"]),
        "deployment: is set beside deployments; keep these",
    ),
    (
        lambda: Workspace(env_vars=["A"], server_k8s_config=K8sConfig(env={"A": "1"})),
        "server_k8s_config.env: sets 'A', which env_vars sets too; keep one of the two",
    ),
    (
        lambda: DagsterCloud(socket_options=["SOL_SOCKET"]),
        "socket_options: must be a list of lists, such as [[SOL_SOCKET, SO_KEEPALIVE, 1]]",
    ),
    (
        lambda: DagsterCloud(socket_options=[["SOL_SOCKET", True]]),
        "socket_options[0][1]: must be text or a whole number",
    ),
    (lambda: ComputeLogs.by("", "Manager"), "module: is empty"),
    (lambda: AgentImage(tag=True), "tag: must be text"),
    (lambda: AgentValues(image_pull_secrets=[1]), "image_pull_secrets[0]: must be a mapping with a name"),
    (
        lambda: AgentValues(extra_manifests=[{"apiVersion": "v1", "kind": 1}]),
        "extra_manifests[0].kind: must be text",
    ),
    (lambda: ServerK8sConfig({}), "pod: must be a K8sConfig, not dict"),
    (
        lambda: ServerK8sConfig(service_metadata={"name": "code"}),
        "service_metadata.name: Dagster names each Job and pod and says where it goes; leave it out",
    ),
    (
        lambda: Workspace(env_vars={"A": 1}),
        "env_vars.A: must be text, or None for the agent's own value",
    ),
    (lambda: Workspace(env_vars=["A=1", "A=2"]), "env_vars[1]: names 'A' twice; keep one of the two"),
    (
        lambda: Workspace(only_allow_user_defined_k8s_config_fields=["resource"]),
        "only_allow_user_defined_k8s_config_fields: K8sConfig has no field 'resource'; did you mean 'resources'?",
    ),
    (
        lambda: AllowedFields.of("pod_spec_config.hostnetwork"),
        "pod_spec_config has no field 'hostnetwork'; did you mean 'host_network'?",
    ),
    (
        lambda: irsa("dagster"),
        "role_arn: 'dagster' is no role; write its ARN, such as 'arn:aws:iam::123456789012:role/dagster'",
    ),
    (
        lambda: workload_identity("dagster"),
        "google_service_account: 'dagster' is no service account of Google Cloud; write its address, such as 'dagster@project.iam.gserviceaccount.com'",
    ),
    (
        lambda: role("a", service_account="b"),
        "rules: a Role without rules allows nothing; write START_STEPS or others",
    ),
    (lambda: AgentValues().diff({}), "can only be compared with AgentValues, not dict"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_mistakes_in_python_are_refused(make: object, message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        make()  # type: ignore[operator]

    assert str(refusal.value) == message


def test_without_a_word_on_it_the_default_queue_is_served() -> None:
    assert AgentQueues(additional_queues=["gpu"]).serves_default
    assert not AgentQueues(include_default_queue=False).serves_default


def test_a_role_binds_within_its_namespace() -> None:
    allowed, binding = role("steps", *START_STEPS, service_account="code", namespace="data")

    assert allowed["metadata"] == binding["metadata"] == {"name": "steps", "namespace": "data"}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "code", "namespace": "data"}]
    assert allowed["rules"][0]["resources"] == ["jobs"]


def test_a_diff_is_one_line_a_value() -> None:
    old = AgentValues(
        dagster_cloud=DagsterCloud(deployments=["prod"], branch_deployments=False),
        image_pull_secrets=["regcred"],
        workspace=Workspace(
            namespace="code", run_k8s_config=SMALL, env_vars=["A=1", "B=2"], env_secrets=["a", "b"]
        ),
    )
    new = AgentValues(
        dagster_cloud=DagsterCloud(deployments=["prod", "staging"], branch_deployments=True),
        image_pull_secrets=["regcred"],
        workspace=Workspace(
            run_k8s_config=SMALL | K8sConfig(resources=Resources(memory="2Gi")),
            env_vars=["A=1", "B=3"],
            env_secrets=["b", "a"],
        ),
        compute_logs=ComputeLogs.off(),
    )

    changes = old.diff(new)

    assert str(changes).split("\n") == [
        '+ dagsterCloud.deployments.staging: "staging"',
        "~ dagsterCloud.branchDeployments: false -> true",
        '- workspace.namespace: "code"',
        '~ workspace.envVars.B: "B=2" -> "B=3"',
        '~ order of workspace.envSecrets: ["a", "b"] -> ["b", "a"]',
        '~ workspace.runK8sConfig.containerConfig.resources.limits.memory: "1Gi" -> "2Gi"',
        "+ computeLogs.enabled: false",
    ]
    assert len(changes) == len(list(changes)) == 7
    assert str(old.diff(old)) == "no difference"
    assert not old.diff(old)


def values_of(text: str) -> AgentValues:
    return AgentValues.from_yaml(text)


MANIFEST = "extraManifests: [{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {any: %s}}]"
DIFFERENCES = [
    (
        MANIFEST % "one-Two",
        MANIFEST % "three-Four",
        ["~ extraManifests['Secret a'].stringData.any: {} -> {}"],
        "a value of a Secret",
    ),
    (
        "workspace: {envVars: [DB_PASSWORD=one-Two]}",
        "workspace: {envVars: [DB_PASSWORD=three-Four]}",
        ["~ workspace.envVars.DB_PASSWORD: {} -> {}"],
        "a credential, by the name 'DB_PASSWORD'",
    ),
    (
        "computeLogs: {custom: {module: m, class: c, config: {apiKey: one-Two}}}",
        "computeLogs: {custom: {module: m, class: c, config: {apiKey: three-Four}}}",
        ["~ computeLogs.custom.config.apiKey: {} -> {}"],
        "a credential, by the name 'apiKey'",
    ),
    (
        "x-list: [{url: 'https://u:one-Two@h/'}, 1]",
        "x-list: [2, {url: 'https://u:three-Four@h/'}, 1]",
        ['~ x-list[0]: {"url": "{}"} -> 2', "+ x-list[1].url: {}"],
        "a URL with a password",
    ),
]


@pytest.mark.parametrize(("old", "new", "lines", "kind"), DIFFERENCES, ids=[row[3] for row in DIFFERENCES])
def test_a_diff_shows_no_credential(old: str, new: str, lines: list[str], kind: str) -> None:
    changes = values_of(old).diff(values_of(new))

    assert "one-Two" not in repr(list(changes)) + repr([(change.old, change.new) for change in changes])
    assert "three-Four" not in repr(changes) + str(changes)
    assert str(changes).split("\n") == [line.replace("{}", f"({kind})") for line in lines]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            "workspace: {resources: {limits: {cpu: 1, memory: 1Gi}}}",
            "workspace: {resources: {limits: {cpu: 1000m, memory: 1024Mi}}}",
            "no difference",
        ),
        ("x-limits: {cpu: 1}", "x-limits: {cpu: 1000m}", '~ x-limits.cpu: 1 -> "1000m"'),
        ("x-number: .nan", "x-number: .NaN", "no difference"),
        ("x-number: .nan", "x-number: 1", "~ x-number: NaN -> 1"),
        ("x-a: 1", "x-a: true", "~ x-a: 1 -> true"),
        (
            "dagsterCloudAgent: {tolerations: [{key: a, operator: Exists}, {key: b, operator: Exists}]}",
            "dagsterCloudAgent: {tolerations: [{operator: Exists}, {key: a, operator: Exists}, {key: b, operator: Exists}]}",
            '+ dagsterCloudAgent.tolerations[0].operator: "Exists"',
        ),
        (
            "dagsterCloudAgent: {tolerations: [{key: a, operator: Exists}, {key: b, operator: Exists}]}",
            "dagsterCloudAgent: {tolerations: [{key: b, operator: Exists, effect: NoExecute}]}",
            '~ dagsterCloudAgent.tolerations[0].key: "a" -> "b"\n'
            '+ dagsterCloudAgent.tolerations[0].effect: "NoExecute"\n'
            '- dagsterCloudAgent.tolerations[1].key: "b"\n'
            '- dagsterCloudAgent.tolerations[1].operator: "Exists"',
        ),
        (
            "extraManifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: y}}]",
            "extraManifests: [{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}},"
            " {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: z}}]",
            '~ extraManifests[\'ConfigMap a\'].data.x: "y" -> "z"\n'
            "+ extraManifests['ServiceAccount a'].apiVersion: \"v1\"\n"
            "+ extraManifests['ServiceAccount a'].kind: \"ServiceAccount\"\n"
            "+ extraManifests['ServiceAccount a'].metadata.name: \"a\"",
        ),
    ],
)
def test_a_diff_has_only_what_is_different(old: str, new: str, lines: str) -> None:
    assert str(values_of(old).diff(values_of(new))) == lines
