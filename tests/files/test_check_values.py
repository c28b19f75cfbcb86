"""Every mistake in values that is found, with its place, its message and what to write."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from dagster_plus_k8s_helpers import AgentValues
from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.files.checks.values.check import check_values_file

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Rule

MISTAKES: list[tuple[str, str, list[str]]] = [
    (
        "a key misspelt",
        "dagsterCloud:\n  branchDeployment: true\n",
        [
            "values.yaml:2:3 dagsterCloud.branchDeployment: error DPK101: there is no key 'branchDeployment' here; did you mean 'branchDeployments'?; write 'branchDeployments'",
        ],
    ),
    (
        "a key misspelt at the top",
        "dagsterCloudAgnt: {}\n",
        [
            "values.yaml:1:1 dagsterCloudAgnt: error DPK101: there is no key 'dagsterCloudAgnt' here; did you mean 'dagsterCloudAgent'?; write 'dagsterCloudAgent'",
        ],
    ),
    (
        "snake_case",
        "workspace:\n  server_ttl: {}\n",
        [
            "values.yaml:2:3 workspace.server_ttl: error DPK103: this file does not spell the key 'server_ttl'; write 'serverTTL'",
        ],
    ),
    (
        "snake_case and misspelt",
        "workspace:\n  runs_k8s_config: {}\n",
        [
            "values.yaml:2:3 workspace.runs_k8s_config: error DPK101: there is no key 'runs_k8s_config' here; did you mean 'runK8sConfig'?; write 'runK8sConfig'",
        ],
    ),
    (
        "snake_case in a Kubernetes object",
        "dagsterCloudAgent:\n  readinessProbe:\n    failure_threshold: 3\n",
        [
            "values.yaml:3:5 dagsterCloudAgent.readinessProbe.failure_threshold: error DPK103: this file does not spell the key 'failure_threshold'; write 'failureThreshold'",
        ],
    ),
    (
        "snake_case in a list of Kubernetes objects",
        "workspace:\n  volumes:\n    - name: ca\n      config_map:\n        name: ca\n",
        [
            "values.yaml:4:7 workspace.volumes[0].config_map: error DPK103: this file does not spell the key 'config_map'; write 'configMap'",
        ],
    ),
    (
        "snake_case in a pod config",
        "workspace:\n  runK8sConfig:\n    podSpecConfig:\n      node_selector: {disk: ssd}\n",
        [
            "values.yaml:4:7 workspace.runK8sConfig.podSpecConfig.node_selector: error DPK103: this file does not spell the key 'node_selector'; write 'nodeSelector'",
        ],
    ),
    (
        "snake_case for a section of a pod config",
        "workspace:\n  runK8sConfig:\n    container_config: {}\n",
        [
            "values.yaml:3:5 workspace.runK8sConfig.container_config: error DPK103: this file does not spell the key 'container_config'; write 'containerConfig'",
        ],
    ),
    (
        "both spellings",
        "dagsterCloud:\n  agent_label: a\n  agentLabel: b\n",
        [
            "values.yaml:2:3 dagsterCloud.agent_label: error DPK104: 'agent_label' and 'agentLabel' are one key in two spellings; keep 'agentLabel'",
        ],
    ),
    (
        "both spellings in a Kubernetes object",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      volumeMounts: []\n      volume_mounts: []\n",
        [
            "values.yaml:5:7 workspace.runK8sConfig.containerConfig.volume_mounts: error DPK104: 'volume_mounts' and 'volumeMounts' are one key in two spellings; keep 'volumeMounts'",
        ],
    ),
    (
        "a key nobody knows",
        "dagsterCloud:\n  zebra: 1\n",
        [
            "values.yaml:2:3 dagsterCloud.zebra: notice DPK102: neither the chart 1.8.13 nor the agent 1.13.27 is known to read the key 'zebra' here; delete the key, or make sure that your version of the chart reads it",
        ],
    ),
    (
        "a key that is no text",
        "dagsterCloud:\n  2: a\n  yes: b\n  ~: c\n",
        [
            "values.yaml:2:3 dagsterCloud.2: error DPK105: the key 2 is not text; write it as '2'",
            "values.yaml:3:3 dagsterCloud.yes: error DPK105: the key yes is not text; write it as 'yes'",
            "values.yaml:4:3 dagsterCloud['~']: error DPK105: the key ~ is not text; write it as '~'",
        ],
    ),
    (
        "wrong values below a key misspelt",
        "workspce:\n  envVars: 1\n  resources: {limits: {cpu: 1Mi}}\n",
        [
            "values.yaml:1:1 workspce: error DPK101: there is no key 'workspce' here; did you mean 'workspace'?; write 'workspace'",
            "values.yaml:2:12 workspce.envVars: error DPK201: must be a list, not a number; write a list, even of one item",
            "values.yaml:3:29 workspce.resources.limits.cpu: error DPK201: 1Mi of CPU is 1,048,576 cores; did you mean '1m'?; write '1m'",
        ],
    ),
    (
        "labels, all of them",
        "workspace:\n  labels: {a: '!', b: fine, c d: x}\ndagsterCloudAgent:\n  annotations: {'a b': x, 'c d': y}\n",
        [
            "values.yaml:2:15 workspace.labels.a: error DPK201: the value of label 'a', '!', must be empty or at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', and start and end with a letter or digit; longer text belongs in an annotation; write a value that Kubernetes and Dagster take",
            "values.yaml:2:34 workspace.labels['c d']: error DPK201: label key 'c d': the name must be at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', and start and end with a letter or digit; write a value that Kubernetes and Dagster take",
            "values.yaml:4:24 dagsterCloudAgent.annotations['a b']: error DPK201: annotation key 'a b': the name must be at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', and start and end with a letter or digit; write a value that Kubernetes and Dagster take",
            "values.yaml:4:34 dagsterCloudAgent.annotations['c d']: error DPK201: annotation key 'c d': the name must be at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', and start and end with a letter or digit; write a value that Kubernetes and Dagster take",
        ],
    ),
    (
        "variables of the agent, all of them",
        "dagsterCloudAgent:\n  env: {'': x, é: y, A: 1, B: fine}\n",
        [
            "values.yaml:2:13 dagsterCloudAgent.env['']: error DPK201: '' cannot name an environment variable; use printable ASCII without '='",
            "values.yaml:2:19 dagsterCloudAgent.env.é: error DPK201: 'é' cannot name an environment variable; use printable ASCII without '='",
            "values.yaml:2:25 dagsterCloudAgent.env.A: error DPK201: must be text, not a number; put it in quotation marks",
        ],
    ),
    (
        "a log manager with a key misspelt",
        "computeLogs:\n  custom: {modul: m, class: M, config: {}}\n",
        [
            "values.yaml:2:12 computeLogs.custom.modul: error DPK101: there is no key 'modul' here; did you mean 'module'?; write 'module'",
        ],
    ),
    (
        "CPU in mebibytes",
        "dagsterCloudAgent:\n  resources: {limits: {cpu: 500Mi, memory: 500Mi}, requests: {cpu: 500mi}}\n",
        [
            "values.yaml:2:29 dagsterCloudAgent.resources.limits.cpu: error DPK201: 500Mi of CPU is 524,288,000 cores; did you mean '500m'?; write '500m'",
            "values.yaml:2:68 dagsterCloudAgent.resources.requests.cpu: error DPK202: '500mi' is not a Kubernetes quantity; write '500m'",
        ],
    ),
    (
        "a key of another section",
        "replicas: 2\n",
        [
            "values.yaml:1:1 replicas: error DPK205: there is no key 'replicas' at the top; write dagsterCloudAgent.replicas",
        ],
    ),
    (
        "a key of another section, one level too deep",
        "workspace:\n  imagePullSecrets: []\n",
        [
            "values.yaml:2:3 workspace.imagePullSecrets: error DPK205: there is no key 'imagePullSecrets' in workspace; write imagePullSecrets one level up",
        ],
    ),
    (
        "a field misspelt in a Kubernetes object",
        "dagsterCloudAgent:\n  tolerations:\n    - key: gpu\n      operatr: Exists\n",
        [
            "values.yaml:4:7 dagsterCloudAgent.tolerations[0].operatr: error DPK101: Toleration has no field 'operatr'; did you mean 'operator'?; write 'operator'",
        ],
    ),
    (
        "a field misspelt in a pod config",
        "workspace:\n  serverK8sConfig:\n    podSpecConfig:\n      nodeSelectr: {}\n",
        [
            "values.yaml:4:7 workspace.serverK8sConfig.podSpecConfig.nodeSelectr: error DPK101: PodSpec has no field 'nodeSelectr'; did you mean 'nodeSelector'?; write 'nodeSelector'",
        ],
    ),
    (
        "a field nobody knows in a Kubernetes object",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      zebra: 1\n",
        [
            "values.yaml:4:7 workspace.runK8sConfig.containerConfig.zebra: error DPK204: Container has no field 'zebra'; delete it, or write the field that was meant",
        ],
    ),
    (
        "a field of another section of a pod config",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      nodeSelector: {}\n",
        [
            "values.yaml:4:7 workspace.runK8sConfig.containerConfig.nodeSelector: error DPK204: Container has no field 'nodeSelector'; move it to podSpecConfig",
        ],
    ),
    (
        "a field one level too far out",
        "workspace:\n  runK8sConfig:\n    resources: {limits: {cpu: 1}}\n",
        [
            "values.yaml:3:5 workspace.runK8sConfig.resources: error DPK205: 'resources' belongs one level further in; write containerConfig: {resources: ...}",
        ],
    ),
    (
        "a section that a run has not",
        "workspace:\n  runK8sConfig:\n    serviceMetadata: {}\n",
        [
            "values.yaml:3:5 workspace.runK8sConfig.serviceMetadata: error DPK204: a run has no Deployment and no Service and takes no serviceMetadata; delete it",
        ],
    ),
    (
        "a section that a code server has not",
        "workspace:\n  serverK8sConfig:\n    jobSpecConfig: {}\n",
        [
            "values.yaml:3:5 workspace.serverK8sConfig.jobSpecConfig: error DPK204: a code server is no Job and takes no jobSpecConfig; delete it",
        ],
    ),
    (
        "a section nobody knows",
        "workspace:\n  runK8sConfig:\n    zebra: {}\n",
        [
            "values.yaml:3:5 workspace.runK8sConfig.zebra: notice DPK102: neither the chart 1.8.13 nor the agent 1.13.27 is known to read the key 'zebra' here; delete the key, or make sure that your version of the chart reads it",
        ],
    ),
    (
        "blocks of the chart that is not the agent's",
        "dagsterDaemon: {}\nrunLauncher: {config: {k8sRunLauncher: {envSecrets: [{name: a}], volumes: []}}}\n",
        [
            "values.yaml:1:1 dagsterDaemon: error DPK214: 'dagsterDaemon' is a block of the chart dagster and not of the agent's; delete it; Dagster+ does what it is for",
            "values.yaml:2:1 runLauncher: error DPK214: 'runLauncher' is a block of the chart dagster and not of the agent's; write workspace.envSecrets",
        ],
    ),
    (
        "a section misspelt",
        "workspace:\n  runK8sConfig:\n    containerConfigs: {}\n",
        [
            "values.yaml:3:5 workspace.runK8sConfig.containerConfigs: error DPK101: there is no key 'containerConfigs' here; did you mean 'containerConfig'?; write 'containerConfig'",
        ],
    ),
    (
        "a switch without enabled",
        "isolatedAgents: true\n",
        [
            "values.yaml:1:17 isolatedAgents: error DPK201: must be a mapping, not true or false; write isolatedAgents: {enabled: true}",
        ],
    ),
    (
        "a number for a switch",
        "agentReplicas: 2\nagentMetrics: off\n",
        [
            "values.yaml:1:16 agentReplicas: error DPK201: must be a mapping, not a number; write dagsterCloudAgent: {replicas: 2}",
            "values.yaml:2:15 agentMetrics: error DPK201: must be a mapping, not true or false; write agentMetrics: {enabled: false}",
        ],
    ),
    (
        "text for a mapping",
        "computeLogs: {custom: x}\ndagsterCloudAgent: {image: repo:tag}\nworkspace: {resources: x}\n",
        [
            "values.yaml:1:23 computeLogs.custom: error DPK201: must be a mapping, not text; write custom: {module: ..., class: ..., config: {}}",
            "values.yaml:2:28 dagsterCloudAgent.image: error DPK201: must be a mapping, not text; write image: {repository: ..., tag: ...}",
            "values.yaml:3:24 workspace.resources: error DPK201: must be a mapping of ResourceRequirements fields, not text; write a mapping",
        ],
    ),
    (
        "null for text",
        "computeLogs: {custom: {module: m, class: null, config: {}}}\n",
        [
            "values.yaml:1:42 computeLogs.custom.class: error DPK201: must be text, not null; write text",
        ],
    ),
    (
        "names instead of objects",
        "imagePullSecrets: [regcred]\n",
        [
            "values.yaml:1:20 imagePullSecrets[0]: error DPK201: must be a mapping with a name; write {name: regcred}",
        ],
    ),
    (
        "names instead of objects for Secrets",
        "workspace:\n  envSecrets: [warehouse]\n",
        [
            "values.yaml:2:16 workspace.envSecrets[0]: error DPK201: must be a mapping with a name; write {name: warehouse}",
        ],
    ),
    (
        "a Secret without a name",
        "workspace:\n  envSecrets: [{optional: true}]\n",
        [
            "values.yaml:2:16 workspace.envSecrets[0].name: error DPK201: is missing; write it",
        ],
    ),
    (
        "a Secret with another key",
        "workspace:\n  envSecrets: [{name: a, key: b}]\n",
        [
            "values.yaml:2:31 workspace.envSecrets[0].key: error DPK201: is not known here, where name and optional are; delete it",
        ],
    ),
    (
        "text instead of a list",
        "dagsterCloud:\n  deployments: prod\n",
        [
            "values.yaml:2:16 dagsterCloud.deployments: error DPK201: must be a list, not text; write a list, even of one item",
        ],
    ),
    (
        "text instead of a number",
        "dagsterCloudAgent:\n  replicas: '2'\n",
        [
            "values.yaml:2:13 dagsterCloudAgent.replicas: error DPK201: must be a whole number, not text; write a number, without quotation marks",
        ],
    ),
    (
        "a number instead of text",
        "workspace:\n  namespace: 1\n",
        [
            "values.yaml:2:14 workspace.namespace: error DPK201: must be text, not a number; put it in quotation marks",
        ],
    ),
    (
        "text instead of true",
        "dagsterCloud:\n  branchDeployments: 'true'\n",
        [
            "values.yaml:2:22 dagsterCloud.branchDeployments: error DPK201: must be true or false, not text; write true or false, without quotation marks",
        ],
    ),
    (
        "a list instead of a mapping",
        "workspace: []\n",
        [
            "values.yaml:1:12 workspace: error DPK201: must be a mapping, not a list; write a mapping",
        ],
    ),
    (
        "a number instead of text in a list",
        "workspace:\n  envVars: [1]\n",
        [
            "values.yaml:2:13 workspace.envVars[0]: error DPK201: must be text, not a number; put it in quotation marks",
        ],
    ),
    (
        "a truth value in labels",
        "workspace:\n  labels: {spot: true}\n",
        [
            "values.yaml:2:18 workspace.labels.spot: error DPK201: must be text, not true or false; write 'true'",
        ],
    ),
    (
        "a number in env",
        "dagsterCloudAgent:\n  env: {LEVEL: 1}\n",
        [
            "values.yaml:2:16 dagsterCloudAgent.env.LEVEL: error DPK201: must be text, not a number; put it in quotation marks",
        ],
    ),
    (
        "null for what the chart needs",
        "dagsterCloudAgent:\n  resources:\n",
        [
            "values.yaml:2:13 dagsterCloudAgent.resources: error DPK201: must not be null, which takes the chart's own value away; leave the key out",
        ],
    ),
    (
        "null in a Kubernetes object",
        "workspace:\n  resources: {limits: null}\n",
        [
            "values.yaml:2:23 workspace.resources.limits: error DPK201: is null, which does not unset what a lower layer says; leave it out",
        ],
    ),
    (
        "a negative number",
        "dagsterCloudAgent:\n  replicas: -1\n",
        [
            "values.yaml:2:13 dagsterCloudAgent.replicas: error DPK201: -1 is below 0; write a number within the bounds",
        ],
    ),
    (
        "a tag read as a number",
        "dagsterCloudAgent:\n  image: {tag: 1.10}\n",
        [
            "values.yaml:2:16 dagsterCloudAgent.image.tag: error DPK201: must be text, not a number, which loses zeros at its end; write '1.10'",
        ],
    ),
    (
        "a word of several",
        "workspace:\n  pullPolicy: always\n",
        [
            "values.yaml:2:15 workspace.pullPolicy: error DPK201: 'always' is none of Always, IfNotPresent, Never; did you mean 'Always'?; write 'Always'",
        ],
    ),
    (
        "a word of several in a Kubernetes object",
        "workspace:\n  runK8sConfig:\n    containerConfig: {imagePullPolicy: always}\n",
        [
            "values.yaml:3:40 workspace.runK8sConfig.containerConfig.imagePullPolicy: error DPK201: 'always' is none of Always, IfNotPresent, Never; did you mean 'Always'?; write 'Always'",
        ],
    ),
    (
        "a name that Kubernetes refuses",
        "workspace:\n  serviceAccountName: My_Account\n",
        [
            "values.yaml:2:23 workspace.serviceAccountName: error DPK201: 'My_Account' must be at most 253 of a-z, 0-9, '-' and '.', and start and end with a letter or digit; write 'my-account', in lower case and without underscores",
        ],
    ),
    (
        "a quantity that Kubernetes refuses",
        "dagsterCloudAgent:\n  resources:\n    limits: {memory: 4GB}\n",
        [
            "values.yaml:3:22 dagsterCloudAgent.resources.limits.memory: error DPK202: '4GB' is not a Kubernetes quantity; write '4Gi' or '4G' (a number, optionally with one of the suffixes n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent such as 1e3)",
        ],
    ),
    (
        "quantities that Kubernetes refuses",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      resources:\n        requests: {cpu: 1x}\n        limits: {cpu: 2, memory: 500m}\n",
        [
            "values.yaml:5:25 workspace.runK8sConfig.containerConfig.resources.requests.cpu: error DPK202: '1x' is not a Kubernetes quantity; write a number, optionally with one of the suffixes n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent such as 1e3",
            "values.yaml:6:34 workspace.runK8sConfig.containerConfig.resources.limits.memory: error DPK201: 500m is 0.5 bytes (m is a thousandth), less than the 4Mi any container needs; did you mean '500Mi'?; write '500Mi'",
        ],
    ),
    (
        "a request above its limit",
        "workspace:\n  resources:\n    requests: {cpu: 2}\n    limits: {cpu: 1}\n",
        [
            "values.yaml:3:21 workspace.resources.requests.cpu: error DPK201: the request 2 is above the limit 1; write a limit that is not below the request",
        ],
    ),
    (
        "resources without a side",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      resources: {cpu: 100m, memory: 128Mi}\n",
        [
            "values.yaml:4:19 workspace.runK8sConfig.containerConfig.resources.cpu: error DPK203: 'cpu' stands in resources itself, where Kubernetes has limits and requests only; write limits: {cpu: ...}",
            "values.yaml:4:30 workspace.runK8sConfig.containerConfig.resources.memory: error DPK203: 'memory' stands in resources itself, where Kubernetes has limits and requests only; write limits: {memory: ...}",
        ],
    ),
    (
        "resources without a side, the agent's",
        "dagsterCloudAgent:\n  resources: {cpu: 100m}\n",
        [
            "values.yaml:2:15 dagsterCloudAgent.resources.cpu: error DPK203: 'cpu' stands in resources itself, where Kubernetes has limits and requests only; write limits: {cpu: ...}",
        ],
    ),
    (
        "a token value and a Secret",
        "dagsterCloud:\n  agentTokenValue: agent:acme:1\n  agentTokenSecretName: token\n",
        [
            "values.yaml:2:20 dagsterCloud.agentTokenValue: error DPK206: agentTokenValue and agentTokenSecretName are both set; keep agentTokenSecretName and delete agentTokenValue",
        ],
    ),
    (
        "a token value",
        "dagsterCloud:\n  agentTokenValue: agent:acme:1\n",
        [
            "values.yaml:2:20 dagsterCloud.agentTokenValue: warning DPK207: the agent token stands in the file; put the token into a Secret and name that in agentTokenSecretName",
        ],
    ),
    (
        "a token value in a token's form",
        "dagsterCloud:\n  agentTokenValue: agent:acme:0123456789abcdef0123456789abcdef\n",
        [
            "values.yaml:2:20 dagsterCloud.agentTokenValue: error DPK012: this looks like a Dagster+ token; put it into a Kubernetes Secret, and name that here",
        ],
    ),
    (
        "literal credentials",
        "dagsterCloudAgent:\n  env: {DB_PASSWORD: hunter22, LEVEL: info}\nworkspace:\n  envVars: [API_TOKEN=x1y2]\n"
        "  runK8sConfig:\n    containerConfig:\n      env: [{name: A, value: AKIAIOSFODNN7EXAMPLE}]\n",
        [
            "values.yaml:2:22 dagsterCloudAgent.env.DB_PASSWORD: error DPK012: this looks like a credential, by the name 'DB_PASSWORD'; put it into a Kubernetes Secret, and name that here",
            "values.yaml:4:13 workspace.envVars[0]: error DPK012: this looks like a credential, by the name 'API_TOKEN'; put it into a Kubernetes Secret, and name that here",
            "values.yaml:7:30 workspace.runK8sConfig.containerConfig.env[0].value: error DPK012: this looks like an AWS access key id; put it into a Kubernetes Secret, and name that here",
        ],
    ),
    (
        "two keys for deployments",
        "dagsterCloud:\n  deployment: prod\n  deployments: [prod]\n",
        [
            "values.yaml:2:15 dagsterCloud.deployment: error DPK208: deployment and deployments are both set; keep deployments, and delete deployment",
        ],
    ),
    (
        "a deployment twice",
        "dagsterCloud:\n  deployments: [prod, prod]\n",
        [
            "values.yaml:2:23 dagsterCloud.deployments[1]: error DPK201: names 'prod' twice, first on line 2; keep one of the two",
        ],
    ),
    (
        "an env var twice",
        "workspace:\n  envVars:\n    - LEVEL=1\n    - REGION=eu\n    - LEVEL=2\n",
        [
            "values.yaml:5:7 workspace.envVars[2]: error DPK209: the environment variable 'LEVEL' is set twice; line 3 sets it too; keep one of the two",
        ],
    ),
    (
        "an env var twice in a pod config",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      env:\n        - {name: A, value: x}\n        - {name: A, value: y}\n",
        [
            "values.yaml:6:11 workspace.runK8sConfig.containerConfig.env[1]: error DPK209: names 'A' twice, first on line 5; keep one of the two",
        ],
    ),
    (
        "an env var in two places",
        "workspace:\n  envVars: [A=1]\n  serverK8sConfig:\n    containerConfig:\n      env: [{name: A, value: x}]\n",
        [
            "values.yaml:5:13 workspace.serverK8sConfig.containerConfig.env[0]: error DPK209: the environment variable 'A' is set twice; envVars sets it too, in line 2; keep one of the two",
        ],
    ),
    (
        "an env var without a value",
        "workspace:\n  envVars: [LEVEL]\n",
        [
            "values.yaml:2:13 workspace.envVars[0]: error DPK210: 'LEVEL' has no value here and is read from the agent's environment; write LEVEL=value, or set LEVEL in dagsterCloudAgent.env or envFrom",
        ],
    ),
    (
        "an env var with a name only in a pod config",
        "workspace:\n  serverK8sConfig:\n    containerConfig:\n      env: [{name: A}, {name: B, value: ''}]\n",
        [
            "values.yaml:4:13 workspace.serverK8sConfig.containerConfig.env[0]: warning DPK210: 'A' has neither a value nor a valueFrom and is set to empty text; write its value; where empty text is meant, value: \"\"",
        ],
    ),
    (
        "an amount that hides no other",
        "workspace:\n  runK8sConfig:\n    containerConfig:\n      resources:\n        limits: {cpu: 4GB, memory: 512m, nvidia.com/gpu: 0.5, ephemeral-storage: 1Gi}\n        requests: {memory: 1GB, nvidia.com/gpu: 1, ephemeral-storage: 2Gi}\n",
        [
            "values.yaml:5:23 workspace.runK8sConfig.containerConfig.resources.limits.cpu: error DPK202: '4GB' is not a Kubernetes quantity; write '4Gi' or '4G' (a number, optionally with one of the suffixes n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent such as 1e3)",
            "values.yaml:5:36 workspace.runK8sConfig.containerConfig.resources.limits.memory: error DPK201: 512m is 0.512 bytes (m is a thousandth), less than the 4Mi any container needs; did you mean '512Mi'?; write '512Mi'",
            "values.yaml:5:58 workspace.runK8sConfig.containerConfig.resources.limits['nvidia.com/gpu']: error DPK201: 0.5 is not whole, and Kubernetes gives out whole devices only; write 1",
            "values.yaml:6:28 workspace.runK8sConfig.containerConfig.resources.requests.memory: error DPK202: '1GB' is not a Kubernetes quantity; write '1Gi' or '1G' (a number, optionally with one of the suffixes n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent such as 1e3)",
            "values.yaml:6:71 workspace.runK8sConfig.containerConfig.resources.requests.ephemeral-storage: error DPK201: the request 2Gi is above the limit 1Gi; write a limit that is not below the request",
        ],
    ),
    (
        "an env var without a name",
        "workspace:\n  envVars: ['=1']\n",
        [
            "values.yaml:2:13 workspace.envVars[0]: error DPK201: '' cannot name an environment variable: use printable ASCII without '='; write NAME=value",
        ],
    ),
    (
        "a log manager without its module",
        "computeLogs:\n  custom: {class: Manager, config: {}}\n",
        [
            "values.yaml:2:11 computeLogs.custom.module: error DPK211: module is missing; write all three; an empty config is {}",
        ],
    ),
    (
        "a log manager without anything",
        "computeLogs:\n  custom: {}\n",
        [
            "values.yaml:2:11 computeLogs.custom.module: error DPK211: module is missing; write all three; an empty config is {}",
            "values.yaml:2:11 computeLogs.custom.class: error DPK211: class is missing; write all three; an empty config is {}",
            "values.yaml:2:11 computeLogs.custom.config: error DPK211: config is missing; write all three; an empty config is {}",
        ],
    ),
    (
        "a log manager with an empty module",
        "computeLogs:\n  custom: {module: '', class: M, config: {}}\n",
        [
            "values.yaml:2:20 computeLogs.custom.module: error DPK201: is empty; write it or delete it",
        ],
    ),
    (
        "a merge behaviour",
        "workspace:\n  runK8sConfig:\n    mergeBehavior: DEEP\n",
        [
            "values.yaml:3:5 workspace.runK8sConfig.mergeBehavior: error DPK204: there is no key 'mergeBehavior' here; write one of containerConfig, podTemplateSpecMetadata, podSpecConfig, jobMetadata, jobSpecConfig",
        ],
    ),
    (
        "args, which Dagster overwrites",
        "workspace:\n  runK8sConfig:\n    containerConfig: {args: [a]}\n",
        [
            "values.yaml:3:29 workspace.runK8sConfig.containerConfig.args: error DPK201: Dagster overwrites the arguments of its own pods; only .pod_spec() can have them; delete it",
        ],
    ),
    (
        "an allowed field misspelt",
        "workspace:\n  onlyAllowUserDefinedK8sConfigFields:\n    containerConfig: {resource: true, volume_mounts: true, image: 'yes'}\n",
        [
            "values.yaml:3:23 workspace.onlyAllowUserDefinedK8sConfigFields.containerConfig.resource: error DPK101: containerConfig has no field 'resource'; did you mean 'resources'?; write 'resources'",
            "values.yaml:3:39 workspace.onlyAllowUserDefinedK8sConfigFields.containerConfig.volume_mounts: error DPK103: this file does not spell the key 'volume_mounts'; write 'volumeMounts'",
            "values.yaml:3:67 workspace.onlyAllowUserDefinedK8sConfigFields.containerConfig.image: error DPK201: must be true or false, not text; write true or false, without quotation marks",
        ],
    ),
    (
        "an allowed section misspelt",
        "workspace:\n  onlyAllowUserDefinedK8sConfigFields:\n    containerConfigs: {}\n",
        [
            "values.yaml:3:5 workspace.onlyAllowUserDefinedK8sConfigFields.containerConfigs: error DPK101: there is no key 'containerConfigs' here; did you mean 'containerConfig'?; write 'containerConfig'",
        ],
    ),
    (
        "a manifest without a kind",
        "extraManifests:\n  - apiVersion: v1\n",
        [
            "values.yaml:2:5 extraManifests[0].kind: error DPK201: is missing; write it",
        ],
    ),
    (
        "a manifest that is none",
        "extraManifests: [a]\n",
        [
            "values.yaml:1:18 extraManifests[0]: error DPK201: must be a mapping: a Kubernetes manifest; write a mapping",
        ],
    ),
    (
        "an endpoint without its scheme",
        "dagsterCloud:\n  endpoint: acme.agent.dagster.cloud\n",
        [
            "values.yaml:2:13 dagsterCloud.endpoint: error DPK201: 'acme.agent.dagster.cloud' is no address; write it in full, such as 'https://ORGANIZATION.agent.dagster.cloud'",
        ],
    ),
    (
        "no mapping",
        "- a\n",
        [
            "values.yaml:1:1: error DPK213: the values must be a mapping, not a list; write keys such as dagsterCloud and workspace",
        ],
    ),
    (
        "a second document",
        "workspace: {}\n---\nworkspace: {}\n",
        [
            "values.yaml:3:1: error DPK212: these values are document 2 of the file; put everything into one document, or the other documents into files of their own",
        ],
    ),
]


RULES = [
    rule for rule in ALL_RULES if "DPK100" < rule.code < "DPK300" and rule.code != "DPK106"
]  # of no values


def found(text: str) -> list[str]:
    return [str(finding) for finding in check_values_file(text, "values.yaml")[1]]


@pytest.mark.parametrize(
    ("text", "findings"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_found(text: str, findings: list[str]) -> None:
    assert found(text) == findings


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_shown_by_a_mistake(rule: Rule) -> None:
    assert any(f" {rule.severity} {rule.code}: " in line for _, _, findings in MISTAKES for line in findings)


def test_the_codes_are_in_order_and_each_is_used_once() -> None:
    codes = [rule.code for rule in RULES if rule.code >= "DPK200"]

    assert codes == [f"DPK{number}" for number in range(201, 201 + len(codes))]


def test_every_mistake_of_a_file_is_found_at_once() -> None:
    values = dedent(
        """\
        isolatedAgents: true
        dagsterCloud: {timeout: a, retries: b}
        workspace:
          runK8sConfig:
            containerConfig:
              imagePull: Always
              resources: {limits: {cpu: 1x, memory: 4GB}}
              volumeMounts: [{name: a, mountPath: a}, {name: b, mount: /b}, {name: c, mountPath: 1}]
            podSpecConfig: {dnsPolicy: None, nodeSelector: {disk: 1}}
          volumes: [{name: X}, {name: a, emptyDir: {sizeLimit: 1GB}}]
        """
    )

    assert [line.split(" ")[1].rstrip(":") for line in found(values)] == [
        "isolatedAgents",
        "dagsterCloud.timeout",
        "dagsterCloud.retries",
        "workspace.runK8sConfig.containerConfig.imagePull",
        "workspace.runK8sConfig.containerConfig.resources.limits.cpu",
        "workspace.runK8sConfig.containerConfig.resources.limits.memory",
        "workspace.runK8sConfig.containerConfig.volumeMounts[1].mount",
        "workspace.runK8sConfig.containerConfig.volumeMounts[2].mountPath",
        "workspace.runK8sConfig.podSpecConfig.nodeSelector.disk",
        "workspace.volumes[0]",
        "workspace.volumes[1].emptyDir.sizeLimit",
    ]


def test_what_people_have_is_not_found() -> None:
    values = dedent(
        """\
        # comments, anchors and what the chart's own file holds
        imagePullSecrets: []
        serviceAccount: {create: true, name: "", annotations: {}}
        dagsterCloud:
          agentTokenSecretName: dagster-cloud-agent-token
          deployments: ~
          endpoint: ~
        dagsterCloudAgent:
          image: {tag: ~, pullPolicy: Always}
          resources: &size {requests: {cpu: 250m, memory: 1.0Gi}, limits: {cpu: 250m, memory: 1.0Gi}}
        workspace:
          resources: *size
          serverTTL: ~
          runK8sConfig: {}
          serverK8sConfig:
            podTemplateSpecMetadata:
            podSpecConfig: {terminationGracePeriodSeconds: 25}
        pythonLogs: {}
        isolatedAgents: {enabled: false}
        extraManifests:
        """
    )

    assert found(values) == []


def test_every_rule_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "reference" / "agent.md").read_text()

    assert [rule.code for rule in RULES if f"| {rule.code} | {rule.reason} |" not in guide] == []


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("image: {tag: 1.10}", "write '1.10'"),
        ("annotations: {a: yes}", "write 'yes'"),
        ("annotations: {a: 010}", "write '010'"),
        ("labels: {a: 12:30:00}", "write '12:30:00'"),
        ("labels: {a: 1_000}", "write '1_000'"),
    ],
)
def test_quotation_marks_are_advised_around_what_the_file_says(written: str, fix: str) -> None:
    _, findings = check_values_file(f"dagsterCloudAgent:\n  {written}\n", "values.yaml")

    assert [finding.fix for finding in findings] == [fix]


@pytest.mark.parametrize("key", ["livenessProbe", "extraContainers", "podAnnotations"])
def test_a_key_that_only_resembles_a_known_one_is_a_warning(key: str) -> None:
    _, findings = check_values_file(f"dagsterCloudAgent:\n  {key}: {{}}\n", "values.yaml")

    assert [finding.code for finding in findings] == ["DPK102"]


@pytest.mark.parametrize("key", ["global", "x-common"])
def test_what_helm_or_yaml_sets_aside_is_no_unknown_key(key: str) -> None:
    _, findings = check_values_file(f"{key}: &common {{a: b}}\n", "values.yaml")

    assert findings == []


@pytest.mark.parametrize(
    "agent", ["env: {LEVEL: info}", "envFrom: [{secretRef: {name: levels}}]"], ids=["env", "envFrom"]
)
def test_a_bare_name_that_the_agent_may_know_is_no_mistake(agent: str) -> None:
    assert found("workspace: {envVars: [LEVEL]}\ndagsterCloudAgent: {" + agent + "}\n") == []


def test_values_with_a_credential_or_a_bare_name_can_still_be_read() -> None:
    values = AgentValues.from_yaml("workspace:\n  envVars: [LEVEL, DB_PASSWORD=hunter2]\n")

    assert values.to_dict() == {"workspace": {"envVars": ["LEVEL", "DB_PASSWORD=hunter2"]}}


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("restartPolicy: Always", []),
        ("restartPolicy: Never", ["DPK201"]),
        ("restartPolicy: OnFailure", ["DPK201"]),
        ("activeDeadlineSeconds: 60", ["DPK201"]),
    ],
)
def test_a_code_servers_pod_takes_what_the_pod_of_a_deployment_takes(field: str, found: list[str]) -> None:
    text = f"workspace: {{serverK8sConfig: {{podSpecConfig: {{{field}}}}}}}\n"

    assert [finding.code for finding in check_values_file(text, "values.yaml")[1]] == found
