"""Staff screens: how long a rerun takes while ten colleagues work on them, each over a socket as a browser speaks."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import quantiles
from uuid import UUID

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from api.actor import system
from api.auth.keys import current_key
from api.auth.sessions import open_session
from api.auth.tokens import signed
from api.rules import Rules
from assets.hot_run import refresh
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.served import serving
from orchestration.demo.plan import Plan
from orchestration.demo.story import found
from orchestration.demo.tell import tell
from orchestration.programs import LOOPBACK, free_port, program
from orchestration.up import environment_of
from warehouse import clock
from warehouse.log.asker import reading
from warehouse.log.migrate import migrate
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

COLLEAGUES, RERUNS = 10, 20
PAGES = ("", "receivables", "inventory", "decisions")
_DAYS = 120  # of the demo company's life
_P95_SECONDS_MAX = 0.5
_THINK_SECONDS = (1.0, 5.0)  # quicker than people read
_ANSWER_SECONDS_MAX, _UP_SECONDS_MAX, _STOP_SECONDS_MAX = 60.0, 60.0, 15.0
_MESSAGE_BYTES_MAX = 64 << 20


class NeverUp(Exception):
    """The screens did not come up; the message holds their last words."""


def rows(colleagues: int = COLLEAGUES, reruns: int = RERUNS, days: int = _DAYS) -> list[Figure]:
    """Seconds from asking for a rerun to its last message, on a company of its own: about 2 min in all."""
    with tempfile.TemporaryDirectory(prefix="jovey-") as folder:
        own = {"home": folder, "DATABASE_URL": None, "lake_path": None, "staff_port": free_port(LOOPBACK)}
        settings = Settings.model_validate(own)
        with open_database(settings) as database:
            migrate(database)
            token = _furnished(database, settings, days)
            with serving(settings) as api:
                port = int(api.address.rpartition(":")[2])
                with _screens(Settings.model_validate({**own, "api_port": port})) as address:
                    firsts, took = _measured(address, token, colleagues, reruns)
    first, later = (quantiles(sorted(each), n=20, method="inclusive") for each in (firsts, took))
    return [
        Figure(f"staff screens, first look at a page, p95 of {len(firsts)}", first[18], "s"),
        Figure(f"staff screens, rerun with {colleagues} colleagues, p50 of {len(took)}", later[9], "s"),
        at_most(f"staff screens, rerun with {colleagues} colleagues, p95", later[18], "s", _P95_SECONDS_MAX),
    ]


def _furnished(database: Database, settings: Settings, days: int) -> str:
    """A company with a past and its lake; answers the token of a colleague who works everywhere."""
    engine = database.engine("jovey_append", statement_timeout_s=60)
    try:
        plan = Plan(1, clock.calendar_date(clock.now(), "UTC") - timedelta(days=1), days)
        tell(engine, *found(plan), Rules(), lambda: None)
        refresh(database, settings)
        with reading(engine, system("bench")) as connection:
            row = connection.exec_driver_sql(_BOSS).one()
        with engine.begin() as connection:
            opened = open_session(connection, UUID(str(row[0])), clock.now())
            key = current_key(connection, clock.now())
    finally:
        engine.dispose()
    return signed(opened.claims, key, clock.now(), timedelta(hours=1))


@contextmanager
def _screens(settings: Settings) -> Iterator[str]:
    """The screens as `jovey up` runs them; their address."""
    command = [program("uvicorn"), "dashboards.app:create_app", "--factory", "--port", str(settings.staff_port)]
    environment = {**os.environ, **environment_of(settings)}  # noqa: TID251 - handed on, not read
    log = settings.home / "staff.log"
    with log.open("w") as words:
        running = subprocess.Popen([*command, "--no-access-log"], env=environment, stdout=words, stderr=words)
    try:
        address = f"{LOOPBACK}:{settings.staff_port}"
        until = time.monotonic() + _UP_SECONDS_MAX
        while not _is_up(address):
            if running.poll() is not None or time.monotonic() > until:
                raise NeverUp(f"The screens do not come up: {log.read_text()[-500:]}")
            time.sleep(0.1)
        yield address
    finally:
        running.terminate()
        running.wait(_STOP_SECONDS_MAX)


def _is_up(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/staff/_stcore/health").is_success
    except httpx.TransportError:
        return False


def _measured(address: str, token: str, colleagues: int, reruns: int) -> tuple[list[float], list[float]]:
    """Everybody at once, each on a page of their own; the first look apart from the reruns."""
    firsts: list[float] = []
    took: list[float] = []
    seats = [
        threading.Thread(target=_work, args=(address, token, PAGES[number % len(PAGES)], number, reruns, firsts, took))
        for number in range(colleagues)
    ]
    for seat in seats:
        seat.start()
    for seat in seats:
        seat.join()
    assert len(took) == colleagues * reruns, "a colleague's socket broke; see staff.log"
    return firsts, took


def _work(address: str, token: str, page: str, seed: int, reruns: int, firsts: list[float], took: list[float]) -> None:
    """One colleague: look, think, look again."""
    dice = random.Random(seed)  # noqa: S311 - pauses, no secret
    with connect(
        f"ws://{address}/staff/_stcore/stream",
        origin=Origin(f"http://{address}"),
        subprotocols=[Subprotocol("streamlit")],
        additional_headers={"Cookie": f"jovey_session={token}"},
        proxy=None,
        max_size=_MESSAGE_BYTES_MAX,
    ) as socket:
        script, seconds = _rerun(socket, page, "")
        firsts.append(seconds)
        for _ in range(reruns):
            time.sleep(dice.uniform(*_THINK_SECONDS))
            took.append(_rerun(socket, page, script)[1])


def _rerun(socket: ClientConnection, page: str, script: str) -> tuple[str, float]:
    """Ask for the page; answers its script's name and the seconds until it was whole."""
    asked = BackMsg()
    asked.rerun_script.page_name = page
    asked.rerun_script.page_script_hash = script
    began = time.monotonic()
    socket.send(asked.SerializeToString())
    while time.monotonic() < began + _ANSWER_SECONDS_MAX:
        said = socket.recv(timeout=_ANSWER_SECONDS_MAX)
        assert isinstance(said, bytes)
        told = ForwardMsg.FromString(said)
        if told.WhichOneof("type") == "new_session":
            script = told.new_session.page_script_hash
        if told.WhichOneof("type") == "script_finished":
            return script, time.monotonic() - began
    raise AssertionError(f"no answer in {_ANSWER_SECONDS_MAX} s")


_BOSS = """
    select aggregate_id from jovey.visible_states where aggregate_type = 'staff_member'
     order by jsonb_array_length(state -> 'function_access') desc limit 1"""
