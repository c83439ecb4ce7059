"""Bounds of a Decimal's digits, beside pydantic's own."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from warehouse.events.digits import Digits
from warehouse.events.event import Amount, NonNegativeAmount, PositiveAmount, Rate, Share, UnitPrice

OURS = TypeAdapter(Annotated[Decimal, Digits(9, 6)])
THEIRS = TypeAdapter(Annotated[Decimal, Field(max_digits=9, decimal_places=6)])


def answer(adapter: TypeAdapter[Decimal], text: str) -> object:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        return [(one["type"], one["msg"]) for one in error.errors()]


WILD = st.builds("{}E{}".format, st.integers(-(10**12), 10**12), st.integers(-(10**18), 10**18))


@given(st.decimals(allow_nan=True).map(str) | st.decimals(-2000, 2000, places=6).map(str) | WILD | st.text(max_size=5))
@example("999.999999")
@example("1000")
@example("-1000.000000")
@example("0.0000001")
@example("0.1000000")
@example("1E+2")
@example("1E-6")
@example("123456789.5")
@example("12345")
@example("9" * 40)
@example("0." + "1" * 40)
@example("0." + "9" * 40)
@example("1E+999999")
@example("1E+9999999")
@example("1E-9999999")
@example("1E+999999999999999999")
@example("-0.0")
@example("Infinity")
def test_a_number_is_taken_or_refused_as_pydantic_does(text):
    assert answer(OURS, text) == answer(THEIRS, text)


PLAIN = st.from_regex(r"-?[0-9]{1,17}(\.[0-9]{0,7})?", fullmatch=True)
KINDS = {
    "amount": Amount,
    "at least nothing": NonNegativeAmount,
    "more than nothing": PositiveAmount,
    "price": UnitPrice,
    "rate": Rate,
    "share": Share,
}


@given(st.decimals(-2000, 2000, places=7).map(str) | PLAIN | WILD)
@example("-0.00")
@example("007.50")
@example("9" * 16 + ".99")
@example("9" * 17 + ".99")
@example("7.5")
@example("7.50\n")
@example("٣.00")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_number_read_strictly_is_the_same_or_refused_alike(kind, text):
    adapter, json_text = TypeAdapter(kind), json.dumps(text)

    def read(*, strict):
        try:
            return str(adapter.validate_json(json_text, strict=strict))
        except ValidationError as error:
            return error.errors()[-1]["msg"]  # of an amount that no pattern tells, the arithmetic has the last word

    assert read(strict=True) == read(strict=False)


@pytest.mark.parametrize("zero", ["0E+9999999", "0E-20", "-0E+12"])
def test_a_zero_from_far_away_is_written_near(zero):
    assert str(OURS.validate_python(zero).copy_abs()) == "0.000000"


@pytest.mark.parametrize("mode", ["validation", "serialization"])
@pytest.mark.parametrize("bounds", [(), (Field(ge=0),), (Field(ge=0, lt=1),)])
def test_the_api_documents_it_as_pydantic_does(mode, bounds):
    ours = Annotated[Decimal, *bounds, Digits(9, 6)]
    theirs = Annotated[Decimal, *bounds, Field(max_digits=9, decimal_places=6)]
    assert TypeAdapter(ours).json_schema(mode=mode) == TypeAdapter(theirs).json_schema(mode=mode)


def test_an_amount_has_two_places():
    assert str(TypeAdapter(Amount).validate_python("12.5")) == "12.50"


def test_what_is_no_amount_is_not_written_without_a_warning():
    for mode in ("python", "json"):
        with pytest.warns(UserWarning, match="Expected `decimal`"):
            TypeAdapter(Amount).dump_python(7, mode=mode)
