"""The journal of seals: a file outside the database that remembers every seal made, so that none can be taken back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

from warehouse.log.seal import Seal
from warehouse.settings import Settings


class JournalAhead(Exception):
    """The journal knows a seal that the log does not have, or has otherwise; the message says which and what to do."""


class JournalUnreadable(Exception):
    """A line of the journal is no seal; the message says which."""


def journal_file(settings: Settings) -> Path:
    """Where this installation remembers its seals; a copy on another machine is worth more."""
    return settings.home / "seals.jsonl"


def remembered(journal: Path) -> list[Seal]:
    """The seals written down, first one first. A last line that was cut off by a crash does not count.

    Raises JournalUnreadable.
    """
    try:
        written = journal.read_bytes()
    except FileNotFoundError:
        return []
    lines = written[: written.rfind(b"\n") + 1].splitlines()
    return [_seal(line, f"line {number} of {journal}") for number, line in enumerate(lines, 1)]


def extend(journal: Path, seals: Sequence[Seal]) -> None:
    """Append seals, durably."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        for one in seals:
            said = {"statement": one.statement.decode(), "signature": one.signature.hex()}
            file.write(json.dumps(said).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def follow(journal: Path, stored: Iterable[Seal]) -> None:
    """Bring the journal up to the log's seals; raises JournalAhead when it is no beginning of them."""
    known, missing = remembered(journal), []
    for written, found in zip_longest(known, stored):
        if written is None:
            missing.append(found)
        elif found != written:
            raise JournalAhead(
                f"{journal} remembers seal {written.number} of {written.sealed_at:%Y-%m-%d %H:%M}, which the log "
                f"{'has otherwise' if found else 'does not have'}. If a backup was restored on purpose, or this "
                "home served another database, move that file away; if not, somebody took seals away: jovey verify."
            )
    if missing:
        extend(journal, missing)


def _seal(line: bytes, place: str) -> Seal:
    try:
        return Seal.parse(**json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise JournalUnreadable(f"In {place} stands no seal: restore the file from a copy, or move it away.") from error
