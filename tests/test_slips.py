"""What a newcomer writes first, and what is answered: one line, with what to write instead."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
import re
import traceback
from enum import Enum
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

import dagster_plus_k8s_helpers as package
import dagster_plus_k8s_helpers.components
from dagster_plus_k8s_helpers import (
    ArgumentError,
    AwsSecrets,
    Container,
    DagsterCloudAgent,
    DagsterPlusK8sError,
    EnvSecrets,
    FileSecrets,
    K8sConfig,
    MemoryLadder,
    Resources,
    SecretKeyRef,
    SecretRef,
    SecretValue,
    Toleration,
    UnknownFieldError,
    VaultKubernetesAuth,
    VaultSecrets,
    VaultTokenAuth,
    Volume,
    VolumeMount,
    Workspace,
    cost_labels,
    current_deployment,
    executor_for_deployment,
    gpu,
    k8s_executor,
    k8s_tags,
    kueue,
    manifests,
    plan,
    redact_secrets,
    secrets_for_deployment,
    sized_by,
    sized_by_partition,
    sized_by_usage,
    spot,
    testing,
)
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.plan import plan as make_plan
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.schema import field_types

call: Any = lambda made: made  # noqa: E731 - a call that the type checker would refuse
K8S: Any = K8sConfig
RES: Any = Resources
VAULT: Any = VaultSecrets
KUBERNETES_NAMES = {name for model in SECTIONS.values() for name in field_types(model)}
SMALL = K8sConfig(resources=Resources(cpu=1))

SLIPS = [
    ('Resources(memroy="2Gi")', lambda: RES(memroy="2Gi"), "Resources has no argument 'memroy'; did you mean 'memory'?"),
    ("Resources(limits=...)", lambda: RES(limits={"cpu": 1}), "Resources has no argument 'limits'; write cpu=\"2\" for a limit, cpu=(\"1\", \"2\") for a request and a limit; memory and gpu alike"),
    ("k8s_executor(max_concurent=2)", lambda: call(k8s_executor)(max_concurent=2), "k8s_executor has no argument 'max_concurent'; did you mean 'max_concurrent'?"),
    ("k8s_executor(container_config=...)", lambda: call(k8s_executor)(container_config={}), "k8s_executor has no argument 'container_config'; it goes into step_config=K8sConfig(container_config=...)"),
    ("k8s_executor(memory=...)", lambda: call(k8s_executor)(memory="2Gi"), "k8s_executor has no argument 'memory'; it goes into step_config=K8sConfig(resources=Resources(memory=...))"),
    ("k8s_executor(job_namespace=...)", lambda: call(k8s_executor)(job_namespace="a"), "k8s_executor has no argument 'job_namespace'; write namespace=..."),
    ("executor_for_deployment(prod=...)", lambda: call(executor_for_deployment)(prod=k8s_executor), "executor_for_deployment has no argument 'prod'; for the deployment of that name write deployments={'prod': ...}"),
    ("executor_for_deployment(k8s_executor())", lambda: call(executor_for_deployment)(k8s_executor), "executor_for_deployment takes its arguments by name only, such as local=..."),
    ("secrets_for_deployment(prod=...)", lambda: call(secrets_for_deployment)(prod=EnvSecrets()), "secrets_for_deployment has no argument 'prod'; for the deployment of that name write deployments={'prod': ...}"),
    ("gpu(node_seletor=...)", lambda: call(gpu)(node_seletor={}), "gpu has no argument 'node_seletor'; did you mean 'node_selector'?"),
    ('gpu(1, "l4")', lambda: call(gpu)(1, "l4"), "gpu takes at most 1 without a name, not 2; name the others, such as product=..."),
    ("spot()", call(spot), "spot needs platform; write one of 'aks', 'eks', 'eks-auto', 'gke', 'karpenter'"),
    ("kueue()", call(kueue), "kueue needs queue; write queue=..."),
    ('kueue("a", priority="high")', lambda: call(kueue)("a", priority="high"), "kueue has no argument 'priority'; write priority_class=..."),
    ('MemoryLadder(max="64Gi")', lambda: call(MemoryLadder)(max="64Gi"), "MemoryLadder has no argument 'max'; did you mean 'maximum'?"),
    ("MemoryLadder(max_retries=3)", lambda: call(MemoryLadder)(max_retries=3), "MemoryLadder has no argument 'max_retries'; write retries=..."),
    ('k8s_tags(mem="1Gi")', lambda: call(k8s_tags)(mem="1Gi"), "k8s_tags has no field 'mem'; write memory=..."),
    ("K8sConfig(cpu=1)", lambda: K8S(cpu=1), "K8sConfig has no field 'cpu'; write resources=Resources(cpu=...)"),
    ("K8sConfig(env_secrets=...)", lambda: K8S(env_secrets=["warehouse"]), "K8sConfig has no field 'env_secrets'; write env_from=[SecretEnvSource('NAME')]"),
    ('K8sConfig(namespace="a")', lambda: K8S(namespace="a"), "K8sConfig has no field 'namespace'; pods go where the agent says; those of steps elsewhere with k8s_executor(namespace=...)"),
    ("K8sConfig(Resources(cpu=1))", lambda: K8S(RES(cpu=1)), "K8sConfig takes its arguments by name only"),
    ('Toleration("pool", "gpu", "NoSchedule")', lambda: call(Toleration)("pool", "gpu", "NoSchedule"), "'NoSchedule' is an effect; write effect='NoSchedule'"),
    ('VolumeMount("data")', lambda: call(VolumeMount)("data"), "VolumeMount needs mount_path; write mount_path=..."),
    ('Container("sync", name="sync")', lambda: call(Container)("sync", name="sync"), "Container gets name twice, by its place and by its name; keep one of the two"),
    ("Resources(cpu=1).scaled(mem=2)", lambda: call(SMALL.resources).scaled(mem=2), "Resources.scaled has no argument 'mem'; did you mean 'memory'?"),
    ("Workspace(run_k8s_confg=...)", lambda: call(Workspace)(run_k8s_confg=SMALL), "Workspace has no field 'run_k8s_confg'; did you mean 'run_k8s_config'?"),
    ("DagsterCloudAgent.without_downtime(replica=2)", lambda: DagsterCloudAgent.without_downtime(replica=2), "DagsterCloudAgent has no field 'replica'; did you mean 'replicas'?"),
    ("plan(defs, jobs=...)", lambda: call(make_plan)(dg.Definitions(), jobs="a"), "plan has no argument 'jobs'; did you mean 'job'?"),
    ("redact_secrets(EnvSecrets())", lambda: call(redact_secrets)(EnvSecrets()), "redact_secrets takes no argument"),
    ("AwsSecrets(region_name=...)", lambda: call(AwsSecrets)(region_name="eu-west-1"), "AwsSecrets: there is no setting 'region_name'; write client=SecretsManagerResource(region_name=...), of dagster_aws.secretsmanager"),
    ("VaultSecrets(token=...)", lambda: VAULT(token="t"), "VaultSecrets: there is no setting 'token'; write auth=VaultTokenAuth(token=...)"),
    ("VaultSecrets(url=...)", lambda: VAULT(url="https://vault"), "VaultSecrets: auth: is missing; write auth=..."),
    ("VaultSecrets(auth=VaultKubernetesAuth)", lambda: VAULT(url="https://vault", auth=VaultKubernetesAuth), "VaultSecrets: auth: is the class itself; write VaultKubernetesAuth(...)"),
    ('VaultSecrets(auth="token")', lambda: VAULT(url="https://vault", auth="token"), "VaultSecrets: auth: must be a VaultAuth, not str"),
    ('VaultSecrets("https://vault")', lambda: VAULT("https://vault"), "VaultSecrets takes its settings by name only, such as url=..."),
    ('secrets.get("a#b", refesh=True)', lambda: call(EnvSecrets()).get("a#b", refesh=True), "EnvSecrets.get has no argument 'refesh'; did you mean 'refresh'?"),
    ("SMALL.tags | GPU.tags", lambda: SMALL.tags | gpu(1).tags, "the second config would take the place of the first; write (a | b).tags"),
    ("SMALL | GPU.tags", lambda: SMALL | call(gpu(1).tags), "| merges two K8sConfig, not one and tags; write (a | b).tags, or K8sConfig.from_tags(...)"),
    ("SMALL | {}", lambda: SMALL | call({}), "| merges two K8sConfig, not one and dict; write K8sConfig.from_dict(...), or for tags {**a.tags, ...}"),
    ("SMALL | None", lambda: SMALL | call(None), "| merges two K8sConfig, not one and None; for a config that says nothing write K8sConfig()"),
    ("SMALL + GPU", lambda: SMALL + call(gpu(1)), "configs are merged with |; write a | b"),
    ("SMALL.pod_spec(1)", lambda: call(SMALL).pod_spec(1), "K8sConfig.pod_spec takes no argument"),
    ("K8sConfig(resources=Resources)", lambda: K8S(resources=Resources), "resources: is the class itself; write Resources(...)"),
    ('K8sConfig(resources={"cpu": "1"})', lambda: K8S(resources={"cpu": "1"}), "resources: a dictionary here has requests and limits; write Resources(cpu='1')"),
    ('Resources(cpu="1k")', lambda: RES(cpu="1k"), "cpu: 1k is 1,000 cores, which hardly any node has; where that is meant, it is '1000000m'; did you mean '1000m'?"),
    ('SecretKeyRef(1, "key")', lambda: call(SecretKeyRef)(1, "key"), "SecretKeyRef: name must be text, not int"),
    ('SecretKeyRef("a", "b", "c")', lambda: call(SecretKeyRef)("a", "b", "c"), "SecretKeyRef: optional must be True or False, not str"),
    ('SecretKeyRef(secret="a")', lambda: call(SecretKeyRef)(secret="a"), "SecretKeyRef has no argument 'secret'; it takes name, key, optional"),
    ('Volume.secret("a", path="/x")', lambda: call(Volume).secret("a", path="/x"), "Volume.secret has no argument 'path'; did you mean 'mount_path'?"),
    ("gpu(gpus=1)", lambda: call(gpu)(gpus=1), "gpu has no argument 'gpus'; write count=..."),
    ('gpu(1, "gke")', lambda: call(gpu)(1, "gke"), "gpu takes at most 1 without a name; write platform='gke'"),
    ('k8s_executor(memory_ladder="64Gi")', lambda: call(k8s_executor)(memory_ladder="64Gi"), "memory_ladder: must be a MemoryLadder, not str; write MemoryLadder(maximum='64Gi')"),
    ('k8s_executor(start_timeout="10m")', lambda: call(k8s_executor)(start_timeout="10m"), "start_timeout: must be a number of seconds, not '10m'; write 600"),
    ('MemoryLadder(on="OOMKilled")', lambda: MemoryLadder(on="OOMKilled"), "on: must be a list, not 'OOMKilled'; write ['OOMKilled']"),
    ('executor_for_deployment(local=..., default="k8s")', lambda: call(executor_for_deployment)(local=k8s_executor, default="k8s"), "default must be an executor, such as k8s_executor(...), not str"),
    ("secrets_for_deployment(default=EnvSecrets)", lambda: call(secrets_for_deployment)(default=EnvSecrets), "default is the class EnvSecrets itself; write EnvSecrets(...)"),
    ("SecretValue()", call(SecretValue), "SecretValue needs value; write value=..."),
    ('SecretRef(pth="a")', lambda: call(SecretRef)(pth="a"), "SecretRef has no argument 'pth'; it takes name, field, version"),
    ("VaultSecrets(...).lease(1)", lambda: call(VAULT(url="https://vault", auth=VaultTokenAuth(token="t"))).lease(1), "VaultSecrets.lease: path must be text, not int"),
    ('FileSecrets(path="/secrets")', lambda: call(FileSecrets)(path="/secrets"), "FileSecrets: there is no setting 'path'; write directory=..."),
    ('cost_labels("ml")', lambda: call(cost_labels)("ml"), "cost_labels takes its arguments by name only"),
    ('EnvSecrets(".env")', lambda: call(EnvSecrets)(".env"), "EnvSecrets takes its settings by name only, such as env_file=..."),
    ("sized_by_partition(us=BIG)", lambda: call(sized_by_partition)(us=SMALL), "sized_by_partition has no argument 'us'; the sizes are one mapping; write {'us': K8sConfig(...)}"),
    ("sized_by_partition({...}, default=SMALL)", lambda: call(sized_by_partition)({"us": SMALL}, default=SMALL), "sized_by_partition has no argument 'default'; write otherwise=..."),
    ("sized_by(lambda facts: SMALL)", lambda: sized_by(lambda _facts: SMALL), "function: a lambda has no name that the run worker could find it by; write it as a function at the top of a module: def size(facts): ..."),
    ("sized_by_usage(factor=1.2)", lambda: call(sized_by_usage)(factor=1.2), "sized_by_usage has no argument 'factor'; write headroom=..."),
    ("k8s_executor(size=SMALL)", lambda: call(k8s_executor)(size=SMALL), "size: a size that is always the same is no strategy; write step_config=... or with_k8s_config(...)"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "slip", "told"), SLIPS, ids=[slip[0] for slip in SLIPS])
def test_a_slip_is_answered_in_one_line(written: str, slip: Any, told: str) -> None:
    with pytest.raises(DagsterPlusK8sError) as refused:
        slip()

    assert str(refused.value) == told
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    assert f"| `{written}` | {told} |" in page()


def test_the_page_of_slips_has_no_other_row() -> None:
    assert page().count("| `") == len(SLIPS)


PUBLIC = [(module, name) for module in (package, plan, testing, manifests) for name in module.__all__]
NOT_CALLED = {
    "LayerName",
    "Manifest",
    "PolicyRule",
    "SecretsResource",
    "Steps",
    "VaultAuth",
    "VaultLease",
}
"""A type, abstract bases, and what this package makes and nobody else."""


def page() -> str:
    return (Path(__file__).parent.parent / "docs" / "reference" / "slips.md").read_text("utf-8")


def is_called(module: Any, name: str) -> bool:
    found = getattr(module, name)
    is_error_or_enum = isinstance(found, type) and issubclass(found, BaseException | Enum)
    return callable(found) and not is_error_or_enum and name not in NOT_CALLED


@pytest.mark.parametrize(
    ("module", "name"),
    [pytest.param(module, name, id=name) for module, name in PUBLIC if is_called(module, name)],
)
def test_everything_public_answers_an_argument_that_there_is_not(module: Any, name: str) -> None:
    public = getattr(module, name)
    required = {
        parameter.name: "a"
        for parameter in inspect.signature(public).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }

    with pytest.raises(DagsterPlusK8sError, match="'no_such_thing'"):
        public(**required, no_such_thing=1)


def test_the_error_is_a_type_error_and_a_value_error_still() -> None:
    assert issubclass(ArgumentError, TypeError)
    assert issubclass(ArgumentError, package.K8sConfigError)
    assert isinstance(pickle.loads(pickle.dumps(ArgumentError("no"))), ArgumentError)


def test_the_tags_of_a_config_are_a_dictionary_everywhere() -> None:
    tags = SMALL.tags

    assert tags | {"team": "data"} == {"team": "data"} | tags == {**tags, "team": "data"}
    assert pickle.loads(pickle.dumps(tags)) == copy.deepcopy(tags) == json.loads(json.dumps(tags)) == tags
    assert yaml.safe_load(yaml.safe_dump(tags)) == tags
    for lose in (lambda: dict(tags) | gpu(1).tags, lambda: tags.update(gpu(1).tags)):
        with pytest.raises(package.K8sConfigError, match=r"write \(a \| b\)\.tags"):
            lose()


def test_a_field_in_the_name_of_a_secret_is_told_once_there_is_none() -> None:
    with pytest.raises(DagsterPlusK8sError, match=r"write SecretRef\.parse\('warehouse#password'\)"):
        EnvSecrets().get(SecretRef("warehouse#password"))


def test_a_type_error_from_further_in_stays_what_it_is() -> None:
    @answering
    def doubled(number: int) -> int:
        return number + call("two")

    with pytest.raises(TypeError, match="unsupported operand") as raised:
        doubled(2)
    assert not isinstance(raised.value, ArgumentError)


KINDS = [
    (lambda: call(gpu)(resource=5), "gpu: resource must be text, not int"),
    (lambda: call(gpu)(node_selector=[1]), "gpu: node_selector must be a mapping, not list"),
    (lambda: call(MemoryLadder)(on=5), "MemoryLadder: on must be a list, not int"),
    (lambda: call(current_deployment)(["A=b"]), "current_deployment: environ must be a mapping, not list"),
    (lambda: call(k8s_executor)(per_step_config=K8sConfig), "k8s_executor: per_step_config must be a mapping, not the class K8sConfig"),
    (lambda: call(plan.check)(kubernetes_version=1.31), "check: kubernetes_version must be text, not float"),
    (lambda: call(plan.read_nodes)(5), "read_nodes: content must be bytes or text, not int"),
    (lambda: call(testing.assert_no_findings)(5), "assert_no_findings: findings must be a list, not int"),
]  # fmt: skip


class Sizes(str, Enum):  # noqa: UP042 - as people write them
    BIG = "4Gi"


def asset(**settings: Any) -> Any:
    return dg.asset(name="orders", **settings)(lambda: 1)


OUT_OF_PLACE = [
    (lambda: call(K8sConfig).to_dict(), "to_dict is called on the class itself; make an object first: K8sConfig(...).to_dict(...)"),
    (lambda: call(EnvSecrets).get_all("a"), "get_all is called on the class itself; make an object first: SecretsResource(...).get_all(...)"),
    (lambda: call(DagsterCloudAgent)(resources=Resources), "resources: is the class itself; write Resources(...)"),
    (lambda: asset(op_tags=gpu), "gpu is not called; write gpu(...)"),
    (lambda: asset(op_tags=k8s_tags), "k8s_tags is not called; write k8s_tags(...)"),
    (lambda: asset(op_tags=SMALL.to_dict), "K8sConfig.to_dict is not called; write K8sConfig.to_dict(...)"),
    (lambda: asset(op_tags=K8sConfig), "K8sConfig is the class itself; write K8sConfig(...)"),
    (lambda: asset(op_tags=Resources(cpu=1)), "resources are no tags; write K8sConfig(resources=Resources(...)).tags, or k8s_tags(cpu=..., memory=...)"),
    (lambda: {**SMALL.tags, **call(MemoryLadder())}, "a memory ladder is no tags; write MemoryLadder(...).tags"),
    (lambda: call(Resources(cpu=1)) | Resources(memory="1Gi"), "resources are merged within configs; write K8sConfig(resources=a) | K8sConfig(resources=b)"),
    (lambda: "postgres://" + call(SecretValue("hidden")), "a SecretValue is no text. Call .reveal() in the one place that needs its text"),
    (lambda: K8S(env={"A": dg.EnvVar("B")}), "env[0].value: is dg.EnvVar('B'), which only resources read, and here is its name; write os.environ['B'], or in env SecretKeyRef('NAME', 'KEY')"),
    (lambda: k8s_executor(image=dg.EnvVar("B")), "image: is dg.EnvVar('B'), which only resources read, and here is its name; write os.environ['B'], or in env SecretKeyRef('NAME', 'KEY')"),
    (lambda: call(k8s_executor)(owner_references="no"), "owner_references: must be True or False, not 'no'"),
    (lambda: call(k8s_executor)(load_incluster_config="no"), "load_incluster_config: must be True or False, not 'no'"),
    (lambda: call(Toleration)("pool", "Exists"), "'Exists' is an operator; write operator='Exists'"),
    (lambda: call(package.with_group_labels)(SMALL), "definitions: must be Definitions, not K8sConfig"),
    (lambda: make_plan(dg.Definitions([asset()], executor=k8s_executor())).fit(call([5])), "nodes must be NodePools, as read_nodes gives them, not int"),
    (lambda: call(package.merge_container_contexts)("a", "b"), "workspace must be a ContainerContext, not str"),
    (lambda: call(package.check_agents_and_locations)("a", "b"), "agents must be AgentValues, not str"),
    (lambda: call(package.project_location)(5), "project_location: project must be a path or text, not int"),
    (lambda: call(package.Deployment)("full", 5), "Deployment: name must be text, not int"),
]  # fmt: skip


@pytest.mark.parametrize(("slip", "told"), OUT_OF_PLACE, ids=[told[:40] for _, told in OUT_OF_PLACE])
def test_what_stands_in_the_wrong_place_is_told_in_one_line(slip: Any, told: str) -> None:
    with pytest.raises(DagsterPlusK8sError) as refused:
        slip()

    assert str(refused.value) == told


def test_a_member_of_an_enum_is_what_it_stands_for() -> None:
    config = K8sConfig(
        resources=Resources(memory=Sizes.BIG),
        labels={Sizes.BIG: Sizes.BIG},
        tolerations=[Toleration(Sizes.BIG)],
    )

    assert yaml.safe_load(yaml.safe_dump(config.to_dict())) == config.to_dict()
    assert "Sizes" not in repr(config)


@pytest.mark.parametrize("module", [package, package.components])
def test_a_public_name_that_is_spelled_wrongly_is_near_one(module: Any) -> None:
    (name, *_) = module.__all__

    with pytest.raises(AttributeError, match=f"did you mean '{name}'"):
        getattr(module, name.swapcase())
    assert not hasattr(module, "__no_such__")


def test_an_error_of_any_kind_leaves_no_argument_behind() -> None:
    @answering
    def failing(secret: str) -> None:
        raise KeyError(len(secret))

    with pytest.raises(KeyError) as raised:
        failing("hidden")
    frames = list(traceback.walk_tb(raised.value.__traceback__))
    held = [frame.f_locals for frame, _ in frames if frame.f_code.co_name == "answered"]
    assert held
    assert "hidden" not in str(held)


@pytest.mark.parametrize(("slip", "told"), KINDS)
def test_an_argument_of_another_kind_is_told_in_one_line(slip: Any, told: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        slip()

    assert str(refused.value) == told


def test_what_is_decorated_keeps_its_signature_and_can_be_copied_and_pickled() -> None:
    ladder = MemoryLadder(maximum="8Gi")

    assert list(inspect.signature(MemoryLadder).parameters) == ["factor", "maximum", "retries", "on", "learn"]
    assert list(inspect.signature(gpu).parameters)[:2] == ["count", "product"]
    assert dataclasses.replace(ladder, retries=1).retries == 1
    for value in (ladder, SMALL, Resources(cpu=1), Toleration("a"), gpu, k8s_executor):
        assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(ladder) == ladder


def test_a_config_stands_where_dagster_wants_its_tags() -> None:
    @dg.asset(op_tags=SMALL)
    def orders() -> None: ...

    @dg.op(tags={**SMALL, "team": "data"})
    def work() -> None: ...

    nightly = dg.define_asset_job("nightly", tags=SMALL)

    assert K8sConfig.from_tags(orders.op.tags) == SMALL
    assert K8sConfig.from_tags(work.tags) == SMALL
    assert K8sConfig.from_tags(nightly.tags) == SMALL
    assert dict(SMALL) == SMALL.tags
    assert dict(K8sConfig()) == {}
    assert K8sConfig.from_dict(SMALL) is SMALL


def test_what_a_tag_holds_is_not_the_tag() -> None:
    with pytest.raises(UnknownFieldError, match=r"is the key of the tag; write what it holds"):
        K8sConfig.from_dict(SMALL.tags)


@pytest.mark.parametrize("executor", [k8s_executor, k8s_executor()], ids=["as it is", "called"])
def test_the_executor_is_one_with_a_call_and_without(executor: dg.ExecutorDefinition) -> None:
    @dg.asset
    def orders() -> None: ...

    definitions = dg.Definitions(
        assets=[orders], executor=executor_for_deployment(default=executor, local=executor)
    )
    planned = make_plan(definitions)

    assert (planned.executor, planned.max_concurrent) == ("k8s", None)
    assert planned.steps["orders"].pod is not None


def test_the_executor_can_be_configured_as_the_stock_one_is() -> None:
    @dg.asset
    def orders() -> None: ...

    definitions = dg.Definitions(assets=[orders], executor=k8s_executor.configured({"max_concurrent": 3}))

    assert make_plan(definitions).max_concurrent == 3


ANY_VALUES = ("a", 1, True, {}, [], ["a"], {"a": "b"}, [{"name": "a"}])


@pytest.mark.parametrize("name", sorted(KUBERNETES_NAMES))
def test_what_is_advised_for_a_field_of_kubernetes_is_not_then_left_to_dagster(name: str) -> None:
    with pytest.raises(DagsterPlusK8sError) as refused:
        K8S(**{name: object()})
    advised = re.search(rf"; write (\w+)={{'{name}'", str(refused.value))
    for value in ANY_VALUES if advised else ():
        try:
            told = str(K8S(**{advised[1]: {name: value}}).tags)
        except DagsterPlusK8sError as error:
            told = str(error)
        assert "Dagster" not in told
