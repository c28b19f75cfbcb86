"""Whatever values hold: what is valid comes back equal, and what is not never ends in a traceback.

10,000 examples of each: HYPOTHESIS_PROFILE=thorough pytest tests/files/test_generated_values.py
"""

from __future__ import annotations

import copy
import time
from typing import Any

import yaml
from edited_data import with_set
from examples import fewer
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers import (
    AgentImage,
    AgentQueues,
    AgentValues,
    AllowedFields,
    BranchDeploymentTTL,
    ComputeLogs,
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
from dagster_plus_k8s_helpers.documents.rules import CREDENTIAL
from dagster_plus_k8s_helpers.files.checks.values.check import check_values_file
from dagster_plus_k8s_helpers.files.checks.values.pairs import ENV_WITHOUT_VALUE
from dagster_plus_k8s_helpers.files.editing.edit import edited
from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment, parse_key, parse_value
from dagster_plus_k8s_helpers.files.values.manifests import service_account
from dagster_plus_k8s_helpers.findings.finding import Severity

READ_ALL_THE_SAME = {CREDENTIAL.code, ENV_WITHOUT_VALUE.code}

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
env_names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
counts = st.integers(0, 10**6)
switches = st.booleans()
distinct_names = st.lists(names, unique=True, max_size=3)
labels = st.dictionaries(names, names, max_size=3)
resources = st.builds(
    Resources,
    cpu=st.sampled_from([None, "500m", 1, ("1", "2")]),
    memory=st.sampled_from(["64Mi", "1.5Gi", ("1Gi", "2Gi"), 8_000_000]),
)
tolerations = st.lists(st.builds(Toleration, names, st.none() | names), max_size=2, unique=True)
volumes = st.lists(
    st.builds(lambda name: Volume.secret(name, f"/{name}"), names),
    max_size=2,
    unique_by=lambda volume: volume.name,
)


def some(section: type, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The section with any of its fields said."""
    return st.fixed_dictionaries({}, optional=fields).map(lambda said: section(**said))


pod_env_names = env_names.map("POD_{}".format)  # one variable stands in one place only
run_configs = some(
    K8sConfig,
    resources=resources,
    node_selector=labels,
    tolerations=tolerations,
    env=st.dictionaries(pod_env_names, texts, max_size=3),
    volumes=volumes,
    annotations=st.dictionaries(names, texts, max_size=2),
    ttl_seconds_after_finished=counts,
)
server_configs = some(
    K8sConfig, resources=resources, labels=labels, security_context=st.just({"runAsUser": 1000})
)
values = some(
    AgentValues,
    image_pull_secrets=distinct_names,
    service_account=some(ServiceAccount, create=switches, name=names, annotations=labels),
    dagster_cloud=some(
        DagsterCloud,
        agent_token_secret_name=names,
        deployments=st.lists(texts.filter(bool), unique=True, max_size=3),
        branch_deployments=switches,
        agent_label=texts,
        agent_queues=some(AgentQueues, include_default_queue=switches, additional_queues=distinct_names),
        socket_options=st.lists(st.lists(st.integers() | texts, max_size=3), max_size=2),
        proxies=st.dictionaries(names, texts, max_size=2),
        timeout=counts,
        backoff_factor=st.floats(0, 100) | st.integers(0, 9),
    ),
    dagster_cloud_agent=some(
        DagsterCloudAgent,
        image=some(
            AgentImage,
            repository=st.sampled_from(["agent", "docker.io/dagster/dagster-cloud-agent"]),
            tag=st.from_regex(r"\w[\w.-]{0,9}", fullmatch=True, alphabet=st.characters(codec="ascii"))
            | st.integers(0),
        ),
        replicas=counts,
        resources=resources,
        env=st.dictionaries(env_names, texts, max_size=3),
        tolerations=tolerations,
        volumes=volumes,
        labels=labels,
        logging_config=st.dictionaries(texts, texts | counts, max_size=2),
    ),
    workspace=some(
        Workspace,
        namespace=names,
        service_account_name=names,
        env_vars=st.dictionaries(env_names.map("ALL_{}".format), texts, max_size=3),
        env_secrets=st.lists(names | st.builds(SecretEnvSource, names, switches), max_size=2),
        run_k8s_config=run_configs,
        server_k8s_config=server_configs
        | st.builds(ServerK8sConfig, server_configs, labels.map(lambda said: {"labels": said})),
        resources=resources,
        volumes=volumes,
        labels=labels,
        server_ttl=some(
            ServerTTL,
            full_deployments=some(FullDeploymentTTL, enabled=switches, ttl_seconds=counts),
            branch_deployments=some(BranchDeploymentTTL, ttl_seconds=counts),
            max_servers=counts,
        ),
        image_pull_grace_period=counts,
        only_allow_user_defined_k8s_config_fields=st.lists(
            st.sampled_from(sorted(K8sConfig.FIELDS)), max_size=4
        ).map(lambda fields: AllowedFields.of(*fields)),
        only_allow_user_defined_env_vars=st.lists(env_names, unique=True, max_size=3),
    ),
    compute_logs=st.builds(ComputeLogs.off) | st.builds(ComputeLogs.s3, texts, prefix=texts),
    python_logs=some(
        PythonLogs, python_log_level=st.sampled_from(["INFO", "DEBUG"]), managed_python_loggers=distinct_names
    ),
    isolated_agents=switches,
    extra_manifests=st.lists(st.builds(service_account, names, annotations=labels), max_size=2),
)

others = st.one_of(
    st.none(),
    switches,
    st.integers(),
    st.floats(),
    texts,
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({1: {}}),
    labels,
)


def places(data: object) -> list[tuple[Any, Any]]:
    """Every container in some data, with each key or index in it."""
    found: list[tuple[Any, Any]] = []
    for key, item in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        found += [(data, key), *places(item)]
    return found


def renamed(name: object, draw: Any) -> object:
    """A key as people misspell it."""
    text = str(name)
    return draw(
        st.sampled_from(
            [
                text[:-1],
                text + "s",
                text.lower(),
                text.upper(),
                "_".join(text),
                text[::-1],
                1,
                None,
                True,
                f"{text}: [",
                "é" + text,
            ]
        )
    )


@st.composite
def mutated(draw: Any) -> str:
    """The text of a values file with a few mistakes in it."""
    data = draw(values.filter(lambda said: said.to_dict())).to_dict()
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 4))):
        found = places(data)
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["drop", "double", "retype", "rename"])):
            case "drop":
                del container[key]
            case "double" if isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            case "rename" if isinstance(container, dict):
                container[renamed(key, draw)] = copy.deepcopy(container[key])
            case _:
                container[key] = copy.deepcopy(draw(others))
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    cut = draw(st.integers(0, len(text)) | st.none())
    match draw(st.sampled_from(["", "", "", "cut", "insert", "repeat"])):
        case "cut":
            return text[:cut]
        case "insert":
            return (
                text[: cut or 0]
                + draw(st.sampled_from(["\t", "\0", "&a ", "*a", "- ", ": ", "!!int ", "---\n", "{", "é"]))
                + text[cut or 0 :]
            )
        case "repeat":
            return text + text
    return text


@fewer(3)
@given(values)
def test_what_is_valid_comes_back_equal(said: AgentValues) -> None:
    text = said.to_yaml()

    read = AgentValues.from_yaml(text)

    assert read == said
    assert read.to_yaml() == text
    assert not said.diff(read)


def check_within_a_second(content: str | bytes) -> None:
    """Checks and reads values, which never raises anything else than that they are not valid."""
    start = time.process_time()
    check(content)
    if time.process_time() - start < 1:
        return
    # Python may have collected its garbage meanwhile.
    start = time.process_time()
    check(content)
    assert time.process_time() - start < 1


READ_ALL_THE_SAME = {"DPK012", "DPK210"}
"""Literal credentials, and variables without a value: mistakes that values can hold."""


def check(content: str | bytes) -> None:
    _, findings = check_values_file(content, "values.yaml")
    errors = [
        str(finding)
        for finding in findings
        if finding.severity is Severity.ERROR and finding.code not in READ_ALL_THE_SAME
    ]
    if isinstance(content, str):
        try:
            read = AgentValues.from_yaml(content)
        except InvalidFileError as refusal:
            assert errors
            assert len(refusal.findings) == len(errors)
        else:
            assert not errors
            assert AgentValues.from_yaml(read.to_yaml()) == read
            assert AgentValues.from_yaml(read.to_yaml()).to_dict() == read.to_dict()


@fewer(3)
@given(mutated())
def test_no_mistake_ends_in_a_traceback(text: str) -> None:
    check_within_a_second(text)


@fewer(3)
@given(st.binary(max_size=200) | texts.map(str.encode))
def test_no_bytes_end_in_a_traceback(content: bytes) -> None:
    check_within_a_second(content)


keys = st.sampled_from(
    [
        "workspace.namespace",
        "workspace.envVars[0]",
        "dagsterCloud",
        "dagsterCloud.deployments[1]",
        "a.b[2][0].c",
        "isolatedAgents.enabled",
    ]
)


@fewer(3)
@given(
    mutated(), keys, st.sampled_from(["code", "1", "true", "null", "{a,b}", "yes", ": [", "# x", "a\nb", ""])
)
def test_no_edit_ends_in_a_traceback_or_changes_something_else(text: str, key: str, value: str) -> None:
    documents, before = check_values_file(text, "values.yaml")
    path, wanted = parse_key(key), parse_value(value)
    is_readable = bool(documents) or [finding.code for finding in before] == ["DPK004"]
    expected = with_set(documents[0].data if documents else {}, path, wanted)
    try:
        result, _ = edited(text.encode(), "values.yaml", [Assignment(path, wanted)])
    except InvalidFileError as refusal:
        # Whichever way the values with the edit are written, this is what there is to say against them.
        _, against = check_values_file(yaml.safe_dump(expected), "values.yaml")
        allowed = {finding.code for finding in (against if is_readable else before)}
        assert {finding.code for finding in refusal.findings} <= allowed
    except K8sConfigError as refusal:
        assert str(refusal).endswith("; name the values file") or "*a" in text or "&a" in text
    else:
        (read, *_), _ = check_values_file(result, "values.yaml")
        assert repr(read.data) == repr(expected)
