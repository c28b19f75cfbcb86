"""Two configs in one dictionary of tags, found in the source: once Python has made it, only one is there.

What an expression stands for is looked up among the names of its module and never computed; what cannot be
told that way is left alone.
"""

from __future__ import annotations

import ast
import linecache
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity, Where
from dagster_plus_k8s_helpers.findings.waivers import read_waiver
from dagster_plus_k8s_helpers.plan.sources import source_of_file
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.scheduling import gpu, kai, kueue, shm, spot, volcano
from dagster_plus_k8s_helpers.tags import k8s_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["lost_configs"]

LOST_CONFIG = Rule(
    "DPK582",
    Severity.WARNING,
    "All configs have the same tag: of two in one dictionary the last takes the place of the first as a "
    "whole, and what the first says is lost without a word.",
    "merge the configs and not their tags: (a | b).tags",
    needs=Need.MODULE,
)

_MAKE_CONFIGS = (K8sConfig, gpu, kai, kueue, shm, spot, volcano)
_TAGS = ("tags", "run_tags")


def lost_configs(module_name: str) -> Iterator[Finding]:
    """Where a module, or one of the project that it imports, puts two configs into one dictionary.

    Args:
        module_name: A module that is imported.
    """
    for module in _with_imports(module_name):
        file = str(module.__file__)
        source = linecache.getlines(file)
        for node in ast.walk(ast.parse("".join(source))):
            if not isinstance(node, ast.expr) or not _loses(node, vars(module)):
                continue
            line = source[node.lineno - 1]
            waiver = read_waiver(line[line.index("#") :]) if "#" in line else None
            if waiver is None or not waiver.waives(LOST_CONFIG.code):
                message = f"{ast.unparse(node)}: both have {K8sConfig.TAG!r}, and the last one alone stays"
                where = source_of_file(file, node.lineno) or Where(file=file, line=node.lineno)
                yield LOST_CONFIG.at(where, message)


def _with_imports(module_name: str) -> Iterator[ModuleType]:
    """A module and the project's own among those that it imports, each once."""
    waiting, seen = [module_name], set[str]()
    while waiting:
        name = waiting.pop(0)
        module = sys.modules.get(name)
        file = str(getattr(module, "__file__", None))
        if name in seen or module is None or not file.endswith(".py") or source_of_file(file) is None:
            continue
        seen.add(name)
        try:
            tree = ast.parse("".join(linecache.getlines(file)))
        except SyntaxError:
            continue
        yield module
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                waiting += [part for alias in node.names for part in _parents(alias.name)]
            elif isinstance(node, ast.ImportFrom):
                package = (module.__package__ or "").split(".")
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                waiting += [*_parents(base), *(f"{base}.{alias.name}" for alias in node.names)]


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: index + 1]) for index in range(len(parts))]


def _loses(node: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether a dictionary is made of two that hold a config."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Dict):
        parts = [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts = [part for part in (node.left, node.right) if not _is_config(part, names)]
    return sum(_is_tags(part, names) for part in parts) > 1


def _is_tags(node: ast.expr, names: Mapping[str, Any]) -> bool:
    """Whether it is a mapping with a config in it."""
    if isinstance(node, ast.Attribute) and node.attr in _TAGS:
        return _is_config(node.value, names)
    if isinstance(node, ast.Call):
        return _value(node.func, names) is k8s_tags
    value = _value(node, names)
    return _is_config(node, names) or (isinstance(value, dict) and K8sConfig.TAG in value)


def _is_config(node: ast.expr, names: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.Call):
        made_by = _value(node.func, names)
        return any(made_by is function for function in _MAKE_CONFIGS)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _is_config(node.left, names) and _is_config(node.right, names)
    return isinstance(_value(node, names), K8sConfig)


def _value(node: ast.expr, names: Mapping[str, Any]) -> object:
    """What a name of a module stands for, or one of another module that it has imported."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        holder = _value(node.value, names)
        return vars(holder).get(node.attr) if isinstance(holder, ModuleType) else None
    return None
