"""Statements that an engine sends, through SQLAlchemy or by the driver's own cursor; of many at once, of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, event

ENDS = ("begin", "commit", "rollback")


@contextmanager
def noted(engine: Engine) -> Iterator[list[str]]:
    """What is sent by connections taken meanwhile, values written in; begin, commit and rollback stand between."""
    said: list[str] = []

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            with psycopg.ClientCursor(self.connection) as client:
                said.append(client.mogrify(query, params or None).strip())
            return super().execute(query, params, **options)

        def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
            for params in params_seq:
                self.execute(query, params, **options)

    def taken(connection: psycopg.Connection, *_: Any) -> None:
        connection.cursor_factory = Noting

    def given_back(connection: psycopg.Connection | None, *_: Any) -> None:
        if connection is not None:  # it was not lost
            connection.cursor_factory = psycopg.Cursor

    def spoken(word: str) -> Callable[..., None]:
        return lambda *_: said.append(word)

    heard: list[tuple[Any, str, Callable[..., None]]] = [(engine, word, spoken(word)) for word in ENDS]
    heard += [(engine.pool, "checkout", taken), (engine.pool, "checkin", given_back)]
    for source, name, listener in heard:
        event.listen(source, name, listener)
    try:
        yield said
    finally:
        for source, name, listener in heard:
            event.remove(source, name, listener)
