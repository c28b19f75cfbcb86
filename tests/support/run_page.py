"""Does what a page of the documentation has its reader do, from top to bottom, in the working folder.

python run_page.py PAGE
python run_page.py --each

Nothing is given but what the page itself shows. Ends with an error at the first thing that is not as it says. With
``--each`` standard input has a page a line, the folder to do it in, and a file for what that prints; the exit code of
each is printed.
"""

from __future__ import annotations

import ast
import atexit
import io
import os
import shlex
import subprocess
import sys
import tokenize
import tomllib
import traceback
import types
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import kubernetes_validate
import yaml
from click.testing import CliRunner
from pages import ROOT, Block, blocks, commands, is_elsewhere, is_printed

from dagster_plus_k8s_helpers import AgentValues, DagsterCloudConfig, Deployment, k8s_executor
from dagster_plus_k8s_helpers.cli import main as command_line
from dagster_plus_k8s_helpers.plan import check, read_nodes
from dagster_plus_k8s_helpers.testing import assert_no_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pages import Command

PROD = Deployment("full", "prod")
KUBERNETES = "1.34"
OF_DG = {"create-dagster", "dg"}


class Session:
    """A Python session of the reader, and the files that the page had them save."""

    def __init__(self, page: Path) -> None:
        self.page = page
        self.module = types.ModuleType("session")
        sys.modules["session"] = self.module  # where Dagster looks for what the reader defines
        self.pasted: list[Block] = []
        self.files: dict[str, str] = {}
        self.found_wrong: set[str] = set()
        self.loaders: list[Callable[[], dg.Definitions]] = []

    def do(self, block: Block) -> None:
        """What the reader does with a block."""
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, "utf-8")
            forget_own_modules()
        match block.language:
            case "python":
                self.paste(block)
            case "pycon":
                self.type_in(block)
            case "yaml":
                self.files[block.file or f"line-{block.line}.yaml"] = block.text
            case "console" | "shell":
                for command in commands(block):
                    self.run(command, prints=block.language == "console")
            case "toml":
                tomllib.loads(block.text)
            case "text":
                pass
            case other:
                raise ValueError(f"nobody knows what to do with a block of {other!r}")

    def paste(self, block: Block) -> None:
        before = dict(vars(self.module))
        paste(block, self.page, vars(self.module))
        self.pasted.append(block)
        new = {name: value for name, value in vars(self.module).items() if value is not before.get(name)}
        for name, value in new.items():
            if isinstance(value, AgentValues | DagsterCloudConfig):
                written = Path(f"{name}.written.yaml")
                written.write_text(value.to_yaml(), "utf-8")
                assert_no_findings(check(files=[written]))
        self.loaders += self.definitions(new)

    def definitions(self, new: dict[str, Any]) -> Iterator[Callable[[], dg.Definitions]]:
        """What loads the definitions that a block made, as a code location would: from the blocks up to it."""
        pasted = tuple(self.pasted)
        made = [name for name, value in new.items() if isinstance(value, dg.Definitions)]
        assets = [name for name, value in new.items() if isinstance(value, dg.AssetsDefinition)]
        for name in made or ["" for _ in assets[:1]]:

            def load(name: str = name) -> dg.Definitions:
                again = types.ModuleType("session")
                for block in pasted:
                    paste(block, self.page, vars(again))
                found = vars(again)
                return (
                    found[name]
                    if name
                    else dg.Definitions(
                        assets=[found[asset] for asset in assets],
                        resources=found.get("resources"),
                        executor=found.get("executor") or k8s_executor(max_concurrent=10),
                    )
                )

            yield load

    def type_in(self, block: Block) -> None:
        parts = block.text.removeprefix(">>> ").split("\n>>> ")
        for typed, *answer in (part.rstrip("\n").split("\n") for part in parts):
            assert answered(typed, vars(self.module)) == "\n".join(answer), typed

    def run(self, command: Command, *, prints: bool) -> None:
        if is_elsewhere(command):
            assert not command.output, f"nobody holds what {command.text} prints"
            return
        words = shlex.split(command.text)
        target = words[words.index(">") + 1] if ">" in words else None
        name, *arguments = words[: words.index(">")] if target else words
        if "python" in words:
            typed = [sys.executable if word == "python" else word for word in words]
            subprocess.run(["/usr/bin/env", *typed], check=True)
            return
        if name in OF_DG:
            self.run_dg(command, [name, *arguments], prints=prints)
            return
        assert name == "dagster-plus-k8s", f"nobody runs {name}"
        sys.path += [path for path in sources() if path not in sys.path]
        result = CliRunner().invoke(command_line, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        if target:
            Path(target).write_text(result.stdout, "utf-8")
        elif prints:
            assert is_printed(command.output, result.output.splitlines()), f"{command.text}\n{result.output}"
            self.found_wrong |= {file for file in self.files if file in command.output}
        if not prints or target:
            assert result.exit_code == 0, f"{command.text}\n{result.output}"

    def run_dg(self, command: Command, words: list[str], *, prints: bool) -> None:
        """A command of ``dg``, as beside projects that are installed; it asks nobody for a newer version."""
        done = subprocess.run(
            [Path(sys.executable).with_name(words[0]), *words[1:]],
            env={
                **os.environ,
                "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0",
                "PYTHONPATH": os.pathsep.join(sources()),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if prints:
            assert is_printed(command.output, done.stdout.splitlines()), f"{command.text}\n{done.stdout}"
        else:
            assert done.returncode == 0, f"{command.text}\n{done.stdout}"

    def check_definitions(self) -> None:
        """The definitions of the page are right, with the files that it shows."""
        agent = yaml.safe_load(self.files.get("values.yaml", "{}"))
        (location,) = yaml.safe_load(self.files.get("dagster_cloud.yaml", "locations: [{}]"))["locations"]
        for loader in self.loaders:
            found = check(loader, agent=agent or None, location=location or None, deployment=PROD)
            assert_no_findings(found)

    def check_files(self) -> None:
        """The files of the page are right, unless a command of it shows what is wrong with them."""
        for name, text in self.files.items():
            documents = list(yaml.safe_load_all(text))
            if (
                name in self.found_wrong or "/defs/" in name
            ):  # those are for `dg`, and its commands check them
                continue
            if "repos" in documents[0] or "jobs" in documents[0]:
                check_of_ci(documents[0])
            elif "pools" in documents[0]:
                assert read_nodes(text.encode(), name)
            elif "apiVersion" in documents[0]:
                for document in documents:
                    kubernetes_validate.validate(document, KUBERNETES, strict=True)
            else:
                Path(name).write_text(text, "utf-8")
                assert_no_findings(check(files=[name]))


def forget_own_modules() -> None:
    """Each command that the reader types imports the files anew."""
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(Path.cwd()):
            del sys.modules[name]


def check_of_ci(config: dict[str, Any]) -> None:
    """What a file of pre-commit or of GitHub names of this project is there."""
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    inputs = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
    for repository in config.get("repos", ()):
        if repository["repo"] != "local":
            assert {hook["id"] for hook in repository["hooks"]} <= hooks
    steps = [step for job in config.get("jobs", {}).values() for step in job["steps"]]
    for step in steps:
        if "dagster-plus-k8s-helpers" in step.get("uses", ""):
            assert step["with"].keys() <= inputs.keys()


def sources() -> list[str]:
    """Where the modules of the projects are that the page makes."""
    return [str(path) for path in sorted(Path.cwd().glob("*/src"))]


def paste(block: Block, page: Path, names: dict[str, Any]) -> None:
    """Runs a block, and holds the values in its comments to be what the expressions before them give."""
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(block.text).readline)
        if token.type == tokenize.COMMENT
    }
    for statement in ast.parse(block.text).body:
        said = literal(comments.get(statement.end_lineno or 0, ""))
        ast.increment_lineno(statement, block.line - 1)
        if isinstance(statement, ast.Expr) and said is not None:
            code = compile(ast.Expression(statement.value), str(page), "eval", dont_inherit=True)
            value = eval(code, names)
            assert (dict(value) if isinstance(said, dict) else value) == said, f"{value!r} and not {said!r}"
        else:
            with redirect_stdout(io.StringIO()):
                # Annotations are what they are in the reader's file, and no text as in this one.
                exec(compile(ast.Module([statement], []), str(page), "exec", dont_inherit=True), names)


def literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None


def answered(typed: str, names: dict[str, Any]) -> str:
    """What Python prints when this is typed in; of an error the last line."""
    try:
        value = eval(typed, names)
    except Exception as error:  # noqa: BLE001 - any error is an answer
        return f"{type(error).__name__}: {error}"
    return "" if value is None else repr(value)


def main(page: Path) -> None:
    """Do what the page says."""
    sys.path[0] = ""  # the working folder, as in the reader's session, and not that of this script
    session = Session(page)
    for block in blocks(page):
        try:
            session.do(block)
        except BaseException as error:
            error.add_note(f"at {page.name}:{block.line}")
            raise
    session.check_files()
    session.check_definitions()


def each() -> None:
    """Do each page that is asked for, in a fork of this process."""
    import dagster_k8s  # noqa: F401, PLC0415 - so that the forks need not

    for line in sys.stdin:
        page, folder, said = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            os._exit(in_folder(Path(page), folder, said))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 - the answer


def in_folder(page: Path, folder: str, said: str) -> int:
    """Do a page in a process of its own; its exit code."""
    for number, file in ((0, os.devnull), (1, said), (2, said)):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), number)
    os.chdir(folder)
    code = 0
    try:
        main(page)
    except BaseException:  # noqa: BLE001 - whatever it is, it ends this page alone
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()  # a fork leaves these out
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    if sys.argv[1] == "--each":
        each()
    else:
        main(Path(sys.argv[1]))
