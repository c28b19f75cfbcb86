"""What `dagster-plus-k8s init --existing` finds in projects of others, and what it says to change."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from made_projects import files_of

import dagster_plus_k8s_helpers as package
from dagster_plus_k8s_helpers import K8sConfig
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.errors import StartError
from dagster_plus_k8s_helpers.starting.existing import project_files
from dagster_plus_k8s_helpers.starting.existing.look import look

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.starting.existing.first_changes import Change

BY_DG = {
    "pyproject.toml": '[project]\nname = "my_shop"\n\n[tool.dg]\ndirectory_type = "project"\n\n'
    '[tool.dg.project]\nroot_module = "my_shop"\nregistry_modules = ["my_shop.components.*"]\n',
    "src/my_shop/__init__.py": "",
    "src/my_shop/definitions.py": "from pathlib import Path\n\nfrom dagster import definitions, load_from_defs_folder\n\n\n"
    "@definitions\ndef defs():\n    return load_from_defs_folder(path_within_project=Path(__file__).parent)\n",
    "src/my_shop/defs/__init__.py": "",
    "src/my_shop/defs/orders.py": "import dagster as dg\n\n\n@dg.asset\ndef orders():\n    return 1\n",
}
"""As `create-dagster project` writes it, with an asset."""

QUICKSTART = {
    "pyproject.toml": '[tool.dagster]\nmodule_name = "quickstart_etl"\n',
    "setup.py": "from setuptools import setup\n\nsetup(name='quickstart_etl', install_requires=['dagster'])\n",
    "dagster_cloud.yaml": "locations:\n  - location_name: quickstart_etl\n    code_source:\n      package_name: quickstart_etl\n",
    "quickstart_etl/__init__.py": "from dagster import Definitions, load_assets_from_package_module\n\n"
    "from . import assets\n\ndefs = Definitions(assets=load_assets_from_package_module(assets))\n",
    "quickstart_etl/assets/hackernews.py": "from dagster import asset\n\n\n"
    '@asset(group_name="hackernews", compute_kind="HackerNews API")\ndef topstory_ids():\n    return []\n',
    "quickstart_etl_tests/test_assets.py": "from dagster import materialize\n",
}
"""As `dagster project from-example --example quickstart_etl` wrote it."""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def changes(folder: Path, files: dict[str, str]) -> list[Change]:
    return look(write(folder, files)).first_changes()


def module_of(folder: Path, files: dict[str, str]) -> str:
    return look(write(folder, files)).plan_command()


def test_a_project_of_dg_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, BY_DG)
    before = files_of(tmp_path)
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["init", "--existing"])

    assert (result.exit_code, result.output) == (
        0,
        """\
definitions     my_shop.definitions (pyproject.toml:8)

change first:
1. src/my_shop/definitions.py:8: no executor is given, so that every step runs in the run's own pod, whatever op tags say
     import dagster as dg
     from dagster_plus_k8s_helpers import executor_for_deployment, k8s_executor
     dg.Definitions.merge(
         load_from_defs_folder(path_within_project=Path(__file__).parent),
         dg.Definitions(
             executor=executor_for_deployment(
                 local=dg.multiprocess_executor,
                 default=k8s_executor(max_concurrent=10),
             ),
         ),
     )
2. src/my_shop/defs/orders.py:4: orders does not say what its pod needs
     from dagster_plus_k8s_helpers import k8s_tags
     @dg.asset(op_tags=k8s_tags(cpu="500m", memory="1Gi"))
3. dagster_cloud.yaml: there is none, by which Dagster+ would know this project
     locations:
       - location_name: my_shop
         code_source:
           module_name: my_shop.definitions
         container_context:
           k8s:
             run_k8s_config:
               container_config:
                 resources:
                   limits: {cpu: 250m, memory: 512Mi}

then see what will run, and what is wrong with it:
  dagster-plus-k8s plan -m my_shop.definitions -d src
  dagster-plus-k8s check -m my_shop.definitions -d src
""",
    )
    assert files_of(tmp_path) == before


def test_when_the_changes_are_made_check_and_plan_are_content(tmp_path: Path) -> None:
    """In a process: the definitions are loaded from a folder, under a name that others may have."""
    executor, asset, location = changes(tmp_path, BY_DG)
    definitions, orders = tmp_path / "src/my_shop/definitions.py", tmp_path / "src/my_shop/defs/orders.py"
    *imports, merged = executor.write.split("\n", 2)
    text = definitions.read_text().replace(
        "load_from_defs_folder(path_within_project=Path(__file__).parent)",
        merged.strip().replace("\n", "\n    "),
    )
    definitions.write_text("\n".join([*imports, text]))
    imported, decorator = asset.write.split("\n")
    orders.write_text(f"{imported}\n" + orders.read_text().replace("@dg.asset", decorator))
    image = "\n    image: example.com/shop:1\n    container_context:"
    (tmp_path / location.place).write_text(location.write.replace("\n    container_context:", image))

    command = look(tmp_path).plan_command().split()
    program = Path(sys.executable).with_name(command[0])
    again = look(tmp_path).first_changes()

    for arguments in (command[1:], ["check", *command[2:], "--fail-on", "warning"]):
        done = subprocess.run(
            [program, *arguments],
            cwd=tmp_path,
            env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert command[-2:] == ["--location", "dagster_cloud.yaml"]
    assert [change.place for change in again] == ["tests/test_pods.py"]


def test_an_older_project_is_told_at_its_own_lines(tmp_path: Path) -> None:
    executor, asset, location = changes(tmp_path, QUICKSTART)

    assert executor.place == "quickstart_etl/__init__.py:5"
    assert "executor=executor_for_deployment(" in executor.write
    assert asset.place == "quickstart_etl/assets/hackernews.py:4"
    assert asset.write.splitlines()[1] == (
        "@asset(group_name='hackernews', compute_kind='HackerNews API', op_tags=k8s_tags(cpu=\"500m\", memory=\"1Gi\"))"
    )
    assert location.place == "dagster_cloud.yaml:2"
    assert (
        location.reason == "the pods of the runs of quickstart_etl have no size, so that the node may be full"
    )
    assert look(tmp_path).plan_command() == (
        "dagster-plus-k8s plan -m quickstart_etl --location dagster_cloud.yaml"
    )


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"pyproject.toml": '[tool.dagster]\nmodule_name = "a.b"\n', "src/a/b.py": ""}, "-m a.b -d src"),
        (
            {"pyproject.toml": '[tool.dagster]\nmodules = [{type = "module", name = "a"}]\n', "a.py": ""},
            "-m a",
        ),
        (
            {"dg.toml": '[project]\nroot_module = "a"\n', "src/a/definitions.py": ""},
            "-m a.definitions -d src",
        ),
        (
            {
                "dg.toml": '[workspace]\n[[workspace.projects]]\npath = "projects/a"\n',
                "projects/a/pyproject.toml": '[tool.dg.project]\nroot_module = "a"\n',
                "projects/a/src/a/definitions.py": "",
            },
            "-m a.definitions -d projects/a/src",
        ),
        (
            {
                "pyproject.toml": '[tool.dg.project]\nroot_module = "a"\ncode_location_target_module = "a.defs"\n'
            },
            "-m a.defs",
        ),
        ({"workspace.yaml": "load_from:\n  - python_module: a.b\n"}, "-m a.b"),
        (
            {
                "workspace.yaml": "load_from:\n  - python_module: {module_name: a.b, working_directory: code}\n"
            },
            "-m a.b -d code",
        ),
        ({"workspace.yaml": "load_from:\n  - python_file: code/repo.py\n"}, "-m repo -d code"),
        ({"workspace.yaml": "load_from:\n  - python_file: {relative_path: repo.py}\n"}, "-m repo"),
        (
            {
                "dagster_cloud.yaml": "locations:\n  - {location_name: a, code_source: {python_file: code/a.py}}\n"
            },
            "-m a -d code --location dagster_cloud.yaml",
        ),
        (
            {
                "dagster_cloud.yaml": "locations:\n  - {location_name: a, code_source: {module_name: a}, build: {directory: sub}}\n"
            },
            "-m a -d sub --location dagster_cloud.yaml",
        ),
        ({"code/all.py": "import dagster as dg\n\ndefs = dg.Definitions()\n"}, "-m all -d code"),
        (
            {
                "a.py": "import dagster as dg\n\ndefs = dg.Definitions()\n",
                "deploy/x.yaml": "dagsterCloud: {}\n",
            },
            "-m a --agent deploy/x.yaml",
        ),
        (
            {
                "a.py": "import dagster as dg\n\ndefs = dg.Definitions()\n",
                "a-values.yaml": "dagsterCloud: {}\n",
                "deploy/values.yaml": "dagsterCloud: {}\n",
            },
            "-m a --agent deploy/values.yaml",
        ),
        # A package, by its __init__.py or by what its modules import.
        ({"shop/__init__.py": "import dagster as dg\n\ndefs = dg.Definitions()\n"}, "-m shop"),
        (
            {
                "code/shop/__init__.py": "",
                "code/shop/defs.py": "import dagster as dg\n\ndefs = dg.Definitions()\n",
            },
            "-m shop.defs -d code",
        ),
        (
            {"shop/defs.py": "import dagster as dg\nfrom shop import assets\n\ndefs = dg.Definitions()\n"},
            "-m shop.defs",
        ),
        (
            {"shop/defs.py": "import dagster as dg\nfrom . import assets\n\ndefs = dg.Definitions()\n"},
            "-m shop.defs",
        ),
        (
            {
                "src/acme/all/shop/defs.py": "import dagster as dg\nfrom acme.all.shop import assets\n\n"
                "defs = dg.Definitions()\n"
            },
            "-m acme.all.shop.defs -d src",
        ),
        (
            {
                "dagster/jobs/all.py": "import dagster as dg\nfrom dagster import job\n\ndefs = dg.Definitions()\n"
            },
            "-m all -d dagster/jobs",
        ),
        # By what a file holds, whatever its name; the folder is one around it, and /app one of the image.
        (
            {
                "src/acme/__init__.py": "",
                "src/acme/shop/defs.py": "import dagster as dg\n\ndefs = dg.Definitions()\n",
                "src/acme/shop/dagster-cloud.yaml": "locations:\n  - {location_name: a, "
                "code_source: {module_name: acme.shop.defs}, working_directory: /app}\n",
            },
            "-m acme.shop.defs -d src --location src/acme/shop/dagster-cloud.yaml",
        ),
        # Several locations, of which plan would not know which one is meant.
        (
            {
                "dagster_cloud.yaml": "locations:\n"
                "  - {location_name: one, code_source: {module_name: a}}\n"
                "  - {location_name: two, code_source: {module_name: a}}\n"
            },
            "-m a --location dagster_cloud.yaml --location-name one",
        ),
        (
            {
                "dagster_cloud.yaml": "locations:\n"
                "  - {location_name: one, code_source: {module_name: a}}\n"
                "  - {location_name: two, code_source: {module_name: b}}\n"
            },
            "-m a --location dagster_cloud.yaml",
        ),
    ],
)
def test_the_definitions_are_found_wherever_they_are_named(
    files: dict[str, str], command: str, tmp_path: Path
) -> None:
    assert look(write(tmp_path, files)).plan_command() == f"dagster-plus-k8s plan {command}"


@pytest.mark.parametrize(
    ("code", "line", "reason"),
    [
        (
            "defs = dg.Definitions(\n    executor=dg.multiprocess_executor,\n)",
            4,
            "multiprocess_executor runs every step in the run's own pod, whatever op tags say",
        ),
        (
            "my_executor = dg.in_process_executor.configured({})\ndefs = dg.Definitions(executor=my_executor)",
            4,
            "in_process_executor runs every step in the run's own pod, whatever op tags say",
        ),
        (
            "from dagster_k8s import k8s_job_executor\n"
            "defs = dg.Definitions(executor=k8s_job_executor.configured({'max_concurrent': 5}))",
            4,
            "k8s_job_executor starts pods on a laptop too, and does not say why one failed; k8s_executor takes the "
            "same settings",
        ),
        (
            "from dagster_k8s import k8s_job_executor\n"
            "defs = dg.Definitions(executor=dg.multiprocess_executor if LOCAL else k8s_job_executor)",
            4,
            "k8s_job_executor starts pods on a laptop too, and does not say why one failed; k8s_executor takes the "
            "same settings",
        ),
        (
            "defs = dg.Definitions(executor=dg.multiprocess_executor if LOCAL else dg.in_process_executor)",
            3,
            "multiprocess_executor runs every step in the run's own pod, whatever op tags say",
        ),
    ],
)
def test_an_executor_is_told_where_it_is_given(code: str, line: int, reason: str, tmp_path: Path) -> None:
    first = changes(tmp_path, {"a.py": f"import dagster as dg\n\n{code}\n"})[0]

    assert (first.place, first.reason) == (f"a.py:{line}", reason)
    assert "executor=executor_for_deployment(" in first.write


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("executor=k8s_job_executor.configured({'max_concurrent': 5})", "k8s_executor(max_concurrent=5)"),
        ("executor=few", "k8s_executor(max_concurrent=3)"),
        ("executor=None if LOCAL else few", "k8s_executor(max_concurrent=3)"),
        ("executor=k8s_job_executor", "k8s_executor()"),
        (
            "executor=k8s_job_executor.configured({'max_concurrent': LIMIT})",
            "k8s_executor(max_concurrent=LIMIT)",
        ),
    ],
)
def test_the_limit_of_the_stock_executor_stays_what_it_is(code: str, written: str, tmp_path: Path) -> None:
    first = changes(
        tmp_path,
        {
            "a.py": "import dagster as dg\nfrom dagster_k8s import k8s_job_executor\n\n"
            f"few = k8s_job_executor.configured({{'max_concurrent': 3}})\ndefs = dg.Definitions({code})\n"
        },
    )[0]

    assert f"    default={written},\n" in first.write


@pytest.mark.parametrize(
    "code",
    [
        "defs = dg.Definitions(executor=k8s_executor(max_concurrent=5))",
        "defs = dg.Definitions(executor=executor_for_deployment(local=dg.multiprocess_executor, default=x))",
        "defs = dg.Definitions(executor=celery_k8s_job_executor)",
        "def made(executor):\n    return dg.Definitions(executor=executor)",
        "defs = dg.Definitions(**settings)",
        "defs = dg.Definitions(executor=dg.multiprocess_executor if LOCAL else k8s_executor())",
        "executor = executor if LOCAL else executor\ndefs = dg.Definitions(executor=executor)",
        "executor = executor\ndefs = dg.Definitions(executor=executor)",
    ],
)
def test_an_executor_that_starts_pods_or_may_do_so_stays(code: str, tmp_path: Path) -> None:
    found = changes(tmp_path, {"a.py": f"import dagster as dg\n\n{code}\n"})

    assert [change.place for change in found] == ["dagster_cloud.yaml", "tests/test_pods.py"]


def test_the_executor_of_one_job_is_not_that_of_the_definitions(tmp_path: Path) -> None:
    code = (
        "import dagster as dg\n\n"
        'job = dg.define_asset_job("a", executor_def=dg.in_process_executor)\n'
        "defs = dg.Definitions(jobs=[job], executor=k8s_executor)\n"
    )
    found = look(write(tmp_path, {"a.py": code}))

    assert [change.place for change in found.first_changes()] == ["dagster_cloud.yaml", "tests/test_pods.py"]
    assert ("executor", "in_process_executor (a.py:3)") in found.rows()


GOOD = "{'container_config': {'resources': {'limits': {'cpu': '500m', 'memory': '2Gi'}}}}"
TOLERATION = (
    "{'pod_spec_config': {'tolerations': [{'key': 'a', 'operator': 'Exists'}], 'node_selector': {'b': 'c'}}}"
)


@pytest.mark.parametrize("dictionary", [GOOD, TOLERATION])
def test_a_dictionary_is_written_as_a_config_that_is_the_same(dictionary: str, tmp_path: Path) -> None:
    code = f"import dagster as dg\n\n\n@dg.asset(\n    op_tags={{'dagster-k8s/config': {dictionary}}}\n)\ndef a(): ...\n"

    first = changes(tmp_path, {"a.py": code})[0]

    assert first.place == "a.py:5"
    assert first.reason == "nothing looks at what this dictionary says before a pod is made of it"
    imports, pod, where = first.write.splitlines()
    names = imports.removeprefix("from dagster_plus_k8s_helpers import ").split(", ")
    made = eval(pod.removeprefix("POD = "), {name: getattr(package, name) for name in names})
    assert made == K8sConfig.from_dict(ast.literal_eval(dictionary))
    assert where == "op_tags=POD, or tags=POD, in place of the dictionary of tags"


def test_a_credential_in_a_dictionary_stays_where_it_is(tmp_path: Path) -> None:
    dictionary = "{'container_config': {'env': [{'name': 'DB_PASSWORD', 'value': 'hunter2xyz'}, {'name': 'A', 'value': 'b'}]}}"
    code = (
        f"import dagster as dg\n\n@dg.asset(op_tags={{'dagster-k8s/config': {dictionary}}})\ndef a(): ...\n"
    )

    written = "".join(change.write for change in changes(tmp_path, {"a.py": code}))

    assert "env={'DB_PASSWORD': \"...\", 'A': 'b'}" in written
    assert "hunter2xyz" not in written


def test_a_dictionary_that_kubernetes_would_refuse_is_told_why(tmp_path: Path) -> None:
    code = f"import dagster as dg\n\nTAGS = {{}}\nTAGS['dagster-k8s/config'] = {GOOD.replace('2Gi', '2GB')}\n"

    first = changes(tmp_path, {"a.py": code})[0]

    assert first.place == "a.py:4"
    assert first.reason.startswith("Dagster takes this dictionary, and Kubernetes does not: ")
    assert "2GB" in first.reason


def test_a_dictionary_that_kubernetes_would_refuse_comes_before_others(tmp_path: Path) -> None:
    code = (
        f"A = {{'dagster-k8s/config': {GOOD}}}\nB = {{'dagster-k8s/config': {GOOD.replace('2Gi', '512m')}}}\n"
    )

    first = changes(tmp_path, {"a.py": f"import dagster as dg\n{code}"})[0]

    assert first.place == "a.py:3"
    assert first.reason.endswith("did you mean '512Mi'?; 1 more: dagster-plus-k8s migrate rewrites them all")


def test_other_dictionaries_are_told_and_counted(tmp_path: Path) -> None:
    code = (
        "from dagster_k8s import k8s_job_executor\n"
        f"a = {{'dagster-k8s/config': make_config()}}\n"
        f"b = {{'step_k8s_config': {GOOD}}}\n"
        f"c = {{'per_step_k8s_config': {{'a': {GOOD}}}}}\n"
        f"d = {{'dagster-k8s/config': {GOOD}}}\n"
    )
    found = look(write(tmp_path, {"a.py": code}))

    assert ("dictionaries", "4 written by hand (a.py:2, a.py:3, a.py:4 and 1 more)") in found.rows()
    first = found.first_changes()[0]
    assert first.reason.endswith("; 3 more like it: dagster-plus-k8s migrate rewrites them all")
    assert "POD = K8sConfig(resources=Resources(cpu=..., memory=...))" in first.write


@pytest.mark.parametrize(
    ("context", "line", "reason"),
    [
        ("", 2, "the pods of the runs of a have no size, so that the node may be full"),
        (
            "    container_context:\n      k8s:\n        resources: {limits: {memory: 1Gi}}\n",
            7,
            "these resources are those of code servers and of runs alike; give runs their own",
        ),
    ],
)
def test_a_location_is_told_what_its_runs_lack(context: str, line: int, reason: str, tmp_path: Path) -> None:
    text = f"locations:\n  - location_name: a\n    code_source:\n      module_name: a\n{context}"

    (first, _) = changes(tmp_path, {"dagster_cloud.yaml": text})

    assert (first.place, first.reason) == (f"dagster_cloud.yaml:{line}", reason)


def test_values_are_told_what_they_lack(tmp_path: Path) -> None:
    files = {
        "agent.yaml": "dagsterCloud:\n  deployment: prod\nworkspace:\n  envVars: [A=1]\n",
        "a.py": "import dagster",
    }

    (_, second, _) = changes(tmp_path, files)

    assert second.place == "agent.yaml:3"
    assert second.reason == "the agent says nothing of the pods of runs, so that each location has to"


def test_what_is_installed_hidden_or_a_test_says_nothing(tmp_path: Path) -> None:
    wrong = "import dagster as dg\n\ndefs = dg.Definitions(executor=dg.in_process_executor)\n"
    files = {
        ".venv/lib/a.py": wrong,
        "env/pyvenv.cfg": "",
        "env/lib/a.py": wrong,
        "node_modules/a.py": wrong,
        "tests/test_a.py": wrong,
        "good.py": "import dagster as dg\n\ndefs = dg.Definitions(executor=k8s_executor)\n",
    }

    found = look(write(tmp_path, files))

    assert found.rows() == [("definitions", "good (good.py:3)"), ("executor", "k8s_executor (good.py:3)")]


def test_files_that_cannot_be_read_stop_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "broken.py": "import dagster\ndef (",
            "deep.py": "dagster = " + "(" * 5000,
            "pyproject.toml": "[tool.dagster\n",
            "workspace.yaml": "load_from: [{a: ",
            "b/workspace.yaml": "load_from: 3\n",
            "b/dagster_cloud.yaml": "locations: 3\n",
            "b/pyproject.toml": "[tool.dagster]\nmodules = 3\n",
            "c/pyproject.toml": f"a = {'[' * 5000}\n",
            "chart/templates/a.yaml": "{{- if .Values.a }}\na: b\n{{ end }}\n",
            "list.yaml": "- a\n",
            "a.py": "import dagster as dg\n\ndefs = dg.Definitions()\n",
        },
    )
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)

    assert look(tmp_path).plan_command() == "dagster-plus-k8s plan -m a"


def test_of_too_many_files_those_nearest_to_the_top_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_files, "_MOST_FILES", 3)
    data = {f"data/of/{number}.yaml": "a: 1\n" for number in range(5)}
    write(tmp_path, {**data, "src/shop.py": "import dagster as dg\n\ndefs = dg.Definitions()\n"})

    assert look(tmp_path).plan_command() == "dagster-plus-k8s plan -m shop -d src"


def test_where_nothing_of_dagster_is_it_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "print(1)\n", "values.yaml": "replicas: 1\n"})

    with pytest.raises(StartError, match=re.escape(f"nothing of Dagster is in {tmp_path}: no definitions")):
        look(tmp_path)
    result = CliRunner().invoke(main, ["init", "--existing", str(tmp_path)])

    assert result.exit_code == 2
    assert "name the folder of the project" in result.output


def test_the_example_is_complete() -> None:
    example = Path(__file__).parents[2] / "example_project"

    assert look(example).first_changes() == []
