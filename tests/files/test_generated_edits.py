"""Whatever a file looks like: an edit of it says what was asked for, and leaves all else as it was written.

10,000 examples: HYPOTHESIS_PROFILE=thorough pytest tests/files/test_generated_edits.py
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from edited_data import with_set
from examples import fewer
from hypothesis import given, reject
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.documents.splice import with_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SCALARS = ["1", "one", "one two", "a=b", "'it''s'", '"x # y"', '"é"', "null", "~", "true", "1.5", "''", "ü#b"]
VALUES = ["x", "yes", "a b", "# no", "a, b]", "two\nlines", "", 1, True, None, [], ["x", 1], ["a: b"], -0.5]
KEYS = ["a", "b", "cé", '"d"', "'e f'", "g.h", "y", "1"]


class Writer:
    """Writes YAML in every style that people use, with comments all over."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.comments = 0

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self.random.choice(choices)

    def comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}"

    def behind(self) -> str:
        """What may stand at the end of a line."""
        return self.one_of(["", "", "", " ", f"  {self.comment()}"])

    def between(self, indent: int) -> list[str]:
        """Lines that may stand between two others."""
        return self.one_of([[], [], [], [""], [" " * indent + self.comment()]])

    def flow(self, depth: int) -> str:
        kind = self.one_of("ssml") if depth < 3 else "s"
        if kind == "s":
            return str(self.one_of(SCALARS))
        count = self.random.randint(0, 3)
        separator = self.one_of([", ", ",", " , ", f", {self.comment()}\n          "])
        if kind == "l":
            items = [self.flow(depth + 1) for _ in range(count)]
        else:
            colon = self.one_of([": ", " : "])
            items = [key + colon + self.flow(depth + 1) for key in self.random.sample(KEYS, count)]
        end = self.one_of(["", "", " ", "," if items else "", f" {self.comment()}\n        "])
        start = self.one_of(["", " ", "\n          "])
        return ("[{}]" if kind == "l" else "{{{}}}").format(start + separator.join(items) + end)

    def scalar(self, indent: int) -> list[str]:
        """A scalar as what stands behind its mark, and the lines below."""
        pad = " " * (indent + self.one_of([1, 2, 4]))
        return self.one_of(
            [
                [self.one_of(SCALARS) + self.behind()],
                [self.one_of(SCALARS) + self.behind()],
                ["one", pad + "two" + self.behind()],
                ['"one', "", pad + 'two"' + self.behind()],
                [self.one_of(["|", ">", "|-", ">-", "|+"]) + self.behind(), pad + "one", "", pad + "two", ""],
                ["", *self.between(indent + 1), pad + "below" + self.behind()],
            ]
        )

    def value(self, indent: int, depth: int, *, in_list: bool) -> list[str]:
        kind = self.one_of("sssfnml" if depth < 3 else "sfn")
        if kind == "s":
            return self.scalar(indent)
        if kind == "f":
            return (self.flow(0) + self.behind()).split("\n")
        if kind == "n":
            return [self.behind()]
        if in_list:
            # A block may begin in the line of the mark.
            column = indent + 2
            lines = self.mapping(column, depth + 1) if kind == "m" else self.list(column, depth + 1)
            if self.one_of([True, False]) and lines[0].strip() and not lines[0].lstrip().startswith("#"):
                return [lines[0][column:], *lines[1:]]
            return [self.behind(), *lines]
        column = indent + self.one_of([0, 2, 4] if kind == "l" else [1, 2, 4])
        return [
            self.behind(),
            *(self.list(column, depth + 1) if kind == "l" else self.mapping(column, depth + 1)),
        ]

    def mapping(self, indent: int, depth: int) -> list[str]:
        lines = []
        for key in self.random.sample(KEYS, self.random.randint(1, 4)):
            lines += self.between(indent)
            first, *rest = self.value(indent, depth, in_list=False)
            colon = self.one_of([": ", ":  ", ": ", f"\n{' ' * indent}: "])
            mark = "? " if "\n" in colon else ""
            lines += [*f"{' ' * indent}{mark}{key}{colon}{first}".split("\n"), *rest]
        return lines

    def list(self, indent: int, depth: int) -> list[str]:
        lines = []
        for _ in range(self.random.randint(1, 3)):
            lines += self.between(indent)
            first, *rest = self.value(indent, depth, in_list=True)
            lines += [f"{' ' * indent}- {first}", *rest]
        return lines

    def file(self) -> str:
        lines = [*self.between(0), *self.one_of([[], [], ["---"], ["--- " + self.comment()]])]
        lines += self.one_of([self.mapping(0, 0), self.mapping(0, 0), self.mapping(0, 0), self.between(0)])
        lines += self.between(0) + self.one_of([[], [], ["..."]])
        return "\n".join(lines) + self.one_of(["\n", "\n", "\n", ""])


def places(data: Any) -> list[tuple[str | int, ...]]:
    """Every path in some data, and some that lead out of it."""
    found: list[tuple[str | int, ...]] = [("new",), ("new", 1, "x")]
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in pairs:
        if isinstance(key, str | int) and not (isinstance(data, dict) and isinstance(key, int)):
            found += [(key,), *((key, *path) for path in places(item))]
    if isinstance(data, list):
        found += [(len(data),), (len(data) + 1, "x")]
    return found


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"# c\d+", text))


def span(text: str, path: tuple[str | int, ...]) -> tuple[int, int]:
    """The first and the last line of the innermost value on a path that is there."""
    node: Any = next(iter(yaml.compose_all(text)), None)
    if node is None or node.start_mark.index == node.end_mark.index:
        end = len(text.splitlines()) - text.rstrip().endswith("...")
        return end, end - 1
    first = node.start_mark.line
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == part]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            found = [(node, item) for item in node.value[part : part + 1]]
        else:
            break
        if not found:
            break
        key, node = found[0]
        first = key.start_mark.line if key is not node else node.start_mark.line
    return first, last_line(node)


def last_line(node: Any) -> int:
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return node.end_mark.line
    last = node.value[-1]
    return last_line(last[-1] if isinstance(last, tuple) else last)


@fewer(3)
@given(st.randoms(use_true_random=False), st.sampled_from(["\n", "\r\n"]))
def test_an_edit_says_what_was_asked_for_and_nothing_else_is_different(random: Random, end: str) -> None:
    text = Writer(random).file().replace("\n", end)
    try:
        (data,) = [said for said in yaml.safe_load_all(text) if said is not None] or [{}]
    except yaml.YAMLError:
        reject()
    path, value = random.choice(places(data)), random.choice(VALUES)

    result = with_value(text, 0, path, value)

    assert list(yaml.safe_load_all(result)) == [with_set(data, path, value)]
    assert comments(result) == comments(text)
    first, last = span(text, path)
    before, after = text.splitlines(), result.splitlines()
    kept = len(before) - last - 1
    assert after[:first] == before[:first]
    assert after[len(after) - kept :] == before[last + 1 :]
    assert result.count("\n") == result.count(end) or end not in text
