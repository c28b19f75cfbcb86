"""How a secret is named."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.secrets import SecretRef, SecretRefError

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"

PARSED = [
    ("warehouse", SecretRef("warehouse")),
    ("warehouse#password", SecretRef("warehouse", "password")),
    ("warehouse#password@3", SecretRef("warehouse", "password", "3")),
    ("warehouse@AWSPREVIOUS", SecretRef("warehouse", version="AWSPREVIOUS")),
    ("a/b.c:d", SecretRef("a/b.c:d")),
    (ARN, SecretRef(ARN)),
    (f"{ARN}#password@AWSPENDING", SecretRef(ARN, "password", "AWSPENDING")),
    (r"me\@example.com#pass\#word", SecretRef("me@example.com", "pass#word")),
    (r"back\\slash", SecretRef("back\\slash")),
    ("größe/密码#поле", SecretRef("größe/密码", "поле")),
]

REFUSED = [
    "",
    " ",
    "#field",
    "name#",
    "name#field@",
    "name@",
    "a#b#c",
    "a@1@2",
    "a@1#b",
    " name",
    "name ",
    "name #field",
    "a\nb",
    "a\x00b",
    "a\ud800b",
    "a\u00a0b",
    "trailing\\",
    "x" * 5000,
    "x" * 100_000,
]


@pytest.mark.parametrize(("text", "ref"), PARSED)
def test_a_reference_is_read_and_written_back(text: str, ref: SecretRef) -> None:
    assert SecretRef.parse(text) == ref
    assert str(ref) == text


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_reference_is_refused_with_the_form_that_is(text: str) -> None:
    with pytest.raises(SecretRefError):
        SecretRef.parse(text)


@pytest.mark.parametrize("wrong", [None, 3, b"name", ["name"]])
def test_another_type_is_refused_by_name(wrong: object) -> None:
    with pytest.raises(SecretRefError, match=f"not {type(wrong).__name__}"):
        SecretRef.of(wrong)  # type: ignore[arg-type]
    with pytest.raises(SecretRefError, match="text, not int"):
        SecretRef("name", field=3)  # type: ignore[arg-type]


part = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(name=part, field=st.none() | part, version=st.none() | part)
def test_every_reference_survives_being_written_and_read(
    name: str, field: str | None, version: str | None
) -> None:
    ref = SecretRef(name, field, version)

    assert SecretRef.parse(str(ref)) == ref
    assert SecretRef.of(ref) is ref


def test_the_secret_behind_a_reference_keeps_the_version_and_loses_the_field() -> None:
    assert SecretRef.parse("a#b@2").secret == SecretRef("a", version="2")
    assert SecretRef.parse("a").secret == SecretRef("a")


def test_a_reference_is_hashable_and_pickled() -> None:
    ref = SecretRef.parse("a#b@2")

    assert pickle.loads(pickle.dumps(ref)) == ref
    assert dataclasses.asdict(ref.secret) == {"name": "a", "field": None, "version": "2"}
    assert len({ref, SecretRef("a", "b", "2")}) == 1
