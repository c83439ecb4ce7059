"""Postman: carries the outbox's letters off, beside the requests, and tries again what was not taken."""

from __future__ import annotations

import logging
import smtplib
from threading import Event, Thread
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from api.mail.outbox import MailPort, note_sent, take_due
from warehouse.clock import now

ROUND_MAX = 100  # letters in one go
_PAUSE_SECONDS = 2.0
_LOG = logging.getLogger("jovey.mail")


def deliver(engine: Engine, port: MailPort) -> int:
    """Carry off what is due; the number of letters taken. Of several postmen at once each takes other letters."""
    taken = 0
    for _ in range(ROUND_MAX):
        with engine.begin() as connection:
            posted = take_due(connection, now())
        if posted is None:
            break
        try:
            port.send(posted.id, posted.letter)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # the kind alone: what a server says of an address names it
            _LOG.warning("letter %s (%s) was not taken: %s", posted.id, posted.kind, type(error).__name__)
            continue
        with engine.begin() as connection:
            note_sent(connection, posted.id, now())
        taken += 1
    return taken


class Postman:
    """A thread that delivers while it is entered; without a port it does nothing."""

    def __init__(self, engine: Engine, port: MailPort | None) -> None:
        self._engine, self._port, self._is_over = engine, port, Event()
        self._thread = Thread(target=self._walk, name="postman", daemon=True)

    def __enter__(self) -> Self:
        if self._port is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._port is not None:
            self._thread.join()

    def _walk(self) -> None:
        assert self._port is not None
        while not self._is_over.wait(_PAUSE_SECONDS):
            try:
                deliver(self._engine, self._port)
            except OperationalError:
                _LOG.warning("the outbox cannot be reached", exc_info=True)
