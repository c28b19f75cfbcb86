"""The commands plan and explain, called as a user calls them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from api_server import Fault
from click.testing import CliRunner, Result
from kueue import queues_of_cluster

from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.commands import loading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api_server import ApiServer

MODULE = """
import os
import dagster as dg
from dagster_plus_k8s_helpers import K8sConfig, Resources, executor_for_deployment, gpu, k8s_executor

WHERE = os.environ["PLAN_COMMAND_BUCKET"]


@dg.asset(op_tags=K8sConfig(resources=Resources(cpu="500m", memory="2Gi")).tags)
def orders(): ...


@dg.asset(op_tags=(K8sConfig(resources=Resources(cpu=("2", "4"), memory="16Gi")) | gpu(1)).tags, deps=[orders])
def churn_model(): ...


defs = dg.Definitions(
    assets=[orders, churn_model],
    jobs=[dg.define_asset_job("nightly")],
    executor=executor_for_deployment(local=dg.in_process_executor, default=k8s_executor(max_concurrent=5)),
)
"""

VALUES = """
workspace:
  runK8sConfig:
    containerConfig:
      resources: {limits: {cpu: 250m, memory: 512Mi}}
    podSpecConfig:
      nodeSelector: {pool: jobs}
"""

LOCATIONS = """
locations:
  - {location_name: shop, code_source: {module_name: shop}, image: "example.com/shop:1"}
  - {location_name: other, code_source: {module_name: other}}
"""

NODES = """
pools:
  - {name: jobs, count: 3, allocatable: {cpu: "4", memory: 14Gi}, labels: {pool: jobs}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in (
        ("plan_command_defs.py", MODULE),
        ("plan_command_empty.py", ""),
        ("values.yaml", VALUES),
        ("dagster_cloud.yaml", LOCATIONS),
        ("nodes.yaml", NODES),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAN_COMMAND_BUCKET", "")
    monkeypatch.delenv("DAGSTER_CLOUD_DEPLOYMENT_NAME", raising=False)
    yield tmp_path
    for name in ("plan_command_defs", "plan_command_empty"):
        sys.modules.pop(name, None)


def call(command: str, *arguments: str, module: str = "plan_command_defs") -> Result:
    return CliRunner().invoke(main, [command, "-m", module, *arguments])


FILES = ("--agent", "values.yaml", "--location", "dagster_cloud.yaml", "--location-name", "shop")


@pytest.mark.usefixtures("folder")
def test_the_table_has_a_row_for_the_run_and_for_each_step() -> None:
    result = call("plan", "--job", "nightly", *FILES)

    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines() if line.strip()]
    assert ["run", "of", "nightly", "250m", "512Mi", "-", "pool=jobs"] in rows
    assert ["orders", "500m", "2Gi", "-", "pool=jobs"] in rows
    assert ["churn_model", "2", "/", "4", "16Gi", "1", "pool=jobs"] in rows
    assert "executor k8s; steps at once: 5" in result.output
    assert "at one time 2.25 CPU, 16.5Gi memory, 1 GPU\n" in result.output
    assert "not in this" not in result.output


@pytest.mark.usefixtures("folder")
def test_locally_the_steps_run_in_the_runs_pod() -> None:
    result = call("plan", "--deployment", "local", *FILES)

    assert "churn_model" in result.output
    assert "in the run's pod; what it asks for is not read" in result.output
    assert (
        "steps run in the run's pod (cpu 250m, memory 512Mi); their op tags ask for "
        "2 CPU, 16Gi memory, 1 GPU at most and 2.5 CPU, 18Gi memory, 1 GPU in all\n"
    ) in result.output
    assert "nobody reads the op tags of orders, churn_model" in result.output


@pytest.mark.usefixtures("folder")
def test_pods_that_request_nothing_are_named() -> None:
    result = call("plan", "--job", "nightly")

    assert (
        "at one time 2 CPU, 16Gi memory, 1 GPU\n"
        "not in this, since they request neither CPU nor memory: the run of nightly\n"
    ) in result.output


@pytest.mark.usefixtures("folder")
def test_a_selection_plans_for_its_assets_only() -> None:
    result = call("plan", "--select", "key:orders", "-o", "json")

    assert list(json.loads(result.output)["steps"]) == ["orders"]


@pytest.mark.usefixtures("folder")
def test_yaml_is_one_job_a_document() -> None:
    result = call("plan", "--job", "nightly", *FILES, "-o", "yaml")

    jobs = list(yaml.safe_load_all(result.output))
    assert [job["kind"] for job in jobs] == ["Job", "Job", "Job"]
    assert jobs[2]["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/shop:1"
    assert result.output.startswith("# run of nightly, in the namespace <namespace of the agent>\n")


@pytest.mark.usefixtures("folder")
def test_json_says_who_waits_for_whom_and_how_much_at_one_time() -> None:
    plan = json.loads(call("plan", "--job", "nightly", *FILES, "-o", "json").output)

    assert plan["executor"] == "k8s"
    assert plan["steps"]["churn_model"]["depends_on"] == ["orders"]
    assert plan["steps"]["churn_model"]["manifest"]["kind"] == "Job"
    assert plan["steps"]["churn_model"]["asked"]["requests"] == {"cpu": "2"}
    assert plan["peak"]["is_exact"] is True
    assert plan["peak"]["at_most"] == plan["peak"]["at_least"]
    assert plan["fit"] is plan["in_run_pod"] is None
    assert plan["peak"]["at_least"] == {"cpu": "2.25", "memory": str(33 * 2**29), "gpu": "1"}


@pytest.mark.usefixtures("folder")
def test_json_says_which_layer_set_each_field_and_where_pods_fit() -> None:
    plan = json.loads(call("plan", "--job", "nightly", *FILES, "--nodes", "nodes.yaml", "-o", "json").output)
    step = plan["steps"]["churn_model"]
    settings = plan["settings"][step["settings"]]

    assert step["namespace"] == plan["run"]["namespace"] == "<namespace of the agent>"
    assert [layer["name"] for layer in settings["layers"]][:3] == ["dagster", "agent", "Dagster+"]
    assert settings["layers"][1]["says"]["pod_spec_config"]["node_selector"] == {"pool": "jobs"}
    assert settings["origins"]["spec.template.spec.containers[0].resources.limits.cpu"] == {
        "layer": "op tags",
        "action": "replaced",
        "below": [{"layer": "agent", "value": "250m", "overridden": True}],
    }
    assert plan["fit"]["orders"] == {"pools": ["jobs"], "reasons": {}}
    assert plan["fit"]["churn_model"]["reasons"]["jobs"][1:] == [
        "Insufficient memory",
        "Insufficient nvidia.com/gpu",
    ]


@pytest.mark.usefixtures("folder")
def test_json_says_what_is_asked_of_the_runs_pod() -> None:
    plan = json.loads(call("plan", "--deployment", "local", *FILES, "-o", "json").output)

    assert plan["steps"]["orders"]["manifest"] is None
    assert plan["in_run_pod"] == {
        "limits": {"cpu": "250m", "memory": "512Mi"},
        "largest": {"cpu": "2", "memory": str(2**34), "gpu": "1"},
        "total": {"cpu": "2.5", "memory": str(18 * 2**30), "gpu": "1"},
        "ignored": ["orders", "churn_model"],
        "at_once": {"cpu": "2", "memory": str(2**34), "gpu": "1"},
    }


@pytest.mark.usefixtures("folder")
def test_html_is_one_page_with_every_step() -> None:
    result = call("plan", "--job", "nightly", *FILES, "-o", "html")

    assert result.exit_code == 0, result.output
    assert result.output.startswith("<!doctype html>")
    assert "churn_model" in result.output


@pytest.mark.usefixtures("folder")
def test_a_step_that_fits_no_node_is_named_and_fails_the_command() -> None:
    result = call("plan", "--job", "nightly", *FILES, "--nodes", "nodes.yaml")

    assert result.exit_code == 1
    assert (
        "churn_model: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector, "
        "3 Insufficient memory, 3 Insufficient nvidia.com/gpu\n" in result.output
    )
    assert "orders: 0/3" not in result.output


QUEUES = """
kind: ClusterQueue
metadata: {name: shared}
spec: {resourceGroups: [{flavors: [{name: f, resources: [{name: cpu, nominalQuota: 1}, {name: memory, nominalQuota: 4Gi}]}]}]}
---
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: shared}
"""
IN_QUEUE = MODULE.replace("max_concurrent=5", "max_concurrent=5, queue='team-a'")


def test_a_step_that_its_queue_never_admits_is_named_and_fails_the_command(folder: Path) -> None:
    (folder / "plan_command_defs.py").write_text(IN_QUEUE)
    (folder / "queues.yaml").write_text(QUEUES)

    result = call("plan", "--job", "nightly", *FILES, "--queues", "queues.yaml")

    assert result.exit_code == 1
    assert result.output.count("queue team-a") == 2
    assert (
        "ClusterQueue shared: at one time 2 CPU, 16Gi memory, 1 GPU; its nominal quota: cpu 1, memory 4Gi"
        in (result.output)
    )
    assert (
        "churn_model: never admitted: the ClusterQueue 'shared' has no quota of nvidia.com/gpu"
        in result.output
    )


def test_what_a_queue_admits_says_so_and_json_has_its_peak(folder: Path) -> None:
    (folder / "plan_command_defs.py").write_text(IN_QUEUE)
    (folder / "queues.yaml").write_text(QUEUES)
    arguments = ("--select", "key:orders", *FILES, "--queues", "queues.yaml")

    table, written = call("plan", *arguments), call("plan", *arguments, "-o", "json")

    assert table.exit_code == written.exit_code == 0
    assert "every pod that is in a queue can be admitted" in table.output
    queues = json.loads(written.output)["queues"]
    assert queues["never_admitted"] == {}
    assert queues["cluster_queues"]["shared"]["nominal"] == {"cpu": "1", "memory": "4Gi"}


@pytest.fixture
def cluster(folder: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """A cluster with queues, which is that of the kubeconfig."""
    (folder / "plan_command_defs.py").write_text(IN_QUEUE)
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(api_server.kubeconfig)
    )
    api_server.queues = queues_of_cluster(cpu="4", memory="8Gi")
    return api_server


@pytest.mark.usefixtures("cluster")
def test_the_queues_of_the_cluster_say_what_they_have_given() -> None:
    arguments = ("--select", "key:orders", *FILES, "--cluster", "--context", "stand-in")

    table, written = call("plan", *arguments), call("plan", *arguments, "-o", "json")

    assert table.exit_code == 0, table.output
    assert (
        "its nominal quota: cpu 4, memory 8Gi; of that not given yet: cpu 3, memory 7Gi; 2 workloads wait in it"
        in table.output
    )
    queue = json.loads(written.output)["queues"]["cluster_queues"]["shared"]
    assert queue["used"] == {"cpu": "1", "memory": "1Gi"}
    assert queue["waiting"] == 2


@pytest.mark.usefixtures("cluster")
def test_a_step_that_the_clusters_queue_never_admits_fails_the_command() -> None:
    result = call("plan", "--job", "nightly", *FILES, "--cluster")

    assert result.exit_code == 1
    assert (
        "churn_model: never admitted: the ClusterQueue 'shared' has no quota of nvidia.com/gpu"
        in result.output
    )


def test_a_cluster_that_does_not_say_what_its_queues_are_ends_the_command(cluster: ApiServer) -> None:
    cluster.faults.append(Fault("LIST", "clusterqueues", 403))

    result = call("plan", "--cluster")

    assert result.exit_code == 2
    assert (
        "Error: cluster: it does not say which queues of Kueue there are: HTTP 403 injected 403"
        in result.output
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--cluster", "--queues", "nodes.yaml"],
            "the queues come from --queues or from --cluster; give one of them",
        ),
        (["--context", "a"], "--context goes with --cluster"),
    ],
)
def test_queues_come_from_one_place(arguments: list[str], said: str) -> None:
    result = call("plan", *arguments)

    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(("command", "status"), [("plan", 2), ("check", 2)])
def test_queues_with_a_mistake_are_told_by_line(folder: Path, command: str, status: int) -> None:
    (folder / "queues.yaml").write_text("kind: LocalQueue\nmetadata: {name: a}\n")

    result = call(command, "--queues", "queues.yaml")

    assert result.exit_code == status
    assert "queues.yaml:1:1 spec: error DPK404: is missing" in result.output


@pytest.mark.usefixtures("folder")
def test_what_fits_says_so() -> None:
    result = call("plan", "--select", "key:orders", *FILES, "--nodes", "nodes.yaml")

    assert result.exit_code == 0, result.output
    assert "every pod fits the nodes given" in result.output


@pytest.mark.usefixtures("folder")
def test_a_variable_that_the_definitions_need_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAN_COMMAND_BUCKET")

    failed = call("plan")
    worked = call("plan", "--env", "PLAN_COMMAND_BUCKET=s3://x")

    assert failed.exit_code == 2
    assert "cannot import 'plan_command_defs': KeyError: 'PLAN_COMMAND_BUCKET'" in failed.output
    assert worked.exit_code == 0


@pytest.mark.usefixtures("folder")
def test_explain_names_the_layer_of_a_field_and_what_those_below_said() -> None:
    result = call(
        "explain", *FILES, "nightly", "churn_model", "spec.template.spec.containers[0].resources.limits"
    )

    assert result.exit_code == 0, result.output
    lines = [line.strip("│├└─ ") for line in result.output.splitlines()]
    assert lines[0] == "churn_model in nightly"
    assert 'cpu: "4"  replaced by op tags' in lines
    assert 'agent said, overridden: "250m"' in lines
    assert 'nvidia.com/gpu: "1"  set by op tags' in lines


@pytest.mark.usefixtures("folder")
def test_explain_is_json_for_programs() -> None:
    result = call("explain", *FILES, "nightly", "churn_model", "limits.cpu", "-o", "json")

    (field,) = json.loads(result.stdout)
    assert field == {
        "path": "spec.template.spec.containers[0].resources.limits.cpu",
        "value": "4",
        "layer": "op tags",
        "source": "tags of the op 'churn_model'",
        "action": "replaced",
        "below": [{"layer": "agent", "value": "250m", "overridden": True}],
    }


@pytest.mark.usefixtures("folder")
def test_explain_says_what_was_appended_to_a_list(folder: Path) -> None:
    (folder / "values.yaml").write_text(
        "workspace: {runK8sConfig: {podSpecConfig: {tolerations: [{key: batch, operator: Exists}]}}}"
    )

    result = call("explain", *FILES, "nightly", "churn_model", "spec.template.spec.tolerations")

    assert [line.strip("│├└─ ") for line in result.output.splitlines()][-9:] == [
        "spec.template.spec.tolerations  appended by op tags",
        'agent said [{"key": "batch", "operator": "Exists"}]',
        "[0]  set by agent",
        'key: "batch"  set by agent',
        'operator: "Exists"  set by agent',
        "[1]  appended by op tags",
        'effect: "NoSchedule"  set by op tags',
        'key: "nvidia.com/gpu"  set by op tags',
        'operator: "Exists"  set by op tags',
    ]


@pytest.mark.usefixtures("folder")
def test_explain_says_what_a_shallow_merge_took_away() -> None:
    shallow = {"merge_behavior": "SHALLOW", "pod_spec_config": {"node_selector": {"zone": "a"}}}

    result = call(
        *("explain", *FILES, "--tag", f"dagster-k8s/config={json.dumps(shallow)}"),
        *("nightly", "-", "spec.template.spec.nodeSelector"),
    )

    assert [line.strip("│├└─ ") for line in result.output.splitlines()][-3:] == [
        "spec.template.spec.nodeSelector  replaced by run tags",
        'agent said, overridden: {"pool": "jobs"}',
        'zone: "a"  set by run tags',
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--job", "nightly", "-o", "yaml"],
        ["plan", "--job", "nightly", "-o", "json"],
        ["explain", "nightly", "-"],
        ["explain", "nightly", "-", "spec.template.spec.containers[0].env[2].value"],
    ],
)
def test_a_credential_is_not_printed(arguments: list[str], folder: Path) -> None:
    (folder / "values.yaml").write_text("workspace: {envVars: [DB_PASSWORD=kilimanjaro7]}")

    result = call(arguments[0], "--agent", "values.yaml", *arguments[1:])

    assert result.exit_code == 0, result.output
    assert "kilimanjaro7" not in result.output
    assert "<hidden: looks like a credential" in result.output


@pytest.mark.usefixtures("folder")
def test_explain_tells_of_the_runs_own_pod_and_of_everything() -> None:
    result = call("explain", *FILES, "nightly", "-")

    assert "run of nightly" in result.output
    assert 'pool: "jobs"  set by agent' in result.output


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "--job", "nigthly"], "there is no job 'nigthly'; did you mean 'nightly'?"),
        (["plan", "--select", "key:none"], "reaches no asset"),
        (["plan", "--tag", "x"], "'x' must be KEY=VALUE"),
        (
            ["explain", "nightly", "orders", "memroy"],
            "no layer sets 'memroy' in the Job; did you mean 'memory'?",
        ),
        (["plan", "--agent", "-", "--run-config", "-"], "only one file can be -, which is standard input"),
        (
            ["plan", *FILES[:4]],
            "Error: dagster_cloud.yaml has the locations shop, other; write --location-name\n",
        ),
        (
            ["plan", *FILES[:4], "--location-name", "shpo"],
            "Error: dagster_cloud.yaml has no location 'shpo'; did you mean 'shop'? It has shop, other\n",
        ),
        (["explain", "nightly", "churn_modl"], "there is no step 'churn_modl'; did you mean 'churn_model'?"),
        (
            ["explain", "nightly", "orders", "spec.templat"],
            "no layer sets 'templat' in spec; did you mean 'template'?",
        ),
        (
            ["explain", "--deployment", "local", "nightly", "orders"],
            "the step 'orders' has no pod of its own: it runs in the run's pod",
        ),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(arguments: list[str], message: str) -> None:
    result = call(*arguments)

    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("folder")
def test_a_module_without_definitions_says_so() -> None:
    result = call("plan", module="plan_command_empty")

    assert result.exit_code == 2
    assert result.output == "Error: plan_command_empty has no Definitions\n"


def test_nodes_with_a_mistake_are_told_by_line(folder: Path) -> None:
    (folder / "nodes.yaml").write_text("pools:\n- name: a\n  allocatable: {cpu: 4GB}\n")

    result = call("plan", "--nodes", "nodes.yaml")

    assert result.exit_code == 2
    assert "nodes.yaml:3:22 pools[0].allocatable.cpu" in result.output


@pytest.mark.usefixtures("folder")
def test_the_location_is_found_by_its_module(folder: Path) -> None:
    (folder / "dagster_cloud.yaml").write_text(LOCATIONS.replace("module_name: shop", f"module_name: {DEFS}"))

    result = call("plan", "--job", "nightly", *FILES[:4], "-o", "yaml")

    assert result.exit_code == 0, result.output
    assert "image: example.com/shop:1" in result.output


DEFS = "plan_command_defs"
OTHER = """
import sys
import dagster as dg


@dg.asset
def table(): ...


@dg.asset(required_resource_keys={"warehouse"})
def needs(): ...


@dg.definitions
def lazy(): raise ValueError("no\\nbucket")


def made(): return dg.Definitions(assets=[table])


def leaves(): sys.exit(3)


@dg.repository
def shop(): return [table]


incomplete = dg.Definitions(assets=[needs])
twice = dg.Definitions(assets=[table, table.with_attributes()])
"""


@pytest.fixture
def src(folder: Path) -> Iterator[Path]:
    """A folder that Python imports from when it is told so."""
    (folder / "src").mkdir()
    (folder / "src" / "plan_command_src.py").write_text(OTHER)
    (folder / "src" / "plan_command_exits.py").write_text("import sys; sys.exit('no licence')")
    (folder / "src" / "plan_command_repository.py").write_text(
        OTHER.split("incomplete", 1)[0].replace("@dg.def", "#")
    )
    yield folder / "src"
    for name in ("src", "exits", "repository"):
        sys.modules.pop(f"plan_command_{name}", None)


@pytest.mark.usefixtures("src")
@pytest.mark.parametrize(
    "module", ["plan_command_src:made", "plan_command_src:shop", "plan_command_repository"]
)
def test_definitions_are_found_in_what_dagster_loads(module: str) -> None:
    result = call("plan", "-d", "src", "-o", "json", module=module)

    assert result.exit_code == 0, result.output
    assert list(json.loads(result.output)["steps"]) == ["table"]


@pytest.mark.parametrize(
    ("package", "working_folder", "hint"),
    [
        ("src/elsewhere_defs", ".", "; add -d src, the folder to import it from"),
        ("elsewhere_defs", "elsewhere_defs", "; add -d .., the folder to import it from"),
        ("lib/elsewhere_defs", ".", ""),
    ],
)
def test_a_module_that_is_one_folder_up_or_in_src_is_told(
    package: str, working_folder: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / package).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / working_folder)

    result = call("plan", module="elsewhere_defs.definitions")

    assert result.exit_code == 2
    assert result.output == (
        f"Error: cannot import 'elsewhere_defs.definitions'{hint}: "
        "ModuleNotFoundError: No module named 'elsewhere_defs'\n"
    )


def test_no_line_of_this_package_is_told_as_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a virtual environment is made in the project, this package is below the working folder.
    monkeypatch.chdir(Path(loading.__file__).parents[2])

    result = call("plan", module="absent_defs")

    assert result.output == (
        "Error: cannot import 'absent_defs': ModuleNotFoundError: No module named 'absent_defs'\n"
    )


@pytest.mark.usefixtures("src")
@pytest.mark.parametrize("command", [["plan"], ["explain", "nightly", "orders"]])
@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("plan_command_src:lazy", "cannot load 'plan_command_src:lazy': ValueError: no bucket (plan_command_src.py, line 15)"),
        ("plan_command_src:leaves", "cannot load 'plan_command_src:leaves': SystemExit: 3 (plan_command_src.py, line 21)"),
        ("plan_command_src:sys", "plan_command_src has no Definitions called 'sys'; it has lazy, incomplete, twice, shop"),
        ("plan_command_src", "plan_command_src has several Definitions: lazy, incomplete, twice; write plan_command_src:NAME"),
        ("plan_command_exits", "cannot import 'plan_command_exits': SystemExit: no licence (plan_command_exits.py, line 1)"),
    ],
)  # fmt: skip
def test_definitions_that_do_not_load_are_told_in_one_line(
    command: list[str], module: str, message: str
) -> None:
    result = call(command[0], "-d", "src", *command[1:], module=module)

    assert result.exit_code == 2
    assert result.output == f"Error: {message}\n"


@pytest.mark.usefixtures("src")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("incomplete", "Error: definitions: resource with key 'warehouse' required by op 'needs' was not provided"),
        ("twice", "Error: definitions: Duplicate asset key: AssetKey(['table'])"),
    ],
)  # fmt: skip
def test_definitions_that_do_not_fit_together_are_told_in_one_line(name: str, message: str) -> None:
    result = call("plan", "-d", "src", module=f"plan_command_src:{name}")

    assert result.exit_code == 2
    assert result.output.startswith(message)
    assert result.output.count("\n") == 1


def fields_explained(*arguments: str) -> list[str]:
    """The fields that `explain` shows, without the tree around them and the layers."""
    result = call("explain", *arguments)
    assert result.exit_code == 0, result.output
    return [line.lstrip("└├─│ ") for line in result.output.splitlines() if "spec.template" in line]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("field", ["memory", "limits.memory", "LIMITS.memory"])
def test_a_field_is_explained_by_the_end_of_its_path(field: str) -> None:
    assert fields_explained("nightly", "churn_model", field)[0].startswith(
        'spec.template.spec.containers[0].resources.limits.memory: "16Gi"  set by op tags'
    )


@pytest.mark.usefixtures("folder")
def test_every_field_of_that_name_is_explained() -> None:
    shown = fields_explained("nightly", "churn_model", "cpu")

    assert [line.partition("  ")[0] for line in shown] == [
        'spec.template.spec.containers[0].resources.limits.cpu: "4"',
        'spec.template.spec.containers[0].resources.requests.cpu: "2"',
    ]


@pytest.mark.usefixtures("folder")
def test_the_values_are_read_from_standard_input() -> None:
    arguments = ["plan", "-m", "plan_command_defs", "--job", "nightly", "--agent", "-"]

    piped = CliRunner().invoke(main, arguments, input=VALUES)

    assert piped.exit_code == 0, piped.output
    assert piped.output == call("plan", "--job", "nightly", "--agent", "values.yaml").output


SERVES = "dagsterCloud: {deployments: [staging], branchDeployments: false}\n"
NOT_SERVED = [
    (("--deployment", "prod"), "serves staging and not 'prod': nothing of it runs there; write --deployment staging, or add it to dagsterCloud.deployments"),
    (("--deployment", "pr-1", "--branch"), "serves staging and no branch deployments; write dagsterCloud.branchDeployments: true"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["plan", "check"])
@pytest.mark.parametrize(("options", "told"), NOT_SERVED)
def test_a_deployment_that_the_agent_does_not_serve_is_told(
    folder: Path, command: str, options: tuple[str, ...], told: str
) -> None:
    (folder / "values.yaml").write_text(SERVES + VALUES)

    result = call(command, "--agent", "values.yaml", *options)

    assert result.stderr == f"Note: the agent of values.yaml {told}\n"


@pytest.mark.parametrize("options", [(), ("--deployment", "staging"), ("--deployment", "local")])
def test_one_that_it_serves_is_planned_without_a_word(folder: Path, options: tuple[str, ...]) -> None:
    (folder / "values.yaml").write_text(SERVES + VALUES)

    result = call("plan", "--agent", "values.yaml", "-o", "json", *options)

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "text", ["execution: {config: {max_concurrent: 2}}", '{"execution": {"config": {"max_concurrent": 2}}}']
)
def test_a_run_config_is_what_the_launch_says(folder: Path, text: str) -> None:
    (folder / "run.yaml").write_text(text)

    result = call("plan", "--job", "nightly", "--run-config", "run.yaml")

    assert "executor k8s; steps at once: 2" in result.output


NO_RUN_CONFIG = [
    ("- a", "run.yaml: a run config must be a mapping, such as {execution: ...}"),
    ("execution: {config: {max_concurent: 2}}", "there is no setting 'max_concurent'; did you mean 'max_concurrent'?"),
    ("a: [", "run.yaml:"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), NO_RUN_CONFIG)
def test_a_run_config_that_is_none_is_told_in_one_line(folder: Path, text: str, told: str) -> None:
    (folder / "run.yaml").write_text(text)

    result = call("plan", "--job", "nightly", "--run-config", "run.yaml")

    assert result.exit_code == 2
    assert told in result.output
    assert result.output.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_the_page_has_the_findings_of_its_steps() -> None:
    result = call(
        "plan", "-m", "plan_command_defs", "--job", "nightly", "--nodes", "nodes.yaml", "-o", "html"
    )

    assert result.exit_code == 1
    assert "DPK509" in result.stdout or "DPK511" in result.stdout
    assert "churn_model" in result.stdout


@pytest.mark.usefixtures("folder")
def test_the_page_of_the_implicit_job_has_the_findings_of_its_selection_only() -> None:
    both = call("plan", "-m", "plan_command_defs", "--nodes", "nodes.yaml", "-o", "html")
    one = call("plan", "-m", "plan_command_defs", "--nodes", "nodes.yaml", "--select", "orders", "-o", "html")

    assert ("DPK509" in both.stdout or "DPK511" in both.stdout, one.exit_code) == (True, 0)
    assert "DPK509" not in one.stdout
    assert "Nothing is found to be wrong." in one.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--agent", "dagster_cloud.yaml"), "dagster_cloud.yaml: this is a dagster_cloud.yaml; give it with --location"),
        (("--location", "values.yaml"), "values.yaml: this is the agent's Helm values; give it with --agent"),
        (("--location-name", "shop"), "--location-name names a location of a file; give that with --location"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_file_of_another_kind_or_none_is_refused(command: str, options: tuple[str, ...], told: str) -> None:
    result = call(command, *options)

    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.usefixtures("folder")
def test_what_is_wrong_in_standard_input_stands_there() -> None:
    result = CliRunner().invoke(
        main, ["plan", "-m", "plan_command_defs", "--agent", "-"], input="workspace: {imagePullPolicy: 5}"
    )

    assert result.exit_code == 2
    assert "standard input:1:" in result.output
    assert "<text>" not in result.output
