"""Reading a YAML file so that everything in it can be pointed at, whatever is in it.

The parser is PyYAML's (libyaml where it was built with it), as Dagster+ reads its files and, in all that
is used here, as Helm does.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from dagster_plus_k8s_helpers.documents.parse_errors import at_mark, syntax_finding
from dagster_plus_k8s_helpers.documents.rules import (
    ALIASES,
    DUPLICATE_KEY,
    EMPTY_FILE,
    HUGE_FILE,
    NOT_UTF8,
    SYNTAX,
    TOO_DEEP,
)
from dagster_plus_k8s_helpers.documents.shape import plain_key
from dagster_plus_k8s_helpers.findings.finding import Finding, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_BYTES", "Path", "YamlDocument", "parse_path", "read_yaml", "shown_path"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the top of a document inwards."""

MAX_BYTES = 2**20
"""Size of a file that is still read, in bytes: that of the largest Secret, in which Helm keeps values."""

_MAX_DEPTH = 64
_MAX_NODES = 200_000
# Keys count as values. A file of 200 code locations that say all they can has 20,000.
_MAX_VALUES = 50_000
_MAX_DOCUMENTS = 500


@dataclass(frozen=True)
class YamlDocument:
    """One document of a YAML file.

    Attributes:
        file: The file as the user named it.
        data: What the document holds: dictionaries, lists and scalars.
        position: Number of the document in its file, from 0.
        second: Where the second document of its file begins, be it empty; ``None`` when there is only one.
    """

    file: str
    data: object
    position: int
    second: Where | None
    _root: yaml.Node = field(repr=False)
    _children: dict[int, _Index] = field(default_factory=dict, repr=False, compare=False)

    def where(self, path: Sequence[str | int], *, key: bool = False) -> Where:
        """Where a path stands: its value, or else the innermost part of it that is there.

        Args:
            path: Keys and indexes. A key is found in either spelling, snake_case or camelCase.
            key: Point at the key instead of its value.
        """
        node, spot = self._root, self._root
        for part in path:
            found = self._child(node, part)
            if found is None:
                break
            # A value on the lines below its key is best pointed at by the key.
            below = found[0] is not None and found[1].start_mark.line != found[0].start_mark.line
            spot = found[0] if found[0] is not None and (key or below) else found[1]
            node = found[1]
        return at_mark(self.file, spot.start_mark, shown_path(path))

    def text_at(self, path: Sequence[str | int]) -> str | None:
        """What a scalar without quotation marks says in the file itself: ``1.10``, which is read as 1.1.

        Args:
            path: Keys and indexes, as in `where`.
        """
        node = self._root
        for part in path:
            found = self._child(node, part)
            if found is None:
                return None
            node = found[1]
        return str(node.value) if isinstance(node, yaml.ScalarNode) and not node.style else None

    def key_at(self, path: Sequence[str | int]) -> str | None:
        """How the file itself writes the last key of a path, such as ``yes``, which is read as a truth value.

        Args:
            path: Keys and indexes, as in `where`, with the text of a key that is no text.
        """
        node, key = self._root, None
        for part in path:
            found = self._child(node, part)
            if found is None:
                return None
            key, node = found
        return str(key.value) if isinstance(key, yaml.ScalarNode) else None

    def _child(self, node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
        """The key and the value, or no key and the item, that a part of a path leads to."""
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            return (None, node.value[part]) if part < len(node.value) else None
        if not isinstance(node, yaml.MappingNode):
            return None
        if id(node) not in self._children:
            self._children[id(node)] = _index(node)
        exact, plain = self._children[id(node)]
        return exact.get(str(part)) or plain.get(plain_key(str(part)))


def read_yaml(content: bytes | str, file: str) -> tuple[list[YamlDocument], list[Finding]]:
    """The documents of a file that say something, and what is wrong with the file.

    Args:
        content: What the file holds.
        file: Its name, for the findings.

    Returns:
        Documents without any finding, or findings without any document; but duplicate keys leave the
        documents as they are, with the last of the equal keys.
    """
    text = _decoded(content, file)
    if isinstance(text, Finding):
        return [], [text]
    try:
        if unusual := _unusual(text, file):
            return [], [unusual]
        documents, findings = _parsed(text, file)
    except yaml.YAMLError as error:
        return [], [syntax_finding(error, file, text)]
    # What the parser's own constructors raise for a value that its tag does not fit, such as !!float "".
    # It quotes the value, which may be a credential.
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return [], [SYNTAX.at(Where(file), "a value cannot be read as its tag, such as !!float, says")]
    if not documents and not findings:
        findings = [EMPTY_FILE.at(Where(file, 1, 1), "the file is empty")]
    return documents, findings


def _parsed(text: str, file: str) -> tuple[list[YamlDocument], list[Finding]]:
    roots: list[tuple[yaml.Node, object]] = []
    findings: list[Finding] = []
    loader = _Loader(text)
    try:
        while loader.check_node():
            root = loader.get_node()
            too_many = _too_many_nodes(root, file)
            if too_many:
                return [], [too_many]
            findings += _duplicate_keys(root, file)
            roots.append((root, loader.construct_document(root)))
    finally:
        loader.dispose()
    second = at_mark(file, roots[1][0].start_mark, "") if len(roots) > 1 else None
    documents = [
        YamlDocument(file, data, position, second, root)
        for position, (root, data) in enumerate(roots)
        if data is not None
    ]
    return documents, findings


def shown_path(path: Sequence[str | int]) -> str:
    """A path as people write it: ``locations[0].container_context.k8s``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def parse_path(text: str) -> Path:
    """The inverse of `shown_path`, and of the paths in ``K8sConfigError.where``."""
    parts: list[str | int] = []
    for index, quoted, name in _PART.findall(text):
        parts.append(int(index) if index else _unquoted(quoted) if quoted else name)
    return tuple(parts)


_PART = re.compile(r"""\[(\d+)\]|\[('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]|([^.\[\]]+)""")


def _unquoted(text: str) -> str:
    """A key that Python quoted, with what it wrote instead of a quotation mark, a backslash or a line end."""
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return text[1:-1]


# libyaml is ten times as fast; PyYAML can be built without it.
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc] # chosen at run time
    """The safe loader for what JSON can hold; a time is the text that stands there."""


_NOT_JSON = ("binary", "omap", "pairs", "set")
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in _BASE.yaml_constructors.items()
    if tag not in {f"tag:yaml.org,2002:{name}" for name in _NOT_JSON}
}
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _BASE.construct_scalar)


def _decoded(content: bytes | str, file: str) -> str | Finding:
    size = len(content)
    if size > MAX_BYTES:
        return HUGE_FILE.at(Where(file, 1, 1), f"the file has {size:,} bytes, more than {MAX_BYTES:,}")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        return NOT_UTF8.at(
            Where(file, line, column), f"the byte {content[error.start]:#04x} is not UTF-8 here"
        )


def _unusual(text: str, file: str) -> Finding | None:
    """Whether the text nests too deep or holds too much; found by events, before anything is built of it.

    The parser nests by recursion, and what is built is looked at again and again.
    """
    depth = values = documents = 0
    said = f"nested deeper than {_MAX_DEPTH} levels"
    try:
        for event in yaml.parse(text, Loader=_Loader):
            values += isinstance(event, yaml.NodeEvent)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            if depth > _MAX_DEPTH:
                return TOO_DEEP.at(at_mark(file, event.start_mark, ""), said)
            if values > _MAX_VALUES or documents > _MAX_DOCUMENTS:
                most = (
                    f"{_MAX_DOCUMENTS:,} documents"
                    if documents > _MAX_DOCUMENTS
                    else f"{_MAX_VALUES:,} values"
                )
                return HUGE_FILE.at(at_mark(file, event.start_mark, ""), f"the file has more than {most}")
    except yaml.MarkedYAMLError as error:
        # libyaml 0.2.6 reads brackets ahead, and stops by itself at a thousand.
        if "nesting depth" not in str(error.problem) or error.problem_mark is None:
            raise
        return TOO_DEEP.at(at_mark(file, error.problem_mark, ""), said)
    return None


def _too_many_nodes(root: yaml.Node, file: str) -> Finding | None:
    """Whether the aliases of a document make it huge or endless when written out."""
    sizes: dict[int, int] = {}
    unfinished: set[int] = set()

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in sizes:
            if id(node) in unfinished:
                return _MAX_NODES + 1
            unfinished.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        return sizes[id(node)]

    if size(root) <= _MAX_NODES:
        return None
    where = at_mark(file, root.start_mark, "")
    return ALIASES.at(where, f"written out, the aliases make more than {_MAX_NODES:,} values")


def _duplicate_keys(root: yaml.Node, file: str) -> list[Finding]:
    findings: list[Finding] = []
    seen: set[int] = set()

    def walk(node: yaml.Node, path: Path) -> None:
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            return
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else str(key.start_mark.index)
                if name in first and name != "<<":
                    where = at_mark(file, key.start_mark, shown_path((*path, name)))
                    message = f"the key {name!r} is in this mapping twice; line {first[name]} has it too"
                    findings.append(DUPLICATE_KEY.at(where, message))
                first.setdefault(name, key.start_mark.line + 1)
                walk(value, (*path, name))
        else:
            for index, item in enumerate(node.value):
                walk(item, (*path, index))

    walk(root, ())
    return findings


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [item for pair in node.value for item in pair]
    return list(node.value)


_Index: TypeAlias = tuple[
    dict[str, tuple[yaml.Node | None, yaml.Node]], dict[str, tuple[yaml.Node | None, yaml.Node]]
]
"""The keys of a mapping with their values: by themselves, and by what all their spellings have in common."""


def _index(node: yaml.MappingNode) -> _Index:
    exact: dict[str, tuple[yaml.Node | None, yaml.Node]] = {}
    plain: dict[str, tuple[yaml.Node | None, yaml.Node]] = {}
    # The last of equal keys counts, and the loader has put those merged in with << before a mapping's own.
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            exact[key.value] = plain[plain_key(key.value)] = (key, value)
            if key.tag in _NOT_TEXT:
                exact.setdefault(str(_Loader("").construct_document(key)), (key, value))
    return exact, plain


_NOT_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null")}
