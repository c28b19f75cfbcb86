"""Every mistake in the files of code locations, with its line, its column and what to write instead."""

from __future__ import annotations

import textwrap

import dagster as dg
import pytest
import yaml
from dagster_k8s.container_context import K8sContainerContext

from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources

LOCATIONS = "dagster_cloud.yaml"
CONTEXT = "container_context.yaml"
BUILD = "build.yaml"
QUANTITIES = "n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent such as 1e3"

MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "location for locations": (
        LOCATIONS,
        """\
        location:
          - location_name: a
        """,
        [
            "dagster_cloud.yaml:1:1 location: error DPK101: there is no key 'location' here; did you mean "
            "'locations'?; write 'locations'"
        ],
    ),
    "a request above its limit": (
        CONTEXT,
        """\
        k8s:
          run_k8s_config: {container_config: {resources: {limits: {cpu: 1}, requests: {cpu: 2}}}}
        """,
        [
            "container_context.yaml:2:85 k8s.run_k8s_config.container_config.resources.requests.cpu: error DPK301: "
            "cpu: the request 2 is above the limit 1; write a limit that is not below the request"
        ],
    ),
    "requests and limits that do not fit when merged": (
        LOCATIONS,
        """\
        defaults:
          container_context:
            k8s:
              resources: {requests: {cpu: 2}, limits: {memory: 1Gi}}
              run_k8s_config: {container_config: {resources: {requests: {memory: 2Gi}}}}
        locations:
          - location_name: a
            container_context:
              k8s:
                resources: {limits: {cpu: 1}, requests: {memory: 2Gi}}
                run_k8s_config: {container_config: {resources: {limits: {memory: 2Gi}}}}
          - location_name: b
            container_context: {k8s: {resources: {requests: {cpu: 1}, limits: {cpu: 1}}}}
        """,
        [
            "dagster_cloud.yaml:5:66 defaults.container_context.k8s.run_k8s_config.container_config.resources.requests.memory: "
            "error DPK502: the run's pod: containers[0].resources.requests.memory is '2Gi' by location (the code location "
            "'b'), and containers[0].resources.limits.memory is '1Gi' by location (the code location 'b'); see "
            "dagster_cloud.yaml:4; set the request and the limit in the same layer",
            "dagster_cloud.yaml:10:35 locations[0].container_context.k8s.resources.limits.cpu: error DPK314: cpu: the "
            "request 2 of the defaults is above the limit 1; write requests: {cpu: ...} beside it",
            "dagster_cloud.yaml:10:58 locations[0].container_context.k8s.resources.requests.memory: error DPK314: "
            "memory: the request 2Gi is above the limit 1Gi of the defaults; write limits: {memory: ...} beside it",
        ],
    ),
    "runs_k8s_config": (
        CONTEXT,
        """\
        k8s:
          runs_k8s_config: {}
        """,
        [
            "container_context.yaml:2:3 k8s.runs_k8s_config: error DPK101: there is no key 'runs_k8s_config' here; "
            "did you mean 'run_k8s_config'?; write 'run_k8s_config'"
        ],
    ),
    "a misspelt key below another one": (
        LOCATIONS,
        """\
        location:
          - location_nam: a
            container_contex: {k8s: {namespce: x}}
        """,
        [
            "dagster_cloud.yaml:1:1 location: error DPK101: there is no key 'location' here; did you mean "
            "'locations'?; write 'locations'",
            "dagster_cloud.yaml:2:5 location[0].location_nam: error DPK101: there is no key 'location_nam' here; "
            "did you mean 'location_name'?; write 'location_name'",
            "dagster_cloud.yaml:3:5 location[0].container_contex: error DPK101: there is no key "
            "'container_contex' here; did you mean 'container_context'?; write 'container_context'",
            "dagster_cloud.yaml:3:30 location[0].container_contex.k8s.namespce: error DPK101: there is no key "
            "'namespce' here; did you mean 'namespace'?; write 'namespace'",
        ],
    ),
    "camelCase": (
        LOCATIONS,
        """\
        locations:
          - locationName: a
            containerContext: {k8s: {envSecrets: [a], runK8sConfig: {podSpecConfig: {nodeSelector: {a: b}}}}}
        """,
        [
            "dagster_cloud.yaml:2:5 locations[0].locationName: error DPK103: this file does not spell the key "
            "'locationName'; write 'location_name'",
            "dagster_cloud.yaml:3:5 locations[0].containerContext: error DPK103: this file does not spell the key "
            "'containerContext'; write 'container_context'",
            "dagster_cloud.yaml:3:30 locations[0].containerContext.k8s.envSecrets: error DPK103: this file does not "
            "spell the key 'envSecrets'; write 'env_secrets'",
            "dagster_cloud.yaml:3:47 locations[0].containerContext.k8s.runK8sConfig: error DPK103: this file does "
            "not spell the key 'runK8sConfig'; write 'run_k8s_config'",
            "dagster_cloud.yaml:3:62 locations[0].containerContext.k8s.runK8sConfig.podSpecConfig: error DPK103: "
            "this file does not spell the key 'podSpecConfig'; write 'pod_spec_config'",
        ],
    ),
    "both spellings": (
        CONTEXT,
        """\
        k8s:
          env_secrets: [a]
          envSecrets: [b]
          run_k8s_config:
            container_config: {}
            containerConfig: {}
        """,
        [
            "container_context.yaml:3:3 k8s.envSecrets: error DPK104: 'envSecrets' and 'env_secrets' are one key in "
            "two spellings; keep 'env_secrets'",
            "container_context.yaml:6:5 k8s.run_k8s_config.containerConfig: error DPK104: 'containerConfig' and "
            "'container_config' are one key in two spellings; keep 'container_config'",
        ],
    ),
    "a key that nothing knows": (
        LOCATIONS,
        """\
        locations:
          - location_name: a
            colour: blue
        """,
        [
            "dagster_cloud.yaml:3:5 locations[0].colour: notice DPK302: dagster-cloud-cli 1.13.27 does not know the key "
            "'colour' here; delete the key, or make sure that your version of Dagster+ reads it"
        ],
    ),
    "a key at the wrong level": (
        LOCATIONS,
        """\
        image: x
        locations:
          - location_name: a
            image_pull_secrets: []
            container_context:
              env_vars: []
              k8s: {tolerations: [], agent_queue: q, container_config: {}}
        """,
        [
            "dagster_cloud.yaml:1:1 image: error DPK303: the key 'image' is not read here; write it in defaults or an "
            "entry of locations",
            "dagster_cloud.yaml:4:5 locations[0].image_pull_secrets: error DPK303: the key 'image_pull_secrets' is "
            "not read here; write it in container_context.k8s",
            "dagster_cloud.yaml:6:7 locations[0].container_context.env_vars: warning DPK340: these env_vars stand beside "
            "k8s and not in it; write the variables in env_vars of k8s, which both read",
            "dagster_cloud.yaml:7:13 locations[0].container_context.k8s.tolerations: error DPK303: the key "
            "'tolerations' is not read here; write it in run_k8s_config as pod_spec_config: {tolerations: ...}",
            "dagster_cloud.yaml:7:30 locations[0].container_context.k8s.agent_queue: error DPK303: the key "
            "'agent_queue' is not read here; write it in defaults or an entry of locations",
            "dagster_cloud.yaml:7:46 locations[0].container_context.k8s.container_config: error DPK303: the key "
            "'container_config' is not read here; write it in run_k8s_config or server_k8s_config",
        ],
    ),
    "a key that is no text": (
        LOCATIONS,
        "locations: [{location_name: a, 1: b}]",
        [
            "dagster_cloud.yaml:1:32 locations[0].1: error DPK105: the key 1 is not text; write it as '1'",
        ],
    ),
    "wrong types": (
        LOCATIONS,
        """\
        defaults: []
        locations:
          - location_name: 1
            image: true
            container_context:
              k8s:
                env_secrets: regcred
                labels: [a]
                server_replica_count: "2"
                volumes:
                run_k8s_config: x
                server_k8s_config: 5
        """,
        [
            "dagster_cloud.yaml:1:11 defaults: error DPK301: defaults: must be a mapping, not a list; write a mapping",
            "dagster_cloud.yaml:3:20 locations[0].location_name: error DPK301: location_name: must be text, not a "
            "number; write text",
            "dagster_cloud.yaml:4:12 locations[0].image: error DPK301: image: must be text, not true or false; "
            "write text",
            "dagster_cloud.yaml:7:22 locations[0].container_context.k8s.env_secrets: error DPK301: env_secrets: must "
            "be a list, not text; write a list",
            "dagster_cloud.yaml:8:17 locations[0].container_context.k8s.labels: error DPK301: labels: must be a "
            "mapping, not a list; write a mapping",
            "dagster_cloud.yaml:9:31 locations[0].container_context.k8s.server_replica_count: error DPK301: "
            "server_replica_count: must be a whole number, not text; write a whole number",
            "dagster_cloud.yaml:10:17 locations[0].container_context.k8s.volumes: error DPK301: volumes: must be a "
            "list, not null; write a list",
            "dagster_cloud.yaml:11:25 locations[0].container_context.k8s.run_k8s_config: error DPK301: "
            "run_k8s_config: must be a mapping, not text; write a mapping",
            "dagster_cloud.yaml:12:28 locations[0].container_context.k8s.server_k8s_config: error DPK301: "
            "server_k8s_config: must be a mapping, not a number; write a mapping",
        ],
    ),
    "no locations": (
        LOCATIONS,
        "defaults: {image: x}",
        [
            "dagster_cloud.yaml:1:1: error DPK301: the file has no locations; write locations: and a list of them"
        ],
    ),
    "locations by name": (
        LOCATIONS,
        "locations: {a: {image: x}}",
        [
            "dagster_cloud.yaml:1:12 locations: error DPK301: locations: must be a list, not a mapping; write a list"
        ],
    ),
    "a location without a name": (
        LOCATIONS,
        "locations: [{image: x}]",
        [
            "dagster_cloud.yaml:1:13 locations[0].location_name: error DPK301: location_name: is missing; add the "
            "key 'location_name'"
        ],
    ),
    "image pull secrets by name": (
        CONTEXT,
        """\
        k8s:
          image_pull_secrets:
            - regcred
            - other
        """,
        [
            "container_context.yaml:3:7 k8s.image_pull_secrets[0]: error DPK301: image_pull_secrets: is a name where "
            "an object stands; write {name: regcred}",
            "container_context.yaml:4:7 k8s.image_pull_secrets[1]: error DPK301: image_pull_secrets: is a name where "
            "an object stands; write {name: other}",
        ],
    ),
    "mappings for texts": (
        CONTEXT,
        """\
        k8s:
          image_pull_policy: always
          env_vars:
            - A: 1
          env_secrets: [{name: warehouse}]
          resources: 5
        """,
        [
            "container_context.yaml:2:22 k8s.image_pull_policy: error DPK301: image_pull_policy: 'always' is none of "
            "Always, IfNotPresent, Never; did you mean 'Always'?; write 'Always'",
            "container_context.yaml:4:7 k8s.env_vars[0]: error DPK301: env_vars: must be text, not a mapping; write "
            "A=...",
            "container_context.yaml:5:17 k8s.env_secrets[0]: error DPK301: env_secrets: must be text, not a mapping; "
            "write warehouse",
            "container_context.yaml:6:14 k8s.resources: error DPK301: resources: must be a mapping of "
            "ResourceRequirements fields, not a number; write a mapping of ResourceRequirements fields",
        ],
    ),
    "both spellings in a Kubernetes object": (
        CONTEXT,
        """\
        k8s:
          run_k8s_config:
            pod_spec_config:
              nodeSelector: {a: b}
              node_selector: {a: b}
              tolerations: {}
        """,
        [
            "container_context.yaml:4:7 k8s.run_k8s_config.pod_spec_config.nodeSelector: error DPK104: "
            "'node_selector' and 'nodeSelector' are one key in two spellings; keep 'node_selector'",
            "container_context.yaml:6:20 k8s.run_k8s_config.pod_spec_config.tolerations: error DPK301: tolerations: "
            "must be a list, not a mapping; write a list",
        ],
    ),
    "two code sources": (
        LOCATIONS,
        "locations: [{location_name: a, code_source: {module_name: a, python_file: b}}]",
        [
            "dagster_cloud.yaml:1:45 locations[0].code_source: error DPK301: code_source: must name one of "
            "package_name, module_name, python_file, autoload_defs_module_name, not module_name and python_file; "
            "keep exactly one of them"
        ],
    ),
    "bad quantities, all of them": (
        CONTEXT,
        """\
        k8s:
          resources: {limits: {cpu: 1x}}
          run_k8s_config:
            containerconfig:
              resources:
                limits: {memory: 4GB, cpu: 1zz}
        """,
        [
            "container_context.yaml:2:29 k8s.resources.limits.cpu: error DPK301: cpu: '1x' is not a Kubernetes "
            f"quantity; write a number, optionally with one of the suffixes {QUANTITIES}",
            "container_context.yaml:4:5 k8s.run_k8s_config.containerconfig: error DPK103: this file does not spell "
            "the key 'containerconfig'; write 'container_config'",
            "container_context.yaml:6:26 k8s.run_k8s_config.containerconfig.resources.limits.memory: error DPK301: "
            "memory: '4GB' is not a Kubernetes quantity; write '4Gi' or '4G' (a number, optionally with one of the "
            f"suffixes {QUANTITIES})",
            "container_context.yaml:6:36 k8s.run_k8s_config.containerconfig.resources.limits.cpu: error DPK301: cpu: "
            f"'1zz' is not a Kubernetes quantity; write a number, optionally with one of the suffixes {QUANTITIES}",
        ],
    ),
    "resources without limits": (
        CONTEXT,
        """\
        k8s:
          resources: {memory: 1Gi}
          run_k8s_config: {container_config: {resources: {cpu: 500m, memory: 1Gi}}}
        """,
        [
            "container_context.yaml:2:15 k8s.resources.memory: error DPK304: 'memory' stands outside of limits and "
            "requests; write resources: {limits: {memory: ...}}",
            "container_context.yaml:3:51 k8s.run_k8s_config.container_config.resources.cpu: error DPK304: 'cpu' "
            "stands outside of limits and requests; write resources: {limits: {cpu: ...}}",
            "container_context.yaml:3:62 k8s.run_k8s_config.container_config.resources.memory: error DPK304: 'memory' "
            "stands outside of limits and requests; write resources: {limits: {memory: ...}}",
        ],
    ),
    "fields in the wrong place of a k8s config": (
        CONTEXT,
        """\
        k8s:
          run_k8s_config: {resources: {}, container_config: {imag: x, tolerations: []}}
          server_k8s_config: {job_spec_config: {backoff_limit: 1}}
        """,
        [
            "container_context.yaml:2:20 k8s.run_k8s_config.resources: error DPK301: 'resources' belongs one level "
            "further in; write container_config: {resources: ...}",
            "container_context.yaml:2:54 k8s.run_k8s_config.container_config.imag: error DPK301: Container has no "
            "field 'imag'; did you mean 'image'?; write 'image'",
            "container_context.yaml:2:63 k8s.run_k8s_config.container_config.tolerations: error DPK301: Container has "
            "no field 'tolerations'; it belongs in pod_spec_config",
            "container_context.yaml:3:40 k8s.server_k8s_config.job_spec_config: error DPK301: job_spec_config: a "
            "code server is no Job and takes no backoff_limit; leave it out",
        ],
    ),
    "what a run's pod or a server's does not take": (
        CONTEXT,
        """\
        k8s:
          image_pull_secrets: [{}]
          run_k8s_config: {service_metadata: {labels: {a: b}}}
          server_k8s_config: {pod_spec_config: {restart_policy: Never}}
        """,
        [
            "container_context.yaml:2:24 k8s.image_pull_secrets[0]: error DPK301: image_pull_secrets: has no name, "
            "without which Dagster refuses it; write {name: ...}",
            "container_context.yaml:3:20 k8s.run_k8s_config.service_metadata: error DPK301: a run has no Deployment "
            "and no Service and takes no 'service_metadata'; move it to server_k8s_config",
            "container_context.yaml:4:57 k8s.server_k8s_config.pod_spec_config.restart_policy: error DPK301: "
            "restart_policy: a code server is a Deployment, whose pods Kubernetes always starts again; leave it out",
        ],
    ),
    "the same variable twice": (
        CONTEXT,
        """\
        k8s:
          env_vars:
            - A=1
            - A=2
          env:
            - {name: B, value: x}
            - {name: B, value: x}
          server_k8s_config:
            container_config:
              env: [{name: A, value: "3"}]
        """,
        [
            "container_context.yaml:4:7 k8s.env_vars[1]: error DPK306: 'A' is set twice for runs; line 3 sets it too; "
            "keep one of the two",
            "container_context.yaml:7:7 k8s.env[1]: error DPK306: 'B' is set twice for runs; line 6 sets it too; keep "
            "one of the two",
            "container_context.yaml:10:13 k8s.server_k8s_config.container_config.env[0]: error DPK306: 'A' is set "
            "twice for code servers; line 3 sets it too; keep one of the two",
        ],
    ),
    "a variable doubled by the merge of defaults": (
        LOCATIONS,
        """\
        defaults:
          container_context:
            k8s:
              env_vars: [REPLACED=1]
              run_k8s_config:
                container_config:
                  env: [{name: LEVEL, value: info}, {name: SAME, value: x}]
        locations:
          - location_name: a
            container_context:
              k8s:
                env_vars: [REPLACED=2]
                run_k8s_config:
                  container_config:
                    env:
                      - {name: SAME, value: x}
                      - {name: LEVEL, value: debug}
        """,
        [
            "dagster_cloud.yaml:17:17 locations[0].container_context.k8s.run_k8s_config.container_config.env[1]: "
            "warning DPK306: 'LEVEL' is set twice for runs; line 7 sets it too, and merging the defaults keeps both; "
            "keep one of the two"
        ],
    ),
    "a variable of the defaults that is merged behind that of the location": (
        LOCATIONS,
        """\
        defaults: {container_context: {k8s: {env: [{name: LEVEL, value: info}]}}}
        locations:
          - location_name: a
            container_context:
              k8s:
                env_vars: [LEVEL=debug]
        """,
        [
            "dagster_cloud.yaml:6:20 locations[0].container_context.k8s.env_vars[0]: error DPK306: 'LEVEL' is set "
            "twice for runs; line 1 sets it too, and merging the defaults keeps both; keep one of the two",
        ],
    ),
    "two locations of one name": (
        LOCATIONS,
        """\
        locations:
          - location_name: a
          - location_name: b
          - location_name: a
        """,
        [
            "dagster_cloud.yaml:4:20 locations[2].location_name: error DPK305: the location 'a' is there already, on "
            "line 2; give each location a name of its own"
        ],
    ),
    "an entry of env with a name only": (
        CONTEXT,
        "k8s:\n  env: [{name: A}, {name: B, value: ''}]\n"
        "  server_k8s_config: {container_config: {env: [{name: C}]}}",
        [
            "container_context.yaml:2:9 k8s.env[0]: warning DPK307: 'A' has neither a value nor a value_from and is "
            'set to empty text; write its value; where empty text is meant, value: ""',
            "container_context.yaml:3:48 k8s.server_k8s_config.container_config.env[0]: warning DPK307: 'C' has "
            'neither a value nor a value_from and is set to empty text; write its value; where empty text is meant, value: ""',
        ],
    ),
    "a variable without a value": (
        CONTEXT,
        "k8s: {env_vars: [LEVEL=info, REGION]}",
        [
            "container_context.yaml:1:30 k8s.env_vars[1]: warning DPK307: 'REGION' has no value; write KEY=VALUE, "
            "name a Secret in env_secrets, or give the agent's values with the file"
        ],
    ),
    "a default with an equals sign": (
        LOCATIONS,
        """\
        defaults: {container_context: {k8s: {env_vars: ["OPTS=-Da=b"]}}}
        locations:
          - location_name: a
            container_context: {k8s: {env_vars: [LEVEL=info]}}
        """,
        [
            "dagster_cloud.yaml:1:49 defaults.container_context.k8s.env_vars[0]: error DPK308: the value of 'OPTS' has "
            "an equals sign, at which Dagster+ cannot merge it; move the variable to env, as a name and a value"
        ],
    ),
    "a mount lost in the merge": (
        LOCATIONS,
        """\
        defaults: {container_context: {k8s: {volume_mounts: [{name: data, mount_path: /a}]}}}
        locations:
          - location_name: a
            container_context: {k8s: {volume_mounts: [{name: data, mountPath: /b}]}}
        """,
        [
            "dagster_cloud.yaml:1:54 defaults.container_context.k8s.volume_mounts[0]: error DPK311: of the volume "
            "'data' only the mount on line 4 is kept; this one is lost; mount the volume once, or write the mounts in "
            "run_k8s_config and server_k8s_config"
        ],
    ),
    "merge_behavior that is lost": (
        CONTEXT,
        "k8s: {run_k8s_config: {merge_behavior: SHALLOW}, server_k8s_config: {merge_behavior: SHALLOW}}",
        [
            "container_context.yaml:1:40 k8s.run_k8s_config.merge_behavior: warning DPK310: SHALLOW is lost for run "
            "pods whose job has no dagster-k8s/config tag; set merge_behavior in the tags of the job as well, or do "
            "without it"
        ],
    ),
    "credentials": (
        CONTEXT,
        """\
        k8s:
          env_vars:
            - DB_PASSWORD=hunter2
          run_k8s_config:
            container_config:
              env:
                - {name: KEY_ID, value: AKIAIOSFODNN7EXAMPLE}
                - {name: API_TOKEN, value: 0f9a8b}
                - {name: PASSWORD, value: 12345678}
        """,
        [
            "container_context.yaml:3:7 k8s.env_vars[0]: error DPK012: this looks like a credential, by the name "
            "'DB_PASSWORD'; put it into a Kubernetes Secret, and name that here",
            "container_context.yaml:7:33 k8s.run_k8s_config.container_config.env[0].value: error DPK012: this looks "
            "like an AWS access key id; put it into a Kubernetes Secret, and name that here",
            "container_context.yaml:8:36 k8s.run_k8s_config.container_config.env[1].value: error DPK012: this looks "
            "like a credential, by the name 'API_TOKEN'; put it into a Kubernetes Secret, and name that here",
            "container_context.yaml:9:35 k8s.run_k8s_config.container_config.env[2].value: error DPK301: value: must "
            "be text, not a number; write text",
        ],
    ),
    "build.yaml": (
        BUILD,
        """\
        registry: 1
        directori: .
        """,
        [
            "build.yaml:1:11 registry: error DPK301: registry: must be text, not a number; write text",
            "build.yaml:2:1 directori: error DPK101: there is no key 'directori' here; did you mean 'directory'?; "
            "write 'directory'",
        ],
    ),
    "a second document": (
        LOCATIONS,
        "locations: []\n---\nlocations: []\n",
        [
            "dagster_cloud.yaml:3:1: error DPK313: a second document begins here; put everything into one document, "
            "or the other documents into files of their own"
        ],
    ),
    "a second document, which is empty": (
        CONTEXT,
        "k8s: {}\n---\n",
        [
            "container_context.yaml:3:1: error DPK313: a second document begins here; put everything into one "
            "document, or the other documents into files of their own"
        ],
    ),
    "a second document of a build": (
        BUILD,
        "---\nregistry: a\n---\ndirectory: b\n",
        [
            "build.yaml:4:1: error DPK313: a second document begins here; put everything into one document, or the "
            "other documents into files of their own"
        ],
    ),
    "a list where a mapping stands": (
        LOCATIONS,
        "- location_name: a",
        ["dagster_cloud.yaml:1:1: error DPK301: must be a mapping, not a list; write a mapping"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_with_its_place_and_what_to_write(mistake: str) -> None:
    name, text, messages = MISTAKES[mistake]

    findings = check_sources([Source(name, textwrap.dedent(text).encode())])

    assert [str(finding) for finding in findings] == messages


def test_every_rule_is_broken_by_a_test() -> None:
    found = {
        f"DPK{message.split(' DPK')[1][:3]}" for _, _, messages in MISTAKES.values() for message in messages
    }

    # Queues need two files; they are in test_pairing.py.
    assert {rule.code for rule in ALL_RULES if "DPK300" < rule.code < "DPK400"} - found == {"DPK312"}


def test_the_secret_itself_is_never_repeated() -> None:
    for _, text, messages in MISTAKES.values():
        for secret in ("hunter2", "AKIAIOSFODNN7EXAMPLE", "0f9a8b", "12345678"):
            assert secret not in "".join(messages)
            assert secret in text or "DB_PASSWORD" not in text


def test_an_anchor_is_said_once() -> None:
    text = (
        "locations:\n"
        "  - {location_name: a, container_context: &all {k8s: {namespace: 1}}}\n"
        "  - {location_name: b, container_context: *all}\n"
    )

    (finding,) = check_sources([Source(LOCATIONS, text.encode())])

    assert str(finding.where) == "dagster_cloud.yaml:2:66 locations[0].container_context.k8s.namespace"


def test_a_waiver_with_a_reason_is_heeded() -> None:
    text = "k8s:\n  env_vars:\n    - REGION  # dagster-plus-k8s: ignore[DPK307] the agent sets it\n"

    assert check_sources([Source(CONTEXT, text.encode())]) == []


def test_the_restart_policy_that_every_deployment_has_is_nothing_to_refuse() -> None:
    text = "k8s: {server_k8s_config: {pod_spec_config: {restart_policy: Always}}}\n"

    assert check_sources([Source(CONTEXT, text.encode())]) == []


@pytest.mark.parametrize(
    "field",
    [
        'namespace: ""',
        'service_account_name: ""',
        'image_pull_policy: ""',
        'scheduler_name: ""',
        "scheduler_name: Team_A/own",
    ],
)
def test_what_dagster_takes_for_nothing_and_the_name_of_any_scheduler_are_taken(field: str) -> None:
    text = f"k8s: {{{field}}}\n"
    K8sContainerContext.create_from_config(yaml.safe_load(text))

    assert check_sources([Source(CONTEXT, text.encode())]) == []


@pytest.mark.parametrize("key", ["run_k8s_config", "server_k8s_config"])
def test_a_config_of_which_all_is_commented_out_is_refused_as_dagster_does(key: str) -> None:
    text = f"k8s:\n  {key}:\n    # container_config: {{}}\n"
    with pytest.raises(dg.DagsterInvalidConfigError, match="must not be None"):
        K8sContainerContext.create_from_config(yaml.safe_load(text))

    (finding,) = check_sources([Source(CONTEXT, text.encode())])

    assert (finding.where.line, finding.message) == (2, f"{key}: must be a mapping, not null")
    assert finding.fix == "write {} or leave the key out"


def test_the_values_take_the_name_of_any_scheduler_too() -> None:
    assert check_sources([Source("values.yaml", b"workspace: {schedulerName: Team_A/own}\n")]) == []


def test_one_location_without_a_list_around_it_is_one_finding() -> None:
    text = "location_name: etl\ncode_source: {module_name: etl}\nimage: acme/etl:1\n"

    (finding,) = check_sources([Source(LOCATIONS, text.encode())])

    assert finding.message == "the file holds one location, and not a list of locations"
    assert finding.fix == "write locations: at the top, and the location below it as an item of a list"


@pytest.mark.parametrize(("name", "found"), [(CONTEXT, []), ("values.yaml", []), (LOCATIONS, ["DPK004"])])
def test_a_file_of_comments_is_taken_where_its_reader_takes_it(name: str, found: list[str]) -> None:
    text = "### Uncomment to add configuration for k8s resources.\n# k8s:\n#   env_vars: []\n"

    assert [finding.code for finding in check_sources([Source(name, text.encode())])] == found
