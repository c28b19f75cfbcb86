"""The pods that an agent's values and code locations make together are judged from the files alone."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest
from checked import config, definitions

from dagster_plus_k8s_helpers.check.files.pairs import Pair, pairs_of
from dagster_plus_k8s_helpers.check.files.pods import check_pods
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.plan import check

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Finding

VALUES = "dagsterCloud: {deployments: [prod], agentTokenSecretName: tok}\n"


def values(text: str) -> Source:
    """The values of an agent, from line 2 on."""
    return Source("values.yaml", f"{VALUES}{dedent(text)}".encode())


def location(k8s: str, *, queue: str = "", defaults: str = "") -> Source:
    """A code location whose ``container_context.k8s`` is given, from line 6 on when there are no defaults."""
    first = f"defaults: {{container_context: {{k8s: {defaults}}}}}\n" if defaults else ""
    more = f"agent_queue: {queue}" if queue else "code_source: {module_name: etl}"
    head = f"{first}locations:\n- location_name: etl\n  {more}\n  container_context:\n    k8s:\n"
    return Source("dagster_cloud.yaml", f"{head}{indent(dedent(k8s), ' ' * 6)}".encode())


def said(*sources: Source) -> list[tuple[str, str, int]]:
    return [(item.code, item.where.file, item.where.line) for item in check_sources(sources)]


RUN = "workspace: {runK8sConfig: "
FAULTS = {
    "a field outside of the list": (
        "workspace: {onlyAllowUserDefinedK8sConfigFields: {containerConfig: {resources: true}}}",
        "scheduler_name: own",
        [("DPK518", "dagster_cloud.yaml", 6)],
    ),
    "a field of the server outside of the list": (
        "workspace: {onlyAllowUserDefinedK8sConfigFields: {containerConfig: {resources: true}}}",
        "server_k8s_config:\n  pod_spec_config: {node_selector: {a: b}}",
        [("DPK518", "dagster_cloud.yaml", 7)],
    ),
    "the namespace outside of the list": (
        "workspace: {onlyAllowUserDefinedK8sConfigFields: {containerConfig: {resources: true}}}",
        "namespace: jobs",
        [("DPK518", "dagster_cloud.yaml", 6)],
    ),
    "a variable outside of the list": (
        "workspace: {onlyAllowUserDefinedEnvVars: [REGION]}",
        "env_vars:\n- REGION=eu\n- STAGE=prod",
        [("DPK542", "dagster_cloud.yaml", 8)],
    ),
    "a request of the agent above a limit": (
        RUN + "{containerConfig: {resources: {requests: {cpu: 2}}}}}",
        "run_k8s_config:\n  container_config:\n    resources:\n      limits: {cpu: 1}",
        [("DPK502", "dagster_cloud.yaml", 9)],
    ),
    "a limit of the agent below a request for servers": (
        "workspace: {serverK8sConfig: {containerConfig: {resources: {limits: {memory: 1Gi}}}}}",
        "server_k8s_config:\n  container_config: {resources: {requests: {memory: 2Gi}}}",
        [("DPK502", "dagster_cloud.yaml", 7)],
    ),
    "one variable": (
        "workspace: {envVars: [LEVEL=info]}",
        "env_vars: [REGION=eu,\n  LEVEL=debug]",
        [("DPK503", "dagster_cloud.yaml", 7)],
    ),
    "one variable for runs": (
        RUN + "{containerConfig: {env: [{name: LEVEL, value: info}]}}}",
        "env: [{name: LEVEL, value: debug}]",
        [("DPK503", "dagster_cloud.yaml", 6)],
    ),
    "one volume": (
        "workspace: {volumes: [{name: tls, secret: {secretName: a}}]}",
        "volumes: [{name: tls, secret: {secret_name: b}}]",
        [("DPK504", "dagster_cloud.yaml", 6)],
    ),
    "one mount path": (
        "workspace:\n  volumes: [{name: a, emptyDir: {}}]\n  volumeMounts: [{name: a, mountPath: /d}]",
        "volumes: [{name: b, empty_dir: {}}]\nvolume_mounts:\n- {name: b, mount_path: /d}",
        [("DPK504", "dagster_cloud.yaml", 8)],
    ),
    "a sidecar of the name of the agent's": (
        RUN + "{podSpecConfig: {initContainers: [{name: proxy, image: 'a/b:1'}]}}}",
        "run_k8s_config:\n  pod_spec_config:\n    init_containers: [{name: proxy, image: 'a/c:1'}]",
        [("DPK504", "dagster_cloud.yaml", 8)],
    ),
    "a GPU for all": (
        RUN + "{containerConfig: {resources: {limits: {nvidia.com/gpu: 1}}}}}",
        "env_vars: [A=1]",
        [("DPK508", "values.yaml", 2)],
    ),
    "a Job that starts again": (
        RUN + "{jobSpecConfig: {backoffLimit: 1}}}",
        "env_vars: [A=1]",
        [("DPK520", "values.yaml", 2)],
    ),
    "a Job of the location that starts again": (
        "workspace: {}",
        "run_k8s_config:\n  job_spec_config: {backoff_limit: 2}",
        [("DPK520", "dagster_cloud.yaml", 7)],
    ),
    "resources of both in the place of those of runs": (
        RUN + "{containerConfig: {resources: {requests: {cpu: 1}}}}}",
        "resources: {requests: {cpu: 50m}}",
        [("DPK550", "dagster_cloud.yaml", 6)],
    ),
    "a service account of both in the place of that of runs": (
        RUN + "{podSpecConfig: {serviceAccountName: runs}}}",
        "service_account_name: etl",
        [("DPK550", "dagster_cloud.yaml", 6)],
    ),
    "labels of both in the place of those of servers": (
        "workspace: {serverK8sConfig: {podTemplateSpecMetadata: {labels: {team: a}}}}",
        "labels: {team: b}",
        [("DPK550", "dagster_cloud.yaml", 6)],
    ),
    "a pull policy of both in the place of that of runs": (
        RUN + "{containerConfig: {imagePullPolicy: Always}}}",
        "image_pull_policy: IfNotPresent",
        [("DPK550", "dagster_cloud.yaml", 6)],
    ),
    "a scheduler of both in the place of that of runs": (
        RUN + "{podSpecConfig: {schedulerName: batch}}}",
        "scheduler_name: other",
        [("DPK550", "dagster_cloud.yaml", 6)],
    ),
    "a security context of both in the place of that of runs": (
        RUN + "{containerConfig: {securityContext: {runAsUser: 1}}}}",
        "security_context: {run_as_user: 2}",
        [("DPK550", "dagster_cloud.yaml", 6)],
    ),
}


@pytest.mark.parametrize(("agent", "k8s", "found"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_two_files_is_found_at_the_line_of_the_later(
    agent: str, k8s: str, found: list[tuple[str, str, int]]
) -> None:
    assert said(values(agent), location(k8s)) == found


VOLUMES = "workspace: {volumes: [{name: data, emptyDir: {}}]}"
MOUNTS = "workspace: {volumeMounts: [{name: data, mountPath: /d}]}"
OF_ONE_POD = {
    "a mount of the values": (MOUNTS, "env_vars: [A=1]", [("DPK551", "values.yaml", 2)]),
    "a mount of the location": (
        VOLUMES,
        "volume_mounts: [{name: dta, mount_path: /d}]",
        [("DPK551", "dagster_cloud.yaml", 6)],
    ),
    "a device": (
        RUN + "{containerConfig: {volumeDevices: [{name: disk, devicePath: /dev/x}]}}}",
        "env_vars: [A=1]",
        [("DPK551", "values.yaml", 2)],
    ),
    "a mount of an init container": (
        VOLUMES,
        "run_k8s_config:\n  pod_spec_config:\n    init_containers:\n"
        "    - {name: i, image: i, volume_mounts: [{name: other, mount_path: /d}]}",
        [("DPK551", "dagster_cloud.yaml", 9)],
    ),
    "a Job that is gone at once": (
        RUN + "{jobSpecConfig: {ttlSecondsAfterFinished: 0}}}",
        "env_vars: [A=1]",
        [("DPK521", "values.yaml", 2)],
    ),
    "a deadline of the Job": (
        RUN + "{jobSpecConfig: {activeDeadlineSeconds: 30}}}",
        "env_vars: [A=1]",
        [("DPK522", "values.yaml", 2)],
    ),
    "a deadline of the pod": (
        "workspace: {}",
        "run_k8s_config:\n  pod_spec_config: {active_deadline_seconds: 30}",
        [("DPK522", "dagster_cloud.yaml", 7)],
    ),
    "a port of the node": (
        RUN + "{containerConfig: {ports: [{containerPort: 80, hostPort: 80}]}}}",
        "env_vars: [A=1]",
        [("DPK563", "values.yaml", 2)],
    ),
}
ALONE = {
    "a mount of what the agent may bring": location("volume_mounts: [{name: data, mount_path: /d}]"),
    "a mount of what the location brings": location(
        "volumes: [{name: data, empty_dir: {}}]\nvolume_mounts: [{name: data, mount_path: /d}]"
    ),
    "deadlines and Jobs that last": values(
        RUN + "{jobSpecConfig: {activeDeadlineSeconds: 86400, ttlSecondsAfterFinished: 600}}}"
    ),
    "a port of the container": values(RUN + "{containerConfig: {ports: [{containerPort: 80}]}}}"),
}


@pytest.mark.parametrize(("agent", "k8s", "found"), OF_ONE_POD.values(), ids=OF_ONE_POD)
def test_what_is_wrong_with_the_pod_is_found_in_files_and_once_with_definitions(
    agent: str, k8s: str, found: list[tuple[str, str, int]]
) -> None:
    sources = [values(agent), location(k8s)]
    (of_agent, of_file) = (read_yaml(source.content, source.name)[0][0].data for source in sources)
    entry = of_file["locations"][0]
    jobs = check(definitions(assets=2), agent=of_agent, location=entry)

    assert said(*sources) == found
    assert [item.code for item in jobs] == [code for code, _, _ in found]


@pytest.mark.parametrize("source", ALONE.values(), ids=ALONE)
def test_what_is_right_in_a_file_alone_is_not_found(source: Source) -> None:
    assert said(source) == []


def test_a_mount_says_which_volume_was_probably_meant_whoever_brings_it() -> None:
    entry = location("volumes: [{name: data, empty_dir: {}}]\nvolume_mounts: [{name: dta, mount_path: /d}]")

    (finding,) = check_sources([entry])

    assert finding.message.endswith(
        "containers[0].volumeMounts[0] by location (the code location 'etl') mounts the volume 'dta', which no "
        "layer has; did you mean 'data'?"
    )


def test_a_step_mounts_what_some_layer_has() -> None:
    mounts = config(container_config={"volume_mounts": [{"name": "data", "mount_path": "/d"}]})
    agent = {"workspace": {"volumes": [{"name": "data", "emptyDir": {}}]}}

    assert [item.code for item in check(definitions(mounts), agent={})] == ["DPK551"]
    assert check(definitions(mounts), agent=agent) == []
    assert check(definitions(mounts)) == []


LEVEL = "[{name: LEVEL, value: info}]"


@pytest.mark.parametrize(
    ("agent", "k8s", "severities"),
    [
        ("workspace: {envVars: [LEVEL=info]}", "env_vars: [LEVEL=debug]", ["warning"]),
        (
            "workspace: {envVars: [LEVEL=info]}",
            "server_k8s_config: {container_config: {env: [{name: LEVEL, value: x}]}}",
            ["warning"],
        ),
        (RUN + "{containerConfig: {env: " + LEVEL + "}}}", "env_vars: [LEVEL=debug]", ["warning"]),
        ("workspace: {envVars: [LEVEL=info, LEVEL=x]}", "env_vars: [A=1]", ["error"]),
        ("workspace: {envVars: [A=1]}", "env_vars: [L=info]\nenv: [{name: L, value: x}]", ["error"]),
    ],
)
def test_a_variable_twice_is_an_error_in_one_layer_and_a_warning_where_a_later_one_says_it(
    agent: str, k8s: str, severities: list[str]
) -> None:
    assert [finding.severity for finding in check_sources([values(agent), location(k8s)])] == severities


def test_two_in_one_layer_are_an_error_whatever_a_later_one_says() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    defs = definitions(config(container_config={"env": twice[:1]}), assets=2)
    below = {"name": "A", "value": "0"}

    (finding,) = check(defs, location={"container_context": {"k8s": {"env": [below]}}})
    (of_both,) = check(
        definitions(config(pod_spec_config={"init_containers": [{"name": "i", "image": "i", "env": twice}]})),
    )

    assert [finding.severity, of_both.severity] == ["warning", "error"]


HEALTHY = {
    "nothing in common": ("workspace: {envVars: [A=1]}", "env_vars: [B=1]"),
    "the same variable, said the same": ("workspace: {envVars: [A=1]}", "env_vars: [A=1]"),
    "the same volume, said the same": (
        "workspace: {volumes: [{name: tls, secret: {secretName: a}}]}",
        "volumes: [{name: tls, secret: {secret_name: a}}]",
    ),
    "a Secret that nothing here makes": ("workspace: {}", "env_secrets: [warehouse]"),
    "more for runs than the agent has": (
        "workspace: {resources: {requests: {cpu: 1}, limits: {cpu: 2}}}",
        "run_k8s_config: {container_config: {resources: {requests: {cpu: 3}, limits: {cpu: 4}}}}",
    ),
    "requests of the agent within limits of the location": (
        RUN + "{containerConfig: {resources: {requests: {cpu: 500m}}}}}",
        "run_k8s_config: {container_config: {resources: {limits: {cpu: 1}}}}",
    ),
    "general over general": ("workspace: {resources: {limits: {cpu: 2}}}", "resources: {limits: {cpu: 1}}"),
    "specific over specific": (
        RUN + "{podSpecConfig: {serviceAccountName: runs}}}",
        "run_k8s_config: {pod_spec_config: {service_account_name: etl}}",
    ),
    "general with a specific one of its own": (
        RUN + "{containerConfig: {resources: {requests: {cpu: 1}}}}}",
        "resources: {requests: {cpu: 50m}}\n"
        "run_k8s_config: {container_config: {resources: {requests: {cpu: 2}}}}",
    ),
    "general that says the same": (
        RUN + "{podSpecConfig: {serviceAccountName: etl}}}",
        "service_account_name: etl",
    ),
    "general beside specific": (
        RUN + "{containerConfig: {resources: {requests: {cpu: 1}}}}}",
        "resources: {requests: {memory: 1Gi}}",
    ),
    "labels of other keys": (
        RUN + "{podTemplateSpecMetadata: {labels: {team: a}}}}",
        "labels: {cost: b}",
    ),
    "what the list allows": (
        "workspace:\n"
        "  onlyAllowUserDefinedK8sConfigFields: {containerConfig: {env: true, envFrom: true}, namespace: true}\n"
        "  onlyAllowUserDefinedEnvVars: [A]",
        "env_vars: [A=1]\nenv_secrets: [x]\nnamespace: jobs",
    ),
    "a deadline and a TTL": (
        RUN + "{jobSpecConfig: {ttlSecondsAfterFinished: 86400, backoffLimit: 0}}}",
        "run_k8s_config: {job_spec_config: {ttl_seconds_after_finished: 7200}}",
    ),
    "a toleration of both": (
        RUN + "{podSpecConfig: {tolerations: [{key: spot, operator: Exists}]}}}",
        "run_k8s_config: {pod_spec_config: {tolerations: [{key: own, operator: Exists}]}}",
    ),
    "a claim": (
        "workspace: {volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]}",
        "volume_mounts: [{name: data, mount_path: /data}]",
    ),
    "a restartable init container beside another": (
        RUN + "{podSpecConfig: {initContainers: [{name: a, image: 'a/b:1', restartPolicy: Always}]}}}",
        "run_k8s_config: {pod_spec_config: {init_containers: [{name: b, image: 'a/c:1'}]}}",
    ),
}


@pytest.mark.parametrize(("agent", "k8s"), HEALTHY.values(), ids=HEALTHY)
def test_of_a_healthy_pair_nothing_is_found(agent: str, k8s: str) -> None:
    assert said(values(agent), location(k8s)) == []


@pytest.mark.parametrize("name", ["env_secrets", "env_config_maps", "image_pull_secrets"])
def test_nothing_where_an_object_is_named_is_a_finding_there(name: str) -> None:
    assert said(location(f"{name}: [null]")) == [("DPK301", "dagster_cloud.yaml", 6)]


BOTH = {**{name: case[:2] for name, case in {**FAULTS, **OF_ONE_POD}.items()}, **HEALTHY}


@pytest.mark.parametrize(("agent", "k8s"), BOTH.values(), ids=BOTH)
def test_of_plain_pods_no_rule_says_anything(agent: str, k8s: str) -> None:
    pairs = _pairs(values(agent), location(k8s))
    plain = [pair for pair in pairs if pair.is_plain]
    for pair in plain:
        pair.__dict__.update(to_merge=("run", "server"), is_allowed=False)

    alone = {finding.where for finding in check_pods(pairs[:1], [])}

    assert [item for item in check_pods(plain, []) if item.where not in alone] == []


def _pairs(agent: Source, entry: Source) -> list[Pair]:
    documents = [read_yaml(source.content, source.name)[0] for source in (agent, entry)]
    return pairs_of(*documents, [])


def test_the_other_place_of_a_fault_is_named() -> None:
    agent = values("workspace:\n  envVars:\n  - LEVEL=info")

    (finding,) = check_sources([agent, location("env_vars: [LEVEL=debug]")])

    assert finding.message.startswith(
        "the run's pod and the code server: containers[0].env has 'LEVEL' twice"
    )
    assert finding.message.endswith("; the last one counts; see values.yaml:4")


def test_what_the_defaults_say_is_found_there_and_once_for_all_locations() -> None:
    defaults = "{env_vars: [LEVEL=debug]}"
    entry = location("env_vars: [B=1]", defaults=defaults)
    two = Source(entry.name, entry.content + b"\n- location_name: two\n  code_source: {module_name: two}\n")

    assert said(values("workspace: {envVars: [LEVEL=info]}"), two) == [("DPK503", "dagster_cloud.yaml", 1)]


def test_a_location_is_held_against_the_agent_of_its_queue_only() -> None:
    agent = values("workspace: {envVars: [LEVEL=info]}")
    other = Source(
        "other.yaml",
        b"dagsterCloud: {agentTokenSecretName: tok, agentQueues: {includeDefaultQueue: false, "
        b"additionalQueues: [gpu]}}\nworkspace: {}\n",
    )

    assert said(agent, other, location("env_vars: [LEVEL=debug]", queue="gpu")) == []
    assert [code for code, _, _ in said(agent, other, location("env_vars: [LEVEL=debug]"))] == ["DPK503"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (values("workspace:\n  runK8sConfig:\n    jobSpecConfig:\n      backoffLimit: 1"), ("DPK520", 5)),
        (
            values("workspace:\n  resources: {limits: {cpu: 1}}\n  runK8sConfig:\n    containerConfig:\n"
                   "      resources: {requests: {cpu: 2}}"),
            ("DPK502", 6),
        ),
        (
            values("workspace:\n  volumes: [{name: a, emptyDir: {}}]\n  runK8sConfig:\n"
                   "    podSpecConfig: {volumes: [{name: a, secret: {secretName: b}}]}"),
            ("DPK504", 5),
        ),
        (location("run_k8s_config:\n  job_spec_config:\n    backoff_limit: 1"), ("DPK520", 8)),
        (
            Source("container_context.yaml", b"k8s:\n  run_k8s_config:\n    job_spec_config: {backoff_limit: 1}\n"),
            ("DPK520", 3),
        ),
    ],
)  # fmt: skip
def test_a_file_alone_is_judged_too(source: Source, found: tuple[str, int]) -> None:
    assert [(code, line) for code, _, line in said(source)] == [found]


def test_what_a_files_own_check_says_is_not_said_again() -> None:
    entry = location("run_k8s_config:\n  container_config:\n    resources:\n      requests: {cpu: 2}\n"
                     "      limits: {cpu: 1}")  # fmt: skip

    assert [code for code, _, _ in said(values("workspace: {}"), entry)] == ["DPK301"]


TWICE_IN_ONE_FILE = {
    "initContainers": RUN + "{podSpecConfig: {initContainers: [{name: a, image: a}, {name: a, image: b}]}}}",
    "containers": RUN + "{podSpecConfig: {initContainers: [{name: a, image: a}, {name: a, image: a}]}}}",
    "volumes": "workspace: {volumes: [{name: a, emptyDir: {}}, {name: a, secret: {secretName: b}}]}",
    "env": RUN + "{containerConfig: {env: [{name: A, value: a}, {name: A, value: b}]}}}",
    "equal env": RUN + "{containerConfig: {env: [{name: A, value: a}, {name: A, value: a}]}}}",
    "envVars": "workspace: {envVars: [A=1, A=2]}",
}


@pytest.mark.parametrize("text", TWICE_IN_ONE_FILE.values(), ids=TWICE_IN_ONE_FILE)
def test_what_one_file_has_twice_is_told_once(text: str) -> None:
    assert len(said(values(text))) == 1


def test_a_fault_that_dagster_itself_refuses_is_told_when_no_other_rule_tells_it() -> None:
    agent = values(RUN + "{containerConfig: {command: [a]}, podSpecConfig: {hostAliases: []}}}")
    entry = location("run_k8s_config: {pod_spec_config: {host_aliases: {}}}")

    codes = [code for code, _, _ in said(agent, entry)]

    assert codes
    assert codes[0] != "DPK500"


MALFORMED = [
    ("workspace: {runK8sConfig: [], envVars: {A: 1}, volumes: x}", "env_vars: {A: 1}\nlabels: [x]"),
    ("workspace: {onlyAllowUserDefinedEnvVars: 3}", "env_vars: [A=1, 3]\nvolumes: [{}]"),
    ("workspace: {onlyAllowUserDefinedK8sConfigFields: [a]}", "resources: {limits: {cpu: [1]}, requests: 4}"),
    ("workspace: 3", "run_k8s_config: {container_config: null, merge_behavior: SHALLOW}\nenv_vars: 3"),
]


@pytest.mark.parametrize(("agent", "k8s"), MALFORMED)
def test_what_is_shaped_otherwise_is_said_by_the_files_own_checks(agent: str, k8s: str) -> None:
    codes = {code for code, _, _ in said(values(agent), location(k8s))}

    assert codes
    assert "DPK500" not in codes


def test_a_queue_that_is_no_text_is_nobodys() -> None:
    assert said(values("workspace: {}"), location("env_vars: [A=1]", queue="[x]"))


def test_pods_with_a_list_that_nobody_means_are_not_merged() -> None:
    entries = ", ".join(f"NAME_{number}=1" for number in range(1001))
    run = "{jobSpecConfig: {backoffLimit: 1}}"

    (finding,) = check_sources([values(f"workspace: {{envVars: [{entries}], runK8sConfig: {run}}}")])

    assert (finding.code, finding.severity) == ("DPK549", "notice")
    assert finding.message == "a list of 1,001 entries, so that the pods are not looked at"


def test_a_comment_waives_it_in_its_line() -> None:
    agent = values(RUN + "{jobSpecConfig: {backoffLimit: 1}}}  # dagster-plus-k8s: ignore[DPK520] we know")

    assert said(agent) == []


def test_plain_files_are_checked_without_dagster() -> None:
    program = (
        "import sys\n"
        "from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources\n"
        f"check_sources([Source('values.yaml', {values('workspace: {envVars: [A=1]}').content!r}),\n"
        f"  Source('dagster_cloud.yaml', {location('env_vars: [B=1]').content!r})])\n"
        "print({'dagster', 'kubernetes'} & sys.modules.keys())"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_settings_given_in_python_are_judged_together() -> None:
    found: list[Finding] = check(
        definitions(assets=3),
        agent={"workspace": {"runK8sConfig": {"containerConfig": {"resources": {"requests": {"cpu": 2}}}}}},
        location={"container_context": {"k8s": {"resources": {"limits": {"cpu": 1}}}}},
    )

    assert [(item.code, str(item.where)) for item in found] == [
        ("DPK502", "location.container_context.k8s.resources.limits.cpu")
    ]


def test_a_secret_that_is_nearly_one_of_the_agents_is_told_by_the_files_alone() -> None:
    agent = values("workspace: {envSecrets: [{name: warehouse}]}")

    (finding,) = check_sources([agent, location("env_secrets: [warehose, other]")])

    assert (finding.code, finding.where.line) == ("DPK533", 6)
    assert finding.message.endswith("neither make nor name; did you mean 'warehouse'?")


def test_labels_of_a_location_are_refused_once_whatever_objects_they_become() -> None:
    agent = values("workspace: {onlyAllowUserDefinedK8sConfigFields: {containerConfig: {resources: true}}}")

    assert said(agent, location("labels: {team: other}")) == [("DPK518", "dagster_cloud.yaml", 6)]


def test_an_optional_secret_is_no_reason_to_merge_layers() -> None:
    agent = values("workspace: {envSecrets: [{name: warehouse, optional: true}]}")
    documents, _ = read_yaml(agent.content, agent.name)

    assert [pair.is_plain for pair in pairs_of(documents, [], [])] == [True]


OF_VARIABLES = (
    'env: [{name: A, value_from: {secret_key_ref: {name: warehose, key: a}}}, {name: B, value: "1"}, '
    "{name: C, value_from: {secret_key_ref: {name: warehose, key: c}}}]"
)


@pytest.mark.parametrize(
    ("agents", "locations"),
    [
        ("envSecrets: [{name: warehouse}]", OF_VARIABLES),
        ("envConfigMaps: [{name: warehouse}]", OF_VARIABLES.replace("secret_key", "config_map_key")),
        ("envSecrets: [{name: warehouse}]", "volumes: [{name: a, secret: {secret_name: warehose}}]"),
        (
            "envSecrets: [{name: warehouse}]",
            "volumes: [{name: a, projected: {sources: [{secret: {name: warehose}}]}}]",
        ),
        ("volumes: [{name: a, configMap: {name: warehouse}}]", "env_config_maps: [warehose]"),
    ],
)
def test_a_name_that_is_nearly_one_of_the_agents_is_told_wherever_it_is_read(
    agents: str, locations: str
) -> None:
    (finding,) = check_sources([values(f"workspace: {{{agents}}}"), location(locations)])

    assert (finding.code, finding.where.line) == ("DPK533", 6)
    assert finding.message.endswith("neither make nor name; did you mean 'warehouse'?")


def test_one_secret_is_one_finding_of_files_with_the_places_that_read_it() -> None:
    agent = values("workspace: {envSecrets: [{name: warehouse}]}")

    (finding,) = check_sources([agent, location(OF_VARIABLES)])

    assert [place.where.path.rpartition(".env")[2] for place in finding.places] == [
        "[0].value_from.secret_key_ref.name",
        "[2].value_from.secret_key_ref.name",
    ]


def test_what_several_locations_have_twice_with_one_agent_is_one_finding() -> None:
    agent = values("workspace: {volumes: [{name: data, emptyDir: {}}]}")
    text = location("volumes: [{name: data, empty_dir: {medium: Memory}}]").content.decode()
    entry = text.partition("locations:\n")[2]
    two = Source("dagster_cloud.yaml", f"{text}\n{entry.replace('etl', 'ml')}".encode())

    (finding,) = check_sources([agent, two])

    assert (finding.code, [place.where.line for place in finding.places]) == ("DPK504", [6, 11])


@pytest.mark.parametrize(
    "text",
    [
        "volumes: [{name: a, empty_dir: {}}]\nvolume_mounts: [{name: a, mount_path: foo}]",
        'volumes: [{name: a, empty_dir: {}}]\nvolume_mounts: [{name: a, mount_path: "/foo:ro"}]',
        "volumes: [{name: a}]",
        'run_k8s_config: {pod_spec_config: {image_pull_secrets: [{name: ""}]}}',
    ],
)
def test_what_looks_like_a_slip_is_told_by_the_file_alone(text: str) -> None:
    (finding,) = check_sources([location(text)])

    assert (finding.code, finding.where.line) == ("DPK569", 6 + text.count("\n"))
