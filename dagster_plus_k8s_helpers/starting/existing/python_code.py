"""What Python files say of Dagster on Kubernetes, read and not run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.starting.existing.project_files import ProjectFile

__all__ = ["Code", "Collected", "Dictionary", "Executor", "Unsized", "code_of"]

CONFIG_TAG = "dagster-k8s/config"
_CONFIG_ARGUMENTS = frozenset({"step_k8s_config", "per_step_k8s_config"})
_DECORATORS = frozenset({"asset", "multi_asset", "dbt_assets", "op"})


class Dictionary(NamedTuple):
    """A config of Kubernetes written as a dictionary.

    Attributes:
        file: Where it stands.
        line: The line of its key.
        key: The tag, or the setting of the stock executor.
        source: The dictionary as it is written, or the expression in its place.
    """

    file: str
    line: int
    key: str
    source: str


class Executor(NamedTuple):
    """An executor that definitions or a job are given.

    Attributes:
        file: Where it stands.
        line: The line of the argument.
        name: What it is called, such as ``multiprocess_executor``.
        is_of_a_job: Whether one job has it, and not the definitions.
        max_concurrent: How many steps it runs at once, as it is written; empty where it is not.
    """

    file: str
    line: int
    name: str
    is_of_a_job: bool
    max_concurrent: str = ""


class Collected(NamedTuple):
    """Where definitions are made.

    Attributes:
        file: Where it stands.
        line: The line of the call.
        source: The call.
        is_folder: Whether it loads a folder, as dg has it, and takes no executor.
        has_executor: Whether it is given one.
    """

    file: str
    line: int
    source: str
    is_folder: bool
    has_executor: bool


class Unsized(NamedTuple):
    """An asset or an op that does not say what its pod needs.

    Attributes:
        file: Where it stands.
        line: The line of its decorator.
        decorator: The decorator, such as ``dg.asset`` or ``dg.asset(group_name="a")``.
        name: Of the function.
        argument: By which it would say it.
    """

    file: str
    line: int
    decorator: str
    name: str
    argument: str


class Code(NamedTuple):
    """What one file says, or several."""

    dictionaries: tuple[Dictionary, ...] = ()
    executors: tuple[Executor, ...] = ()
    collected: tuple[Collected, ...] = ()
    unsized: tuple[Unsized, ...] = ()

    def __or__(self, other: object) -> Code:
        """What both say, in their order."""
        if not isinstance(other, Code):
            return NotImplemented
        return Code(
            self.dictionaries + other.dictionaries,
            self.executors + other.executors,
            self.collected + other.collected,
            self.unsized + other.unsized,
        )


def code_of(file: ProjectFile) -> Code:
    """What a file of Python says; nothing when it is no Python, or says nothing of Dagster."""
    if "dagster" not in file.text:
        return Code()
    try:
        tree = ast.parse(file.text)
    except (SyntaxError, ValueError, RecursionError):
        return Code()
    assigned = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    nodes = list(ast.walk(tree))
    return Code(
        tuple(sorted((found for node in nodes for found in _dictionaries(node, file)), key=_line)),
        tuple(sorted((found for node in nodes for found in _executors(node, file, assigned)), key=_line)),
        tuple(sorted((found for node in nodes for found in _collected(node, file)), key=_line)),
        tuple(sorted((found for node in nodes for found in _unsized(node, file)), key=_line)),
    )


def _line(found: Dictionary | Executor | Collected | Unsized) -> int:
    return found.line


def _dictionaries(node: ast.AST, file: ProjectFile) -> Iterator[Dictionary]:
    pairs: list[tuple[ast.expr | None, ast.expr]] = []
    if isinstance(node, ast.Dict):
        pairs = list(zip(node.keys, node.values, strict=True))
    elif isinstance(node, ast.Assign):
        pairs = [(target.slice, node.value) for target in node.targets if isinstance(target, ast.Subscript)]
    for key, value in pairs:
        if isinstance(key, ast.Constant) and key.value in {CONFIG_TAG, *_CONFIG_ARGUMENTS}:
            yield Dictionary(file.name, key.lineno, str(key.value), ast.unparse(value))


def _executors(node: ast.AST, file: ProjectFile, assigned: dict[str, ast.expr]) -> Iterator[Executor]:
    if not isinstance(node, ast.keyword) or node.arg not in {"executor", "executor_def"}:
        return
    name = _name_of(node.value, assigned)
    if "executor" in name:  # and not an argument of a function, of which the file does not say what it is
        limit = _max_concurrent(node.value, assigned)
        yield Executor(file.name, node.value.lineno, name, node.arg == "executor_def", limit)


def _max_concurrent(value: ast.expr, assigned: dict[str, ast.expr]) -> str:
    """What stands at ``max_concurrent`` of what an executor is configured with."""
    if isinstance(value, ast.IfExp):
        return _max_concurrent(value.body, assigned) or _max_concurrent(value.orelse, assigned)
    made = assigned.get(value.id, value) if isinstance(value, ast.Name) else value
    for node in ast.walk(made):
        for key, item in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            named = isinstance(key, ast.Constant) and key.value == "max_concurrent"
            if named and isinstance(item, ast.Constant | ast.Name | ast.Attribute):
                return ast.unparse(item)
    return ""


def _name_of(value: ast.expr, assigned: dict[str, ast.expr], deep: int = 0) -> str:
    """What is called or named, through ``configured`` and names of the file; of two sides that with pods."""
    if isinstance(value, ast.IfExp):
        # Each side once: names that have two sides themselves would be followed again and again.
        single = {name: said for name, said in assigned.items() if not isinstance(said, ast.IfExp)}
        sides = [_name_of(side, single, deep) for side in (value.body, value.orelse)]
        return next((name for name in sides if "k8s" in name), "") or next(filter(None, sides), "")
    if isinstance(value, ast.Call):
        called = value.func
        if isinstance(called, ast.Attribute) and called.attr in {"configured", "from_config"}:
            return _name_of(called.value, assigned, deep)
        return _name_of(called, {}, deep)
    if isinstance(value, ast.Attribute):
        return value.attr
    if isinstance(value, ast.Name):
        behind = assigned.get(value.id)
        # A name that is assigned itself again, or in a circle, leads nowhere.
        return value.id if behind is None or deep > len(assigned) else _name_of(behind, assigned, deep + 1)
    return ""


def _collected(node: ast.AST, file: ProjectFile) -> Iterator[Collected]:
    if not isinstance(node, ast.Call):
        return
    name = _name_of(node.func, {})
    if name in {"Definitions", "load_from_defs_folder"}:
        given = {keyword.arg for keyword in node.keywords}
        yield Collected(
            file.name,
            node.lineno,
            ast.unparse(node),
            name == "load_from_defs_folder",
            "executor" in given or None in given,  # None: by **, of which nobody knows
        )


def _unsized(node: ast.AST, file: ProjectFile) -> Iterator[Unsized]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for decorator in node.decorator_list:
        name = _name_of(decorator, {})
        given = (
            {keyword.arg for keyword in decorator.keywords} if isinstance(decorator, ast.Call) else set[str]()
        )
        if name in _DECORATORS and not given & ({"tags"} if name == "op" else {"op_tags", None}):
            argument = "tags" if name == "op" else "op_tags"
            yield Unsized(file.name, decorator.lineno, ast.unparse(decorator), node.name, argument)
