"""What jobs are given: the house's lake and the agents' office, wired from the settings of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any

from api.auth.keys import current_key
from api.auth.tokens import AGENT_SCOPES, AgentClaims, signed_for_agent
from api.client import Client
from assets.desk import ApiDesk
from assets.lake import Lake
from assets.proposals import Agent
from assets.rounds import Office
from orchestration.programs import LOOPBACK
from warehouse import clock
from warehouse.lake.read import Reader
from warehouse.postgres import open_database
from warehouse.settings import Settings

TOKEN_LIFETIME = timedelta(minutes=30)  # twice what a run may take: dagster.yaml, max_runtime_seconds


def house_resources(settings: Settings) -> dict[str, Any]:
    """The resources by the names that assets, sensors and jobs ask for."""
    return {"lake": Lake.of(settings), "office": office(settings)}


def office(settings: Settings) -> Office:
    """Where agents work: they read the lake, and write through the API alone."""
    return Office(settings, KeptReader(settings), partial(open_desk, settings))


class KeptReader:
    """One reader of the lake for all that this process asks: opening one takes half a second, a question hundredths."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._stack, self._lock = settings, ExitStack(), Lock()
        self._reader: Reader | None = None

    @contextmanager
    def __call__(self) -> Iterator[Reader]:
        """The reader; after a failure the next one is opened anew."""
        try:
            yield self._opened()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Give it back."""
        with self._lock:
            self._reader = None
            self._stack.close()

    def _opened(self) -> Reader:
        with self._lock:
            if self._reader is None:
                database = self._stack.enter_context(open_database(self._settings))
                self._reader = self._stack.enter_context(Reader(database, self._settings))
            return self._reader


@contextmanager
def open_desk(settings: Settings, agent: Agent[Any]) -> Iterator[ApiDesk]:
    """An agent's desk at the API, which it enters with a token for its own function."""
    claims = AgentClaims(agent.name, frozenset({agent.contract.function}), AGENT_SCOPES)
    token = _token(settings, claims)
    host = LOOPBACK if settings.api_host == "0.0.0.0" else settings.api_host  # noqa: S104 - compared, not bound
    with Client(f"http://{host}:{settings.api_port}", token) as client:
        yield ApiDesk(client)


def _token(settings: Settings, claims: AgentClaims) -> str:
    """Signed with the key the API signs with; the database is open already while a round is made."""
    with open_database(settings) as database:
        engine = database.engine("jovey_append", pool_size=1)
        try:
            with engine.begin() as connection:
                return signed_for_agent(claims, current_key(connection, clock.now()), clock.now(), TOKEN_LIFETIME)
        finally:
            engine.dispose()
