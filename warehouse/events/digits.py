"""Bounds of a Decimal's digits: pydantic's own, refused in its words, but checked by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

_SHORT = Context(prec=28)
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


@dataclass(frozen=True)
class Digits:
    """At most so many digits, so many of them decimal places; `is_padded` numbers are given all of their places.

    Pydantic takes every number apart into a tuple of its digits to count them: a seventh of the time of a refold.
    Who reads strictly, as a refold does, is spared the arithmetic as well where the text tells: so no field may be an
    amount or a text, since of two kinds pydantic tries each strictly.
    Bounds of the value (`Field(ge=0, lt=1)`) stand before it, so that the API's document has them all.
    """

    max_digits: int
    decimal_places: int
    is_padded: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = handler(source)
        checked = core_schema.no_info_after_validator_function(self._checked, number)
        if number != handler.generate_schema(Decimal):  # bounds of the value: no pattern tells
            return checked
        written = core_schema.no_info_after_validator_function(Decimal, core_schema.str_schema(pattern=self._written))
        return core_schema.lax_or_strict_schema(
            lax_schema=checked,
            strict_schema=core_schema.union_schema([written, checked], mode="left_to_right"),
            serialization=core_schema.decimal_schema(),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        checked = schema.get("lax_schema", schema)
        return handler({**checked["schema"], "max_digits": self.max_digits, "decimal_places": self.decimal_places})

    @property
    def _written(self) -> str:
        """How such numbers mostly stand in the log: a pattern of what needs neither check nor padding."""
        places = self.decimal_places if self.is_padded else f"1,{self.decimal_places}"
        return rf"^-?[0-9]{{1,{self.max_digits - self.decimal_places}}}\.[0-9]{{{places}}}$"

    def _checked(self, number: Decimal) -> Decimal:
        try:
            padded = number.quantize(self._step, context=_SHORT)
        except InvalidOperation:  # more digits than the context holds
            raise self._refusal(number) from None
        if padded != number or not -self._bound < padded < self._bound:
            raise self._refusal(number)
        is_far_zero = not number and abs(number.adjusted()) > self.max_digits  # 0E+99 is no DECIMAL to DuckDB
        return padded if self.is_padded or is_far_zero else number

    @cached_property
    def _step(self) -> Decimal:
        return Decimal(1).scaleb(-self.decimal_places)

    @cached_property
    def _bound(self) -> Decimal:
        return Decimal(1).scaleb(self.max_digits - self.decimal_places)

    def _refusal(self, number: Decimal) -> PydanticKnownError:
        _, digits, exponent = number.normalize(_EXACT).as_tuple()
        assert isinstance(exponent, int), "pydantic refuses infinities before"
        count = len(digits) + exponent if exponent >= 0 else max(len(digits), -exponent)
        if count > self.max_digits:
            return PydanticKnownError("decimal_max_digits", {"max_digits": self.max_digits})
        if -exponent > self.decimal_places:
            return PydanticKnownError("decimal_max_places", {"decimal_places": self.decimal_places})
        return PydanticKnownError("decimal_whole_digits", {"whole_digits": self.max_digits - self.decimal_places})
