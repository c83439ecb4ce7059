"""The agents' desk at the API: every proposal and every model call goes through its doors, with an agent's token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api.agents.commands import ProposeDecision, RecordModelCall
from api.client import Client, Refused

_PAGE = 200
_NOT_FOUND, _CONFLICT = 404, 409


@dataclass(frozen=True, slots=True)
class ApiDesk:
    """A desk behind a client; what the house says no to is told, what breaks is raised."""

    client: Client

    def proposed_since(self, function: str, since: datetime) -> Iterator[tuple[UUID, str]]:
        """Decisions proposed since then with their subjects, the newest first."""
        for decision in self.client.items("/agents/decisions", function=function, limit=_PAGE):
            if datetime.fromisoformat(decision["proposed_at"]) < since:
                return
            yield UUID(decision["id"]), decision["subject"]

    def is_waiting(self, id: UUID) -> bool:
        """Whether nobody has decided on it yet."""
        return bool(self.client.get(f"/agents/decisions/{id}")["status"] == "proposed")

    def propose(self, command: ProposeDecision) -> str | None:
        """Propose; the code of the refusal when the house refuses."""
        try:
            self.client.send(ProposeDecision, key=f"propose {command.decision_id}", **command.model_dump(mode="json"))
        except Refused as refused:
            if refused.status not in {_NOT_FOUND, _CONFLICT}:
                raise
            return refused.code
        return None

    def call(self, id: UUID) -> Mapping[str, Any] | None:
        """The model call as recorded, or none."""
        try:
            found: Mapping[str, Any] = self.client.get(f"/agents/model-calls/{id}")
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None
        return found

    def record(self, command: RecordModelCall) -> None:
        """Keep a model call."""
        self.client.send(RecordModelCall, key=f"record {command.model_call_id}", **command.model_dump(mode="json"))
