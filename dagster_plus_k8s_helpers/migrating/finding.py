"""Where a module gives Dagster a config of Kubernetes as a dictionary, and in which way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from dagster_plus_k8s_helpers.migrating.elsewhere import Elsewhere
from dagster_plus_k8s_helpers.migrating.module import walk
from dagster_plus_k8s_helpers.migrating.places import Form, Found, Left, Place, Use
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_plus_k8s_helpers.migrating.module import Module

__all__ = ["BY_A_CALL", "find", "only_call_of"]


def find(module: Module, elsewhere: Callable[[str], Elsewhere] = lambda _name: Elsewhere()) -> Found:
    """The configs of a module.

    Args:
        module: The module.
        elsewhere: How other modules use a name of it.
    """
    finder = _Finder(module, elsewhere)
    for node in walk(module.tree):
        finder.look_at(node)
    return finder.found


def only_call_of(node: cst.CSTNode, *names: str) -> bool:
    """Whether an expression is a call of a function of one of these names, whatever it is taken from."""
    if not isinstance(node, cst.Call):
        return False
    function = node.func
    last = function.attr if isinstance(function, cst.Attribute) else function
    return isinstance(last, cst.Name) and last.value in names


class _Finder:
    def __init__(self, module: Module, elsewhere: Callable[[str], Elsewhere]) -> None:
        self._module, self._elsewhere = module, elsewhere
        self.found = Found()

    def look_at(self, node: cst.CSTNode) -> None:
        """Looks whether a node gives Dagster a config."""
        if isinstance(node, cst.Dict):
            self._look_for_tag(node)
        elif isinstance(node, cst.Assign):
            self._look_for_assigned_tag(node)
        elif isinstance(node, cst.Call):
            self._look_for_executor(node)
            self._look_for_default(node)

    def _look_for_tag(self, node: cst.Dict) -> None:
        for element in node.elements:
            if isinstance(element, cst.DictElement) and self._is_tag(element.key):
                self._add_tag(node, element)

    def _look_for_assigned_tag(self, node: cst.Assign) -> None:
        for target in node.targets:
            if isinstance(target.target, cst.Subscript) and self._is_tag_of(target.target):
                self._add(node.value, node.value, "dict")

    def _look_for_default(self, node: cst.Call) -> None:
        if only_call_of(node, "setdefault") and len(node.args) == 2 and self._is_tag(node.args[0].value):
            self._add(node.args[1].value, node.args[1].value, "dict")

    def _look_for_executor(self, node: cst.Call) -> None:
        function = node.func
        if (
            isinstance(function, cst.Attribute)
            and function.attr.value == "configured"
            and self._is_stock_executor(function.value)
        ):
            self.found.executors.append(node)

    def _is_stock_executor(self, node: cst.BaseExpression) -> bool:
        if isinstance(node, cst.Attribute):
            return node.attr.value == "k8s_job_executor"
        if not isinstance(node, cst.Name):
            return False
        said = self._module.imported_anywhere.get(node.value)
        return said is not None and said.name == "k8s_job_executor"

    def _is_tag(self, key: cst.BaseExpression) -> bool:
        if isinstance(key, cst.SimpleString | cst.ConcatenatedString):
            return key.evaluated_value == K8sConfig.TAG
        if isinstance(key, cst.Attribute):
            return key.attr.value in {"USER_DEFINED_K8S_CONFIG_KEY", "TAG"} and (
                key.attr.value != "TAG"
                or (isinstance(key.value, cst.Name) and key.value.value == "K8sConfig")
            )
        if not isinstance(key, cst.Name):
            return False
        said = self._module.imported_anywhere.get(key.value)
        is_stock = said is not None and said.name == "USER_DEFINED_K8S_CONFIG_KEY"
        return is_stock or self._module.constants.get(key.value) == K8sConfig.TAG

    def _is_tag_of(self, node: cst.Subscript) -> bool:
        if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
            return False
        return self._is_tag(node.slice[0].slice.value)

    def _add_tag(self, node: cst.Dict, element: cst.DictElement) -> None:
        merged = self._is_merged(node)
        around = self._around(node)
        if isinstance(around, cst.Comparison | cst.ComparisonTarget):
            self._leave(node, "it is compared with something, and gives no pod a config")
            return
        if self._is_argument_of(node, "from_tags"):
            return
        reason = self._read_in_depth(node)
        if reason:
            self._leave(node, reason)
            return
        alone = len(node.elements) == 1
        self._add(
            element.value,
            node if alone else element,
            "tags",
            spread=not alone,
            wrapped=alone and merged,
        )

    def _add(
        self,
        value: cst.BaseExpression,
        replaced: cst.CSTNode,
        form: Form,
        *,
        spread: bool = False,
        wrapped: bool = False,
    ) -> None:
        if only_call_of(value, "dumps") and isinstance(value, cst.Call) and len(value.args) == 1:
            inner = value.args[0].value
            if form == "dict":
                replaced = inner
            value, form = inner, "run_tags" if form == "tags" else form
        place = Place(value, replaced, form, spread, wrapped)
        if isinstance(value, cst.Dict) or (only_call_of(value, "dict") and _has_keywords_only(value)):
            self.found.places.append(place)
        elif isinstance(value, cst.Name):
            self.found.uses.append(Use(value, place))
        elif not only_call_of(value, "to_dict"):
            self._leave(value, _why_not(value))

    def _leave(self, node: cst.CSTNode, reason: str) -> None:
        self.found.left.append(Left(self._module.line(node), reason))

    def _around(self, node: cst.CSTNode) -> cst.CSTNode:
        return self._module.parent(node)

    def _is_merged(self, node: cst.Dict) -> bool:
        """Whether the mapping is laid over others in a way that refuses two configs when both are typed."""
        around = self._around(node)
        if isinstance(around, cst.BinaryOperation) and isinstance(around.operator, cst.BitOr):
            return True
        if isinstance(around, cst.AugAssign) or self._is_argument_of(node, "update"):
            return True
        name = self._name_of(node)
        if name is None:
            return False
        own = any(self._is_merging(use) for use in self._module.loads.get(name, ()))
        return own or (self._module.is_at_top(name) and self._elsewhere(name).merged)

    def _is_merging(self, use: cst.Name) -> bool:
        around = self._around(use)
        if isinstance(around, cst.BinaryOperation | cst.AugAssign):
            return True
        if isinstance(around, cst.Attribute) and around.attr.value == "update":
            return True
        return self._is_argument_of(use, "update")

    def _is_argument_of(self, node: cst.CSTNode, name: str) -> bool:
        around = self._around(node)
        call = self._around(around)
        return isinstance(around, cst.Arg) and isinstance(call, cst.Call) and only_call_of(call, name)

    def _name_of(self, node: cst.Dict) -> str | None:
        """The name that the mapping is given, if it is."""
        around = self._around(node)
        if isinstance(around, cst.Assign) and len(around.targets) == 1:
            target: cst.BaseExpression = around.targets[0].target
        elif isinstance(around, cst.AnnAssign):
            target = around.target
        else:
            return None
        return target.value if isinstance(target, cst.Name) else None

    def _read_in_depth(self, node: cst.Dict) -> str:
        """Who reads or changes what the config holds, which has another spelling when it is typed."""
        name = self._name_of(node) or ""
        is_of_class = isinstance(self._module.scope(node), cst.ClassDef)
        for use in (*self._module.loads.get(name, ()), *(self._attributes(name) if is_of_class else ())):
            if self._is_read(use):
                return f"line {self._module.line(use)} reads or changes what it holds"
        return self._elsewhere(name).reads if is_of_class or self._module.is_at_top(name) else ""

    def _attributes(self, name: str) -> Iterator[cst.Attribute]:
        """Where something is taken from an object by a name."""
        for node in walk(self._module.tree):
            if isinstance(node, cst.Attribute) and node.attr.value == name:
                yield node

    def _is_read(self, use: cst.BaseExpression) -> bool:
        """Whether the config in tags goes where it may be read or changed."""
        around = self._around(use)
        if isinstance(around, cst.Attribute) and around.value is use:
            call = self._around(around)
            if not isinstance(call, cst.Call):
                return False
            of_tag = bool(call.args) and self._is_tag(call.args[0].value)
            return around.attr.value in {"items", "values"} or (
                around.attr.value in {"get", "pop", "setdefault"} and of_tag
            )
        if not isinstance(around, cst.Subscript) or around.value is not use or not self._is_tag_of(around):
            return False
        outer = self._around(around)
        if isinstance(outer, cst.Assign):
            return outer.value is around and any(
                isinstance(target.target, cst.Name) for target in outer.targets
            )
        if isinstance(outer, cst.Arg):
            return not only_call_of(self._around(outer), "dumps")
        return isinstance(outer, cst.Subscript | cst.Attribute | cst.AnnAssign | cst.NamedExpr | cst.For)


def _has_keywords_only(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Call) and all(
        arg.keyword is not None or arg.star == "**" for arg in value.args
    )


def _why_not(value: cst.BaseExpression) -> str:
    """Why a value cannot be read before the program runs."""
    return next(
        (why for kinds, why in _REASONS if isinstance(value, kinds)), "its value is no literal dictionary"
    )


BY_A_CALL = "its value is what a call returns; write a K8sConfig there"
_REASONS: tuple[tuple[tuple[type[cst.CSTNode], ...], str], ...] = (
    ((cst.Call,), BY_A_CALL),
    (
        (cst.IfExp, cst.BooleanOperation),
        "its value depends on a condition; make each side a K8sConfig by hand",
    ),
    ((cst.BinaryOperation,), "its value is put together from others; merge K8sConfig objects with | instead"),
    (
        (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString),
        "its value is JSON in a text; write K8sConfig(...).run_tags",
    ),
    ((cst.DictComp,), "its value is a comprehension; write a K8sConfig there"),
    (
        (cst.Attribute, cst.Subscript),
        "its value is taken from another object; write a K8sConfig where that is made",
    ),
)
