"""Who speaks for the file: every command gets the import's name, its instant, and an id that says it only once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from api.actor import system
from api.command import Command
from api.handle import Request
from orchestration.imports.invoices import id_at

IMPORTER = system("import")


@dataclass(frozen=True, slots=True)
class Clerk:
    """Writes requests. The file's clock is the company's: `zone` is that of its calendar."""

    zone: ZoneInfo

    def asks(self, at: datetime, command: Command, *names: str | int) -> Request:
        """The request of `command` at the file's instant `at`; `names` tell it from the others of that instant."""
        return Request(command, id_at(at, type(command).__name__, *names), IMPORTER, self.instant(at))

    def instant(self, at: datetime) -> datetime:
        """The file's instant in UTC."""
        return at.replace(tzinfo=self.zone).astimezone(UTC)
