"""Files: which are looked at, how they are written, and what they have to do with each other."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from dagster_plus_k8s_helpers.migrating.files import (
    LARGEST,
    Source,
    UnreadableError,
    diff,
    python_files,
    read_source,
    write_source,
)
from dagster_plus_k8s_helpers.migrating.project import Project

if TYPE_CHECKING:
    from pathlib import Path

GIT = shutil.which("git")
TAGS = 'TAGS = {"dagster-k8s/config": {"pod_template_spec_metadata": {"annotations": {"a": "ä"}}}}\n'


def test_what_is_made_and_what_is_hidden_is_passed_by(tmp_path: Path) -> None:
    kept = ["a.py", "pkg/b.py"]
    passed = [
        ".venv/c.py",
        "build/d.py",
        "env/e.py",
        "node_modules/f.py",
        "x.egg-info/g.py",
        "__pycache__/h.py",
        "i.txt",
    ]
    for name in [*kept, *passed, "env/pyvenv.cfg"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    (tmp_path / "linked").symlink_to(tmp_path / "pkg")

    assert [str(path.relative_to(tmp_path)) for path in python_files([tmp_path])] == kept
    assert list(python_files([tmp_path / "build/d.py"])) == [tmp_path / "build/d.py"]
    assert list(python_files([tmp_path / "a.py", tmp_path / "link.py"])) == [tmp_path / "a.py"]


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + TAGS).encode(),
        ("# coding: latin-1\n" + TAGS).encode("latin-1"),
        TAGS.replace("\n", "\r\n").encode(),
        (TAGS + "x = '\x0c'").encode(),
    ],
)
def test_encoding_mark_and_ends_of_lines_are_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(content)
    (changed,) = Project([path], tmp_path).rewritten()
    assert changed.source is not None

    write_source(changed.source, changed.source.encoded(changed.result.text))

    written = path.read_bytes()
    assert written.startswith(
        content[:3] if content[:1] == b"\xef" else content[:1] if content[:1] == b"#" else b"from"
    )
    assert written.count(b"\r\n") == (written.count(b"\n") if b"\r\n" in content else 0)
    assert (
        b'k8s_tags(annotations={"a": "\xe4"})' in written
        or 'k8s_tags(annotations={"a": "ä"})'.encode() in written
    )
    assert Project([path], tmp_path).rewritten() == []


def test_the_permissions_stay_and_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_text(TAGS)
    path.chmod(0o750)
    link.symlink_to(path)

    write_source(read_source(link), b"x = 1\n")

    assert path.read_bytes() == b"x = 1\n"
    assert path.stat().st_mode & 0o777 == 0o750
    assert link.is_symlink()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.py", "link.py"]


def test_what_cannot_be_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(TAGS)
    source = read_source(path)
    path.write_text("x = 1\n")
    with pytest.raises(UnreadableError, match="has changed while it was looked at; run this again"):
        write_source(source, b"y = 1\n")
    path.chmod(0o444)
    with pytest.raises(UnreadableError, match="is read-only"):
        write_source(read_source(path), b"y = 1\n")

    assert path.read_text() == "x = 1\n"


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "a.py"
    os.mkfifo(pipe)

    with pytest.raises(UnreadableError, match="is a device or a pipe, and no file to write"):
        write_source(Source(pipe, b"", "", "utf-8", b""), b"x = 1\n")

    assert pipe.is_fifo()


def test_what_cannot_be_read_is_told_and_keeps_no_other_file_from_being_rewritten(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(TAGS + "def broken(:\n")
    (tmp_path / "b.py").write_bytes(b"# coding: utf-8\nx = '\xff'  # dagster-k8s/config\n")
    (tmp_path / "c.py").write_text("#" * (LARGEST + 1))
    (tmp_path / "d.py").write_text(TAGS)
    (tmp_path / "e.py").write_text("# dagster-k8s/config\nx = " + "(" * 50_000 + ")" * 50_000 + "\n")
    (tmp_path / "f.py").write_text("# dagster-k8s/config\nx = " + "1 + " * 50_000 + "1\n")

    found = {item.path.name: item.result for item in Project([tmp_path], tmp_path).rewritten()}

    assert found["a.py"].left[0].line == 2
    assert found["a.py"].left[0].reason.startswith("is not Python")
    assert found["b.py"].left[0].reason.startswith("cannot be read")
    assert found["c.py"].left[0].reason == "is larger than 2,000,000 bytes, and passed by"
    assert found["d.py"].done == (1,)
    assert found["e.py"].left[0].reason == "is nested too deeply to be read"
    assert found["f.py"].left[0].reason == "is nested too deeply to be read"


def test_a_config_that_another_module_gives_dagster_is_rewritten_where_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / "shop/pods.py").write_text(
        "SMALL = {'container_config': {'image': 'a:1'}}\nOTHER = {'container_config': {}}\n"
    )
    (tmp_path / "shop/assets.py").write_text(
        'from .pods import SMALL as S\nTAGS = {"dagster-k8s/config": S}\n'
    )
    (tmp_path / "jobs.py").write_text('from shop.pods import SMALL\nTAGS = {"dagster-k8s/config": SMALL}\n')

    (changed,) = Project([tmp_path], tmp_path).rewritten()

    assert changed.path == tmp_path / "shop/pods.py"
    assert (
        "SMALL = K8sConfig(image='a:1').to_dict()\nOTHER = {'container_config': {}}\n" in changed.result.text
    )


@pytest.mark.parametrize(
    "other",
    [
        'import pods\nprint(pods.SMALL["container_config"])\n',
        'from pods import SMALL as S\nprint(S["container_config"])\n',
        "from pods import (\n TAGS, SMALL); print(SMALL.items())\n",
    ],
)
def test_a_config_that_another_module_reads_stays(tmp_path: Path, other: str) -> None:
    (tmp_path / "pods.py").write_text(
        'SMALL = {"container_config": {"image": "a:1"}}\nTAGS = {"dagster-k8s/config": SMALL}\n'
    )
    (tmp_path / "other.py").write_text(other)

    (changed,) = Project([tmp_path / "pods.py"], tmp_path).rewritten()

    assert [left.reason for left in changed.result.left] == [
        f"SMALL stays a dictionary: {tmp_path}/other.py:2 reads it as one"
    ]


def test_a_name_that_is_given_under_a_condition_is_one_of_the_module_too(tmp_path: Path) -> None:
    (tmp_path / "pods.py").write_text(
        'if True:\n    SMALL = {"container_config": {"image": "a:1"}}\n    TAGS = {"dagster-k8s/config": SMALL}\n'
    )
    (tmp_path / "other.py").write_text("from pods import SMALL\nprint(SMALL)\n")

    (changed,) = Project([tmp_path], tmp_path).rewritten()

    assert 'SMALL = K8sConfig(image="a:1").to_dict()\n' in changed.result.text


def test_another_thing_by_the_same_name_is_none_of_its_users(tmp_path: Path) -> None:
    (tmp_path / "pods.py").write_text(
        'SMALL = {"container_config": {"image": "a:1"}}\nTAGS = {"dagster-k8s/config": SMALL}\n'
    )
    (tmp_path / "other.py").write_text('SMALL = {"a": 1}\nprint(SMALL["a"])\n')

    (changed,) = Project([tmp_path], tmp_path).rewritten()

    assert 'SMALL = K8sConfig(image="a:1")\nTAGS = SMALL.tags\n' in changed.result.text


@pytest.mark.skipif(GIT is None, reason="there is no git")
@pytest.mark.parametrize("end", ["", "\n"])
def test_git_applies_the_difference(tmp_path: Path, end: str) -> None:
    # A byte order mark is part of the first line, and what is no UTF-8 stays what it is.
    old = b"\xef\xbb\xbfa = 1\nb = 2\r\nc = '\x0c\xdf'" + end.encode()
    new = b"\xef\xbb\xbfa = 1\nb = 3\r\nc = '\x0c\xdf'\nd = 1" + end.encode()
    place = tmp_path / "my pkg" / "größe.py"
    place.parent.mkdir()
    place.write_bytes(old)
    shown = diff(place.relative_to(tmp_path), old, new)
    subprocess.run([str(GIT), "apply", "-"], cwd=tmp_path, input=shown, check=True)

    assert place.read_bytes() == new
