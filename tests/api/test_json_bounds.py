"""Bounds of JSON: what no door could store or send back is refused by the name of its field."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.json_bounds import DEPTH_MAX, FIELDS_MAX, TEXT_CHARACTERS_MAX, VALUES_MAX, WHOLE_NUMBER_MAX, first_fault

DEEP = b'{"notes": "[[{", "lines": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b'{"a": 1e400000}', "a", "finite_number"),
        (b'{"a": [0, NaN]}', "a.1", "finite_number"),
        (b'{"a": {"b": -Infinity}}', "a.b", "finite_number"),
        (b'{"a": 9007199254740992}', "a", "less_than_equal"),
        (b'{"a": -9007199254740992}', "a", "greater_than_equal"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "a", "less_than_equal"),
        (b'{"a": -' + b"9" * 5_000 + b"}", "a", "greater_than_equal"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "b.c", "repeated_field"),
        (b'{"a": "\\ud800"}', "a", "string_unicode"),
        (b'{"\\ud800": 1}', "?", "string_unicode"),
        (b'{"a": "x\\u0000"}', "a", "nul_character"),
        (b'{"\\u0000": 1}', "\ufffd", "nul_character"),
        (b'{"a": "' + b"x" * (TEXT_CHARACTERS_MAX + 1) + b'"}', "a", "string_too_long"),
        (b'{"' + b"x" * (TEXT_CHARACTERS_MAX + 1) + b'": 1}', "x" * 200, "string_too_long"),
        (json.dumps({"a": {str(n): n for n in range(FIELDS_MAX + 1)}}).encode(), "a", "too_many_fields"),
        (json.dumps([0] * VALUES_MAX).encode(), "body", "too_many_values"),
        (DEEP, "lines", "too_deep"),
        (b"[" * 10_000, "body", "too_deep"),
        (b'["a", ' + b"[" * DEPTH_MAX, "body", "too_deep"),
        (b'"\\ud800"', "body", "string_unicode"),
    ],
)
def test_a_field_out_of_bounds_is_named(body, field, code):
    found = first_fault(body)
    assert found is not None
    assert (found.field, found.code) == (field, code)
    json.dumps(found.field).encode()


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": }', b"\xff", b'{"a": "' + b"[" * 100 + b'"}', b'{"a": "\\"[{"}'])
def test_what_is_no_json_or_only_looks_deep_is_left_to_the_door(body):
    assert first_fault(body) is None


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_PLAIN = st.none() | st.booleans() | st.integers(-WHOLE_NUMBER_MAX, WHOLE_NUMBER_MAX) | _TEXTS
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(_PLAIN | _NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=30))
def test_everything_within_the_bounds_passes(value):
    assert first_fault(json.dumps(value).encode()) is None


def test_as_deep_as_the_bound_is_not_too_deep():
    assert first_fault(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX) is None
