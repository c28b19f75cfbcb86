"""The same calls on every backend; what is particular to those at home."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers.secrets import (
    AwsSecrets,
    ChainedSecrets,
    EnvSecrets,
    FileSecrets,
    SecretAccessDenied,
    SecretDeleted,
    SecretFieldNotFound,
    SecretNotFound,
    SecretRef,
    SecretRefError,
    SecretsBackendUnavailable,
    SecretsConfigError,
    SecretsError,
    SecretsResource,
    SecretValueError,
    VaultSecrets,
    VaultTokenAuth,
)
from dagster_plus_k8s_helpers.testing import FakeSecrets
from tests.secrets.definitions import Warehouse, orders

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.secrets.servers import OpenBao

BACKENDS = ["env", "env file", "files", "fake", "chained", "vault", "aws"]
FIELDS = {"password": "hunter22", "user": "größe"}


def _env(monkeypatch: pytest.MonkeyPatch) -> SecretsResource:
    monkeypatch.setenv("CONTRACT_PASSWORD", FIELDS["password"])
    monkeypatch.setenv("CONTRACT_USER", FIELDS["user"])
    return EnvSecrets()


def _env_file(folder: Path) -> SecretsResource:
    file = folder / ".env"
    file.write_text("# comment\nexport CONTRACT_PASSWORD='hunter22'\nCONTRACT_USER=größe\n", encoding="utf-8")
    return EnvSecrets(env_file=str(file))


def _files(folder: Path) -> SecretsResource:
    (folder / "contract").mkdir()
    for name, value in FIELDS.items():
        (folder / "contract" / name).write_text(value, encoding="utf-8")
    return FileSecrets(directory=str(folder))


def _vault(bao: OpenBao) -> SecretsResource:
    bao.put_secret("contract", **FIELDS)
    return VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token), timeout=10.0)


def _aws(url: str) -> SecretsResource:
    import boto3
    from dagster_aws.secretsmanager import SecretsManagerResource

    client = boto3.client("secretsmanager", endpoint_url=url, region_name="eu-west-1")
    with suppress(client.exceptions.ResourceExistsException):
        client.create_secret(Name="contract", SecretString='{"password": "hunter22", "user": "größe"}')
    client.close()
    return AwsSecrets(client=SecretsManagerResource(region_name="eu-west-1", endpoint_url=url))


@pytest.fixture(params=BACKENDS)
def secrets(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> SecretsResource:
    make: dict[str, Callable[[], SecretsResource]] = {
        "env": lambda: _env(monkeypatch),
        "env file": lambda: _env_file(tmp_path),
        "files": lambda: _files(tmp_path),
        "fake": lambda: FakeSecrets(secrets={"contract": FIELDS}),
        "chained": lambda: ChainedSecrets(
            backends=[EnvSecrets(prefix="NOBODY_SETS_"), FakeSecrets(secrets={"contract": FIELDS})]
        ),
        "vault": lambda: _vault(request.getfixturevalue("bao")),
        "aws": lambda: _aws(request.getfixturevalue("moto")),
    }
    return make[request.param]()


def test_every_backend_answers_the_same_calls(secrets: SecretsResource) -> None:
    assert secrets.get("contract#password").reveal() == "hunter22"
    assert secrets.get(SecretRef("contract", "user"), refresh=True).reveal() == "größe"
    assert secrets.get("contract#password").source
    many = secrets.get_many(["contract#password", SecretRef("contract", "user")])
    assert {ref: value.reveal() for ref, value in many.items()} == {
        "contract#password": "hunter22",
        "contract#user": "größe",
    }
    assert {name: value.reveal() for name, value in secrets.get_all("contract").items()} == FIELDS
    assert secrets.get_many([]) == {}
    secrets.invalidate("contract")
    secrets.invalidate()
    assert secrets.get("contract#password").reveal() == "hunter22"


def test_every_backend_tells_a_missing_secret_from_a_missing_field(
    secrets: SecretsResource, raises_cleanly: Callable[..., AbstractContextManager[Any]]
) -> None:
    with raises_cleanly(SecretNotFound, *FIELDS.values()):
        secrets.get("no-such-secret#password")
    with raises_cleanly(SecretNotFound, *FIELDS.values()):
        secrets.get_all("no-such-secret")
    with raises_cleanly(SecretFieldNotFound, *FIELDS.values()) as caught:
        secrets.get("contract#pasword")
    assert "'password', 'user'" in str(caught.value)
    with raises_cleanly(SecretNotFound, *FIELDS.values()) as caught:
        secrets.get_many(["contract#user", "nope", "contract#password", "nope-2"])
    assert "nope-2" in caught.value.__notes__[0]


def test_every_backend_refuses_what_is_no_reference(secrets: SecretsResource) -> None:
    for call in (secrets.get, secrets.get_all, secrets.invalidate):
        with pytest.raises(SecretRefError):
            call("a#b#c")
    with pytest.raises(SecretRefError, match=r"call get\(\)"):
        secrets.get_many("contract#password")
    with pytest.raises(SecretRefError, match="not one field"):
        secrets.get_all("contract#password")


def test_every_backend_fills_environments_and_restores_them(
    secrets: SecretsResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGUSER", "before")
    monkeypatch.delenv("PGPASSWORD", raising=False)
    variables = {"PGPASSWORD": "contract#password", "PGUSER": "contract#user"}

    assert secrets.as_env(variables) == {"PGPASSWORD": "hunter22", "PGUSER": "größe"}
    assert "PGPASSWORD" not in os.environ

    def fail_inside() -> None:
        with secrets.in_environment(variables):
            assert (os.environ["PGPASSWORD"], os.environ["PGUSER"]) == ("hunter22", "größe")
            with secrets.in_environment({"PGUSER": "contract#password"}):
                child = [sys.executable, "-c", "import os; print(os.environ['PGUSER'])"]
                told = subprocess.run(child, check=True, capture_output=True, text=True).stdout
                assert told == "hunter22\n"
            assert os.environ["PGUSER"] == "größe"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert "PGPASSWORD" not in os.environ
    assert os.environ["PGUSER"] == "before"


def test_another_resource_takes_any_backend_as_a_dependency(secrets: SecretsResource) -> None:
    result = dg.materialize([orders], resources={"warehouse": Warehouse(secrets=secrets)})

    assert result.success
    assert result.output_for_node("orders") == "connected as größe with hunter22"


@pytest.mark.parametrize("name", ["", "A=B", "A\0B", "A\ud800", 5])
def test_a_name_no_variable_can_have_is_refused(name: str) -> None:
    with pytest.raises(SecretRefError, match="environment variable"):
        FakeSecrets(secrets={"a": "x"}).as_env({name: "a"})


def test_a_value_no_variable_can_hold_is_refused_before_anything_is_set() -> None:
    fake = FakeSecrets(secrets={"good": "x", "nul": "a\0b", "binary": b"\xff", "half": '{"a": "\\ud800"}'})

    for bad in ("nul", "half#a"):
        with pytest.raises(SecretValueError, match="NUL or half a surrogate pair") as caught:
            fake.as_env({"GOOD": "good", "BAD": bad})
        assert caught.value.__context__ is None
    with (
        pytest.raises(SecretValueError, match="binary"),
        fake.in_environment({"GOOD": "good", "BAD": "binary"}),
    ):
        pass
    assert "GOOD" not in os.environ


def test_env_spells_names_as_variables_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEV_CRM_API_TOKEN", "abc")
    monkeypatch.setenv("DEV_EMPTY", "")
    env = EnvSecrets(prefix="DEV_")

    assert env.get("crm/api#Token").reveal() == "abc"
    assert env.get("crm-api-token").reveal() == "abc"
    assert env.get("crm").reveal() == "abc"
    assert env.get("empty").reveal() == ""
    assert env.get("crm").source.endswith("(DEV_CRM_API_TOKEN)")


def test_env_prefers_the_environment_and_sees_an_edited_file_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("A_B=file$HOME\nA_C=file\n")
    monkeypatch.setenv("A_C", "environment")
    env = EnvSecrets(env_file=str(file))

    assert {name: value.reveal() for name, value in env.get_all("a").items()} == {
        "b": "file$HOME",
        "c": "environment",
    }
    file.write_text("A_B=edited\n")
    assert env.get("a#b").reveal() == "edited"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'A_B="half written', "line 1 is not NAME=value"),
        (b"GOOD=1\nA_B='x\n\nC=2", "line 2 is not NAME=value"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_broken_env_file_is_refused_by_line(
    tmp_path: Path,
    content: bytes | None,
    told: str,
    raises_cleanly: Callable[..., AbstractContextManager[Any]],
) -> None:
    file = tmp_path / ".env"
    if content is not None:
        file.write_bytes(content)

    with raises_cleanly(SecretsConfigError, "half written") as caught:
        EnvSecrets(env_file=str(file)).get("a#b")

    assert told in str(caught.value)


@pytest.mark.parametrize("backend", [EnvSecrets(), FileSecrets(directory=str(pathlib.Path(__file__).parent))])
def test_a_version_is_refused_where_there_are_none(backend: SecretsResource) -> None:
    with pytest.raises(SecretRefError, match="keeps no versions"):
        backend.get("a@3")


def test_one_refused_reference_of_many_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AAA_P", "x")

    with pytest.raises(SecretRefError) as caught:
        ChainedSecrets(backends=[EnvSecrets()]).get_many(["aaa#p", "bbb#q@2"])

    assert "'bbb#q@2'" in str(caught.value)
    assert "aaa" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 5, ["warehouse#password"]])
def test_what_is_no_mapping_of_references_is_refused(wrong: Any) -> None:
    fake = FakeSecrets(secrets={"warehouse": {"password": "x"}})

    with pytest.raises(SecretRefError, match="by variable name"):
        fake.as_env(wrong)
    if not isinstance(wrong, list):
        with pytest.raises(SecretRefError, match="takes a list of references"):
            fake.get_many(wrong)


def test_a_variable_that_is_no_utf8_keeps_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"RAW_KEY", b"\xff\xfeabc")

    assert EnvSecrets().get("raw#key").reveal_bytes() == b"\xff\xfeabc"


@pytest.mark.parametrize("path", ["a\0b", "a\ud800", "/"])
def test_an_env_file_no_path_can_name_is_refused(path: str) -> None:
    with pytest.raises(SecretsConfigError, match="Name an existing UTF-8 file"):
        EnvSecrets(env_file=path).get("a")


@pytest.mark.parametrize("field", [b"raw", object(), {1, 2}])
def test_a_fake_refuses_a_field_no_secret_can_have(field: object) -> None:
    with pytest.raises(SecretsConfigError, match=r"FakeSecrets: w#k is of type \w+\. Write a text"):
        FakeSecrets(secrets={"w": {"k": field}})


def test_a_fake_shows_no_values() -> None:
    assert repr(FakeSecrets(secrets={"w": {"k": "hunter22"}})) == "FakeSecrets(secrets={'w': '********'})"


def test_a_file_that_cannot_be_read_takes_no_other_away_and_is_not_looked_for_elsewhere(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "ok").write_text("new")
    (folder / "dangling").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    chain = ChainedSecrets(
        backends=[FileSecrets(directory=str(tmp_path)), FakeSecrets(secrets={"w": {"dangling": "OLD"}})]
    )

    assert chain.get("w#ok").reveal() == "new"
    for field in ("dangling", "pipe"):
        with pytest.raises(SecretsBackendUnavailable, match=f"secret 'w#{field}': it cannot be read"):
            chain.get(f"w#{field}")
    with pytest.raises(SecretsBackendUnavailable):
        chain.get_all("w")
    with pytest.raises(SecretFieldNotFound, match="Its fields: 'dangling', 'ok', 'pipe'"):
        chain.get("w#other")


def test_an_optional_secret_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "optional").mkdir()

    with pytest.raises(SecretNotFound, match="its directory is empty"):
        FileSecrets(directory=str(tmp_path)).get("optional#field")


def test_a_directory_that_may_not_be_looked_at_says_so(tmp_path: Path) -> None:
    for directory, told in (
        ("/" + "a" * 300, "File name too long"),
        (str(tmp_path / "f"), "not a directory"),
    ):
        (tmp_path / "f").write_text("")
        with pytest.raises(SecretsConfigError, match=told):
            FileSecrets(directory=directory).get("x")


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/etc/passwd", "a/../../b", "a//b", "a/", "./a", "a/..data"]
)
def test_files_stay_under_their_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(SecretRefError, match="path below the directory"):
        FileSecrets(directory=str(tmp_path)).get(name)


def test_files_tell_what_is_wrong_with_them(
    tmp_path: Path, raises_cleanly: Callable[..., AbstractContextManager[Any]]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x" * (1024 * 1024 + 1))
    (tmp_path / "whole").write_bytes(b"text\n")
    files = FileSecrets(directory=str(tmp_path))

    assert files.get("whole").reveal() == "text\n"
    with raises_cleanly(SecretsBackendUnavailable) as caught:
        files.get("pipe")
    assert "not a regular file" in str(caught.value)
    with raises_cleanly(SecretsBackendUnavailable) as caught:
        files.get("huge")
    assert "larger than" in str(caught.value)
    with raises_cleanly(SecretNotFound):
        files.get("whole/field")
    with raises_cleanly(SecretNotFound):
        files.get("x" * 300)
    with raises_cleanly(SecretsConfigError) as caught:
        FileSecrets(directory=str(tmp_path / "unmounted")).get("a")
    assert "Is the volume mounted" in str(caught.value)


def test_a_file_that_may_not_be_read_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read everything, so the refusal is the one thing here that is not the real one.
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").write_text("x")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SecretAccessDenied, match="fsGroup"):
        FileSecrets(directory=str(tmp_path)).get("a")


def test_links_out_of_the_directory_are_not_followed(tmp_path: Path) -> None:
    """Given links to a file, a directory and a field elsewhere; those inside, the kubelet's too, are read."""
    outside, mounted = tmp_path / "outside", tmp_path / "mounted"
    for folder in (outside, mounted / "db"):
        folder.mkdir(parents=True)
        (folder / "password").write_text("hunter22")
    (mounted / "whole").symlink_to(outside / "password")
    (mounted / "folder").symlink_to(outside)
    (mounted / "up").symlink_to("../outside")
    (mounted / "db" / "field").symlink_to("../../outside/password")
    (mounted / "same").symlink_to("db")
    (tmp_path / "by-link").symlink_to(mounted)
    files = FileSecrets(directory=str(tmp_path / "by-link"))

    for ref in ("whole", "folder#password", "up#password", "db#field", "up/password"):
        with pytest.raises(SecretAccessDenied, match="is a link to a place outside"):
            files.get(ref)

    assert files.get("db#password").reveal() == "hunter22"
    assert files.get("same#password").reveal() == "hunter22"
    with pytest.raises(SecretAccessDenied, match="outside the directory"):
        files.get_all("db")


def _project(folder: Path, generation: str, **fields: str) -> None:
    """Swap a volume's content as the kubelet does: a new directory, then one rename of the ..data link."""
    folder.mkdir(exist_ok=True)
    (folder / generation).mkdir()
    for name, value in fields.items():
        (folder / generation / name).write_text(value)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..tmp").symlink_to(generation)
    (folder / "..tmp").rename(folder / "..data")


def test_a_projected_volume_is_read_in_one_generation_and_anew_each_time(tmp_path: Path) -> None:
    _project(tmp_path / "db", "..1", user="one", password="one")
    files = FileSecrets(directory=str(tmp_path))
    assert {value.reveal() for value in files.get_all("db").values()} == {"one"}

    _project(tmp_path / "db", "..2", user="two", password="two")

    assert {name: value.reveal() for name, value in files.get_all("db").items()} == {
        "user": "two",
        "password": "two",
    }


def test_a_volume_swapped_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _project(tmp_path / "db", "..1", password="old", user="old")
    realpath = os.path.realpath
    swapped: list[bool] = []

    def swap_after_looking(path: Path) -> str:
        found = str(realpath(path))
        if not swapped and pathlib.Path(path).name == "..data":
            swapped.append(True)
            _project(tmp_path / "db", "..2", password="new", user="new")
            for file in pathlib.Path(found).iterdir():
                file.unlink()
            pathlib.Path(found).rmdir()
        return found

    monkeypatch.setattr(os.path, "realpath", swap_after_looking)

    values = FileSecrets(directory=str(tmp_path)).get_all("db").values()

    assert [value.reveal() for value in values] == ["new", "new"]


def test_a_chain_says_who_answered_and_asks_the_next_only_for_what_is_missing() -> None:
    first, second = FakeSecrets(secrets={"a": "1"}), FakeSecrets(secrets={"a": "2", "b": "2"})
    chain = ChainedSecrets(backends=[first, second])

    assert {ref: value.reveal() for ref, value in chain.get_many(["a", "b"]).items()} == {"a": "1", "b": "2"}
    assert second.reads == ["b"]


@pytest.mark.parametrize(
    "trouble",
    [
        SecretsBackendUnavailable("down", backend="first"),
        SecretAccessDenied("no", backend="first"),
        SecretDeleted("gone", backend="first"),
    ],
)
def test_a_chain_hides_no_error_but_not_found(trouble: SecretsError) -> None:
    chain = ChainedSecrets(backends=[FakeSecrets(secrets={"a": trouble}), FakeSecrets(secrets={"a": "old"})])

    with pytest.raises(type(trouble), match="first"):
        chain.get("a")


def test_a_backend_of_a_chain_that_cannot_work_at_all_is_not_passed_over(tmp_path: Path) -> None:
    unmounted = FileSecrets(directory=str(tmp_path / "unmounted"))

    with pytest.raises(SecretsConfigError, match="Is the volume mounted"):
        ChainedSecrets(backends=[unmounted, FakeSecrets(secrets={"a": "old"})]).get("a")


def test_a_chain_does_not_look_elsewhere_for_a_field() -> None:
    chain = ChainedSecrets(
        backends=[FakeSecrets(secrets={"a": {"x": "1"}}), FakeSecrets(secrets={"a": {"y": "2"}})]
    )

    with pytest.raises(SecretFieldNotFound, match="'x'"):
        chain.get("a#y")


def test_a_chain_resolves_env_vars_of_its_backends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CHAINED_ONLY=yes\n")
    monkeypatch.setenv("DOTENV", str(tmp_path / ".env"))
    seen = []

    @dg.asset
    def reader(secrets: SecretsResource) -> None:
        seen.append(secrets.get("chained_only").reveal())

    chain = ChainedSecrets(backends=[EnvSecrets(env_file=dg.EnvVar("DOTENV"))])

    assert dg.materialize([reader], resources={"secrets": chain}).success
    assert seen == ["yes"]


def test_fields_that_are_not_text_are_their_json_and_null_is_no_field() -> None:
    fake = FakeSecrets(
        secrets={"a": '{"port": 5432, "on": true, "none": null, "list": [1, "ü"]}', "b": "[1]"}
    )

    values = {name: value.reveal() for name, value in fake.get_all("a").items()}

    assert values == {"port": "5432", "on": "true", "list": '[1,"ü"]'}
    with pytest.raises(SecretFieldNotFound, match="no field 'none'"):
        fake.get("a#none")
    with pytest.raises(SecretFieldNotFound, match="plain text or binary"):
        fake.get("b#x")
    with pytest.raises(SecretFieldNotFound, match="plain text or binary"):
        fake.get_all("b")
    deep = FakeSecrets(secrets={"deep": '{"a":' * 100_000})
    assert deep.get("deep").reveal().startswith('{"a"')
