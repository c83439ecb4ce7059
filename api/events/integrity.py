"""Examiner: looks in the background whether the house still agrees with its log, and says how far it has come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Condition, Event, Thread
from typing import Literal

from sqlalchemy import Connection, Engine

from warehouse.clock import now

LIFETIME_SECONDS = 30.0  # of a report: who asks within it is shown the same
PATIENCE_SECONDS = 2.0  # an asker waits as long for the end; small logs are done by then
FAULTS_MAX = 20  # of one check that are told; it then ends
_WORK_SECONDS, _REST_SECONDS = 0.01, 0.01  # it shares its process with those who serve
_LOG = logging.getLogger("jovey.integrity")

State = Literal["waiting", "running", "sound", "unsound", "absent", "failed"]
"""`absent`: there is nothing to look at, such as a lake that no run has written."""
Look = Callable[[Connection], Iterator[int | str]]
"""Yields how many more things were found right, and words for each that was not. Raises Absent."""


class Absent(Exception):
    """There is nothing to look at; the message says why and what to do."""


class _Closed(Exception):
    """The house closes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so, in words, and how to look."""

    name: str
    about: str
    look: Look


@dataclass(frozen=True, slots=True)
class Finding:
    """How far a check has come, and what it found."""

    name: str
    about: str
    state: State = "waiting"
    looked_at: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One examination, each check with its finding."""

    began_at: datetime
    ended_at: datetime | None
    findings: tuple[Finding, ...]


class Examiner:
    """One examination at a time, in a thread of its own; nothing is looked at until somebody asks."""

    def __init__(self, engine: Callable[[], Engine], checks: Sequence[Check]) -> None:
        self._engine, self._checks = engine, checks
        self._report: Report | None = None
        self._changed = Condition()
        self._closed = Event()
        self._thread: Thread | None = None

    def report(self, patience_seconds: float = PATIENCE_SECONDS) -> Report:
        """The present examination; a new one where the last is too old. Waits a while for its end."""
        with self._changed:
            if self._is_due():
                self._report = Report(now(), None, tuple(Finding(one.name, one.about) for one in self._checks))
                self._thread = Thread(target=self._examine, name="integrity", daemon=True)
                self._thread.start()
            self._changed.wait_for(lambda: self._report is None or self._report.ended_at, patience_seconds)
            assert self._report is not None
            return self._report

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _is_due(self) -> bool:
        last = self._report
        return last is None or (
            last.ended_at is not None and (now() - last.ended_at).total_seconds() > LIFETIME_SECONDS
        )

    def _examine(self) -> None:
        engine = self._engine()
        try:
            for place, check in enumerate(self._checks):
                self._tell(place, self._found(engine, place, check))
        except _Closed:
            _LOG.info("the house closes, its examination ends")
        finally:
            engine.dispose()
            with self._changed:
                assert self._report is not None
                self._report = replace(self._report, ended_at=now())
                self._changed.notify_all()

    def _found(self, engine: Engine, place: int, check: Check) -> Finding:
        finding = Finding(check.name, check.about, "running")
        self._tell(place, finding)
        try:
            with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                for grown in self._paced(place, finding, check.look(connection)):
                    finding = grown
                    if len(grown.faults) >= FAULTS_MAX:
                        break
        except Absent as absent:
            return replace(finding, state="absent", faults=(str(absent),))
        except _Closed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever breaks a check is told, and the others go on
            _LOG.exception("the check of %s broke", check.name)
            return replace(finding, state="failed", faults=(f"{type(error).__name__}: it could not be looked at.",))
        return replace(finding, state="unsound" if finding.faults else "sound")

    def _paced(self, place: int, finding: Finding, looks: Iterator[int | str]) -> Iterator[Finding]:
        """The finding as it grows, with a rest after every stretch of work."""
        since = time.monotonic()
        for look in looks:
            if isinstance(look, str):
                finding = replace(finding, looked_at=finding.looked_at + 1, faults=(*finding.faults, look))
            else:
                finding = replace(finding, looked_at=finding.looked_at + look)
            yield finding
            if time.monotonic() - since > _WORK_SECONDS:
                self._tell(place, finding)
                if self._closed.wait(_REST_SECONDS):
                    raise _Closed
                since = time.monotonic()

    def _tell(self, place: int, finding: Finding) -> None:
        with self._changed:
            assert self._report is not None
            known = self._report.findings
            self._report = replace(self._report, findings=(*known[:place], finding, *known[place + 1 :]))
