"""A whole house to measure: `jovey up` as an operator starts it, in a home of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from orchestration.programs import LOOPBACK, free_port, program
from orchestration.up import environment_of
from warehouse.settings import Settings

_UP_SECONDS_MAX, _STOP_SECONDS_MAX = 180.0, 30.0
_LOOK_SECONDS = 0.1


class NeverUp(Exception):
    """`jovey up` ended, or did not serve in time; the message holds its last words."""


@contextmanager
def own_home() -> Iterator[Settings]:
    """Settings of a fresh home with an embedded database and free ports; the folder goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="jovey-", ignore_cleanup_errors=True) as folder:
        ports: dict[str, int] = {}
        for name in ("api_port", "dagster_port", "staff_port"):
            ports[name] = free_port(LOOPBACK, but=ports.values())
        yield Settings.model_validate({"home": folder, "DATABASE_URL": None, "lake_path": None, **ports})


@contextmanager
def served(settings: Settings) -> Iterator[psutil.Process]:
    """The supervisor, serving from here on; stopped by Ctrl-C, if it still runs. Raises NeverUp."""
    log = settings.home / "up.log"
    with log.open("w+", encoding="utf-8") as words:
        environment = {**os.environ, **environment_of(settings)}  # noqa: TID251 - handed on, not read
        serving = subprocess.Popen([program("jovey"), "up"], env=environment, stdout=words, stderr=words)
        try:
            deadline = time.monotonic() + _UP_SECONDS_MAX
            while "Jovey is up" not in (said := log.read_text(encoding="utf-8")):
                if serving.poll() is not None or time.monotonic() > deadline:
                    raise NeverUp(f"`jovey up` does not serve: {said[-500:]}")
                time.sleep(_LOOK_SECONDS)
            yield psutil.Process(serving.pid)
        finally:
            if serving.poll() is None:
                serving.send_signal(signal.SIGINT)
            serving.wait(_STOP_SECONDS_MAX)
