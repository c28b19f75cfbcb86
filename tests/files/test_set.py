"""dagster-plus-k8s agent set: Helm's syntax, and files that stay what they were."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers import K8sConfigError
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.files.editing.edit import edited
from dagster_plus_k8s_helpers.files.editing.helm_set import (
    Assignment,
    parse_key,
    parse_set,
    parse_value,
    to_set,
)

if TYPE_CHECKING:
    from pathlib import Path

SETS: list[tuple[str, list[tuple[tuple[str | int, ...], object]]]] = [
    ("a=b", [(("a",), "b")]),
    ("a.b.c=1,d=x", [(("a", "b", "c"), 1), (("d",), "x")]),
    ("a[0].b=c,a[1][2]=d", [(("a", 0, "b"), "c"), (("a", 1, 2), "d")]),
    ("a={x,1,true}", [(("a",), ["x", 1, True])]),
    ("a={x},b=c", [(("a",), ["x"]), (("b",), "c")]),
    ("a={}", [(("a",), [])]),
    ("a={x,}", [(("a",), ["x", ""])]),
    (r"a\.b/c=d\,e", [(("a.b/c",), "d,e")]),
    (r"a=b\\c", [(("a",), "b\\c")]),
    ("a=,b=null", [(("a",), ""), (("b",), None)]),
    ("a=TRUE,b=False,c=0,d=-3", [(("a",), True), (("b",), False), (("c",), 0), (("d",), -3)]),
    (
        "a=007,b=1.5,c=1e3,d=99999999999999999999",
        [(("a",), "007"), (("b",), "1.5"), (("c",), "1e3"), (("d",), "9" * 20)],
    ),
    (
        "a=-+9,b=+-9,c=--9,d=+9,e=-",
        [(("a",), "-+9"), (("b",), "+-9"), (("c",), "--9"), (("d",), 9), (("e",), "-")],
    ),
    ("a=b=c", [(("a",), "b=c")]),
    ("é=ü", [(("é",), "ü")]),
]


@pytest.mark.parametrize(("text", "said"), SETS, ids=[text for text, _ in SETS])
def test_set_says_what_it_says_to_helm(text: str, said: list[tuple[tuple[str | int, ...], object]]) -> None:
    assert parse_set(text) == [Assignment(*pair) for pair in said]  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "said"), SETS, ids=[text for text, _ in SETS])
def test_what_was_said_can_be_said_again(text: str, said: object) -> None:
    assignments = parse_set(text)

    again = ",".join(map(to_set, assignments))

    assert parse_set(again) == assignments


def test_set_string_says_text() -> None:
    assert parse_set("a=1,b={true}", as_text=True) == [Assignment(("a",), "1"), Assignment(("b",), ["true"])]


def test_a_value_on_its_own_needs_no_backslashes() -> None:
    assert parse_value("a,b=c.d") == "a,b=c.d"
    assert parse_value("{a,b}") == ["a", "b"]


REFUSED_SETS = [
    ("", "'' sets nothing; write KEY=VALUE"),
    ("a", "'a' has no value in 'a'; write KEY=VALUE"),
    ("a,b=c", "'a' has no value in 'a,b=c'; write KEY=VALUE"),
    ("=a", "a part of a key is empty in '=a'; write it like a.b[0]=c"),
    ("a..b=c", "a part of a key is empty in 'a..b=c'; write it like a.b[0]=c"),
    ("a[x]=b", "'x' is no index in 'a[x]=b'; write a number, such as a[0]"),
    ("a[-1]=b", "'-1' is no index in 'a[-1]=b'; write a number, such as a[0]"),
    ("a[0=b", "'0=b' is no index in 'a[0=b'; write a number, such as a[0]"),
    ("a[99999]=b", "the index 99999 is above 65536"),
    ("a[0]b=c", "after an index comes a dot, not 'b', in 'a[0]b=c'"),
    ("a={b", "a list is not closed in 'a={b'; write it like {a,b}"),
    ("a={b}c", "after a list comes a comma in 'a={b}c'"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED_SETS, ids=[text for text, _ in REFUSED_SETS])
def test_what_helm_refuses_is_refused(text: str, message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        parse_set(text)

    assert str(refusal.value) == message


def test_a_key_has_no_value() -> None:
    assert parse_key(r"workspace.labels.example\.com/team") == ("workspace", "labels", "example.com/team")
    assert parse_key("a=b") == ("a=b",)


FILE = """\
# README: what this is
---
# Secrets
imagePullSecrets: []   # none

dagsterCloud:
  # which
  deployments:
  - prod   # the one
  - "staging"
dagsterCloudAgent:
  resources: &size
    limits: {cpu: 1, memory: "1Gi"}
workspace:
  resources: *size

  # the end
"""


def call(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["agent", "set", *arguments, str(file)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "values.yaml"
    path.write_text(FILE)
    return path


def test_comments_anchors_and_order_survive(file: Path) -> None:
    first = call(file, "dagsterCloudAgent.replicas", "2")
    second = call(file, "--set", "dagsterCloud.deployments[2]=dev,workspace.envVars={A=1,B=2}")
    third = call(file, "--set-string", r"workspace.labels.example\.com/team=1")

    assert [result.output for result in (first, second, third)] == ["", "", ""]
    assert file.read_text() == FILE.replace('  - "staging"\n', '  - "staging"\n  - dev\n').replace(
        '"1Gi"}\n', '"1Gi"}\n  replicas: 2\n'
    ).replace(
        "*size\n\n  # the end\n",
        '*size\n  envVars:\n  - A=1\n  - B=2\n  labels:\n    example.com/team: "1"\n\n  # the end\n',
    )


def test_setting_what_stands_there_changes_nothing_else(file: Path) -> None:
    result = call(file, "dagsterCloud.deployments[0]", "main")

    assert result.output == ""
    assert file.read_text() == FILE.replace("- prod ", "- main ")


def test_an_edit_that_makes_the_file_invalid_is_refused_and_nothing_is_written(file: Path) -> None:
    result = call(file, "isolatedAgents", "true")

    assert result.exit_code == 2
    assert result.output.startswith(f"Error: {file}:")
    assert result.output.endswith(
        "isolatedAgents: error DPK201: must be a mapping, not true or false; write isolatedAgents: {enabled: true}\n"
    )
    assert file.read_text() == FILE
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208 - names are what is compared


def test_what_an_alias_repeats_is_not_changed_by_accident(file: Path) -> None:
    result = call(file, "workspace.resources.limits.cpu", "2")

    assert result.exit_code == 2
    assert result.output == (
        f"Error: setting workspace.resources.limits.cpu would change other values of {file} too; edit it by hand\n"
    )
    assert file.read_text() == FILE


def test_what_was_wrong_before_is_said_and_does_not_stop_the_edit(file: Path) -> None:
    file.write_text("isolatedAgents: true\n")

    result = call(file, "workspace.namespace", "code")

    assert result.exit_code == 0
    assert file.read_text() == "isolatedAgents: true\nworkspace:\n  namespace: code\n"
    assert "isolatedAgents: error DPK201: must be a mapping" in result.output


@pytest.mark.parametrize(
    ("before", "arguments", "after"),
    [
        ("", ["workspace.namespace", "code"], "workspace:\n  namespace: code\n"),
        ("workspace: {}\n", ["workspace.namespace", "code"], "workspace:\n  namespace: code\n"),
        ("workspace:\n", ["workspace.namespace", "code"], "workspace:\n  namespace: code\n"),
        (
            "a: 1\r\nworkspace:\r\n  namespace: x\r\n",
            ["workspace.namespace", "code"],
            "a: 1\r\nworkspace:\r\n  namespace: code\r\n",
        ),
        (
            "workspace:\n    envVars:\n      - A=1\n",
            ["workspace.envVars[0]", "A=2"],
            "workspace:\n    envVars:\n      - A=2\n",
        ),
        (
            "# one\ndagsterCloudAgent:\n  image:\n    tag: '1.10' # pinned\n",
            ["dagsterCloudAgent.image.tag", "1.20"],
            "# one\ndagsterCloudAgent:\n  image:\n    tag: '1.20' # pinned\n",
        ),
        (
            "dagsterCloudAgent: {image: {tag: a}}\n",
            ["dagsterCloudAgent.image.tag", "12e4567"],
            'dagsterCloudAgent: {image: {tag: "12e4567"}}\n',
        ),
        (
            "dagsterCloud:\n  deployments: [a]\n",
            ["dagsterCloud.deployments", "null"],
            "dagsterCloud:\n  deployments:\n",
        ),
    ],
)
def test_an_edit_in_a_file(tmp_path: Path, before: str, arguments: list[str], after: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_bytes(before.encode())

    result = call(file, *arguments)

    assert result.exit_code == 0, result.output
    assert file.read_bytes().decode() == after


ODD = """\
dagsterCloud:   {deployments:   [ prod,dev ] ,  branchDeployments: true}   # odd
workspace:
    namespace:    a
    resources:
        limits: { cpu: 1,
                  memory: 1Gi }
    labels: {"a":"b" , 'c':   d}
    envVars:
    -   A=1
"""


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("arguments", "old", "new"),
    [
        (("workspace.namespace", "b"), "namespace:    a", "namespace:    b"),
        (("workspace.envVars[1]", "B=2"), "    -   A=1\n", "    -   A=1\n    - B=2\n"),
        (
            ("dagsterCloudAgent.replicas", "2"),
            "    -   A=1\n",
            "    -   A=1\ndagsterCloudAgent:\n    replicas: 2\n",
        ),
        (("workspace.labels.a", "x"), """{"a":"b" , 'c':   d}""", """{"a":"x" , 'c':   d}"""),
    ],
)
def test_what_the_edit_does_not_touch_keeps_its_style(
    tmp_path: Path, mark: str, end: str, arguments: tuple[str, str], old: str, new: str
) -> None:
    file = tmp_path / "values.yaml"
    file.write_bytes((mark + ODD).replace("\n", end).encode())

    result = call(file, *arguments)

    assert result.output == ""
    assert file.read_bytes().decode() == (mark + ODD.replace(old, new)).replace("\n", end)


def test_lines_keep_their_own_ends(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_bytes(b"# a\r\nworkspace:\n  namespace: a\r\n  labels: {}")

    result = call(file, "workspace.namespace", "b")

    assert result.output == ""
    assert file.read_bytes() == b"# a\r\nworkspace:\n  namespace: b\r\n  labels: {}"


def test_other_documents_stay(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("workspace:\n  namespace: a\n---\n# another\nkind: Thing\n")

    result = call(file, "workspace.namespace", "b")

    assert file.read_text() == "workspace:\n  namespace: b\n---\n# another\nkind: Thing\n"
    assert "these values are document 2 of the file" in result.output


def test_a_link_stays_a_link_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "values.yaml", tmp_path / "link.yaml"
    file.write_text("workspace:\n  namespace: a\n")
    file.chmod(0o640)
    link.symlink_to(file)

    result = call(link, "workspace.namespace", "b")

    assert result.output == ""
    assert link.is_symlink()
    assert file.read_text() == "workspace:\n  namespace: b\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"a: [\n",
            "values.yaml:2:1: error DPK001: this is not YAML: did not find expected node content; mend the YAML at this place",
        ),
        (
            b"a: \xff",
            "values.yaml:1:4: error DPK006: the byte 0xff is not UTF-8 here; save the file as UTF-8",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_not_edited(content: bytes, message: str) -> None:
    with pytest.raises(Exception, match="error DPK00") as refusal:
        edited(content, "values.yaml", [Assignment(("a",), 1)])

    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b"], "write KEY VALUE FILE, or --set and FILE"),
        (["--set", "a=b", "c"], "with --set or --set-string write FILE only"),
    ],
)
def test_wrong_arguments_are_refused(file: Path, arguments: list[str], message: str) -> None:
    extra = arguments if "--set" in arguments else arguments[:1]

    result = call(file, *extra)

    assert result.exit_code == 2
    assert message in result.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = call(tmp_path / "none.yaml", "a", "b")

    assert result.exit_code == 2
    assert result.output == f"Error: {tmp_path / 'none.yaml'}: No such file or directory\n"


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "values.yaml"
    os.mkfifo(pipe)

    def feed() -> None:
        with suppress(OSError):
            pipe.write_text("dagsterCloud: {deployment: prod}\n")

    feeding = Thread(target=feed)
    feeding.start()
    result = CliRunner().invoke(main, ["agent", "set", "dagsterCloudAgent.replicas", "2", str(pipe)])
    is_pipe = pipe.is_fifo()
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # which ends the feeding, if nobody else has read
    feeding.join()

    assert (result.exit_code, is_pipe) == (2, True)
    assert "is a device or a pipe, and no file to edit" in result.output


def test_the_value_is_written_as_yaml_reads_it() -> None:
    text, _ = edited(
        b"dagsterCloud: {}\n", "values.yaml", [Assignment(("dagsterCloud", "agentLabel"), "yes")]
    )

    assert text == 'dagsterCloud:\n  agentLabel: "yes"\n'


def test_an_edit_of_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dagster_cloud.yaml"
    before = "locations:\n  - location_name: a\n    code_source: {module_name: a}\n"
    file.write_text(before)

    result = call(file, "dagsterCloudAgent.replicas", "3")

    assert result.exit_code == 2
    assert result.output == (
        f"Error: {file} is dagster_cloud.yaml, and not the agent's Helm values; name the values file\n"
    )
    assert file.read_text() == before


def test_anchors_that_nothing_refers_to_stay(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    before = (
        "workspace:\n  namespace: a\nx-list: &a [1, 2]\nx-text: &b hello\nx-number: &c 4\nx-bool: &d true\n"
    )
    file.write_text(before)

    result = call(file, "workspace.namespace", "b")

    assert result.output == ""
    assert file.read_text() == before.replace("namespace: a", "namespace: b")


def test_an_anchor_that_would_be_lost_is_named(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("workspace:\n  labels: {x: &a one}\n")

    result = call(file, "workspace.labels", "null")

    assert result.exit_code == 2
    assert result.output == f"Error: the edit would take &a out of {file}; edit it by hand\n"


BANNERS = """\
dagsterCloud:
  deployments: [prod]

#### Agent ####
dagsterCloudAgent:
  replicas: 2
"""


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        pytest.param(
            "dagsterCloud:\n  deployments: [prod]\nworkspace:\n    envVars:\n    - A=1\n",
            "workspace.serviceAccountName=x",
            "dagsterCloud:\n  deployments: [prod]\nworkspace:\n    envVars:\n    - A=1\n    serviceAccountName: x\n",
            id="mappings indented in two ways",
        ),
        pytest.param(
            "workspace:\n  envVars:\n  - A=1\ndagsterCloud:\n  deployments:\n    - a\n",
            "dagsterCloud.deployments[1]=b",
            "workspace:\n  envVars:\n  - A=1\ndagsterCloud:\n  deployments:\n    - a\n    - b\n",
            id="lists indented in two ways",
        ),
        pytest.param(
            BANNERS,
            "dagsterCloud.agentLabel=x",
            BANNERS.replace("[prod]\n", "[prod]\n  agentLabel: x\n"),
            id="before the banner of the next section",
        ),
        pytest.param(
            "workspace:\n  envVars: []   # none\n  # last in workspace\n# footer\n",
            "workspace.envVars[0]=A=1",
            "workspace:\n  envVars:   # none\n    - A=1\n  # last in workspace\n# footer\n",
            id="an empty list, before the comments that follow",
        ),
        pytest.param(
            "# one\n\n# two\n",
            "dagsterCloudAgent.replicas=2",
            "# one\n\n# two\ndagsterCloudAgent:\n  replicas: 2\n",
            id="comments only",
        ),
        pytest.param(
            "# one",
            "isolatedAgents.enabled=true",
            "# one\nisolatedAgents:\n  enabled: true\n",
            id="one comment",
        ),
        pytest.param(
            "--- # a\ndagsterCloud:\n  agentLabel: a # b\n... # c\n",
            "dagsterCloud.deployments={a}",
            "--- # a\ndagsterCloud:\n  agentLabel: a # b\n  deployments:\n    - a\n... # c\n",
            id="marks of the document",
        ),
        pytest.param(
            "---\n# a\n...\n",
            "isolatedAgents.enabled=true",
            "---\n# a\nisolatedAgents:\n  enabled: true\n...\n",
            id="a document that says nothing",
        ),
        pytest.param("--- {} # a\n", "x-y=1", "--- # a\nx-y: 1\n", id="an empty mapping behind its mark"),
        pytest.param(
            "x-a: 1\r\nx-b:\r\n  x: 1\r\n", "x-b.y=1", 'x-a: 1\r\nx-b:\r\n  x: 1\r\n  "y": 1\r\n', id="CRLF"
        ),
        pytest.param(
            "x-a: 1\r\nx-b:\n  x: 1\n", "x-b.z=1", "x-a: 1\r\nx-b:\n  x: 1\n  z: 1\n", id="mixed line ends"
        ),
        pytest.param("x-b:\n  x: 1", "x-b.z=1", "x-b:\n  x: 1\n  z: 1", id="no line end at the end"),
        pytest.param("x-a:\t1\t# a\n", "x-a=2", "x-a:\t2\t# a\n", id="tabs"),
        pytest.param(
            "x-é: 'ü' # ñ\nx-😀: a # b\n",
            "x-😀=ö",
            "x-é: 'ü' # ñ\nx-😀: ö # b\n",
            id="characters of many bytes",
        ),
        pytest.param(
            "x-a: | # a\n  one\n\n  two\n\nx-b: 1\n",
            "x-a=b",
            "x-a: b # a\n\nx-b: 1\n",
            id="a block of text goes",
        ),
        pytest.param(
            "x-a:\n  b: |+\n    one\n\n# c\n",
            "x-a.c=1",
            "x-a:\n  b: |+\n    one\n\n  c: 1\n# c\n",
            id="after a block of text",
        ),
        pytest.param(
            "x-a: |+\r\n  one\r\n\r\n",
            "x-b=1",
            "x-a: |+\r\n  one\r\n\r\nx-b: 1\r\n",
            id="after a block of text with CRLF",
        ),
        pytest.param(
            "x-a: >\n  one", "x-b=1", "x-a: >-\n  one\nx-b: 1", id="after a block of text without a line end"
        ),
        pytest.param(
            "x-a: [\n  a, # one\n  b # two\n] # end\n",
            "x-a[2]=c",
            "x-a: [\n  a, # one\n  b, # two\n  c\n] # end\n",
            id="brackets over many lines",
        ),
        pytest.param(
            "x-a: {b: [1, 2,], c: }\n", "x-a.b[2]=3", "x-a: {b: [1, 2, 3], c: }\n", id="a comma at the end"
        ),
        pytest.param("x-a: {b: 1, c}\n", "x-a.c=2", "x-a: {b: 1, c: 2 }\n", id="a key without a colon"),
        pytest.param("x-a: [b: 1]\n", "x-a[0].c=2", "x-a: [{b: 1, c: 2}]\n", id="a mapping without braces"),
        pytest.param(
            "\"x-a\": \"b\"\n'x-c': 'd'\n",
            "x-a=e,x-c=f",
            "\"x-a\": \"e\"\n'x-c': 'f'\n",
            id="quotation marks",
        ),
        pytest.param(
            "? x-a\n: b # c\n? x-d\n", "x-a=e,x-d=f", "? x-a\n: e # c\n? x-d\n: f\n", id="question marks"
        ),
        pytest.param(
            "x-a:\n-\n- # a\n  b\n-\n  - c\n- - d\n  # e\n",
            "x-a[0].b=1,x-a[2][1]=f,x-a[3][1]=g",
            "x-a:\n- b: 1\n- # a\n  b\n-\n  - c\n  - f\n- - d\n  - g\n  # e\n",
            id="lists in lists",
        ),
        pytest.param(
            "x-a: # a\n  # b\n  b: 1 # c\n# d\n",
            "x-a=e",
            "x-a: e # a\n# b\n# c\n# d\n",
            id="comments of what goes",
        ),
        pytest.param(
            "x-a: &b c\nx-d: !!str 1\n", "x-a=e,x-d=2", "x-a: &b e\nx-d: 2\n", id="an anchor and a tag"
        ),
        pytest.param("x-a: &b {c: 1}\nx-d: *b\n", "x-d=null", "x-a: &b {c: 1}\nx-d:\n", id="an alias"),
        pytest.param("x-a: .nan\nx-b: 1\n", "x-b=2", "x-a: .nan\nx-b: 2\n", id="what is no number"),
    ],
)
def test_what_is_new_stands_where_people_would_write_it(before: str, said: str, after: str) -> None:
    text, _ = edited(before.encode(), "values.yaml", parse_set(said))

    assert text == after


def test_a_mistake_that_an_edit_moves_is_none_that_it_brings() -> None:
    text, findings = edited(b"x-a:\n  b: 1\nx-c: 1\nx-c: 2\n", "values.yaml", parse_set("x-a.d=1"))

    assert text == "x-a:\n  b: 1\n  d: 1\nx-c: 1\nx-c: 2\n"
    assert [finding.code for finding in findings] == ["DPK003"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["dagsterCloudAgent.env.X", "1"],
            "3:8 dagsterCloudAgent.env.X: error DPK201: must be text, not a number; "
            "write --set-string dagsterCloudAgent.env.X=1",
        ),
        (
            ["dagsterCloud.deployments", "{a,true}"],
            "4:7 dagsterCloud.deployments[1]: error DPK201: must be text, not true or false; "
            "write --set-string 'dagsterCloud.deployments={a,true}'",
        ),
        (
            ["--set", "dagsterCloud.backoffFactor=0.5"],
            "2:18 dagsterCloud.backoffFactor: error DPK201: must be a number, not text; "
            "write agent set dagsterCloud.backoffFactor NUMBER FILE",
        ),
        (
            ["dagsterCloud.timeout", "-5"],
            "2:12 dagsterCloud.timeout: error DPK201: -5 is below 0; write a number within the bounds",
        ),
        (
            ["dagsterCloud.timeout", "x"],
            "2:12 dagsterCloud.timeout: error DPK201: must be a whole number, not text; write a number, without quotation marks",
        ),
    ],
)
def test_the_advice_is_for_the_command_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("{}\n")

    result = call(file, *arguments)

    assert result.exit_code == 2
    assert result.output == f"Error: {file}:{message}\n"
    assert file.read_text() == "{}\n"


@pytest.mark.parametrize(
    ("key", "value", "written"),
    [
        ("dagsterCloud.backoffFactor", "0.5", "dagsterCloud:\n  backoffFactor: 0.5\n"),
        ("dagsterCloud.backoffFactor", "2", "dagsterCloud:\n  backoffFactor: 2\n"),
        ("dagsterCloudAgent.image.tag", "1.10", 'dagsterCloudAgent:\n  image:\n    tag: "1.10"\n'),
        ("x-number", "-5", "x-number: -5\n"),
    ],
)
def test_a_number_is_one_where_the_chart_wants_one(
    tmp_path: Path, key: str, value: str, written: str
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("")

    result = call(file, key, value)

    assert result.output == ""
    assert file.read_text() == written


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--sett", "a=b"], "--sett"),
        (["-x", "a"], "-x"),
        (["--set", "a=b", "--dry-run"], "--dry-run"),
        (["a", "b", "--dry-run"], "--dry-run"),
    ],
)
def test_an_option_that_does_not_exist_is_none(file: Path, arguments: list[str], option: str) -> None:
    result = call(file, *arguments)

    assert result.exit_code == 2
    assert f"No such option '{option}'" in result.output
    assert file.read_text() == FILE
