"""Masking fetched values in what the process writes."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import dagster as dg
import pytest
import yaml

from dagster_plus_k8s_helpers.secrets import mask_secrets, redact, redact_hooks, redact_secrets
from dagster_plus_k8s_helpers.secrets.redact_hooks import MaskingStream
from dagster_plus_k8s_helpers.testing import FakeSecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.secrets.servers import OpenBao

SECRET = "h\"ünter22's\\password"
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwggSjAgEAAoIBAQ\n-----END KEY-----\n"


@pytest.fixture
def redacting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redaction for one test: what it replaces in the process is put back afterwards."""
    from dagster._core.events import DagsterEvent

    monkeypatch.setattr(redact, "_state", redact._State())
    monkeypatch.setattr(redact_hooks, "_installed", False)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setattr(DagsterEvent, "__new__", DagsterEvent.__new__)
    monkeypatch.setattr(dg.DagsterInstance, "add_run_tags", dg.DagsterInstance.add_run_tags)
    factory = logging.getLogRecordFactory()
    redact_secrets()
    yield
    logging.setLogRecordFactory(factory)


def fetch(*values: str | bytes) -> None:
    FakeSecrets(secrets={f"s{n}": value for n, value in enumerate(values)}).get_many(
        f"s{n}" for n in range(len(values))
    )


def test_nothing_is_masked_before_it_is_asked_for() -> None:
    fetch("not-asked-for")

    assert mask_secrets("not-asked-for") == "not-asked-for"


@pytest.mark.usefixtures("redacting")
@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        repr(SECRET),
        repr({"p": SECRET}),
        json.dumps({"p": SECRET}),
        json.dumps({"p": SECRET}, ensure_ascii=False),
        f"https://user:{quote(SECRET, safe='')}@host",
        base64.b64encode(SECRET.encode()).decode(),
        repr(SECRET.encode()),
        quote(SECRET),
        quote_plus(SECRET),
        re.sub(r"%..", lambda code: code[0].lower(), quote(SECRET, safe="")),
        quote(quote(SECRET, safe=""), safe=""),
        ascii(SECRET),
        SECRET.encode("unicode_escape").decode(),
        json.dumps(json.dumps({"p": SECRET})),
        json.dumps({"a": json.dumps({"b": json.dumps([SECRET])}, ensure_ascii=False)}),
        repr(json.dumps(SECRET)),
        json.dumps(repr(SECRET)),
        json.dumps(SECRET).replace("00fc", "00FC"),
        yaml.dump({"p": SECRET}).strip(),
        html.escape(SECRET),
        html.escape(SECRET).encode("ascii", "xmlcharrefreplace").decode(),
        f"-p {shlex.quote(SECRET)}",
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        f"Basic {base64.b64encode(b'user:' + SECRET.encode()).decode()}",
    ],
)
def test_a_value_is_masked_however_it_is_written(written: str) -> None:
    fetch(SECRET)

    masked = mask_secrets(f"before {written} after")

    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "********" in masked
    assert "ünter22" not in masked
    assert "password" not in masked


@pytest.mark.usefixtures("redacting")
@pytest.mark.parametrize("width", [64, 76])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n  ", "\\n"])
@pytest.mark.parametrize("raw", [PEM.encode(), bytes(range(256)), b"\xfb\xff" * 60])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_in_both_alphabets_and_with_line_breaks(
    raw: bytes, line_break: str, width: int, encode: Callable[[bytes], bytes]
) -> None:
    fetch(raw)
    text = encode(raw).decode()

    lines = line_break.join(text[at : at + width] for at in range(0, len(text), width))

    assert mask_secrets(f"<{lines}>").replace("=", "") == "<********>"


@pytest.mark.usefixtures("redacting")
@pytest.mark.parametrize(
    "secret",
    [
        {"db": {"conn": {"password": "hunter22-inside", "pin": 73924610}}},
        {"gcp": json.dumps({"type": "x", "private_key": PEM, "deep": json.dumps({"p": "hunter22-inside"})})},
        json.dumps([{"password": "hunter22-inside"}, 73924610, {"key": PEM}]),
    ],
)
def test_the_leaves_of_a_nested_field_are_masked(secret: Any) -> None:
    FakeSecrets(secrets={"a": secret}).get("a")
    told = json.dumps(secret)

    for leaf in ("hunter22-inside", "73924610", "MIIEvQIBADANBgkqhkiG9w0BAQ"):
        if leaf in told:
            assert leaf not in mask_secrets(f"it is {leaf}.")
            assert mask_secrets(base64.b64encode(leaf.encode()).decode()).startswith("********") is (
                leaf != "MIIEvQIBADANBgkqhkiG9w0BAQ"
            )
    assert mask_secrets("true, null, 5432, db, conn") == "true, null, 5432, db, conn"


@pytest.mark.usefixtures("redacting")
@pytest.mark.parametrize("value", ["[" * 100_000, "\\" * 300, "'" * 300, json.dumps(["x" * 9] * 5_000)])
def test_an_odd_value_is_masked_and_holds_nothing_up(value: str) -> None:
    fetch(value)

    assert mask_secrets(f"<{value}>") == "<********>"
    mask_secrets(value[:-2] * 3)


@pytest.mark.usefixtures("redacting")
@pytest.mark.filterwarnings("ignore:Class `ExpectationResult` is deprecated:DeprecationWarning")
def test_labels_metadata_keys_and_tags_are_masked_and_dagsters_own_left() -> None:
    secret = "hunter22-label"
    fetch(secret, "dagster")

    @dg.op(out=dg.Out(int))
    def talk(context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (Dagster resolves annotations)
        context.instance.add_run_tags(context.run_id, {f"k-{secret}": secret, "dagster/own": "dagster"})
        yield dg.ExpectationResult(success=True, label=secret, metadata={secret: secret})
        yield dg.AssetMaterialization(
            "a", metadata={secret: {secret: [secret]}}, tags={"note": secret, "dagster/own": "dagster"}
        )
        yield dg.AssetObservation("a", metadata={secret: 1}, tags={"note": secret})
        yield dg.Output(1, metadata={secret: secret})

    @dg.job
    def talking() -> None:
        talk()

    with dg.DagsterInstance.ephemeral() as instance:
        result = talking.execute_in_process(instance=instance)
        run = instance.get_run_by_id(result.run_id)

    assert run is not None
    assert {key: value for key, value in run.tags.items() if "own" in key or "k-" in key} == {
        "k-masked": "masked",
        "dagster/own": "dagster",
    }
    assert [event for event in result.all_events if secret in dg.serialize_value(event)] == []
    (materialization,) = result.asset_materializations_for_node("talk")
    assert materialization.metadata["********"].value == {"********": ["********"]}
    assert materialization.tags == {"note": "masked", "dagster/own": "dagster"}


@pytest.mark.usefixtures("redacting")
def test_several_lines_short_values_binary_and_values_inside_others() -> None:
    fetch(PEM, "abc", "", b"\xff\x00\xfe\x01\x02", "long-password", "long-password-of-the-admin")

    assert mask_secrets(PEM) == "********"
    assert "MIIEvQ" not in mask_secrets(f"a line: {PEM.splitlines()[1]}")
    assert mask_secrets("abc is short") == "abc is short"
    assert mask_secrets(f"{base64.b64encode(bytes([255, 0, 254, 1, 2])).decode()}") != "/wD+AQI="
    assert mask_secrets("long-password-of-the-admin") == "********"


@pytest.mark.usefixtures("redacting")
def test_a_value_fetched_before_and_still_held_is_masked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact._state, "active", False)
    held = FakeSecrets(secrets={"early": "fetched-early"}).get("early")
    assert mask_secrets("fetched-early") == "fetched-early"

    redact_secrets()

    assert mask_secrets(held.reveal()) == "********"


@pytest.mark.usefixtures("redacting")
def test_log_records_are_masked_in_message_arguments_exception_and_stack() -> None:
    fetch("hunter22-in-the-log")
    told = io.StringIO()
    logger = logging.getLogger("redaction-test")
    logger.addHandler(logging.StreamHandler(told))
    logger.propagate = False
    logger.setLevel(logging.INFO)
    kept: list[logging.LogRecord] = []
    logger.addFilter(lambda record: kept.append(record) or True)  # type: ignore[func-returns-value]

    logger.info("plain %s", "hunter22-in-the-log")
    logger.info("innocent %s", "words")
    logger.info("does not fit %s")
    try:
        raise ValueError("hunter22-in-the-log")  # noqa: TRY301  (what is being tested)
    except ValueError:
        logger.exception("went wrong", stack_info=True)

    assert "hunter22-in-the-log" not in told.getvalue().replace('"hunter22-in-the-log"', "")
    assert "ValueError: ********" in told.getvalue()
    assert kept[0].getMessage() == "plain ********"
    assert (kept[1].msg, kept[1].args) == ("innocent %s", ("words",))
    assert told.getvalue().count("hunter22") == 0


@pytest.mark.usefixtures("redacting")
def test_streams_are_masked_and_otherwise_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    fetch("hunter22-on-screen")
    redact_secrets()

    print("shown: hunter22-on-screen")
    sys.stdout.writelines(["hunter22-on-screen", "\n"])
    length = sys.stderr.write("hunter22-on-screen")
    sys.stdout.flush()
    traceback.print_exception(ValueError("hunter22-on-screen"))

    captured = capsys.readouterr()
    assert captured.out == "shown: ********\n********\n"
    assert captured.err == "********ValueError: ********\n"
    assert length == len("hunter22-on-screen")
    assert sys.stdout.encoding.lower() == "utf-8"


@pytest.mark.usefixtures("redacting")
def test_dagsters_own_keys_survive_a_secret_of_the_same_name() -> None:
    fetch("orders", "result", "dagster", "default_group")

    @dg.asset
    def orders() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"note": "about orders", "rows": 3})

    @dg.asset(deps=[orders])
    def report() -> int:
        return 1

    result = dg.materialize([orders, report])

    assert result.success
    (materialization,) = result.asset_materializations_for_node("orders")
    assert materialization.asset_key == dg.AssetKey("orders")
    assert materialization.metadata["note"].value == "about ********"
    assert materialization.metadata["rows"].value == 3


@pytest.mark.usefixtures("redacting")
@pytest.mark.parametrize("value", ['p\\w"d-long', "line one\nline two", "tab\there", "größe\\42"])
def test_a_value_that_json_escapes_is_masked_in_what_dagster_stores(value: str) -> None:
    fetch(value)

    @dg.asset
    def noted() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"plain": value, "repr": repr(value), "json": {"deep": [value]}})

    @dg.asset
    def failing() -> None:
        raise KeyError(value)

    result = dg.materialize([noted, failing], raise_on_error=False)

    stored = [dg.serialize_value(event) for event in result.all_events]
    for form in (value, repr(value)[1:-1], json.dumps(value)[1:-1]):
        for text in (form, json.dumps(form)[1:-1], json.dumps(json.dumps(form)[1:-1])[1:-1]):
            assert not [event for event in stored if text in event]
    (materialization,) = result.asset_materializations_for_node("noted")
    assert materialization.metadata["plain"].value == "********"
    assert materialization.metadata["json"].value == {"deep": ["********"]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_can_mask_though_its_parent_was_doing_so() -> None:
    with redact._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            redact_secrets()
            os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_masked_stream_is_a_context_and_iterates_like_its_own(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("one\ntwo\n")

    with MaskingStream(file.open(), mask_secrets) as stream:
        lines = list(stream)

    assert lines == ["one\n", "two\n"]
    assert stream.closed


def test_a_real_multiprocess_run_stores_no_secret_anywhere(bao: OpenBao, tmp_path: Path) -> None:
    """Event log, compute logs, run storage: whatever Dagster wrote to disk, searched byte by byte."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    secret = "hunter22-on-disk"
    bao.put_secret("talk", password=secret)
    token = bao.token_with("read-all")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "TALK_VAULT": bao.url,
        "TALK_TOKEN": token,
        "NO_COLOR": "1",
    }
    script = """
        import dagster as dg

        job = dg.build_reconstructable_job("tests.secrets.redaction_job", "talk_job")
        with dg.DagsterInstance.get() as instance, dg.execute_job(job, instance) as result:
            print("finished", result.success, result.is_node_success("quiet"))
    """
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "finished False True" in run.stdout, run.stderr[-2000:]
    written = [path for path in home.rglob("*") if path.is_file()]
    for hidden in (secret, token):
        assert hidden not in run.stdout
        assert hidden not in run.stderr
        assert [path for path in written if hidden.encode() in path.read_bytes()] == []
    told = b"".join(path.read_bytes() for path in written).decode(errors="replace")
    for expected in (
        "logged ********",
        "dagster logger ********",
        "printed ********",
        "stderr ********",
        "described ********",
        "failed with ********",
        "cause ********",
    ):
        assert expected in told
