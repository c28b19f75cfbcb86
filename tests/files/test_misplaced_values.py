"""Keys of values in the wrong section: what to write instead does what was meant, for the pods that were meant."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers.files.checks.values.check import check_values_file

MISPLACED = [
    (
        "workspace: {nodeSelector: {a: b}}",
        "there is no key 'nodeSelector' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {nodeSelector: ...}}",
    ),
    (
        "workspace: {node_selector: {a: b}}",
        "there is no key 'node_selector' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {nodeSelector: ...}}",
    ),
    (
        "workspace: {tolerations: []}",
        "there is no key 'tolerations' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {tolerations: ...}}",
    ),
    (
        "workspace: {affinity: {}}",
        "there is no key 'affinity' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {affinity: ...}}",
    ),
    (
        "workspace: {priorityClassName: high}",
        "there is no key 'priorityClassName' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {priorityClassName: ...}}",
    ),
    (
        "workspace: {hostNetwork: true}",
        "there is no key 'hostNetwork' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {hostNetwork: ...}}",
    ),
    (
        "workspace: {lifecycle: {}}",
        "there is no key 'lifecycle' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {containerConfig: {lifecycle: ...}}",
    ),
    (
        "workspace: {annotations: {a: b}}",
        "there is no key 'annotations' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {podTemplateSpecMetadata: {annotations: ...}}",
    ),
    (
        "workspace: {containerConfig: {}}",
        "there is no key 'containerConfig' in workspace",
        "write workspace.runK8sConfig or serverK8sConfig: {containerConfig: ...}",
    ),
    (
        "workspace: {jobSpecConfig: {}}",
        "there is no key 'jobSpecConfig' in workspace",
        "write workspace.runK8sConfig: {jobSpecConfig: ...}",
    ),
    (
        "workspace: {ttlSecondsAfterFinished: 60}",
        "there is no key 'ttlSecondsAfterFinished' in workspace",
        "write workspace.runK8sConfig: {jobSpecConfig: {ttlSecondsAfterFinished: ...}}",
    ),
    (
        "workspace: {serviceMetadata: {}}",
        "there is no key 'serviceMetadata' in workspace",
        "write workspace.serverK8sConfig: {serviceMetadata: ...}",
    ),
    ("workspace: {env: []}", "there is no key 'env' in workspace", "write workspace.envVars: [NAME=value]"),
    (
        "workspace: {envFrom: []}",
        "there is no key 'envFrom' in workspace",
        "write workspace.envSecrets or workspace.envConfigMaps",
    ),
    (
        "workspace: {imagePullPolicy: Always}",
        "there is no key 'imagePullPolicy' in workspace",
        "write workspace.pullPolicy",
    ),
    (
        "workspace: {imagePullSecrets: []}",
        "there is no key 'imagePullSecrets' in workspace",
        "write imagePullSecrets one level up",
    ),
    (
        "workspace: {deployments: []}",
        "there is no key 'deployments' in workspace",
        "write dagsterCloud.deployments",
    ),
    (
        "dagsterCloudAgent: {serviceAccountName: a}",
        "there is no key 'serviceAccountName' in dagsterCloudAgent",
        "write serviceAccount.name",
    ),
    (
        "dagsterCloudAgent: {envVars: []}",
        "there is no key 'envVars' in dagsterCloudAgent",
        "write dagsterCloudAgent.env: {NAME: value}",
    ),
    (
        "dagsterCloudAgent: {envSecrets: []}",
        "there is no key 'envSecrets' in dagsterCloudAgent",
        "write dagsterCloudAgent.envFrom: [{secretRef: {name: ...}}]",
    ),
    (
        "dagsterCloudAgent: {envConfigMaps: []}",
        "there is no key 'envConfigMaps' in dagsterCloudAgent",
        "write dagsterCloudAgent.envFrom: [{configMapRef: {name: ...}}]",
    ),
    (
        "dagsterCloudAgent: {imagePullPolicy: Always}",
        "there is no key 'imagePullPolicy' in dagsterCloudAgent",
        "write dagsterCloudAgent.image.pullPolicy",
    ),
    (
        "dagsterCloudAgent: {agentQueues: {}}",
        "there is no key 'agentQueues' in dagsterCloudAgent",
        "write dagsterCloud.agentQueues",
    ),
    (
        "dagsterCloudAgent: {serverTTL: {}}",
        "there is no key 'serverTTL' in dagsterCloudAgent",
        "write workspace.serverTTL",
    ),
    (
        "dagsterCloudAgent: {serviceAccount: {name: a}}",
        "there is no key 'serviceAccount' in dagsterCloudAgent",
        "write serviceAccount one level up",
    ),
    (
        "dagsterCloudAgent: {computeLogs: {}}",
        "there is no key 'computeLogs' in dagsterCloudAgent",
        "write computeLogs one level up",
    ),
    (
        "dagsterCloud: {isolatedAgents: {}}",
        "there is no key 'isolatedAgents' in dagsterCloud",
        "write isolatedAgents one level up",
    ),
    (
        "dagsterCloudAgent: {image: {imagePullSecrets: []}}",
        "there is no key 'imagePullSecrets' in dagsterCloudAgent.image",
        "write imagePullSecrets at the top of the file",
    ),
    (
        "workspace: {kubeconfigFile: /a}",
        "there is no key 'kubeconfigFile' in workspace",
        "write dagsterCloudAgent.kubeconfigFile",
    ),
    (
        "branchDeployments: true",
        "there is no key 'branchDeployments' at the top",
        "write dagsterCloud.branchDeployments",
    ),
    (
        "nodeSelector: {}",
        "there is no key 'nodeSelector' at the top",
        "write dagsterCloudAgent.nodeSelector for the agent, or workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {nodeSelector: ...}} for your code",
    ),
    (
        "env: {}",
        "there is no key 'env' at the top",
        "write dagsterCloudAgent.env for the agent, or workspace.envVars: [NAME=value] for your code",
    ),
    (
        "resources: {}",
        "there is no key 'resources' at the top",
        "write dagsterCloudAgent.resources for the agent, or workspace.resources for your code",
    ),
    (
        "serviceAccountName: a",
        "there is no key 'serviceAccountName' at the top",
        "write serviceAccount.name for the agent, or workspace.serviceAccountName for your code",
    ),
    (
        "annotations: {}",
        "there is no key 'annotations' at the top",
        "write serviceAccount.annotations, or dagsterCloudAgent.annotations for the agent, or workspace.runK8sConfig or serverK8sConfig: {podTemplateSpecMetadata: {annotations: ...}} for your code",
    ),
    ("namespace: a", "there is no key 'namespace' at the top", "write workspace.namespace"),
    (
        "dagsterCloud: {tolerations: []}",
        "there is no key 'tolerations' in dagsterCloud",
        "write dagsterCloudAgent.tolerations for the agent, or workspace.runK8sConfig or serverK8sConfig: {podSpecConfig: {tolerations: ...}} for your code",
    ),
]


OF_THE_OTHER_CHART = [
    ("runLauncher: {config: {k8sRunLauncher: {}}}", "write what runs need in workspace"),
    (
        "runLauncher: {config: {k8sRunLauncher: {imagePullPolicy: Always, jobNamespace: a, envVars: []}}}",
        "write workspace.pullPolicy, workspace.namespace",
    ),
    ("k8sRunLauncher: {runK8sConfig: {a: b}}", "write workspace.runK8sConfig"),
    ("workspace: {k8sRunLauncher: {envVars: [A=b]}}", "write workspace.envVars"),
    ("dagsterWebserver: {}", "delete it; Dagster+ does what it is for"),
    ("dagsterDaemon: {}", "delete it; Dagster+ does what it is for"),
    ("postgresql: {enabled: true}", "delete it; Dagster+ does what it is for"),
    ("dagster-user-deployments: {}", "write a location in dagster_cloud.yaml for each of them"),
    (
        "computeLogManager: {}",
        "write computeLogs: {enabled: true, custom: {module: ..., class: ..., config: ...}}",
    ),
]


@pytest.mark.parametrize(("text", "fix"), OF_THE_OTHER_CHART)
def test_a_block_of_the_other_chart_is_sent_to_what_the_agent_has_for_it(text: str, fix: str) -> None:
    (finding,) = check_values_file(text + "\n", "values.yaml")[1]

    assert (finding.code, finding.fix) == ("DPK214", fix)
    assert "is a block of the chart dagster and not of the agent's" in finding.message


@pytest.mark.parametrize(("text", "message", "fix"), MISPLACED)
def test_what_to_write_is_for_the_pods_that_were_meant(text: str, message: str, fix: str) -> None:
    _, findings = check_values_file(text + "\n", "values.yaml")

    assert [(finding.code, finding.message, finding.fix) for finding in findings] == [
        ("DPK205", message, fix)
    ]


@pytest.mark.parametrize(
    "field", ["priorityClassName", "terminationGracePeriodSeconds", "topologySpreadConstraints"]
)
def test_a_field_of_the_agents_pod_that_a_newer_chart_may_read_is_a_notice(field: str) -> None:
    (finding,) = check_values_file(f"dagsterCloudAgent: {{{field}: null}}\n", "values.yaml")[1]

    assert (finding.code, finding.severity.value) == ("DPK102", "notice")
    assert finding.message.startswith("neither the chart ")
    assert finding.fix == (
        f"write dagsterCloudAgent.additionalPodSpecConfig: {{{field}: ...}}, which this chart reads"
    )


@pytest.mark.parametrize(
    "text",
    [
        "workspace: {replicas: 2}",
        "workspace: {image: a}",
        "workspace: {deploymentStrategy: {}}",
        "workspace: {name: a}",
        "dagsterCloudAgent: {namespace: a}",
        "dagsterCloudAgent: {containerConfig: {}}",
        "enabled: true",
    ],
)
def test_a_key_that_only_the_other_pods_have_is_not_sent_there(text: str) -> None:
    _, findings = check_values_file(text + "\n", "values.yaml")

    assert [finding.code for finding in findings] == ["DPK102"]


@pytest.mark.parametrize(
    "text",
    [
        "workspace: {runK8sConfig: {podSpecConfig: {nodeSelector: {a: b}}}}",
        "workspace: {serverK8sConfig: {podSpecConfig: {priorityClassName: high, hostNetwork: true}}}",
        "workspace: {serverK8sConfig: {containerConfig: {lifecycle: {}}}}",
        "workspace: {runK8sConfig: {podTemplateSpecMetadata: {annotations: {a: b}}}}",
        "workspace: {runK8sConfig: {jobSpecConfig: {ttlSecondsAfterFinished: 60}}}",
        "workspace: {serverK8sConfig: {serviceMetadata: {}}}",
        "workspace: {envVars: [NAME=value]}",
        "dagsterCloudAgent: {env: {NAME: value}}",
        "dagsterCloudAgent: {envFrom: [{secretRef: {name: a}}, {configMapRef: {name: a}}]}",
        "dagsterCloudAgent: {additionalPodSpecConfig: {priorityClassName: high}}",
        "dagsterCloudAgent: {image: {pullPolicy: Always}}",
        "serviceAccount: {name: a}",
    ],
)
def test_what_is_advised_is_taken(text: str) -> None:
    assert check_values_file(text + "\n", "values.yaml")[1] == []
