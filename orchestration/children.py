"""Runs programs together: starts them in order, restarts what falls over, and leaves none behind.

Each program leads a process group of its own. A sentinel process, told of every group, ends them all when this one is
killed: it waits for the end of a pipe, which the kernel closes for the dead.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

import psutil

_LOG_BYTES_MAX, _LOGS_KEPT = 10 * 1024**2, 3
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # for terminals; Dagster writes them into pipes too
_LAST_WORDS_LINES = 5
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Child:
    """A program to run: `name` names its log file, `is_healthy` says if it serves yet, or raises if it never will."""

    name: str
    command: Sequence[str]
    is_healthy: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """How long to wait and how often to try again; the defaults are for people, tests have their own."""

    start_seconds_max: float = 120  # a first start compiles everything on a slow disk
    stop_seconds_max: float = 5  # then SIGKILL; with the database, all is over within 10 s
    restarts_max: int = 5  # in a row: a program that ran `steady_seconds` begins anew
    restart_pause_seconds: float = 1  # doubles with every restart
    steady_seconds: float = 60


class ChildEnded(Exception):
    """A program would not start, or ended too often; the message names it, its log and its last words."""


def run_together(
    stages: Sequence[Sequence[Child]],
    logs: Path,
    stopping: threading.Event,
    *,
    serving: Callable[[], None] = lambda: None,
    limits: Limits | None = None,
) -> None:
    """Start each stage when the one before is healthy, call `serving`, and watch until `stopping` is set.

    Whatever ends it, every process of every program is gone afterwards. Raises ChildEnded.
    """
    limits = limits or Limits()
    logs.mkdir(parents=True, exist_ok=True)
    programs: list[_Program] = []
    with _sentinel() as tell:
        try:
            for stage in stages:
                for child in stage:
                    # one by one, so that what runs is stopped when the next cannot start
                    programs.append(_Program(child, logs, tell))  # noqa: PERF401
                _wait_until_healthy(programs[-len(stage) :], programs, stopping, limits)
            if not stopping.is_set():
                serving()
            while not stopping.wait(_POLL_SECONDS):
                for program in programs:
                    program.restart_if_ended(limits)
        finally:
            _stop(programs, limits)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; the former handlers come back afterwards."""
    stopping = threading.Event()
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {kind: signal.signal(kind, lambda *_: stopping.set()) for kind in kinds}
    try:
        yield stopping
    finally:
        for kind, handler in former.items():
            signal.signal(kind, handler)


def end_groups(groups: set[int], seconds_max: float) -> None:
    """SIGTERM every process group, then SIGKILL what still lives after `seconds_max`."""
    deadline = time.monotonic() + seconds_max
    _signal(groups, signal.SIGTERM)
    while (left := _living(groups)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    _signal(left, signal.SIGKILL)


# --- one program ---


class _Program:
    """A child's present process; it changes with every restart."""

    def __init__(self, child: Child, logs: Path, tell: Callable[[str], None]) -> None:
        self.child, self.log, self._tell = child, logs / f"{child.name}.log", tell
        self._failures = 0
        self._restart_at: float | None = None
        self._start()

    def _start(self) -> None:
        self._restart_at = None
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            list(self.child.command),
            # handed on, not read: what programs look at themselves (PATH, TZ, certificates) stays as it is
            env={**os.environ, **self.child.environment},  # noqa: TID251
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._tell(f"+{self.process.pid}")
        assert self.process.stdout is not None
        self._writer = threading.Thread(target=_write_log, args=(self.process.stdout, self.log), daemon=True)
        self._writer.start()

    def restart_if_ended(self, limits: Limits) -> None:
        status = self.process.poll()
        if status is None:
            return
        if self._restart_at is None:
            self._bury(limits)
            ran = time.monotonic() - self._started_at
            self._failures = 1 if ran >= limits.steady_seconds else self._failures + 1
            if self._failures > limits.restarts_max:
                raise ChildEnded(f"{self.child.name} ended {self._failures} times in a row. {self.last_words()}")
            self._restart_at = time.monotonic() + limits.restart_pause_seconds * 2 ** (self._failures - 1)
        elif time.monotonic() >= self._restart_at:
            self._start()

    def _bury(self, limits: Limits) -> None:
        """End what the process left in its group, and finish its log."""
        end_groups({self.process.pid}, limits.stop_seconds_max)
        self.finish()

    def finish(self) -> None:
        self.process.wait()
        self._tell(f"-{self.process.pid}")
        self._writer.join(timeout=1)
        if self.process.stdout:
            self.process.stdout.close()

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        words = "\n".join(lines[-_LAST_WORDS_LINES:]) or "(nothing)"
        return f"Its last words, from {self.log}:\n{words}"


def _write_log(output: IO[bytes], path: Path) -> None:
    log = RotatingFileHandler(path, maxBytes=_LOG_BYTES_MAX, backupCount=_LOGS_KEPT, encoding="utf-8")
    with suppress(ValueError):  # closed under our feet while stopping
        for line in output:
            text = _COLOURS.sub("", line.decode(errors="replace")).rstrip("\n")
            log.emit(logging.makeLogRecord({"msg": text}))
    log.close()


# --- all of them ---


def _wait_until_healthy(
    started: list[_Program], programs: list[_Program], stopping: threading.Event, limits: Limits
) -> None:
    waiting = list(started)
    deadline = time.monotonic() + limits.start_seconds_max
    while waiting and not stopping.wait(_POLL_SECONDS):
        for program in programs:
            if program.process.poll() is not None:
                program.finish()
                raise ChildEnded(f"{program.child.name} did not start. {program.last_words()}")
        waiting = [program for program in waiting if not program.child.is_healthy()]
        if waiting and time.monotonic() > deadline:
            late = waiting[0]
            seconds = f"{limits.start_seconds_max:g}"
            raise ChildEnded(f"{late.child.name} was not ready within {seconds} s. {late.last_words()}")


def _stop(programs: list[_Program], limits: Limits) -> None:
    end_groups({program.process.pid for program in programs}, limits.stop_seconds_max)
    for program in programs:
        program.finish()


def _living(groups: set[int]) -> set[int]:
    """The groups that still have a process; zombies, which nobody may have reaped, are no processes."""
    found = set()
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError, psutil.Error):
            group = os.getpgid(process.pid)
            if group in groups and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.add(group)
    return found


def _signal(groups: set[int], kind: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, kind)


# --- the sentinel ---


@contextmanager
def _sentinel() -> Iterator[Callable[[str], None]]:
    """Start the sentinel and yield how to tell it: "+7" a group began, "-7" it ended."""
    command = [sys.executable, "-P", __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, text=True, bufsize=1) as process:
        pipe = process.stdin
        assert pipe is not None

        def tell(line: str) -> None:
            with suppress(BrokenPipeError):
                pipe.write(f"{line}\n")

        yield tell


def _stand_sentinel() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end_groups(groups, Limits().stop_seconds_max)


if __name__ == "__main__":
    _stand_sentinel()
