"""Rewriting one module: its dictionaries as typed configs, each proved to say the same, and nothing else."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dagster_plus_k8s_helpers.migrating import executors, imports
from dagster_plus_k8s_helpers.migrating.comments import with_comments_of
from dagster_plus_k8s_helpers.migrating.elsewhere import Elsewhere
from dagster_plus_k8s_helpers.migrating.errors import CannotMigrateError
from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, written
from dagster_plus_k8s_helpers.migrating.finding import BY_A_CALL, find, only_call_of
from dagster_plus_k8s_helpers.migrating.layout import Edit, edited, layout_at
from dagster_plus_k8s_helpers.migrating.module import Module
from dagster_plus_k8s_helpers.migrating.places import Left, Place, Use
from dagster_plus_k8s_helpers.migrating.proof import names_of, proved
from dagster_plus_k8s_helpers.migrating.reading import Reader, config_of
from dagster_plus_k8s_helpers.migrating.typed import config_call, tags_call, with_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from dagster_plus_k8s_helpers.migrating.module import Imported, Span

__all__ = ["Rewritten", "Wanted", "names_wanted", "rewritten"]


class Wanted(NamedTuple):
    """A config that a module takes from another by its name.

    Attributes:
        line: Where it uses it.
        of: The module and the name there.
    """

    line: int
    of: Imported


@dataclass(frozen=True)
class Rewritten:
    """A module with typed configs.

    Attributes:
        text: Its text.
        done: The lines where a dictionary was rewritten.
        left: What stays, and why.
        open: How many of the expressions in it only the program knows.
        wanted: Configs that it takes from other modules.
    """

    text: str
    done: tuple[int, ...] = ()
    left: tuple[Left, ...] = ()
    open: int = 0
    wanted: tuple[Wanted, ...] = ()


_WORTH_A_LOOK = re.compile(r"dagster-k8s/config|USER_DEFINED_K8S_CONFIG_KEY|K8sConfig\.TAG|k8s_job_executor")


def rewritten(
    source: str,
    *,
    elsewhere: Callable[[str], Elsewhere] = lambda _name: Elsewhere(),
    wanted: Collection[str] = (),
) -> Rewritten:
    """A module with its configs typed as far as that can be proved.

    Args:
        source: Its text.
        elsewhere: How other modules use a name of this one.
        wanted: Names of this module that others give Dagster as a config.

    Raises:
        SyntaxError: The text is not Python.
        libcst.ParserSyntaxError: It is Python that libcst does not know yet.
    """
    if not _WORTH_A_LOOK.search(source) and not any(name in source for name in wanted):
        return Rewritten(source)
    return _Rewriting(source, elsewhere).done(wanted)


def names_wanted(source: str) -> tuple[Wanted, ...]:
    """The configs that a module takes from others.

    Raises:
        SyntaxError: The text is not Python.
        libcst.ParserSyntaxError: It is Python that libcst does not know yet.
    """
    if not _WORTH_A_LOOK.search(source):
        return ()
    module = Module(source)
    return tuple(_wanted(module, find(module).uses))


def _wanted(module: Module, uses: Collection[Use]) -> Iterator[Wanted]:
    for use in uses:
        if use.name.value in module.imported:
            yield Wanted(module.line(use.name), module.imported[use.name.value])


@dataclass
class _New:
    """An expression to write, and what it takes the place of."""

    replaced: cst.CSTNode
    call: Call | Code
    before: str = ""
    after: str = ""
    holes: int = 0


@dataclass
class _Rewriting:
    source: str
    elsewhere: Callable[[str], Elsewhere]
    new: list[_New] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.module = Module(self.source)
        self.lines: list[int] = []

    def done(self, wanted: Collection[str]) -> Rewritten:
        """Everything that can be rewritten."""
        found = find(self.module, self.elsewhere)
        self.left += found.left
        for place in found.places:
            self._try(place.config, partial(self._add_place, place))
        by_name: dict[str, list[Use]] = {name: [] for name in wanted if name in self.module.assigned}
        for use in found.uses:
            by_name.setdefault(use.name.value, []).append(use)
        for name, uses in by_name.items():
            self._add_name(name, uses, is_wanted=name in wanted)
        for call in found.executors:
            self._try(call, partial(self._add_executor, call))
        text = self._text()
        return Rewritten(
            text,
            tuple(sorted(self.lines)) if text != self.source else (),
            tuple(sorted(self.left, key=lambda left: left.line)),
            sum(new.holes for new in self.new),
            tuple(_wanted(self.module, found.uses)),
        )

    def _try(self, node: cst.CSTNode, add: Callable[[], None]) -> None:
        try:
            add()
        except CannotMigrateError as error:
            self.left.append(Left(self.module.line(node), str(error)))
        else:
            self.lines.append(self.module.line(node))

    def _add_place(self, place: Place) -> None:
        reader = Reader(self.module.constants)
        config = config_of(reader, place.config)
        build, suffix = _FORMS[place.form]
        before, after = ("{**", "}") if place.wrapped else ("**" if place.spread else "", "")
        call = proved(config, reader.holes, build, suffix)
        self.new.append(_New(place.replaced, call, before, after, len(reader.holes)))

    def _add_name(self, name: str, uses: list[Use], *, is_wanted: bool) -> None:
        """Types a dictionary that has a name, which keeps it."""
        said = self.module.assigned.get(name)
        if said is None or not isinstance(said.value, cst.Dict | cst.Call):
            self._leave_uses(name, uses)
            return
        if not isinstance(said.value, cst.Dict) and not only_call_of(said.value, "dict"):
            if not only_call_of(said.value, "to_dict", "K8sConfig"):
                self.left += [Left(self.module.line(use.name), BY_A_CALL) for use in uses]
            return
        value = said.value
        others = [
            node for node in self.module.loads.get(name, ()) if all(node is not use.name for use in uses)
        ]
        elsewhere = self.elsewhere(name) if said.is_at_top else Elsewhere()
        against = elsewhere.reads or self._against(others)
        if against:
            self.left.append(Left(self.module.line(value), f"{name} stays a dictionary: {against}"))
            return
        is_used_otherwise = others or elsewhere.used or is_wanted or name in self.module.exports()
        whole = not (said.is_annotated or is_used_otherwise)

        def add() -> None:
            reader = Reader(self.module.constants)
            config = config_of(reader, value)
            call = proved(config, reader.holes, config_call, "" if whole else ".to_dict()")
            self.new.append(_New(value, call, holes=len(reader.holes)))
            for use in uses if whole else ():
                place = use.place
                suffix = {"tags": ".tags", "run_tags": ".run_tags", "dict": ".to_dict()"}[place.form]
                before, after = ("{**", "}") if place.wrapped else ("**" if place.spread else "", "")
                self.new.append(_New(place.replaced, Code(f"{name}{suffix}", None), before, after))

        self._try(value, add)

    def _leave_uses(self, name: str, uses: list[Use]) -> None:
        for use in uses:
            if name in self.module.imported:
                continue  # where it is written, it is rewritten or left
            reason = f"{name} is no dictionary that this module writes once"
            self.left.append(Left(self.module.line(use.name), reason))

    def _against(self, others: list[cst.Name]) -> str:
        """What stands against the spelling of a typed config, in how a dictionary is used beside tags."""
        for use in others:
            around = self.module.parent(use)
            if isinstance(
                around, cst.Subscript | cst.Attribute | cst.AugAssign | cst.Del | cst.BinaryOperation
            ):
                return f"line {self.module.line(use)} reads or changes it as one"
            if isinstance(around, cst.Arg) and only_call_of(self.module.parent(around), "copy", "deepcopy"):
                return f"line {self.module.line(use)} copies it, to change the copy as one"
        return ""

    def _add_executor(self, call: cst.Call) -> None:
        reader = Reader(self.module.constants)
        made, left = executors.typed(call, reader)
        if left:
            self.left.append(Left(self.module.line(call), left))
        self.new += [_New(replaced, new, holes=0) for replaced, new in made]
        if self.new:
            self.new[-1].holes += len(reader.holes)

    def _text(self) -> str:
        if not self.new:
            return self.source
        wanted = {name for new in self.new for name in names_of(new.call)}
        names = imports.local_names(self.module, wanted)
        if names is None:
            return self._left_whole(
                "this module has other things by the names K8sConfig, Resources and the like"
            )
        edits = [self._edit(new, names) for new in self.new]
        edits += imports.added(self.module, self.source, names)
        edits += imports.removed(self.module, self.source, self._unused(edits))
        text = edited(self.source, edits)
        if _is_python(text):
            return text
        return self._left_whole("rewriting it would break it; this is a gap in migrate")

    def _left_whole(self, reason: str) -> str:
        self.left += [Left(line, reason) for line in self.lines]
        self.lines.clear()
        self.new.clear()
        return self.source

    def _edit(self, new: _New, names: dict[str, str]) -> Edit:
        span = self.module.span(new.replaced)
        layout = layout_at(self.source, span, prefix=new.before)
        layout = layout._replace(after=layout.after + len(new.after))
        node = with_names(new.call, names)
        old = self.source.encode()[span.start : span.end].decode()
        if isinstance(node, Call):
            node = with_comments_of(old, node, layout)
        return Edit(span, f"{new.before}{written(node, layout)}{new.after}")

    def _unused(self, edits: list[Edit]) -> set[str]:
        """Names that only what is gone has used."""
        kept = "\n".join(edit.text for edit in edits)
        spans = [self.module.span(new.replaced) for new in self.new]
        return {
            name
            for name, uses in self.module.loads.items()
            if self.module.bound.get(name) == 1
            and name not in self.module.exports()
            and all(_is_within(self.module.span(use), spans) for use in uses)
            and not re.search(rf"\b{re.escape(name)}\b", kept)
        }


def _is_python(text: str) -> bool:
    """Whether Python can read a source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except SyntaxError:
            return False
    return True


def _is_within(span: Span, spans: list[Span]) -> bool:
    return any(outer.start <= span.start and span.end <= outer.end for outer in spans)


_FORMS: dict[str, tuple[Callable[..., Call | None], str]] = {
    "tags": (tags_call, ""),
    "run_tags": (config_call, ".run_tags"),
    "dict": (config_call, ".to_dict()"),
}
