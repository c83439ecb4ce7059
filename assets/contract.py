"""The contract between an agent and Claude: how lines are put before it, and what of its answer is taken."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from api.agents.commands import GuardVerdict, plain
from assets.ask import Question
from warehouse.events.agents import DecidingFunction

LINES_MAX = 25  # of one question: more cost no less and read worse (reference/agents.md, 5.6)
LINE_CHARACTERS_MAX = 4_000  # of one line of an answer: whatever is longer is no answer
RATIONALE_MAX = 240  # characters that people read
_PARTS = "\n---\n"  # between the parts of an agent's instructions
_BLANK = "-"
_MESSAGE_MAX = 300  # a number of Claude's can be as long as a line


class Line(BaseModel):
    """What every answer says of a line, whatever it is about."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    line_id: str
    stance: str
    reason: str
    evidence_ids: list[str]
    rationale: str


L = TypeVar("L", bound=Line)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing known about a line: a code and figures in words of ours; never a text of somebody outside."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it is asked about: its cells, and what is known beside them. `mark` decides its place in the table."""

    mark: str
    cells: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Contract(Generic[L]):
    """How an agent asks: the version that decisions bear, its instructions, the table's columns and the answer's line.

    Whatever changes here changes `version`; a test holds the digest of each version.
    """

    version: str
    function: DecidingFunction
    instructions: Path
    columns: tuple[str, ...]
    line: type[L]

    def schema(self) -> dict[str, Any]:
        """The shape of an answer, static, within what the API knows of JSON Schema."""
        from anthropic import transform_schema

        line = _untitled(transform_schema(self.line))
        parts = line.pop("$defs", None)
        return {
            **({"$defs": parts} if parts else {}),
            "type": "object",
            "properties": {"lines": {"type": "array", "items": line}},
            "required": ["lines"],
            "additionalProperties": False,
        }

    def digest(self) -> str:
        """A fingerprint of all that Claude is told apart from today's lines."""
        said = json.dumps([self.instructions.read_text(), self.columns, self.schema()], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def question(self, sheet: Sheet, on: date, currency: str, codes: Iterable[str] = ()) -> Question:
        """The question about a sheet of lines; `codes` say what was wrong with the answer before."""
        ids = ", ".join(sheet.ids)
        parts = [
            f"date: {on.isoformat()} | currency: {currency}",
            "|".join(("line_id", *self.columns)),
            *("|".join((id, *map(_cell, entry.cells))) for id, entry in sheet.ids.items()),
            "",
            "evidence_id|line_id|code|what",
            *(f"{id}|{line_id}|{one.code}|{_cell(one.words)}" for id, (line_id, one) in sheet.evidence.items()),
            "",
            f"Return every line exactly once: {ids}.",
        ]
        if faults := sorted(set(codes)):
            parts.append(f"Your answer before was not accepted: {', '.join(faults)}. Answer all lines anew.")
        instructions = tuple(self.instructions.read_text().split(_PARTS))
        return Question(self.function, instructions, "\n".join(parts), self.schema())

    def read(self, text: str, sheet: Sheet) -> Reading[L]:
        """What of an answer can be taken, line by line, and codes for what cannot."""
        try:
            rows = json.loads(text)["lines"]
            assert isinstance(rows, list)
        except (ValueError, KeyError, TypeError, AssertionError, RecursionError):
            return Reading({}, frozenset({"NOT_THE_SHAPE"}))
        told, codes = self._told(rows, sheet)
        copies = Counter(line.line_id for line in told)
        taken = {line.line_id: line for line in told if copies[line.line_id] == 1}
        codes |= {"DUPLICATE_LINE"} if len(taken) < len(copies) else set()
        codes |= {"MISSING_LINE"} if copies.keys() != sheet.ids.keys() else set()
        return Reading(taken, frozenset(codes))

    def _told(self, rows: Sequence[Any], sheet: Sheet) -> tuple[list[L], set[str]]:
        """The lines that are what a line is, about a line that was asked, from evidence that was given for it."""
        told: list[L] = []
        codes: set[str] = set()
        for row in rows:
            try:
                _refuse_endless(row)
                line = self.line.model_validate(_raised(row))
            except (ValidationError, ValueError):
                codes.add("NOT_A_LINE")
                continue
            if line.line_id not in sheet.ids:
                codes.add("UNKNOWN_LINE")
            elif any(sheet.line_of(id) != line.line_id for id in line.evidence_ids):
                codes.add("UNKNOWN_EVIDENCE")
            else:
                told.append(line)
        return told, codes


@dataclass(frozen=True, slots=True)
class Reading(Generic[L]):
    """The lines to work with by id, and what was wrong with the others."""

    lines: Mapping[str, L]
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Lines in the order they are shown, each with its id, and evidence by id with the line it is for."""

    ids: Mapping[str, Entry]
    evidence: Mapping[str, tuple[str, Evidence]]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Sheet:
        """Shuffled by the entries' marks: a place in the table means nothing, and the same lines are shown the same."""
        shuffled = sorted(entries, key=lambda entry: hashlib.sha256(entry.mark.encode()).digest())
        ids = {f"L{number:02}": entry for number, entry in enumerate(shuffled, start=1)}
        told = [(id, one) for id, entry in ids.items() for one in entry.evidence]
        return cls(ids, {f"e{number}": one for number, one in enumerate(told, start=1)})

    def line_of(self, evidence_id: str) -> str | None:
        """The line that a piece of evidence is for."""
        found = self.evidence.get(evidence_id)
        return None if found is None else found[0]


def said(line: Line) -> str:
    """What a line tells people, in letters that can be seen and no more of them than people read; perhaps nothing."""
    return plain(line.rationale)[:RATIONALE_MAX]


def verdict(name: str, has_passed: bool, message: str) -> GuardVerdict:  # noqa: FBT001 - a verdict is a yes or no
    """What one guard says."""
    return GuardVerdict(name=name, has_passed=has_passed, message=message[:_MESSAGE_MAX])


def _refuse_endless(row: Any) -> None:
    """Raise ValueError for a line that is too long, or that holds halves of letters that cannot be written."""
    if len(json.dumps(row, ensure_ascii=False).encode()) > LINE_CHARACTERS_MAX:
        raise ValueError("too long")


def _cell(text: str) -> str:
    """A cell of one line: what would end a cell or a row is a blank."""
    return " ".join(text.replace("|", " ").split()) or _BLANK


def _raised(row: Any) -> Any:
    """The row with its words of choice in capitals: the API does not promise how they are written."""
    if not isinstance(row, dict):
        return row
    return {name: _upper(one) if name in _CHOICES else one for name, one in row.items()}


_CHOICES = frozenset({"stance", "reason", "candidate", "service_level", "po_views"})


def _upper(told: Any) -> Any:
    if isinstance(told, list):
        return [_treated(one) for one in told]
    return told.upper() if isinstance(told, str) else told


def _treated(view: Any) -> Any:
    return {**view, "treat_as": _upper(view["treat_as"])} if isinstance(view, dict) and "treat_as" in view else view


def _untitled(schema: Any) -> Any:
    """The schema without titles, which say nothing that names do not."""
    if isinstance(schema, dict):
        return {name: _untitled(one) for name, one in schema.items() if name != "title"}
    return [_untitled(one) for one in schema] if isinstance(schema, list) else schema
