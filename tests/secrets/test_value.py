"""A secret value shows itself only when asked."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import dagster as dg
import pytest

from dagster_plus_k8s_helpers.secrets import SecretValue, SecretValueError

SECRET = "hunter22-of-the-warehouse"


@pytest.fixture
def value() -> SecretValue:
    return SecretValue(SECRET, source="Vault")


def test_it_is_masked_wherever_python_turns_it_into_text(value: SecretValue) -> None:
    logging.getLogger("test").warning("%s", value)
    percent = "%s"
    shown = [
        repr(value),
        str(value),
        f"{value}",
        f"{value!r:>30}",
        percent % value,
        repr([value]),
        repr({1: value}),
    ]

    assert all(SECRET not in text and "********" in text for text in shown)


def test_it_reveals_text_and_bytes(value: SecretValue) -> None:
    assert value.reveal() == SECRET
    assert value.reveal_bytes() == SECRET.encode()
    assert value.source == "Vault"
    assert SecretValue("größe".encode()).reveal() == "größe"


def test_a_binary_secret_says_how_to_read_it() -> None:
    binary = SecretValue(b"\xff\x00\xfe")

    with pytest.raises(SecretValueError, match="reveal_bytes") as caught:
        binary.reveal()

    assert binary.reveal_bytes() == b"\xff\x00\xfe"
    assert caught.value.__context__ is None


def test_it_compares_by_value_with_its_own_kind_only(value: SecretValue) -> None:
    assert value == SecretValue(SECRET)
    assert value == SecretValue(SECRET.encode())
    assert value != SecretValue("other")
    assert value != SECRET
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(value: SecretValue, protocol: int) -> None:
    with pytest.raises(SecretValueError, match="Return the SecretRef"):
        pickle.dumps(value, protocol)


def test_its_state_is_not_handed_out(value: SecretValue) -> None:
    with pytest.raises(SecretValueError, match="not pickled"):
        value.__getstate__()


def test_it_is_not_json(value: SecretValue) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps({"password": value})


def test_it_does_not_change_and_copies_are_itself(value: SecretValue) -> None:
    with pytest.raises(AttributeError):
        value.source = "elsewhere"
    with pytest.raises(AttributeError):
        del value.source
    assert copy.copy(value) is value
    assert copy.deepcopy([value])[0] is value


@pytest.mark.parametrize("wrong", [None, 3, bytearray(b"x")])
def test_another_type_is_refused(wrong: object) -> None:
    with pytest.raises(SecretValueError, match=type(wrong).__name__):
        SecretValue(wrong)  # type: ignore[arg-type]


def test_dagsters_metadata_refuses_it_and_says_what_to_do(value: SecretValue) -> None:
    @dg.asset
    def leaky() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(metadata={"password": value})

    result = dg.materialize([leaky], raise_on_error=False)

    told = str([event.event_specific_data for event in result.all_events])
    assert not result.success
    assert "put the name of the secret there" in told
    assert SECRET not in told


def test_an_io_manager_that_stores_refuses_it_and_says_what_to_do(
    value: SecretValue, tmp_path: object
) -> None:
    @dg.asset
    def leaky() -> SecretValue:
        return value

    io_manager = dg.FilesystemIOManager(base_dir=str(tmp_path))
    result = dg.materialize([leaky], resources={"io_manager": io_manager}, raise_on_error=False)

    told = str([event.event_specific_data for event in result.all_events])
    assert not result.success
    assert "Return the SecretRef" in told
    assert SECRET not in told
