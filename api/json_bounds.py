"""Bounds of JSON: what any body may hold at the most, so that no door meets what it cannot store or send back.

Numbers as in I-JSON (RFC 7493 §2.2): whole ones within 2^53, all of them finite. What a field means is its door's part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

DEPTH_MAX = 32  # the deepest body of any door has 6 levels
VALUES_MAX = 50_000  # of a body; 2,000 lines of a bulk order have 8,000
FIELDS_MAX = 200  # of one object
TEXT_CHARACTERS_MAX = 20_000
WHOLE_NUMBER_MAX = (1 << 53) - 1
_DIGITS_MAX = 20
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_PATH_CHARACTERS_MAX = 200


class Fault(NamedTuple):
    """What is wrong with a body: the field's path, a code and words."""

    field: str
    code: str
    message: str


class _Repeated(NamedTuple):
    """Stands where an object names a field twice."""


def first_fault(body: bytes) -> Fault | None:
    """What is out of bounds first; None for a body within them, and for one that is no JSON at all."""
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and (field := _too_deep(body)) is not None:
        return Fault(field, "too_deep", f"is nested deeper than {DEPTH_MAX} levels")
    try:
        value = json.loads(body, object_pairs_hook=_object, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
    for values, (path, one) in enumerate(_walk(value, ()), start=1):
        if values > VALUES_MAX:
            return Fault("body", "too_many_values", f"holds more than {VALUES_MAX:,} values")
        if (wrong := _wrong(one)) is not None:
            return Fault(_named(path), *wrong)
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                made[name] = _Repeated()
            seen.add(name)
    return made


def _whole(digits: str) -> int:
    """A whole number; one of absurd length is only known to be too large, which costs no time."""
    if len(digits) <= _DIGITS_MAX:
        return int(digits)
    return -WHOLE_NUMBER_MAX - 1 if digits.startswith("-") else WHOLE_NUMBER_MAX + 1


def _walk(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value with its path, a field's name before its value; as deep as DEPTH_MAX."""
    yield path, value
    if isinstance(value, dict):
        for name, one in value.items():
            if _of_text(name) is not None:
                yield (*path, name), name
            yield from _walk(one, (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _walk(one, (*path, place))


def _wrong(value: Any) -> tuple[str, str] | None:  # noqa: PLR0911 - one line a kind of value
    match value:
        case bool() | None:
            return None
        case str():
            return _of_text(value)
        case int() if value > WHOLE_NUMBER_MAX:
            return "less_than_equal", f"must be at most {WHOLE_NUMBER_MAX}"
        case int() if value < -WHOLE_NUMBER_MAX:
            return "greater_than_equal", f"must be at least {-WHOLE_NUMBER_MAX}"
        case float() if not isfinite(value):
            return "finite_number", "must be a finite number"
        case dict() if len(value) > FIELDS_MAX:
            return "too_many_fields", f"has more than {FIELDS_MAX} fields"
        case _Repeated():
            return "repeated_field", "is named twice"
        case _:
            return None


def _of_text(text: str) -> tuple[str, str] | None:
    if len(text) > TEXT_CHARACTERS_MAX:
        return "string_too_long", f"is longer than {TEXT_CHARACTERS_MAX:,} characters"
    if "\0" in text:
        return "nul_character", "holds a NUL character (U+0000)"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "string_unicode", "holds half of a surrogate pair"
    return None


def _too_deep(body: bytes) -> str | None:
    """The outermost field that is nested too deep, `body` without one; None when nothing is. Reads no further."""
    depth, field = 0, b""
    for token in _TOKEN.finditer(body):
        said = token[0]
        if said in b"[{":
            depth += 1
        elif said in b"]}":
            depth -= 1
        elif depth == 1:
            field = said
        if depth > DEPTH_MAX:
            is_object = body.lstrip()[:1] == b"{"
            return _named((field.strip(b'"').decode("utf-8", "replace"),)) if is_object and field else "body"
    return None


def _named(path: tuple[str | int, ...]) -> str:
    """A path as in the answers to other mistakes: `lines.3.sku`; safe to send back."""
    text = ".".join(map(str, path)).replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode()[:_PATH_CHARACTERS_MAX] or "body"
