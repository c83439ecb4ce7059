"""Asker: on whose behalf the log is read. A transaction is shown what its asker may see; without one, nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError


class Asker(Protocol):
    """Who asks, in the words of the policies (migration 0008); api.actor.Actor is one."""

    @property
    def kind(self) -> str:
        """anonymous, consumer, dealer, staff, agent or system; the system sees everything."""

    @property
    def id(self) -> UUID | None:
        """The buyer, whose own rows are shown."""

    @property
    def functions(self) -> frozenset[str]:
        """What staff work in, or an agent proposes for."""


@contextmanager
def reading(engine: Engine, asker: Asker) -> Iterator[Connection]:
    """One read-only transaction in which jovey.visible_states and jovey.visible_events hold what the asker may see.

    Who asks is said in the message that begins the transaction and ends with it: a connection that goes back to its
    pool has forgotten, and a second transaction on this connection sees nothing. It costs no round trip.
    """
    with engine.connect() as connection:
        _begin(connection, asker)
        yield connection


def _begin(connection: Connection, asker: Asker) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    said = {"kind": asker.kind, "id": str(asker.id or ""), "functions": ",".join(sorted(asker.functions))}
    words = sql.SQL("; ").join(
        [
            sql.SQL("begin read only"),
            *(sql.SQL("set local {} = {}").format(sql.Identifier("jovey", name), one) for name, one in said.items()),
        ]
    )
    try:
        answer = driver.pgconn.exec_(words.as_bytes(driver))  # psycopg then finds the transaction begun
        if answer.status != ExecStatus.COMMAND_OK:
            raise psycopg.OperationalError(answer.error_message.decode(errors="replace"))
    except psycopg.Error as error:
        raise OperationalError("begin read only", None, error) from error
