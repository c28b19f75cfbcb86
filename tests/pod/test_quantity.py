"""Quantities: Kubernetes' grammar and nothing else, exact numbers, original text."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from dagster_plus_k8s_helpers import Quantity, QuantityError

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
numbers = st.one_of(
    st.integers(0, 10**6).map(str),
    st.decimals(0, 1000, places=3, allow_nan=False).map(str),
    st.integers(0, 999).map(lambda n: f".{n:03}"),
)
texts = st.one_of(
    st.builds("{}{}".format, numbers, st.sampled_from(SUFFIXES)),
    st.builds("{}e{}".format, st.integers(0, 10**6), st.integers(-6, 12)),
    st.builds("{}E{}".format, st.integers(0, 10**6), st.integers(-6, 12)),
)


def quantities() -> st.SearchStrategy[Quantity]:
    return texts.filter(accepted).map(Quantity)


def accepted(text: str) -> bool:
    try:
        Quantity(text)
    except QuantityError:
        return False
    return True


@pytest.mark.parametrize(
    ("value", "number", "canonical"),
    [
        ("500m", Decimal("0.5"), "500m"),
        ("0.5", Decimal("0.5"), "500m"),
        (".5", Decimal("0.5"), "500m"),
        ("5.", Decimal(5), "5"),
        ("+1", Decimal(1), "1"),
        ("1k", Decimal(1000), "1k"),
        ("1000", Decimal(1000), "1k"),
        ("2Gi", Decimal(2) * 1024**3, "2Gi"),
        ("1.5Gi", Decimal(3) * 1024**3 / 2, "1536Mi"),
        ("0.5Ki", Decimal(512), "512"),
        ("1025Ki", Decimal(1025) * 1024, "1025Ki"),
        ("1.001Ki", Decimal("1025.024"), "1025024m"),
        ("1e3", Decimal(1000), "1e3"),
        ("15E2", Decimal(1500), "1500"),
        ("1E", Decimal(10) ** 18, "1E"),
        ("100n", Decimal("1e-7"), "100n"),
        ("0", Decimal(0), "0"),
        ("0e9999999", Decimal(0), "0"),
        (2, Decimal(2), "2"),
        (0.25, Decimal("0.25"), "250m"),
        (0.1, Decimal("0.1"), "100m"),
        (np.float64(0.5), Decimal("0.5"), "500m"),
        (2.0, Decimal(2), "2"),
        (Decimal("1.5"), Decimal("1.5"), "1500m"),
        (Decimal("1E+3"), Decimal(1000), "1k"),
    ],
)
def test_accepted(value: str | float | Decimal, number: Decimal, canonical: str) -> None:
    quantity = Quantity(value)

    assert quantity.value == number
    assert quantity.canonical == canonical
    assert Quantity(quantity.canonical) == quantity


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("4GB", "'4GB' is not a Kubernetes quantity; write '4Gi' or '4G'"),
        ("100mi", "write '100Mi'"),
        ("1 Gi", "write '1Gi'"),
        ("1_000", "write '1000'"),
        ("1K", "write '1Ki' or '1k'"),
        ("2 cores", "write '2'"),
        ("512 m", "write '512m' or '512M'"),
        ("", "write a number, optionally with one of the suffixes"),
        (" ", "write a number"),
        ("NaN", "write a number"),
        ("Infinity", "write a number"),
        ("1Gi\n", "write '1Gi'"),
        ("٣Gi", "write a number"),
        ("1.2.3", "write a number"),
        ("1e", "write '1Ei' or '1E'"),
        ("0x10", "write a number"),
        ("1e1.5", "write a number"),
        (".", "write a number"),
        ("-1", "'-1' is negative"),
        (-1, "'-1' is negative"),
        ("-0", "'-0' is negative"),
        (True, "True is not a quantity"),
        (None, "None of type NoneType is not a quantity"),
        (b"1", "of type bytes is not a quantity"),
        (float("nan"), "nan is not a quantity"),
        (float("inf"), "inf is not a quantity"),
        (Decimal("NaN"), "is not a quantity"),
        (0.1 + 0.2, "is not exact in 9 decimals; write it as text, such as '333m'"),
        (1e25, "is above 2**63 - 1"),
        (1e300, "is out of the range of quantities"),
        ("0.1n", "is finer than 1n"),
        ("1e-99999999999", "is finer than 1n"),
        ("10E", "is above 2**63 - 1"),
        ("1e99999999999", "is above 2**63 - 1"),
        (10**30, "is above 2**63 - 1"),
        pytest.param(10**10000, "an integer of 33220 bits is above 2**63 - 1", id="huge integer"),
        pytest.param("9" * 1_000_000, "has 1000000 characters", id="huge text"),
    ],
)
def test_refused_with_advice(value: object, advice: str) -> None:
    with pytest.raises(QuantityError) as refusal:
        Quantity(value)  # type: ignore[arg-type] # what users write in spite of the type

    assert advice in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_equality_order_and_hash_are_those_of_the_number() -> None:
    assert Quantity("1") == Quantity("1000m") == Quantity("1e0")
    assert hash(Quantity("1")) == hash(Quantity("1000m"))
    assert Quantity("999m") < Quantity("1") <= Quantity("1.0") < Quantity("1Ki")
    assert Quantity("1") != "1"
    assert not Quantity("0")
    assert Quantity("1n")


def test_the_original_text_is_kept() -> None:
    assert str(Quantity("1024Mi")) == "1024Mi"
    assert repr(Quantity("1024Mi")) == "Quantity('1024Mi')"
    assert str(Quantity(Quantity("1.50"))) == "1.50"


def test_arithmetic_is_exact() -> None:
    assert str(Quantity("300Mi") * 2) == "600Mi"
    assert str(Quantity("2Gi") * 1.5) == "3Gi"
    assert Quantity("1Gi") * 1.1 == Quantity("1181116006400m")
    assert 3 * Quantity("100m") + Quantity("0.2") == Quantity("500m")
    assert Quantity("1") - Quantity("1n") == Quantity("999999999n")
    assert Quantity("3Gi") / Quantity("2Gi") == Fraction(3, 2)
    assert Quantity("1n") * Fraction(1, 3) == Quantity("1n")
    assert Quantity("1.5Mi").rounded_up_to(Quantity("1Mi")) == Quantity("2Mi")
    assert Quantity("4Mi").is_multiple_of(Quantity("2Mi"))


@pytest.mark.parametrize("factor", [-1, float("nan"), float("inf")])
def test_a_factor_that_gives_no_quantity_is_refused(factor: float) -> None:
    with pytest.raises(QuantityError, match="scale a quantity by"):
        Quantity("1") * factor


def test_a_difference_below_zero_is_refused() -> None:
    with pytest.raises(QuantityError, match="goes below zero"):
        Quantity("1") - Quantity("2")


@pytest.mark.parametrize("other", ["1", None, True])
def test_arithmetic_takes_quantities_and_numbers_only(other: object) -> None:
    quantity = Quantity("1")

    for operation in ("__add__", "__sub__", "__mul__", "__truediv__", "__lt__", "__eq__"):
        assert getattr(quantity, operation)(other) is NotImplemented


def test_a_quantity_cannot_change() -> None:
    quantity = Quantity("1")

    with pytest.raises(AttributeError, match="Quantity is immutable; cannot set '_nanos'"):
        quantity._nanos = 2
    with pytest.raises(AttributeError, match="cannot delete"):
        del quantity._text


@given(quantities())
def test_text_canonical_form_and_pickle_lead_back_to_the_same_quantity(quantity: Quantity) -> None:
    for again in (
        Quantity(str(quantity)),
        Quantity(quantity.canonical),
        pickle.loads(pickle.dumps(quantity)),
    ):
        assert again == quantity
        assert hash(again) == hash(quantity)


@given(quantities(), quantities())
def test_order_agrees_with_the_kubernetes_client_wherever_both_accept(a: Quantity, b: Quantity) -> None:
    try:
        theirs_a, theirs_b = parse_quantity(str(a)), parse_quantity(str(b))
    except ValueError:
        return

    assert (a < b, a == b) == (theirs_a < theirs_b, theirs_a == theirs_b)


@pytest.mark.parametrize("text", ["\x00" * 60, "\U000e0001" * 60, "\\" * 120, "0" * 86 + ",E"])
def test_a_refusal_of_what_cannot_be_shown_is_short(text: str) -> None:
    with pytest.raises(QuantityError) as refusal:
        Quantity(text)

    assert len(str(refusal.value)) < 400


@given(st.text())
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    try:
        assert str(Quantity(text)) == text
    except QuantityError as refusal:
        assert len(str(refusal)) < 400
