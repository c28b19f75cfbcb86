"""Kubernetes quantities ("500m", "2Gi") as exact numbers.

The grammar is that of ``resource.Quantity`` and nothing else:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache, total_ordering
from typing import Final, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.pod.immutable import Immutable

__all__ = ["Quantity", "QuantityLike", "quantity_of"]

_ACCEPTED = (
    "write a number, optionally with one of the suffixes n, u, m, k, M, G, T, P, E "
    "(powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent such as 1e3"
)
_GRAMMAR = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]+))?",
    re.ASCII,
)
_DECIMAL_EXPONENTS: Final = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_BINARY_EXPONENTS: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMALS: Final = 9
_NANO: Final = 10**_DECIMALS
_LARGEST: Final = (2**63 - 1) * _NANO
_LONGEST_TEXT: Final = 128
_EXACT_CONTEXT: Final = Context(prec=_LONGEST_TEXT * 2)

_DECIMAL, _BINARY, _EXPONENT = "decimal", "binary", "exponent"


@total_ordering
@answering
class Quantity(Immutable):
    """An amount of a resource, exact, immutable and hashable.

    Equality, order and hash are those of the number: ``Quantity("1") == Quantity("1000m")``.
    ``str()`` gives back the text it was made from; ``.canonical`` the text Kubernetes would store.

    Args:
        value: Text in Kubernetes' grammar; or an ``int``, a ``Decimal``, or a ``float`` that nine
            decimals write exactly (0.25, not 0.1 + 0.2).

    Raises:
        QuantityError: The value is not a quantity, is negative, is finer than one nano (Kubernetes
            would round it up) or above 2**63 - 1 (Kubernetes would cap it).
    """

    __slots__ = ("_family", "_nanos", "_text")

    _text: str
    _nanos: int
    _family: str

    def __init__(self, value: QuantityLike) -> None:
        text = _text_of(value)
        nanos, family = _parse(text)
        object.__setattr__(self, "_text", text)
        object.__setattr__(self, "_nanos", nanos)
        object.__setattr__(self, "_family", family)

    @property
    def value(self) -> Decimal:
        """The number, exactly."""
        return Decimal((0, tuple(map(int, str(self._nanos))), -9)).normalize(_EXACT_CONTEXT)

    @property
    def canonical(self) -> str:
        """The text in Kubernetes' canonical form: no fraction, the largest suffix that loses nothing."""
        return _canonical(self._nanos, self._family)

    def is_multiple_of(self, step: Quantity) -> bool:
        """Whether this is a whole number of ``step``."""
        return self._nanos % step._nanos == 0

    def rounded_up_to(self, step: Quantity) -> Quantity:
        """The smallest whole number of ``step`` that is not less than this."""
        if not step:
            raise QuantityError("cannot round to a multiple of nothing")
        return self._like(-(-self._nanos // step._nanos) * step._nanos)

    def __add__(self, other: Quantity) -> Quantity:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self._like(self._nanos + other._nanos)

    def __sub__(self, other: Quantity) -> Quantity:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self._like(self._nanos - other._nanos)

    def __mul__(self, factor: float | Decimal | Fraction) -> Quantity:
        """The product, rounded up to a whole nano as Kubernetes rounds."""
        if isinstance(factor, bool) or not isinstance(factor, int | float | Decimal | Fraction):
            return NotImplemented
        product = self._nanos * _exact(factor)
        return self._like(-(-product.numerator // product.denominator))

    __rmul__ = __mul__

    def __truediv__(self, other: Quantity) -> Fraction:
        if not isinstance(other, Quantity):
            return NotImplemented
        return Fraction(self._nanos, other._nanos)

    def __bool__(self) -> bool:
        return self._nanos != 0

    def __eq__(self, other: object) -> bool:
        return self._nanos == other._nanos if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: Quantity) -> bool:
        return self._nanos < other._nanos if isinstance(other, Quantity) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._nanos)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Quantity({self._text!r})"

    def __reduce__(self) -> tuple[type[Quantity], tuple[str]]:
        return Quantity, (self._text,)

    def _like(self, nanos: int) -> Quantity:
        if nanos < 0:
            raise QuantityError("a quantity cannot be negative: the subtraction goes below zero")
        return Quantity(_canonical(nanos, self._family))


QuantityLike: TypeAlias = Quantity | str | int | float | Decimal
"""What is accepted where a quantity is wanted."""


def quantity_of(where: str, value: QuantityLike) -> Quantity:
    """A quantity that was given by an argument.

    Raises:
        QuantityError: It is none; the error says by which argument.
    """
    try:
        return Quantity(value)
    except QuantityError as error:
        raise error.within(where) from None


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # of a member of an enum, what it stands for
    if isinstance(value, Quantity):
        return str(value)
    if isinstance(value, bool):
        raise QuantityError(f"{value!r} is not a quantity; {_ACCEPTED}")
    if isinstance(value, int):
        # Python refuses to write out an int of more than 4300 digits.
        if abs(value) > _LARGEST:
            raise QuantityError(f"an integer of {value.bit_length()} bits is {_TOO_LARGE}")
        return str(value)
    if isinstance(value, float):
        return _plain_text(Decimal(float.__repr__(value)), value)
    if isinstance(value, Decimal):
        return _plain_text(value, value)
    raise QuantityError(f"{value!r} of type {type(value).__name__} is not a quantity; {_ACCEPTED}")


def _plain_text(number: Decimal, original: float | Decimal) -> str:
    if not number.is_finite():
        raise QuantityError(f"{original!r} is not a quantity; {_ACCEPTED}")
    if abs(number.adjusted()) > _LONGEST_TEXT:
        raise QuantityError(f"{original!r} is out of the range of quantities, 1n to 2**63 - 1")
    shortest = number.normalize(_EXACT_CONTEXT)
    if int(shortest.as_tuple().exponent) < -_DECIMALS:
        raise QuantityError(
            f"{original!r} is not exact in {_DECIMALS} decimals; write it as text, such as '333m'"
        )
    return format(shortest, "f")


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[int, str]:
    """The number in billionths, and the family of suffixes it was written with."""
    if len(text) > _LONGEST_TEXT:
        raise QuantityError(f"{text[:16]!r}... has {len(text)} characters, more than any quantity needs")
    match = _GRAMMAR.fullmatch(text)
    if match is None or not (match["whole"] or match["fraction"]):
        # A character that cannot be shown is written as up to ten others.
        shown = repr(text) if len(repr(text)) < 100 else f"{text[:16]!r}..."
        raise QuantityError(f"{shown} is not a Kubernetes quantity; {_advice(text)}")
    if match["sign"] == "-":
        raise QuantityError(f"{text!r} is negative; an amount of a resource cannot be")
    fraction = match["fraction"] or ""
    mantissa = int((match["whole"] or "0") + fraction)
    suffix = match["suffix"] or ""
    if suffix in _BINARY_EXPONENTS:
        family, numerator, ten = _BINARY, mantissa << _BINARY_EXPONENTS[suffix], 0
    elif match["exponent"] is not None:
        family, numerator, ten = _EXPONENT, mantissa, _bounded(int(match["exponent"]))
    else:
        family, numerator, ten = _DECIMAL, mantissa, _DECIMAL_EXPONENTS[suffix]
    scale = 9 + ten - len(fraction)
    nanos, finer = (numerator * 10**scale, 0) if scale >= 0 else divmod(numerator, 10**-scale)
    if finer:
        raise QuantityError(f"{text!r} is finer than 1n, where Kubernetes rounds it up; write fewer digits")
    if nanos > _LARGEST:
        raise QuantityError(f"{text!r} is {_TOO_LARGE}")
    return nanos, family


_TOO_LARGE = "above 2**63 - 1 (about 9.2E), where Kubernetes caps a quantity without a word"


def _bounded(exponent: int) -> int:
    """An exponent that keeps its meaning (out of range either way) and is cheap to compute with."""
    return max(-2 * _LONGEST_TEXT, min(2 * _LONGEST_TEXT, exponent))


def _advice(text: str) -> str:
    """What to write instead: the nearest quantity when there is one, else the accepted form."""
    match = re.fullmatch(r"\s*([0-9][0-9_,. ]*?)\s*([A-Za-z]*)\s*", text, re.ASCII)
    if match is None:
        return _ACCEPTED
    number = re.sub(r"[_, ]", "", match[1])
    near = _NEAR_SUFFIXES.get(match[2].lower())
    # Nobody means a number of more digits, and a message has room for few.
    if near is None or len(number) > 30 or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", number):
        return _ACCEPTED
    return "write " + " or ".join(f"'{number}{suffix}'" for suffix in near) + f" ({_ACCEPTED[6:]})"


_NEAR_SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "": ("",),
    "b": ("",),
    "m": ("m", "M"),
    "cpu": ("",),
    "cores": ("",),
    **{
        spelling: (f"{letter}i", "k" if letter == "K" else letter)
        for letter in "KMGTPE"
        for spelling in (letter.lower(), f"{letter.lower()}b")
        if spelling != "m"
    },
    **{
        spelling: (f"{letter}i",)
        for letter in "KMGTPE"
        for spelling in (f"{letter.lower()}i", f"{letter.lower()}ib")
    },
}


def _canonical(nanos: int, family: str) -> str:
    whole, rest = divmod(nanos, _NANO)
    if family == _BINARY and whole >= 1024 and not rest:
        for suffix, power in reversed(_BINARY_EXPONENTS.items()):
            if whole % (1 << power) == 0:
                return f"{whole >> power}{suffix}"
        return str(whole)
    if nanos == 0:
        return "0"
    for suffix, exponent in reversed(_DECIMAL_EXPONENTS.items()):
        unit = 10 ** (exponent + 9)
        if nanos % unit == 0:
            if family == _EXPONENT and exponent:
                return f"{nanos // unit}e{exponent}"
            return f"{nanos // unit}{suffix}"
    raise AssertionError(nanos)  # pragma: no cover - one nano divides every integer


def _exact(factor: float | Decimal | Fraction) -> Fraction:
    """The factor as written: 1.1 is eleven tenths, not the nearest binary fraction."""
    try:
        exact = Fraction(float.__repr__(factor)) if isinstance(factor, float) else Fraction(factor)
    except (ValueError, OverflowError) as error:
        raise QuantityError(f"cannot scale a quantity by {factor!r}; write a finite number") from error
    if exact < 0:
        raise QuantityError(f"cannot scale a quantity by the negative number {factor!r}")
    return exact
