"""A project that `create-dagster` made, its commands, and ours beside them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from dagster.components.list import list_all_components_schema
from dagster_dg_cli.utils.yaml_template_generator import generate_defs_yaml_example_values
from dg_projects import COMPONENTS, TEMPLATES, create_project, run, save
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("K8sDefaultsComponent", "K8sExecutorComponent", "SecretsComponent")
DEFS = "src/my_project/defs"
FILES = {
    f"{DEFS}/shop/defs.yaml": f"""type: {COMPONENTS}.K8sDefaultsComponent
attributes:
  config:
    resources:
      cpu: 500m
      memory: 2Gi
""",
    f"{DEFS}/shop/assets.py": "import dagster as dg\n\n\n@dg.asset\ndef orders() -> None: ...\n",
    f"{DEFS}/shop/report/defs.yaml": f"""type: dagster.PythonScriptComponent
template_vars_module: {TEMPLATES}
attributes:
  execution:
    path: report.py
    tags: "{{{{ k8s(memory='8Gi', tolerations=[{{'key': 'nvidia.com/gpu', 'operator': 'Exists'}}]) }}}}"
  assets:
    - key: report
""",
    f"{DEFS}/executor/defs.yaml": f"""type: {COMPONENTS}.K8sExecutorComponent
attributes:
  default:
    max_concurrent: 20
""",
    f"{DEFS}/secrets/defs.yaml": f"""type: {COMPONENTS}.SecretsComponent
attributes:
  local:
    type: env
  default:
    type: vault
    url: "{{{{ env.VAULT_ADDR }}}}"
    auth:
      type: token
      token: "{{{{ env.VAULT_TOKEN }}}}"
""",
}
SLIPS = (
    ("shop", "memory: 2Gi", "memroy: 2Gi", 6, "'the name memory' was expected"),
    ("executor", "max_concurrent: 20", "max_concurrent: lots", 4, "'a whole number' was expected"),
    (
        "secrets",
        '"{{ env.VAULT_TOKEN }}"',
        "hvs.secret",
        10,
        """"a variable, such as '{{ env.NAME }}', and no secret" was expected""",
    ),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = create_project(tmp_path_factory.mktemp("projects"))
    save(made, FILES)
    return made


def test_dg_lists_the_components_with_what_they_are(project: Path) -> None:
    listed = json.loads(
        run(project, "dg", "list", "components", "--json", "--package", "dagster_plus_k8s_helpers")
    )

    assert [row["key"] for row in listed["items"]] == [f"{COMPONENTS}.{name}" for name in NAMES]
    assert all(row["summary"].endswith(".") for row in listed["items"])


def test_dg_finds_a_good_project_good(project: Path) -> None:
    printed = run(project, "dg", "check", "defs")

    assert "All component YAML validated successfully." in printed
    assert "All definitions loaded successfully." in printed


def test_dg_shows_each_wrong_value_at_its_line(project: Path, tmp_path: Path) -> None:
    wrong = shutil.copytree(project, tmp_path / "my_project")
    for folder, right, written, _, _ in SLIPS:
        file = wrong / DEFS / folder / "defs.yaml"
        file.write_text(file.read_text("utf-8").replace(right, written), "utf-8")

    printed = run(wrong, "dg", "check", "yaml", check=False)

    for folder, _, _, line, told in SLIPS:
        assert f"{DEFS}/{folder}/defs.yaml:{line} - {COMPONENTS}." in printed
        assert told in printed
    assert printed.count(" - dagster_plus_k8s_helpers") == len(SLIPS)


def test_editors_get_a_schema_that_describes_every_attribute() -> None:
    schema = list_all_components_schema(entry_points=True, extra_modules=())

    Draft202012Validator.check_schema(schema)
    for name in NAMES:
        attributes: Any = schema["$defs"][f"{name}Model"]
        example = yaml.safe_load(
            generate_defs_yaml_example_values(f"{COMPONENTS}.{name}", {**schema, **attributes})
        )
        validator = Draft202012Validator({**attributes, "$defs": schema["$defs"]})
        assert [error.message for error in validator.iter_errors(example["attributes"])] == []
        assert all(attribute["description"] for attribute in attributes["properties"].values())
        assert attributes["additionalProperties"] is False


def test_what_will_run_is_planned_from_such_a_project(project: Path) -> None:
    arguments = ("-m", "my_project.definitions", "--deployment", "prod")
    planned = json.loads(run(project, "dagster-plus-k8s", "plan", *arguments, "-o", "json"))
    found = run(project, "dagster-plus-k8s", "check", *arguments)

    assert (planned["executor"], planned["max_concurrent"]) == ("k8s", 20)
    assert {limits(step)["memory"] for step in planned["steps"].values()} == {"2Gi", "8Gi"}
    assert "DPK510 step 'report'" in found
    assert f"in {DEFS}/shop/report/defs.yaml:6\n" in found


def limits(step: Any) -> Any:
    [container] = step["manifest"]["spec"]["template"]["spec"]["containers"]
    return container["resources"]["limits"]
