"""Refusal: the business saying no, with a stable code that callers may rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["conflict", "not_found", "forbidden", "moved"]
"""`moved`: the thing is no longer at the version the caller named."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `field` is the path in the request: `lines.3.quantity`."""

    field: str
    code: str
    message: str


class Refusal(Exception):
    """A rule said no. `message` names what, which one and what to do; `faults` name the lines or fields, if several."""

    def __init__(self, code: str, message: str, *, kind: Kind = "conflict", faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.kind = kind
        self.faults = faults


class Unauthenticated(Exception):
    """The caller is not known; `code` and message say what is missing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def not_found(what: str, which: object) -> Refusal:
    """The refusal for a thing that does not exist, or not for this caller."""
    return Refusal(f"{what.replace(' ', '_')}_not_found", f"There is no {what} {which}.", kind="not_found")
