"""The action for GitHub and the hooks for pre-commit: what they run does what they say, and no input is ever code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner
from command_folder import VALUES, write_files

from dagster_plus_k8s_helpers.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
GIT, BASH = (str(shutil.which(name)) for name in ("git", "bash"))
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
PLANNING = ("Plan before and after", "Comment")

# Stands in for gh: it keeps the comments in a file, and what it was called with.
GH = """\
#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["FAKE_GH"])
arguments = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if (folder / "refuses").exists() and "--method" in arguments:
    sys.exit("HTTP 403: Resource not accessible by integration")
kept = folder / "comments.json"
comments = json.loads(kept.read_text()) if kept.exists() else {{}}
if "--method" not in arguments:
    assert arguments[:2] == ["api", "--paginate"] and arguments[3] == "--jq", arguments
    for key, body in comments.items():
        print(key, body.split("\\n")[0])
    sys.exit()
field = arguments[arguments.index("-F") + 1]
assert field.startswith("body=@"), field
method = arguments[arguments.index("--method") + 1]
path = arguments[arguments.index("--method") + 2]
key = path.rpartition("/")[2] if method == "PATCH" else str(len(comments) + 1)
comments[key] = pathlib.Path(field[6:]).read_text()
kept.write_text(json.dumps(comments))
"""


def git(folder: Path, *arguments: str) -> str:
    config = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run([GIT, *config, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Workflow:
    """A checked-out pull request, in which the steps of the action run as GitHub runs them."""

    def __init__(self, folder: Path) -> None:
        self.repository, self.temp, self.gh = (folder / name for name in ("repository", "temp", "gh"))
        for made in (self.repository, self.temp, self.gh):
            made.mkdir()
        command = self.gh / "gh"
        command.write_text(GH.format(python=sys.executable))
        command.chmod(0o755)
        write_files(self.repository)
        git(self.repository, "init", "--quiet")
        self.base = self.head = self.commit()

    def commit(self) -> str:
        git(self.repository, "add", "--all")
        git(self.repository, "commit", "--quiet", "--message", "x")
        return git(self.repository, "rev-parse", "HEAD")

    def write(self, name: str, text: str) -> None:
        (self.repository / name).write_text(text)

    def run(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        step = STEPS[name]
        environment = {key: self._evaluated(value, inputs) for key, value in step["env"].items()}
        return subprocess.run(
            [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.repository,
            env={
                **{key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ},
                "PATH": f"{self.gh}:{os.environ['PATH']}",
                "FAKE_GH": str(self.gh),
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"),
                "RUNNER_TEMP": str(self.temp),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def _evaluated(self, text: str, inputs: Mapping[str, str]) -> str:
        known = {f"inputs.{key}": str(value["default"]) for key, value in ACTION["inputs"].items()}
        known |= {"inputs.python": sys.executable, "inputs.token": "token"}
        known |= {f"inputs.{key.replace('_', '-')}": value for key, value in inputs.items()}
        known |= {"github.event.pull_request.base.sha": self.base, "github.event.pull_request.number": "7"}
        known |= {"github.event.pull_request.head.sha": self.head}
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], text)

    @property
    def comments(self) -> list[str]:
        kept = self.gh / "comments.json"
        return list(json.loads(kept.read_text()).values()) if kept.exists() else []


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    return Workflow(tmp_path)


GIVEN = {"module": "shop.definitions", "agent": "values.yaml", "location": "dagster_cloud.yaml"}


def test_no_step_has_an_expression_where_a_shell_reads_it() -> None:
    assert [step["name"] for step in STEPS.values() if "${{" in step["run"]] == []
    for script in (ROOT / "scripts" / "action").glob("*.sh"):
        text = script.read_text("utf-8")
        assert "${{" not in text
        assert "eval" not in text


def test_every_input_is_described_and_read() -> None:
    texts = json.dumps(ACTION["runs"])

    assert [name for name, given in ACTION["inputs"].items() if not given["description"]] == []
    assert [name for name in ACTION["inputs"] if f"inputs.{name} " not in texts] == []


def test_code_of_the_pull_request_runs_without_the_token() -> None:
    holding = [name for name, step in STEPS.items() if "inputs.token" in json.dumps(step)]

    assert holding == ["Comment"]
    assert "DPK_PYTHON" not in STEPS["Comment"]["env"]
    assert all("github.event_name == 'pull_request' " in STEPS[name]["if"] for name in PLANNING)


def test_a_script_reads_no_variable_that_its_step_does_not_set() -> None:
    shared = (ROOT / "scripts" / "action" / "shared.sh").read_text("utf-8")
    for name, script in (("Check", "check"), ("Plan before and after", "plan"), ("Comment", "comment")):
        text = (ROOT / "scripts" / "action" / f"{script}.sh").read_text("utf-8")
        text += shared if script != "comment" else ""
        assert set(re.findall(r"DPK_\w+", text)) == {key for key in STEPS[name]["env"] if key != "GH_TOKEN"}


def test_check_shows_findings_at_their_lines_and_fails(workflow: Workflow) -> None:
    clean = workflow.run("Check", **GIVEN)
    workflow.write("wrong.yaml", "locatons: []\n")
    wrong = workflow.run("Check", **GIVEN, files="wrong.yaml\n")

    assert (clean.returncode, clean.stdout) == (0, ""), clean.stderr
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("::error file=wrong.yaml,line=1,")


def test_one_comment_says_what_a_pull_request_changes(workflow: Workflow) -> None:
    workflow.write("values.yaml", VALUES.replace("2Gi", "6Gi"))
    workflow.commit()
    for name in PLANNING:
        done = workflow.run(name, **GIVEN)
        assert done.returncode == 0, done.stderr
    workflow.write("values.yaml", VALUES.replace("2Gi", "7Gi"))
    for name in PLANNING:
        assert workflow.run(name, **GIVEN).returncode == 0

    (comment,) = workflow.comments
    assert comment.startswith("<!-- dagster-plus-k8s plan: default -->\n### plan of")
    assert "| ~ | `run` | `memory limit` | `2Gi` | `7Gi` | agent |" in comment
    assert "`6Gi`" in (workflow.temp / "summary.md").read_text()
    assert git(workflow.repository, "worktree", "list").count("\n") == 0


def test_what_is_new_with_a_pull_request_is_compared_without_it(workflow: Workflow) -> None:
    workflow.write("agent.yaml", VALUES)
    workflow.commit()

    done = workflow.run(PLANNING[0], **{**GIVEN, "agent": "agent.yaml"})

    assert done.returncode == 0, done.stderr
    assert "`memory limit`" in (workflow.temp / "dagster-plus-k8s-comment.md").read_text()


@pytest.mark.parametrize("is_shallow", [False, True])
def test_what_others_merged_meanwhile_is_no_part_of_the_change(
    workflow: Workflow, *, is_shallow: bool
) -> None:
    """GitHub checks out the pull request merged into its base of now; its event may name an older base."""
    git(workflow.repository, "switch", "--quiet", "--create", "change")
    workflow.write("values.yaml", VALUES.replace("2Gi", "6Gi"))
    workflow.head = workflow.commit()
    git(workflow.repository, "switch", "--quiet", "--create", "main", workflow.base)
    definitions = workflow.repository / "shop" / "definitions.py"
    definitions.write_text(definitions.read_text().replace("8Gi", "9Gi"))
    workflow.commit()
    git(workflow.repository, "merge", "--quiet", "--no-ff", "--message", "merged", workflow.head)
    if is_shallow:  # as actions/checkout makes it: of the merge alone, whose parents have to be fetched
        origin = workflow.repository.rename(workflow.temp / "origin")
        git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(workflow.temp, "clone", "--quiet", "--depth=1", f"file://{origin}", str(workflow.repository))

    assert workflow.run(PLANNING[0], **GIVEN).returncode == 0

    comment = (workflow.temp / "dagster-plus-k8s-comment.md").read_text()
    assert "`6Gi`" in comment
    assert "`9Gi`" not in comment


def test_the_base_is_not_imported_from_what_pip_installed_of_the_change(workflow: Workflow) -> None:
    """What ``pip install -e`` has put on the path of everything is the checked-out src."""
    source = workflow.repository / "src"
    source.mkdir()
    (workflow.repository / "shop").rename(source / "shop")
    workflow.base = workflow.commit()
    definitions = source / "shop" / "definitions.py"
    definitions.write_text(definitions.read_text().replace("8Gi", "9Gi"))
    python = workflow.temp / "python"
    python.write_text(f'#!{BASH}\nPYTHONPATH="{source}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    done = workflow.run(PLANNING[0], **GIVEN, python=str(python))

    assert done.returncode == 0, done.stderr
    assert "`9Gi`" in (workflow.temp / "dagster-plus-k8s-comment.md").read_text()


def test_a_module_that_is_installed_elsewhere_is_not_taken_for_the_base(workflow: Workflow) -> None:
    (workflow.repository / "shop").rename(workflow.temp / "shop")
    python = workflow.temp / "python"
    python.write_text(f'#!{BASH}\nPYTHONPATH="{workflow.temp}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    done = workflow.run(PLANNING[0], **GIVEN, python=str(python))

    assert done.returncode == 0, done.stderr
    assert "is imported from where it is installed: give working-directory" in done.stdout
    assert "cannot be planned" in (workflow.temp / "dagster-plus-k8s-comment.md").read_text()


def test_a_base_that_cannot_be_planned_is_said_and_why_is_in_the_log(workflow: Workflow) -> None:
    good = (workflow.repository / "shop" / "definitions.py").read_text()
    workflow.write("shop/definitions.py", "raise RuntimeError('why it is')\n")
    workflow.base = workflow.commit()
    workflow.write("shop/definitions.py", good)

    planned, commented = (workflow.run(name, **GIVEN) for name in PLANNING)

    assert (planned.returncode, commented.returncode) == (0, 0)
    assert "why it is" in planned.stdout
    (comment,) = workflow.comments
    assert "The base of this pull request cannot be planned" in comment
    assert "why it is" not in comment


def test_a_base_that_cannot_be_fetched_is_said(workflow: Workflow) -> None:
    workflow.base = "0" * 40

    planned, commented = (workflow.run(name, **GIVEN) for name in PLANNING)

    assert (planned.returncode, commented.returncode) == (0, 0), planned.stderr
    (comment,) = workflow.comments
    assert "The base of this pull request cannot be fetched" in comment


def test_a_token_that_may_only_read_is_a_warning(workflow: Workflow) -> None:
    (workflow.temp / "dagster-plus-k8s-comment.md").write_text("what changes\n")
    (workflow.gh / "refuses").touch()

    done = workflow.run("Comment")

    assert done.returncode == 0
    assert "::warning::The comment cannot be written: permissions: pull-requests: write" in done.stdout
    assert (workflow.temp / "summary.md").read_text() == "what changes\n"


def test_calls_with_names_have_comments_of_their_own(workflow: Workflow) -> None:
    (workflow.temp / "dagster-plus-k8s-comment.md").write_text("what changes\n")
    for name in ("shop", "--> <b>", "shop"):
        assert workflow.run("Comment", comment_name=name).returncode == 0

    assert [comment.split("\n")[0] for comment in workflow.comments] == [
        "<!-- dagster-plus-k8s plan: shop -->",
        "<!-- dagster-plus-k8s plan: --___b_ -->",
    ]


HOSTILE = ["$(touch owned)", "`touch owned`", "'; touch owned; '", '"; touch owned; "', "a b*\n--debug", "-x"]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_an_input_holds_is_run(workflow: Workflow, text: str) -> None:
    for name, given in (
        ("Check", {"files": text, "agent": text, "check_args": "--fail-on\nerror"}),
        ("Comment", {"comment_name": text}),
    ):
        workflow.run(name, **given)

    assert list(workflow.repository.rglob("owned")) == []


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_is_a_command_of_this_package(hook: dict[str, Any]) -> None:
    program, *words = hook["entry"].split()

    assert program == "dagster-plus-k8s"
    assert words[0] in main.commands
    assert hook["language"] in {"python", "system"}
    assert hook["name"]


@pytest.mark.parametrize(
    ("hook", "file", "is_taken"),
    [
        ("dagster-plus-k8s-check", "dagster_cloud.yaml", True),
        ("dagster-plus-k8s-check", "a/container_context.yml", True),
        ("dagster-plus-k8s-check", "not_dagster_cloud.yaml", False),
        ("dagster-plus-k8s-check", "values.yaml", False),
        ("dagster-plus-k8s-check-agent", "deploy/agent-values.yaml", True),
        ("dagster-plus-k8s-check-agent", "dagster-cloud-agent-values-prod.yaml", True),
        ("dagster-plus-k8s-check-agent", "redis/values.yaml", False),
    ],
)
def test_a_hook_takes_the_files_that_are_its_own(hook: str, file: str, *, is_taken: bool) -> None:
    (pattern,) = (item["files"] for item in HOOKS if item["id"] == hook)

    assert bool(re.search(pattern, file)) == is_taken


def test_a_hook_ends_as_pre_commit_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path)
    (tmp_path / "wrong.yaml").write_text("locatons: []\n")
    monkeypatch.chdir(tmp_path)
    words = HOOKS[0]["entry"].split()[1:]

    assert CliRunner().invoke(main, [*words, "dagster_cloud.yaml"]).exit_code == 0
    assert CliRunner().invoke(main, [*words, "dagster_cloud.yaml", "wrong.yaml"]).exit_code == 1
