"""The commands dagster-plus-k8s check and dagster-plus-k8s location render."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers.cli import main

CLEAN = "locations: [{location_name: a, code_source: {module_name: a}}]\n"
WARNED = "k8s: {run_k8s_config: {merge_behavior: SHALLOW}}\n"
WRONG = "location: []\n"
COMMAND = Path(sys.executable).parent / "dagster-plus-k8s"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"clean": CLEAN, "warned": WARNED, "wrong": WRONG, "none": "a: b\n"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "deploy_locations.py").write_text(
        "from dagster_plus_k8s_helpers import K8sConfig\n"
        "from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext, K8sContainerContext\n"
        "from dagster_plus_k8s_helpers.files.locations.locations import *\n"
        "CONTEXT = K8sContainerContext(env_vars={'A': '1'})\n"
        "ONE = CodeLocation(location_name='a', container_context=K8sContainerContext(env_vars={'B': '1'}))\n"
        "ALL = DagsterCloudConfig(defaults=LocationDefaults(container_context=CONTEXT), locations=[ONE])\n"
        "CONTEXTS = ContainerContext(k8s=CONTEXT)\n"
        "BUILD = Build(registry='r')\n"
        "UNMERGEABLE = DagsterCloudConfig(\n"
        "    defaults=LocationDefaults(container_context=K8sContainerContext(env_vars={'A': 'b=c'})), locations=[ONE])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "deploy_locations", raising=False)
    return tmp_path


def call(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clean.yaml"], 0),
        (["warned.yaml"], 0),
        (["warned.yaml", "--fail-on", "warning"], 1),
        (["wrong.yaml"], 1),
        (["clean.yaml", "wrong.yaml"], 1),
        (["none.yaml"], 1),
        (["absent.yaml"], 2),
        (["wrong.yaml", "absent.yaml"], 2),
        (["."], 2),
        ([], 2),
        (["clean.yaml", "--format", "xml"], 2),
        (["clean.yaml", "--fail-on", "never"], 2),
    ],
)
def test_the_exit_code_says_what_came_out(arguments: list[str], code: int) -> None:
    assert call("check", *arguments).exit_code == code


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_is_said_and_the_rest_is_checked() -> None:
    result = call("check", "wrong.yaml", "absent.yaml", ".")

    assert result.stdout.startswith("wrong.yaml\n  1:1 error DPK101 there is no key 'location' here")
    assert result.stderr == (
        "Error: cannot read absent.yaml: No such file or directory\n"
        "Error: cannot read .: it is a folder; give the files in it\n"
    )


@pytest.mark.usefixtures("folder")
def test_a_file_without_permission_cannot_be_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)

    result = call("check", "clean.yaml")

    assert (result.exit_code, result.stderr) == (2, "Error: cannot read clean.yaml: Permission denied\n")


@pytest.mark.usefixtures("folder")
def test_standard_input_is_checked_by_what_it_holds() -> None:
    result = call("check", "-", stdin=WRONG.encode())

    assert result.exit_code == 1
    assert result.output.startswith("standard input\n  1:1 error DPK101")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_each_format_names_the_finding(form: str) -> None:
    result = call("check", "wrong.yaml", "--format", form)

    assert "DPK101" in result.output
    if form in {"json", "sarif"}:
        json.loads(result.output)


def test_locations_are_paired_with_the_agents_given(folder: Path) -> None:
    (folder / "values.yaml").write_text(
        "dagsterCloud: {agentQueues: {additionalQueues: [eu]}}\n---\ndagsterCloud: {}\n"
    )
    (folder / "cloud.yaml").write_text("locations: [{location_name: a, agent_queue: us}]\n")

    together = json.loads(call("check", "cloud.yaml", "values.yaml", "--format", "json").output)

    assert "DPK312" in [finding["code"] for finding in together]
    assert call("check", "cloud.yaml").exit_code == 0


def test_every_document_of_a_file_is_checked(folder: Path) -> None:
    (folder / "both.yaml").write_text(f"{CLEAN}---\n{WRONG}---\n{WARNED}")

    found = json.loads(call("check", "both.yaml", "--format", "json").output)

    assert [(item["code"], item["where"].split(":")[1]) for item in found] == [
        ("DPK101", "3"),
        ("DPK313", "3"),
        ("DPK310", "5"),
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_half_a_surrogate_pair_reaches_no_traceback(form: str) -> None:
    process = subprocess.run(
        [COMMAND, "check", "-", "--format", form],
        input=b'"\\ud800": "\\ud800"\nlocation: [{location_name: "\\ud800\\u001b[2J", "\\udfff": 1}]\n',
        capture_output=True,
        check=False,
    )

    assert process.returncode == 1
    assert process.stderr == b""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("CONTEXT", {"k8s": {"env_vars": ["A=1"]}}),
        ("CONTEXTS", {"k8s": {"env_vars": ["A=1"]}}),
        ("BUILD", {"registry": "r"}),
        ("ONE", {"locations": [{"location_name": "a", "container_context": {"k8s": {"env_vars": ["B=1"]}}}]}),
        (
            "ALL",
            {
                "defaults": {"container_context": {"k8s": {"env_vars": ["A=1"]}}},
                "locations": [{"location_name": "a", "container_context": {"k8s": {"env_vars": ["B=1"]}}}],
            },
        ),
    ],
)
def test_render_prints_a_file_that_check_takes(name: str, written: object) -> None:
    result = call("location", "render", "--module", f"deploy_locations:{name}")

    assert yaml.safe_load(result.output) == written
    assert call("check", "-", stdin=result.output.encode()).output == "nothing found\n"


@pytest.mark.usefixtures("folder")
def test_render_merges_when_asked() -> None:
    result = call("location", "render", "--module", "deploy_locations:ALL", "--merged")

    assert yaml.safe_load(result.output) == {
        "locations": [{"location_name": "a", "container_context": {"k8s": {"env_vars": ["A=1", "B=1"]}}}]
    }


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deploy_locations"], "'deploy_locations' must be MODULE:NAME, such as deploy.locations:LOCATIONS"),
        (
            ["deploy_locations:K8sConfig"],
            "deploy_locations has no DagsterCloudConfig or CodeLocation or ContainerContext or K8sContainerContext or "
            "Build called 'K8sConfig'; it has CONTEXT, ONE, ALL, CONTEXTS, BUILD, UNMERGEABLE",
        ),
        (
            ["deploy_locations:ONE", "--merged"],
            "--merged goes with a DagsterCloudConfig, which alone has defaults",
        ),
        (
            ["deploy_locations:UNMERGEABLE", "--merged"],
            "Dagster+ cannot merge the defaults into the locations: Invalid key-value pair: A=b=c",
        ),
    ],
)
def test_render_says_what_is_wrong(arguments: list[str], message: str) -> None:
    result = call("location", "render", "--module", *arguments)

    assert result.exit_code != 0
    assert message in result.output


def test_check_imports_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys\n"
        "from dagster_plus_k8s_helpers.cli import main\n"
        "main(['check', 'clean.yaml'], standalone_mode=False)\n"
        "heavy = {'dagster', 'dagster_cloud_cli', 'dagster_k8s', 'kubernetes', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder
    )

    assert output.stdout == "nothing found\n[]\n"


DEFINITIONS = """\
import dagster as dg
from dagster_plus_k8s_helpers import Deployment, current_deployment, executor_for_deployment, k8s_executor, k8s_tags

@dg.asset(op_tags=k8s_tags(memory="64Gi", ttl_seconds_after_finished=1))
def train(): ...

def made():
    return dg.Definitions(
        assets=[train],
        jobs=[dg.define_asset_job("nightly")],
        executor=executor_for_deployment(local=dg.in_process_executor, deployments={"prod": k8s_executor()}),
    )
"""
LOCATIONS = """\
locations:
  - {location_name: a, code_source: {module_name: a}}
  - {location_name: b, code_source: {module_name: b}}
"""
FOUND = """\
the implicit asset job, step 'train'
  - warning DPK521 step 'train': spec.ttlSecondsAfterFinished is 1 by op tags (tags of the op 'train'), below 60
      in {module}.py:4
      also in job 'nightly'
      keep finished Jobs for a minute at least; a day is Dagster's default
1 warning
why, and how to waive it: dagster-plus-k8s explain-code CODE
"""


@pytest.fixture
def module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "shop_defs.py": DEFINITIONS + "defs = made()\n",
        "lazy_defs.py": DEFINITIONS + "loaded = dg.definitions(made)\n",
        "two_defs.py": DEFINITIONS + "one = made()\ntwo = made()\n",
        "no_defs.py": "",
        "broken_defs.py": "import json\nraise RuntimeError('no\\nVAULT_ADDR')\n",
        "locations.yaml": LOCATIONS,
        "nodes.yaml": "pools: [{name: small, allocatable: {memory: 8Gi}}]\n",
        "values.yaml": "dagsterCloud: {deployments: [staging]}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    return folder


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("reference", ["shop_defs", "shop_defs:defs", "lazy_defs", "two_defs:two"])
def test_definitions_are_loaded_as_in_the_cluster_and_checked(reference: str) -> None:
    result = call("check", "-m", reference)

    found = FOUND.format(module=reference.partition(":")[0])
    assert (result.output, result.exit_code) == (found, 0)


@pytest.mark.usefixtures("module")
def test_a_file_that_is_checked_and_planned_with_is_found_once() -> None:
    Path("wrong_agent.yaml").write_text("workspace: {resorces: {}}\n")

    result = call("check", "-m", "shop_defs", "--agent", "wrong_agent.yaml", "--format", "json")

    where = [item["where"] for item in json.loads(result.output) if item["code"] == "DPK101"]
    assert where == ["wrong_agent.yaml:1:13 workspace.resorces"]


AGAINST = """\
locations:
  - location_name: a
    code_source: {module_name: shop_defs}
    container_context:
      k8s:
        env_vars: [LEVEL=debug]
        run_k8s_config:
          job_spec_config: {ttl_seconds_after_finished: 5}
"""


@pytest.mark.usefixtures("module")
def test_what_files_say_is_found_at_their_lines_and_once_with_definitions_too() -> None:
    more = "\n@dg.asset\ndef clean(): ...\n\ndef made"
    text = DEFINITIONS.replace("\ndef made", more).replace("assets=[train]", "assets=[clean]")
    jobs = 'jobs=[dg.define_asset_job("nightly"), dg.define_asset_job("hourly")]'
    Path("clean_defs.py").write_text(
        text.replace('jobs=[dg.define_asset_job("nightly")]', jobs) + "defs = made()\n"
    )
    Path("agent.yaml").write_text("workspace:\n  envVars: [LEVEL=info]\n")
    Path("shop.yaml").write_text(AGAINST)

    given = ["--agent", "agent.yaml", "--location", "shop.yaml", "--location-name", "a", "--format", "json"]
    found = json.loads(call("check", "-m", "clean_defs", *given).output)

    assert [(item["code"], item["where"].split(" ")[0]) for item in found] == [
        ("DPK503", "shop.yaml:6:20"),
        ("DPK521", "shop.yaml:8:29"),
    ]


@pytest.mark.usefixtures("module")
def test_a_waiver_of_the_definitions_counts_for_the_files_given_with_them() -> None:
    waived = "dg.Definitions(metadata={'dagster-plus-k8s/ignore': {'DPK503': 'it is meant'}}, "
    Path("meant_defs.py").write_text(DEFINITIONS.replace("dg.Definitions(", waived) + "defs = made()\n")
    Path("agent.yaml").write_text("workspace:\n  envVars: [LEVEL=info]\n")
    Path("shop.yaml").write_text(AGAINST)

    given = ["--agent", "agent.yaml", "--location", "shop.yaml", "--location-name", "a", "--format", "json"]
    codes = [item["code"] for item in json.loads(call("check", "-m", "meant_defs", *given).output)]

    assert "DPK503" not in codes


@pytest.mark.usefixtures("module")
def test_files_and_definitions_are_checked_together() -> None:
    result = call("check", "wrong.yaml", "-m", "shop_defs", "--nodes", "nodes.yaml", "--format", "json")

    assert result.exit_code == 1
    assert [item["code"] for item in json.loads(result.output)][-2:] == ["DPK511", "DPK521"]


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "absent_defs"], "cannot import 'absent_defs': ModuleNotFoundError: No module named 'absent_defs'"),
        (["-m", "broken_defs"], "cannot import 'broken_defs': RuntimeError: no VAULT_ADDR (broken_defs.py, line 2)"),
        (["-m", "no_defs"], "no_defs has no Definitions"),
        (["-m", "two_defs"], "two_defs has several Definitions: one, two; write two_defs:NAME"),
        (["-m", "two_defs:three"], "two_defs has no Definitions called 'three'; it has one, two"),
        (["-m", "shop_defs", "--job", "nightlyy"], "cannot check 'shop_defs': job: there is no job 'nightlyy'; did you mean 'nightly'?; there are 'nightly'"),
        (["-m", "shop_defs", "--nodes", "absent.yaml"], "cannot read absent.yaml: No such file or directory"),
        (["-m", "shop_defs", "--location", "locations.yaml"], "locations.yaml has the locations a, b; write --location-name"),
        (
            ["-m", "shop_defs", "--location", "locations.yaml", "--location-name", "c"],
            "locations.yaml has no location 'c'; it has a, b",
        ),
        (["-m", "shop_defs", "--agent", "absent.yaml"], "cannot read absent.yaml: No such file or directory"),
        (["--job", "nightly", "clean.yaml"], "--job goes with -m MODULE"),
        ([], "give a FILE, or -m MODULE"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_exit_code_2_with_the_reason(arguments: list[str], message: str) -> None:
    result = call("check", *arguments)

    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: {message}\n")


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("given", [["--agent", "values.yaml"], ["--deployment", "staging"]])
def test_the_deployment_is_the_one_given_or_the_first_of_the_agent(given: list[str]) -> None:
    result = call("check", "-m", "shop_defs", *given)

    assert result.exit_code == 2
    assert "no executor was given for the full deployment 'staging'" in result.stderr


@pytest.mark.usefixtures("module")
def test_the_location_of_the_module_is_found_by_its_code_source(module: Path) -> None:
    (module / "locations.yaml").write_text(LOCATIONS.replace("module_name: b", "module_name: shop_defs"))

    assert call("check", "-m", "shop_defs", "--location", "locations.yaml").output == FOUND.format(
        module="shop_defs"
    )


BRANCH_DEFINITIONS = """\
import os
import dagster as dg
from dagster_plus_k8s_helpers import executor_for_deployment, k8s_executor, k8s_tags

assert os.environ["SHOP_BUCKET"] == "a"

@dg.asset(op_tags=k8s_tags(ttl_seconds_after_finished=1))
def train(): ...

defs = dg.Definitions(
    assets=[train],
    executor=executor_for_deployment(local=dg.in_process_executor, branch=k8s_executor(), default=dg.in_process_executor),
)
"""


def test_a_src_layout_a_branch_and_variables_can_be_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "branch_defs.py").write_text(BRANCH_DEFINITIONS)
    monkeypatch.setenv("SHOP_BUCKET", "")
    arguments = ["check", "-m", "branch_defs", "-d", "src", "--env", "SHOP_BUCKET=a", "--format", "json"]

    found = []
    for deployment in (["--deployment", "feature", "--branch"], [], ["--deployment", "local"]):
        monkeypatch.delitem(sys.modules, "branch_defs", raising=False)
        found.append([item["code"] for item in json.loads(call(*arguments, *deployment).stdout)])

    assert found == [["DPK521"], ["DPK501"], ["DPK501"]]


@pytest.mark.usefixtures("module")
def test_every_result_of_sarif_has_a_place_in_a_file() -> None:
    result = call("check", "-m", "shop_defs", "wrong.yaml", "--nodes", "nodes.yaml", "--format", "sarif")

    results = json.loads(result.stdout)["runs"][0]["results"]
    places = [item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for item in results]
    assert set(places) == {"wrong.yaml", "shop_defs.py"}


@pytest.mark.usefixtures("module")
def test_what_no_function_says_is_shown_at_the_module() -> None:
    Path("waiving_defs.py").write_text(
        DEFINITIONS
        + 'defs = dg.Definitions(assets=[train], metadata={"dagster-plus-k8s/ignore": {"DPK": "x"}}, '
        "executor=k8s_executor())\n"
    )

    result = call("check", "-m", "waiving_defs", "--format", "github")

    (line,) = [line for line in result.stdout.splitlines() if "DPK530" in line]
    assert line.startswith("::error file=waiving_defs.py,title=DPK530 ")


@pytest.mark.usefixtures("folder")
def test_what_is_found_of_a_job_stands_where_the_job_is_made() -> None:
    Path("made_jobs.py").write_text(
        "import dagster as dg\n"
        "from dagster_plus_k8s_helpers import k8s_executor, k8s_tags\n\n\n"
        "@dg.asset\ndef train() -> None: ...\n\n\n"
        'nightly = dg.define_asset_job("nightly", tags=k8s_tags(cpu=1))\n'
        "defs = dg.Definitions(assets=[train], jobs=[nightly], executor=k8s_executor(max_concurrent=2))\n"
    )

    result = call("check", "-m", "made_jobs", "--format", "github")

    (line,) = [line for line in result.stdout.splitlines() if "DPK506" in line]
    assert line.startswith("::warning file=made_jobs.py,line=9,")
