"""The demo's first round of the agents: the same proposals as under `jovey up`, made in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from api.actor import Actor
from api.agents.commands import ProposeDecision, RecordModelCall
from api.agents.state import MODEL_CALL
from api.command import Command
from api.handle import Request, handle
from api.reading import seen
from api.refusals import Refusal
from api.rules import Rules, rules_of
from api.writing import command_id
from assets.agent_assets import AGENTS
from assets.lake import Lake
from assets.rounds import look, work
from warehouse import clock
from warehouse.lake.read import Reader
from warehouse.log.asker import reading
from warehouse.postgres import Database
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class HouseDesk:
    """A desk in the house itself, for while no API is up; requests bear the ids that the API would give them."""

    engine: Engine
    rules: Rules
    by: Actor

    def proposed_since(self, function: str, since: datetime) -> Iterator[tuple[UUID, str]]:  # noqa: ARG002
        """None: the lake is at the head of the log."""
        return iter(())

    def is_waiting(self, id: UUID) -> bool:  # noqa: ARG002
        """What the lake shows to wait does."""
        return True

    def propose(self, command: ProposeDecision) -> str | None:
        """Propose; the code of the refusal when a rule refuses."""
        try:
            self._handle(command, f"propose {command.decision_id}")
        except Refusal as refusal:
            return refusal.code
        return None

    def call(self, id: UUID) -> Mapping[str, Any] | None:
        """The model call as recorded, or none."""
        try:
            with reading(self.engine, self.by) as connection:
                call = seen(connection, MODEL_CALL, id, self.by).state
        except Refusal:
            return None
        return {"status": call.status, "response": call.response}

    def record(self, command: RecordModelCall) -> None:
        """Keep a model call."""
        self._handle(command, f"record {command.model_call_id}")

    def _handle(self, command: Command, key: str) -> None:
        handle(self.engine, Request(command, command_id(self.by, key), self.by, clock.now()), self.rules)


def advise(settings: Settings, database: Database, engine: Engine) -> int:
    """Let each agent propose once what is due; returns how many proposals were made, and shows them in the lake."""
    count = 0
    with Reader(database, settings) as reader:
        for agent in AGENTS:
            at = clock.now()
            found = look(agent, reader, settings, at)
            if found.undecided:
                by = Actor("agent", name=agent.name, functions=frozenset({agent.contract.function}))
                desk = HouseDesk(engine, rules_of(settings), by)
                count += work(found, reader, desk, settings, at).proposed.total()
    if count:
        Lake.of(settings).refresh()
    return count
