"""One cause, one finding: however many jobs, steps, variables, containers and layers show it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from checked import OP, SHOP, config, container, definitions, found, location, resources
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.check.files.sources import Source
from dagster_plus_k8s_helpers.errors import is_one_edit_from
from dagster_plus_k8s_helpers.plan import check

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Finding


def secret(variable: str, name: str) -> dict[str, Any]:
    return {"name": variable, "value_from": {"secret_key_ref": {"name": name, "key": "k"}}}


def of_many_ops(tags: list[dict[str, Any]], **given: Any) -> dg.Definitions:
    def asset(name: str, op_tags: dict[str, Any]) -> dg.AssetsDefinition:
        @dg.asset(name=name, op_tags=op_tags)
        def made() -> None: ...

        return made

    given.setdefault("executor", k8s_executor(max_concurrent=4))
    return dg.Definitions(assets=[asset(f"a{index}", op_tags) for index, op_tags in enumerate(tags)], **given)


def test_thirty_variables_of_three_secrets_are_three_findings() -> None:
    env = [secret(f"V{index}", f"s{index % 3}") for index in range(30)]

    findings = check(definitions(), agent={"workspace": {}}, location=location(container_config={"env": env}))

    assert [item.code for item in findings] == ["DPK533"] * 3
    assert findings[0].message == (
        "the run's pod and step 'train': containers[0].env[2].valueFrom.secretKeyRef.name is 's0' by "
        f"{SHOP}, a Secret that the agent's values neither make nor name"
    )
    assert findings[0].folded == (
        "also containers[0].env[V3] by location, containers[0].env[V6] by location, "
        "containers[0].env[V9] by location + 6 more",
    )
    assert len(findings[0].places) == 10


JOBS = [dg.define_asset_job(name, "*") for name in ("a", "b", "c", "d", "e")]


def test_what_several_jobs_show_is_one_finding_with_the_jobs() -> None:
    (finding,) = check(of_many_ops([k8s_tags(ttl_seconds_after_finished=1)], jobs=JOBS))

    assert finding.where.path == "the implicit asset job, step 'a0'"
    assert finding.message.startswith("step 'a0': spec.ttlSecondsAfterFinished is 1 by op tags")
    assert finding.folded == ("also in job 'a', job 'b', job 'c' + 2 more",)


def test_what_a_file_alone_says_stands_there_once_whatever_the_jobs() -> None:
    (finding,) = check(of_many_ops([{}], jobs=JOBS), location=location(job_spec_config={"backoff_limit": 3}))

    assert finding.where.path.endswith("run_k8s_config.job_spec_config.backoff_limit")
    assert finding.message.startswith("the run's pod: spec.backoffLimit is 3 by location")


TWICE = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
OVER = {"requests": {"memory": "4Gi"}, "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("sections", "code", "text"),
    [
        ({"container_config": {"env": TWICE}}, "DPK503", "container_config.env[1]: names 'A' twice"),
        (
            {"pod_spec_config": {"volumes": [{"name": "v", "empty_dir": {}}] * 2}},
            "DPK504",
            "pod_spec_config.volumes[1]: names 'v' twice",
        ),
        (
            {"pod_spec_config": {"init_containers": [{"name": "x", "image": "x", "env": TWICE}]}},
            "DPK503",
            "pod_spec_config.init_containers[0].env[1]: names 'A' twice",
        ),
        (
            {"container_config": {"resources": OVER}},
            "DPK502",
            "container_config.resources.requests.memory: the request 4Gi is above the limit 1Gi; did you mean "
            "limits of 4Gi, or a request of 1Gi?",
        ),
    ],
)
@pytest.mark.parametrize("where", ["op tags", "executor"])
def test_what_one_layer_says_twice_is_told_once(
    sections: dict[str, Any], code: str, text: str, where: str
) -> None:
    if where == "op tags":
        defs, said = definitions(config(**sections)), "step 'train': op tags, dagster-k8s/config: "
    else:
        executor = k8s_job_executor.configured(
            {"step_k8s_config": sections, "max_concurrent": 2}, name="stock"
        )
        defs, said = definitions(executor=executor), "the executor and step 'train': step_k8s_config: "

    ((found_code, message),) = found(defs)

    assert found_code == code
    assert message.startswith(f"{said}{text.partition(';')[0]}")


def test_steps_with_the_same_fault_in_tags_of_their_own_are_one_finding() -> None:
    tags = [resources(requests={"memory": f"{2 + index}Gi"}) for index in range(12)]
    below = location(container_config={"resources": {"limits": {"memory": "1Gi"}}})

    (finding,) = check(of_many_ops(tags), location=below)

    assert finding.message == (
        "steps 'a0', 'a1', 'a10' + 9 more: containers[0].resources.requests.memory is '2Gi' by op tags, and "
        f"containers[0].resources.limits.memory is '1Gi' by {SHOP}"
    )
    assert len(finding.places) == 12


def test_settings_in_the_metadata_of_many_assets_are_one_finding() -> None:
    metadata = {"dagster-k8s/config": {"container_config": {}}}

    (finding,) = check(definitions(assets=16, metadata=metadata))

    assert finding.code == "DPK581"
    assert finding.message == (
        "steps 'train', 'train_1', 'train_10' + 13 more: metadata of the assets 'train', 'train_1', 'train_10' "
        "+ 13 more: nobody reads 'dagster-k8s/config' there; write it into op_tags"
    )
    assert len(finding.places) == 16


def test_settings_in_the_config_of_many_ops_are_one_finding() -> None:
    @dg.op(config_schema=dg.Permissive())
    def train() -> None: ...

    ops = [train.alias(f"op_{index}") for index in range(16)]
    config = {"ops": {f"op_{index}": {"config": {"dagster-k8s/config": {}}} for index in range(16)}}

    @dg.job(config=config, executor_def=k8s_executor(max_concurrent=4))
    def nightly() -> None:
        for op in ops:
            op()

    (finding,) = check(dg.Definitions(jobs=[nightly]))

    assert finding.message.startswith(
        "the job: the config of the ops 'op_0', 'op_1', 'op_2' + 13 more: nobody reads 'dagster-k8s/config' there"
    )


def test_different_causes_stay_apart() -> None:
    tags = [k8s_tags(ttl_seconds_after_finished=1), k8s_tags(ttl_seconds_after_finished=2)]

    assert [message.partition(" by ")[0] for _, message in found(of_many_ops(tags))] == [
        "step 'a0': spec.ttlSecondsAfterFinished is 1",
        "step 'a1': spec.ttlSecondsAfterFinished is 2",
    ]


def test_a_shallow_layer_is_told_once_with_all_that_it_loses() -> None:
    below = location(
        container_config={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        pod_spec_config={"node_selector": {"zone": "a", "region": "b"}},
    )
    executor = k8s_job_executor.configured(
        {
            "max_concurrent": 2,
            "step_k8s_config": {
                "merge_behavior": "SHALLOW",
                "container_config": {"env": [{"name": "C", "value": "3"}]},
                "pod_spec_config": {"node_selector": {"disk": "fast"}},
            },
        },
        name="stock",
    )

    shallow = [
        item
        for item in check(of_many_ops([{}] * 5, executor=executor), location=below)
        if item.code == "DPK528"
    ]

    assert len(shallow) == 1
    assert {place.part for place in shallow[0].places} >= {
        f"loses nodeSelector.region by {SHOP}",
        f"loses nodeSelector.zone by {SHOP}",
    }


@pytest.mark.parametrize(
    ("name", "other", "is_near"),
    [
        ("warehose", "warehouse", True),
        ("warehousse", "warehouse", True),
        ("warehouze", "warehouse", True),
        ("wraehouse", "warehouse", True),
        ("warehouse", "warehouse", False),
        ("house", "warehouse", False),
        ("db-1", "db-2", False),
        ("db-1", "db1", True),
        ("s", "", False),
        ("ab", "ba", False),
        ("abcd", "bacd", True),
    ],
)
def test_a_name_one_edit_away(name: str, other: str, is_near: bool) -> None:  # noqa: FBT001
    assert is_one_edit_from(name, other) is is_near


@pytest.mark.parametrize(
    ("agent", "env"),
    [
        (
            {"workspace": {"envSecrets": [{"name": "warehouse"}]}},
            [secret("A", "warehose")],
        ),
        ({"workspace": {}}, [secret("A", "warehose"), secret("B", "warehouse"), secret("C", "warehouse")]),
    ],
    ids=["named in the values", "named more often"],
)
def test_a_name_beside_one_that_is_nearly_the_same_says_so(
    agent: dict[str, Any], env: list[dict[str, Any]]
) -> None:
    said = [message for _, message in found(definitions(container(env=env)), agent=agent)]

    assert said[0].endswith("neither make nor name; did you mean 'warehouse'?")
    assert not any("did you mean" in message for message in said[1:])


def test_a_queue_that_no_agent_serves_is_told_once_with_the_lines_and_waived_by_line() -> None:
    lines = [
        f"  - {{location_name: l{index}, image: 'i:1', code_source: {{module_name: m}}, agent_queue: gpu}}"
        for index in range(30)
    ]
    lines[3] += "  # dagster-plus-k8s: ignore[DPK312] served elsewhere"
    agent = Source("values.yaml", b"dagsterCloud: {deployments: [prod], agentTokenSecretName: tok}")
    text = "\n".join(["locations:", *lines])

    (finding,) = check(files=[agent, Source("dagster_cloud.yaml", text.encode())])

    assert (finding.where.line, len(finding.places)) == (2, 29)
    assert finding.folded == ("also at line 3, line 4, line 6 + 25 more",)


def stranger() -> tuple[dg.Definitions, dict[str, Any], dict[str, Any]]:
    """A healthy location as large ones are, with two errors: forty steps, five jobs, several layers."""
    tags = [
        container(
            resources={"limits": {"cpu": "1", "memory": "2Gi"}}, env=[secret(f"T{index % 4}", "tokens")]
        )
        for index in range(40)
    ]
    tags[7] = resources(limits={"memory": "2gb"})
    executor = k8s_job_executor.configured(
        {
            "max_concurrent": 20,
            "step_k8s_config": {"container_config": {"env": [secret("E", "warehouse")]}},
        },
        name="k8s",
    )
    jobs = [
        dg.define_asset_job(f"job_{index}", "*", tags=container(env=[secret("J", "tokens")]))
        for index in range(5)
    ]
    of_location = location(
        container_config={
            "env": [secret(f"V{index}", ("warehouse", "tokens", "crm")[index % 3]) for index in range(30)],
            "env_from": [{"config_map_ref": {"name": "settings"}}],
        },
        job_spec_config={"backoff_limit": 2},
    )
    return of_many_ops(tags, executor=executor, jobs=jobs), {"workspace": {}}, of_location


def test_in_a_strangers_location_the_errors_do_not_drown() -> None:
    defs, agent, of_location = stranger()

    findings = check(defs, agent=agent, location=of_location)

    counts = Counter(item.code for item in findings)
    assert counts == {"DPK515": 1, "DPK520": 1, "DPK533": 4, "DPK506": 1}
    assert sum(len(item.places) for item in findings) > 500
    assert max(map(_length, findings)) < 700


def _length(finding: Finding) -> int:
    """How long it is as text."""
    return len("\n".join([finding.message, *finding.folded, finding.fix]))


def test_op_of_the_message_stays_where_there_is_one_step() -> None:
    ((_, message),) = found(definitions(k8s_tags(ttl_seconds_after_finished=1)))

    assert message == f"step 'train': spec.ttlSecondsAfterFinished is 1 by {OP}, below 60"
