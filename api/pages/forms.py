"""Forms: what was typed becomes a command, or words beside the fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from api.refusals import Refusal

M = TypeVar("M", bound=BaseModel)
Errors = dict[str, str]
_WORDS = {
    "missing": "Please fill this in.",
    "string_too_short": "Please fill this in.",
    "string_pattern_mismatch": "This does not look right.",
    "string_too_long": "This is too long.",
}


class Wrong(Exception):
    """What was typed cannot be taken; `errors` are sentences by field."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(errors))
        self.errors = errors


def filled(model: type[M], fields: Mapping[str, object], words: Mapping[str, str] | None = None) -> M:
    """A model of what was typed; raises Wrong. `words` say for a field what it should be like."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Wrong(_errors(error, words or {})) from error


def quantity_of(typed: str, most: int) -> int:
    """Whole pieces as typed; raises Wrong. `1,000` and `1 000` are a thousand, `1,5` is nothing that can be sent."""
    text = typed.strip().replace("\u00a0", " ")
    groups = text.replace(" ", ",").split(",")
    is_grouped = len(groups) > 1 and 1 <= len(groups[0]) <= 3 and all(len(one) == 3 for one in groups[1:])
    digits = "".join(groups) if is_grouped else text
    if digits.startswith("-"):
        raise Wrong({"quantity": "Ask for 1 piece or more."})
    if not digits.isascii() or not digits.isdigit():
        raise Wrong({"quantity": "Write the number of pieces as a whole number, such as 2."})
    if len(digits) > 9 or int(digits) > most:
        raise Wrong({"quantity": f"More than {most:,} pieces are beyond this shop; write to us."})
    return int(digits)


def typed(fields: Mapping[str, str], *names: str) -> dict[str, str | None]:
    """Those fields without the spaces around them; empty ones are none."""
    return {name: fields.get(name, "").strip() or None for name in names}


def refused(refusal: Refusal, fields: Mapping[str, str]) -> Errors:
    """A refusal as the error of the field it is about; raised again when it is about none of these."""
    if refusal.code not in fields:
        raise refusal
    return {fields[refusal.code]: refusal.message}


def _errors(error: ValidationError, words: Mapping[str, str]) -> Errors:
    found: Errors = {}
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else "form"
        is_empty = one["input"] in {None, ""} if isinstance(one["input"], str | None) else False
        said = (
            _WORDS["missing"] if is_empty else words.get(name) or _WORDS.get(one["type"], "This does not look right.")
        )
        found.setdefault(name, said)
    return found
