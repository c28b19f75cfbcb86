"""The command dagster-plus-k8s migrate."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers.cli import main

if TYPE_CHECKING:
    from pathlib import Path

PODS = """\
    SMALL = {
        "container_config": {"resources": {"requests": {"cpu": 0.25}, "limits": {"memory": "2048Mi"}}},
    }
    TAGS = {"dagster-k8s/config": {"pod_spec_config": {"nodeSelector": {"pool": "big"}}}, "team": "x"}
"""
DEFINITIONS = """\
    import json

    import dagster as dg
    from dagster_k8s import k8s_job_executor

    from shop.pods import SMALL, TAGS


    @dg.asset(op_tags={"dagster-k8s/config": SMALL})
    def orders(): ...


    @dg.asset(op_tags=TAGS)
    def churn(orders): ...


    SMALL_RUN = {"container_config": {"resources": {"limits": {"cpu": 1}}}}
    nightly = dg.define_asset_job("nightly", tags={"dagster-k8s/config": json.dumps(SMALL_RUN)})
    config = {"max_concurrent": 2}
    defs = dg.Definitions(
        assets=[orders, churn],
        jobs=[nightly],
        executor=k8s_job_executor.configured(
            {"step_k8s_config": {"pod_template_spec_metadata": {"labels": {"team": "data"}}}}
        ),
    )
"""
READS_SPELLINGS = """\
    import dagster as dg
    from dagster_k8s import k8s_job_executor

    TAGS = {"dagster-k8s/config": {"pod_spec_config": {"nodeSelector": {"pool": "big"}}}}


    def pool_of(tags):
        spec = tags["dagster-k8s/config"]["pod_spec_config"]
        return {"env": [{"name": "DB_PASSWORD", "value": spec.get("nodeSelector", {}).get("pool", "none")}]}


    @dg.asset(op_tags={**TAGS})
    def orders(): ...


    @dg.asset(op_tags={"dagster-k8s/config": {"container_config": pool_of(TAGS)}})
    def churn(): ...


    defs = dg.Definitions(assets=[orders, churn], executor=k8s_job_executor)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / "shop" / f"{name}.py").write_text(textwrap.dedent(text))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["migrate", *arguments])


def test_it_shows_the_difference_and_changes_nothing(folder: Path) -> None:
    save(folder, pods=PODS)
    before = (folder / "shop/pods.py").read_text()

    result = call("shop")

    assert (result.exit_code, (folder / "shop/pods.py").read_text()) == (0, before)
    assert result.stdout == textwrap.dedent("""\
        diff --git a/shop/pods.py b/shop/pods.py
        --- a/shop/pods.py
        +++ b/shop/pods.py
        @@ -1,4 +1,6 @@
        +from dagster_plus_k8s_helpers import k8s_tags
        +
         SMALL = {
             "container_config": {"resources": {"requests": {"cpu": 0.25}, "limits": {"memory": "2048Mi"}}},
         }
        -TAGS = {"dagster-k8s/config": {"pod_spec_config": {"nodeSelector": {"pool": "big"}}}, "team": "x"}
        +TAGS = {**k8s_tags(node_selector={"pool": "big"}), "team": "x"}
    """)
    assert result.stderr.splitlines() == [
        "1 config in 1 file: what dagster_k8s reads of each is the same",
        "nothing is written; --write changes the files",
    ]


def test_the_difference_is_what_git_applies_in_the_encoding_of_the_file(folder: Path) -> None:
    tags = 'TAGS = {"dagster-k8s/config": {"container_config": {"image": "a:1"}}}  # größe\n'
    for name, content in (
        ("mark.py", ("\ufeff" + tags).encode()),
        ("latin.py", ("# coding: latin-1\n" + tags).encode("latin-1")),
    ):
        (folder / name).write_bytes(content)

    shown = call("mark.py", "latin.py").stdout_bytes

    subprocess.run([str(shutil.which("git")), "apply", "-"], cwd=folder, input=shown, check=True)
    assert call("mark.py", "latin.py", "--write").stderr == "nothing to rewrite\n"
    assert "größe" in (folder / "latin.py").read_text("latin-1")


def test_it_writes_what_has_the_same_plan_and_a_second_time_nothing(folder: Path) -> None:
    save(folder, pods=PODS, definitions=DEFINITIONS)

    result = call("--write", "-m", "shop.definitions")

    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "shop/definitions.py: 2 configs rewritten",
        "shop/pods.py: 2 configs rewritten",
        "4 configs in 2 files: what dagster_k8s reads of each is the same",
        "the plan of 6 pods in 2 jobs is the same",
    ]
    assert (
        'SMALL = K8sConfig(resources=Resources(cpu=(0.25, None), memory="2048Mi")).to_dict()'
        in (folder / "shop/pods.py").read_text()
    )
    again = call("--write", "-m", "shop.definitions")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "nothing to rewrite\n")


def test_nothing_is_written_when_the_plan_would_be_another(folder: Path) -> None:
    save(folder, definitions=READS_SPELLINGS, alone=PODS)
    before = (folder / "shop/definitions.py").read_text()

    result = call("--write", "-m", "shop.definitions")

    assert (result.exit_code, result.stdout) == (1, "")
    assert (folder / "shop/definitions.py").read_text() == before
    assert (folder / "shop/alone.py").read_text() == textwrap.dedent(PODS)
    first, *others = result.stderr.splitlines()
    assert first.startswith("nothing is changed: the plan would be another one in 1 place")
    (line,) = others
    assert line.startswith("  __ASSET_JOB.pods.step churn.spec.template.spec.containers[0].env[")
    assert line.endswith(".value: a value that is not shown before, a value that is not shown after")


def test_files_that_the_definitions_do_not_import_are_named(folder: Path) -> None:
    save(folder, pods=PODS, definitions="import dagster as dg\ndefs = dg.Definitions()\n")

    result = call("-m", "shop.definitions")

    assert result.exit_code == 0
    assert "shop/pods.py: shop.definitions does not import it, so no plan shows it" in result.stderr


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        (
            "1 / 0\n",
            "Error: there is no plan to compare with: cannot import 'shop.definitions': ZeroDivisionError",
        ),
        (
            "import sys\nsys.stdout.flush()\nimport os\nos._exit(3)\n",
            "Error: there is no plan to compare with: the process",
        ),
    ],
)
def test_definitions_that_do_not_load_are_told(folder: Path, definitions: str, message: str) -> None:
    save(folder, pods=PODS, definitions=definitions)

    result = call("-m", "shop.definitions")

    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_what_stays_is_told_with_its_place(folder: Path) -> None:
    save(
        folder,
        pods='\nTAGS = {"dagster-k8s/config": made()}\nOTHER = {"dagster-k8s/config": {"container_config": {"image": "a:1"}}}\n',
    )

    result = call("shop/pods.py", "--write")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "shop/pods.py:2: left as it is: its value is what a call returns; write a K8sConfig there",
        "shop/pods.py: 1 config rewritten",
        "1 config in 1 file: what dagster_k8s reads of each is the same",
    ]


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_written(folder: Path) -> None:
    save(folder, pods=PODS, others=PODS)
    (folder / "shop/others.py").chmod(0o444)

    result = call("--write")

    assert result.exit_code == 1
    assert "shop/others.py: left as it is: is read-only" in result.stderr
    assert "k8s_tags" in (folder / "shop/pods.py").read_text()


def test_expressions_that_stay_are_counted(folder: Path) -> None:
    save(
        folder,
        pods='TAGS = {"dagster-k8s/config": {"container_config": {"image": image(), "working_dir": f"{x}"}}}\n',
    )

    result = call()

    assert (
        "whatever the 2 expressions in them that only the program knows will be; -m MODULE compares"
        in result.stderr
    )


def test_without_libcst_the_extra_is_named(folder: Path) -> None:
    code = "import sys; sys.modules['libcst'] = None; from dagster_plus_k8s_helpers.cli import main; main(['migrate'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "Error: this needs libcst; install it with pip install 'dagster-plus-k8s-helpers[migrate]'\n"
    )


def test_values_are_printed_as_python(folder: Path) -> None:
    (folder / "values.yaml").write_text("dagsterCloud: {deployment: prod}  # ours\n")

    result = call("values.yaml")

    assert result.stdout == (
        "from dagster_plus_k8s_helpers import AgentValues, DagsterCloud\n\n"
        'VALUES = AgentValues(dagster_cloud=DagsterCloud(deployment="prod"))\n'
    )
    assert result.stderr == "values.yaml:1: this comment is not in the Python form: # ours\n"
