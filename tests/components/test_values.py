"""Values of this package as attributes of a stranger's component."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import dagster as dg
import pytest
import yaml
from configs import EVERY_FIELD
from dg_projects import TEMPLATES
from jsonschema import Draft202012Validator
from strange_components import InDataclass, InModel

from dagster_plus_k8s_helpers import (
    K8sConfig,
    K8sConfigError,
    MemoryLadder,
    Quantity,
    Resources,
    k8s_executor,
)
from dagster_plus_k8s_helpers.components import K8sExecutorComponent
from dagster_plus_k8s_helpers.components.executors import executor_schema
from dagster_plus_k8s_helpers.components.schemas import QUANTITY
from dagster_plus_k8s_helpers.components.template_vars import scope
from dagster_plus_k8s_helpers.components.value_schemas import config_schema
from dagster_plus_k8s_helpers.components.values import CONFIG_FIELDS

KINDS = pytest.mark.parametrize("kind", [InDataclass, InModel])


@KINDS
def test_a_component_of_a_project_has_a_config_as_an_attribute(kind: Any) -> None:
    made = kind.resolve_from_yaml("""
        pod:
          resources: {cpu: 500m, memory: [2Gi, 4Gi]}
          nodeSelector: {pool: batch}
        resources: {limits: {cpu: 1}}
        ladder: {factor: 1.5, maximum: 32Gi}
        size: {by: partition, sizes: {"eu-*": {resources: {memory: 8Gi}}}}
        others: [{image: "a:1"}]
    """)

    assert made.pod == K8sConfig(
        resources=Resources(cpu="500m", memory=("2Gi", "4Gi")), node_selector={"pool": "batch"}
    )
    assert made.resources == Resources(cpu=1)
    assert made.ladder == MemoryLadder(factor=1.5, maximum="32Gi")
    assert json.loads(made.size["dagster-plus-k8s/size"])["by"] == "partition"
    assert made.others == [K8sConfig(image="a:1")]


@KINDS
def test_what_is_left_out_is_what_python_says(kind: Any) -> None:
    made = kind.resolve_from_yaml("pod: {}")

    assert (made.pod, made.resources, made.ladder) == (K8sConfig(), None, MemoryLadder())


@KINDS
def test_a_template_gives_a_whole_value_or_a_part_of_one(kind: Any) -> None:
    made = kind.resolve_from_yaml(
        """
        pod: "{{ k8s(gpu(1), memory='16Gi') }}"
        others:
          - labels: {version: "{{ version }}", team: "{{ team }}-{{ 1 + 1 }}"}
            resources: "{{ one }}"
        """,
        scope={**scope(), "version": "1.10", "team": "data", "one": Resources(cpu=1)},
    )

    assert made.pod.resources == Resources(memory="16Gi", gpu=1)
    assert made.others == [
        K8sConfig(labels={"version": "1.10", "team": "data-2"}, resources=Resources(cpu=1))
    ]


def test_text_that_looks_like_a_number_stays_text() -> None:
    made = InDataclass.resolve_from_yaml("""pod: {labels: {a: "1.10", b: "007", c: "True"}}""")

    assert made.pod.labels == {"a": "1.10", "b": "007", "c": "True"}


REFUSED = [
    (
        "resources: {memory: 4GB}",
        "pod.resources.memory '4GB' is not a Kubernetes quantity; write '4Gi' or '4G'",
    ),
    ("resources: {memory: [4Gi, 2Gi]}", "pod.resources.memory the request 4Gi is above the limit 2Gi"),
    (
        "resources: {limits: {cpu: 1, memory: 4GB}}",
        "pod.resources.limits.memory '4GB' is not a Kubernetes quantity; write '4Gi' or '4G'",
    ),
    (
        "resources: {requests: {memory: 4Gi}, limits: {memory: 2Gi}}",
        "pod.resources.memory the request 4Gi is above the limit 2Gi",
    ),
    (
        "resources: {memroy: 4Gi}",
        "pod.resources.memroy Resources has no field 'memroy'; did you mean 'memory'?",
    ),
    (
        "resources: {requests: {cpu: 1}, cpu: 2}",
        "pod.resources.cpu resources with requests and limits has no field 'cpu'",
    ),
    ("resources: 2Gi", "pod.resources must be a mapping such as {cpu: 500m, memory: 2Gi}, not str"),
    ("nodeSelector: {gpu: true}", "pod.nodeSelector.gpu must be text, not bool; write 'true'"),
    ("cpu: 1", "pod.cpu K8sConfig has no field 'cpu'; write resources: {cpu: ...}"),
    (
        "tolerations: [{key: a}, {effct: b}]",
        "pod.tolerations.1 Toleration has no field 'effct'; did you mean 'effect'?",
    ),
    ("'{{ k8s(cpu=1) }}'", "pod 'k8s' is undefined; there are "),
    ("{image: '{{ a.b }}'}", "pod.image 'a' is undefined; there are "),
    ("{image: '{{ 1 + }}'}", "pod.image is no template: "),
    ("[]", "pod must be a mapping, or a template such as '{{ k8s(cpu=1) }}', not list"),
]


@KINDS
@pytest.mark.parametrize(("written", "told"), REFUSED)
def test_a_wrong_value_is_told_at_its_line(written: str, told: str, kind: Any) -> None:
    line = 3 if "." in told.split(maxsplit=1)[0] else 2
    with pytest.raises(Exception, match=f"^<string>:{line} - ") as refused:
        kind.resolve_from_yaml(f"# a comment\npod:\n  {written}\n")

    assert told in str(refused.value).splitlines()[0]


def test_an_error_of_a_template_is_told_at_its_line() -> None:
    with pytest.raises(Exception, match="k8s has no field 'mem'; write memory=") as refused:
        InDataclass.resolve_from_yaml("pod: {}\nothers:\n  - resources: '{{ k8s(mem=1) }}'\n", scope=scope())

    assert str(refused.value).startswith("<string>:3 - others.0.resources ")


def errors(kind: Any, written: str) -> list[tuple[str, str]]:
    """What `dg check yaml` finds, which reads the schema and nothing else."""
    schema = kind.get_model_cls().model_json_schema()
    found = Draft202012Validator(schema).iter_errors(yaml.safe_load(written))
    return [(".".join(map(str, error.absolute_path)), error.message) for error in found]


@pytest.mark.parametrize(
    ("written", "place", "told"),
    [
        ("pod: {resources: {memory: 4GB}}", "pod.resources.memory", "as 4Gi or 4G (there is no GB, Gb, gi or K)"),
        ("pod: {resources: {cpu: lots}}", "pod.resources.cpu", "a quantity, such as 500m of CPU or 4Gi of memory"),
        ("pod: {resources: {memory: [1Gi, 2]}, others: {}}", "pod.others", "another name: resources, "),
        ("pod: {resources: {memory: [1Gi]}}", "pod.resources.memory", "too short"),
        ("pod: {resources: {memroy: 4Gi}}", "pod.resources.memroy", "the name memory"),
        ("pod: {resources: {mem: 4Gi}}", "pod.resources.mem", "memory: ..."),
        ("pod: {node_selectr: {}}", "pod.node_selectr", "the name node_selector"),
        ("pod: {memory: 4Gi}", "pod.memory", "resources: {memory: ...}"),
        ("pod: {nodeSelector: {gpu: true}}", "pod.nodeSelector.gpu", "text; in quotes"),
        ("pod: {tolerations: [{effct: a}]}", "pod.tolerations.0.effct", "another name: effect, key"),
        ("pod: {image_pull_policy: never}", "pod.image_pull_policy", "is not one of ['Always', 'IfNotPresent', 'Never']"),
        ("pod: {active_deadline_seconds: 1h}", "pod.active_deadline_seconds", "a whole number"),
        ("pod: 2Gi", "pod", "a mapping such as {resources: {cpu: 500m, memory: 2Gi}}, or a template"),
        ("{pod: {}, ladder: {maximum: 64gi}}", "ladder.maximum", "as 4Gi or 4G"),
        ("{pod: {}, ladder: {max_retries: 2}}", "ladder.max_retries", "retries: ..."),
        ("{pod: {}, size: {by: moon}}", "size.by", "is not one of ['partition', 'usage']"),
        ("{pod: {}, size: {sizes: {}}}", "size", "'by' is a required property"),
        ("{pod: {}, size: big}", "size", "a function, as module:name"),
    ],
)  # fmt: skip
@KINDS
def test_the_schema_says_what_is_expected_where_it_stands(
    kind: Any, written: str, place: str, told: str
) -> None:
    [(where, message)] = errors(kind, written)

    assert where == place
    assert told in message


@KINDS
def test_the_schema_takes_templates_anywhere(kind: Any) -> None:
    assert errors(kind, "pod: '{{ a }}'") == []
    assert (
        errors(kind, "pod: {resources: {cpu: '{{ a }}'}, tolerations: '{{ b }}', labels: {a: '{{ c }}'}}")
        == []
    )
    assert errors(kind, "{pod: {}, ladder: {factor: '{{ a }}'}, size: '{{ sized_by_usage() }}'}") == []


def test_every_field_can_be_written() -> None:
    config = K8sConfig(**EVERY_FIELD)
    mounts = {"volume_mounts": config.volume_mounts}  # which Volume objects bring along in Python
    written = {name: as_yaml(value) for name, value in (EVERY_FIELD | mounts).items()}
    text = yaml.safe_dump({"pod": written}, sort_keys=False)

    assert errors(InDataclass, text) == []
    assert InDataclass.resolve_from_yaml(text).pod == config


def as_yaml(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: as_yaml(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_yaml(item) for item in value]
    return as_yaml(value.to_dict()) if hasattr(value, "to_dict") else value


def test_the_schema_describes_every_field() -> None:
    described = {name: field.get("description") for name, field in config_schema()["properties"].items()}

    assert tuple(described) == CONFIG_FIELDS
    assert all(described.values())


def test_the_schema_of_an_executor_describes_every_setting_and_takes_its_default() -> None:
    properties = executor_schema()["else"]["properties"]
    defaults = {name: setting.default for name, setting in settings().items()}

    assert properties.keys() == defaults.keys()
    assert all(setting["description"] for setting in properties.values())
    for name, default in defaults.items():
        written = list(default) if isinstance(default, tuple) else default
        assert [error.message for error in Draft202012Validator(properties[name]).iter_errors(written)] == []


def settings() -> Any:
    import inspect  # noqa: PLC0415

    return inspect.signature(k8s_executor).parameters


@pytest.mark.parametrize(
    "amount", ["500m", "2Gi", "1e3", ".5", "1.", "+1", "1.5G", "100k", "1E", "3u", 1, 0.5, 0, "4GB", "1K", "2gi", "3g", "", "-1", "1 Gi", "one", "1e", "1Ki2"]
)  # fmt: skip
def test_the_schema_of_a_quantity_takes_what_is_one(amount: Any) -> None:
    try:
        Quantity(amount)
    except K8sConfigError:
        is_one = False
    else:
        is_one = not str(amount).startswith("-")

    assert Draft202012Validator(QUANTITY).is_valid(amount) is is_one


@pytest.mark.parametrize(
    "code",
    [
        "import dagster as dg; from dagster_plus_k8s_helpers import K8sConfig",
        "from dagster_plus_k8s_helpers import K8sConfig; import dagster as dg; from dagster_plus_k8s_helpers import gpu",
        "from dagster_plus_k8s_helpers import K8sConfig; import dagster as dg, dagster_plus_k8s_helpers.components",
    ],
)
def test_values_are_resolvable_wherever_dagster_is(code: str) -> None:
    asked = f"{code}; made = K8sConfig(image='a'); assert isinstance(made, dg.Resolvable); assert made.image == 'a'"

    subprocess.run([sys.executable, "-c", asked], check=True)


def test_values_that_were_made_before_are_resolvable_and_as_they_were() -> None:
    code = (
        "import sys; from dagster_plus_k8s_helpers import K8sConfig, MemoryLadder, Resources;"
        "assert 'dagster' not in sys.modules;"
        "made = [K8sConfig(image='a'), MemoryLadder(factor=3), Resources(cpu=1)]; before = repr(made);"
        "import dagster_plus_k8s_helpers.components, copy, gc, pickle; import dagster as dg; gc.collect();"
        "assert all(isinstance(value, dg.Resolvable) for value in made);"
        "assert repr(made) == before == repr(copy.deepcopy(made)) == repr(pickle.loads(pickle.dumps(made)));"
        "assert {made[0]: 1}[K8sConfig(image='a')] == 1"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_components_load_neither_a_client_nor_the_models() -> None:
    heavy = (
        "kubernetes",
        "dagster_k8s",
        "dagster_aws",
        "boto3",
        "hvac",
        "dagster_plus_k8s_helpers.components.models",
    )
    code = f"import sys, dagster_plus_k8s_helpers.components; print([m for m in {heavy} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert loaded.stdout.strip() == "[]"


def test_what_templates_may_call_is_named_once() -> None:
    from importlib import import_module  # noqa: PLC0415

    from dagster.components.component.template_vars import find_inline_template_vars_in_module  # noqa: PLC0415

    found = find_inline_template_vars_in_module(import_module(TEMPLATES))

    assert found.keys() == scope().keys() == K8sExecutorComponent.get_additional_scope().keys()
    assert all(variable.__doc__ for variable in found.values())


def test_several_things_make_the_tags_of_an_op() -> None:
    known = scope()
    tags = known["tags"](known["k8s"](cpu=1), known["memory_ladder"](factor=3), known["sized_by_usage"]())

    assert K8sConfig.from_tags(tags) == K8sConfig(resources=Resources(cpu=1))
    assert tags.keys() == {"dagster-k8s/config", "dagster-plus-k8s/memory-ladder", "dagster-plus-k8s/size"}
    with pytest.raises(K8sConfigError, match=r"tags takes one config; write k8s\(A, B\) for two"):
        known["tags"](known["k8s"](cpu=1), known["k8s"](cpu=2))
    with pytest.raises(K8sConfigError, match="tags takes configs, memory ladders and sizes, not 3"):
        known["tags"](3)
    with pytest.raises(K8sConfigError, match="k8s takes configs without a name, such as gpu"):
        known["k8s"]("1")


def test_a_config_is_refused_where_it_is_none() -> None:
    with pytest.raises(ValueError, match="Input should be an instance of K8sConfig"):
        InModel(pod={"image": "a"})  # type: ignore[arg-type]

    assert issubclass(InModel, dg.Component)
