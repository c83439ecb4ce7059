"""Programs run together: in order, watched, and gone without a trace however it ends. Real processes throughout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestration.children import Child, ChildEnded, Limits, run_together

QUICK = Limits(start_seconds_max=20, stop_seconds_max=1, restarts_max=2, restart_pause_seconds=0.01)

# notes its process and, when told, a grandchild's; says it is ready; does as its second argument says
PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
notes, conduct = Path(sys.argv[1]), sys.argv[2]
name = sys.argv[3]
if "stubborn" in conduct:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with (notes / "pids").open("a") as pids:
    pids.write(f"{os.getpid()}\\n")
    if "parent" in conduct:
        pids.write(f"{subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid}\\n")
with (notes / "starts").open("a") as starts:
    starts.write(f"{name} saw {sorted(path.stem for path in notes.glob('*.ready'))}\\n")
print(f"{name} speaks", flush=True)
if "ends" in conduct or ("once" in conduct and (notes / f"{name}.ready").exists()):
    sys.exit(7)
if "never" not in conduct:
    (notes / f"{name}.ready").touch()
time.sleep(600)
"""

SUPERVISOR = """
import sys
from pathlib import Path
from orchestration.children import Child, Limits, run_together, stop_signals
notes, program = Path(sys.argv[1]), sys.argv[2]
command = [sys.executable, "-c", program, str(notes), "parent", "worker"]
with stop_signals() as stopping:
    child = Child("worker", command, (notes / "worker.ready").exists)
    run_together([[child]], notes / "logs", stopping, serving=(notes / "up").touch)
print("stopped in order")
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def child(notes: Path) -> Callable[..., Child]:
    """A program that notes what it sees in `notes`; `conduct` holds words it acts on."""

    def named(name: str, conduct: str = "") -> Child:
        command = [sys.executable, "-c", PROGRAM, str(notes), conduct or "works", name]
        return Child(name, command, (notes / f"{name}.ready").exists)

    return named


def living(notes: Path) -> list[int]:
    """The noted processes that still run."""
    pids = map(int, (notes / "pids").read_text().split()) if (notes / "pids").exists() else []
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def starts(notes: Path) -> list[str]:
    return (notes / "starts").read_text().splitlines()


def test_a_stage_starts_when_the_one_before_is_ready(notes: Path, child: Callable[..., Child]):
    stopping = threading.Event()
    stages = [[child("server")], [child("reader")], [child("watcher")]]
    run_together(stages, notes / "logs", stopping, serving=stopping.set, limits=QUICK)
    assert starts(notes) == [
        "server saw []",
        "reader saw ['server']",
        "watcher saw ['reader', 'server']",
    ]


def test_stopping_leaves_no_process_not_even_a_stubborn_one_or_a_grandchild(notes: Path, child: Callable[..., Child]):
    stopping = threading.Event()
    seen = []

    def serving() -> None:
        seen.extend(living(notes))
        stopping.set()

    began = time.monotonic()
    stages = [[child("parent", "parent"), child("stubborn", "stubborn parent")]]
    run_together(stages, notes / "logs", stopping, serving=serving, limits=QUICK)
    assert len(seen) == 4
    assert living(notes) == []
    assert time.monotonic() - began < 10


def test_what_a_program_says_is_in_its_log(notes: Path, child: Callable[..., Child]):
    stopping = threading.Event()
    run_together([[child("server")]], notes / "logs", stopping, serving=stopping.set, limits=QUICK)
    assert (notes / "logs" / "server.log").read_text() == "server speaks\n"


def test_a_program_that_falls_over_is_started_again(notes: Path, child: Callable[..., Child], eventually):
    stopping = threading.Event()

    def stop_after_the_second_start() -> None:
        eventually(lambda: len(starts(notes)) == 2)
        stopping.set()

    def fell() -> None:
        os.kill(living(notes)[0], signal.SIGKILL)
        witness.start()

    witness = threading.Thread(target=stop_after_the_second_start)
    run_together([[child("server")]], notes / "logs", stopping, serving=fell, limits=QUICK)
    witness.join()
    assert len(starts(notes)) == 2
    assert living(notes) == []


def test_a_program_that_keeps_falling_over_stops_everything(notes: Path, child: Callable[..., Child]):
    def fell() -> None:
        os.kill(living(notes)[0], signal.SIGKILL)

    stages = [[child("fragile", "once parent")], [child("steady")]]
    with pytest.raises(
        ChildEnded, match=r"fragile ended 3 times in a row\. Its last words, from (?s:.*)fragile speaks"
    ):
        run_together(stages, notes / "logs", threading.Event(), serving=fell, limits=QUICK)
    assert [start.partition(" ")[0] for start in starts(notes)] == ["fragile", "steady", "fragile", "fragile"]
    assert living(notes) == []


def test_a_program_that_cannot_start_takes_down_what_has_started(notes: Path, child: Callable[..., Child]):
    with pytest.raises(ChildEnded, match=r"broken did not start\. Its last words, from (?s:.*)broken speaks"):
        run_together([[child("server", "parent")], [child("broken", "ends")]], notes / "logs", threading.Event())
    assert len(starts(notes)) == 2
    assert living(notes) == []


def test_a_program_that_does_not_exist_takes_down_what_has_started(notes: Path, child: Callable[..., Child]):
    missing = Child("missing", ["/nowhere/missing"], lambda: True)
    with pytest.raises(FileNotFoundError):
        run_together([[child("server"), missing]], notes / "logs", threading.Event(), limits=QUICK)
    assert living(notes) == []


def test_a_program_that_is_never_ready_is_named_and_stopped(notes: Path, child: Callable[..., Child]):
    impatient = Limits(start_seconds_max=1.5, stop_seconds_max=1)
    with pytest.raises(ChildEnded, match=r"sleeper was not ready within 1\.5 s"):
        run_together([[child("sleeper", "never")]], notes / "logs", threading.Event(), limits=impatient)
    assert living(notes) == []


def test_being_asked_to_stop_while_starting_is_heard(notes: Path, child: Callable[..., Child]):
    stopping = threading.Event()
    stopping.set()
    announced = []
    run_together([[child("server", "never")]], notes / "logs", stopping, serving=lambda: announced.append(1))
    assert announced == []
    assert living(notes) == []


@pytest.fixture
def supervisor(notes: Path, eventually: Callable[..., None]):
    """A whole supervisor in a process of its own, serving."""
    command = [sys.executable, "-c", SUPERVISOR, str(notes), PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        eventually((notes / "up").exists)
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_and_a_polite_kill_stop_everything_in_order(
    notes: Path, supervisor: subprocess.Popen[str], asked: signal.Signals
):
    assert len(living(notes)) == 2
    os.kill(supervisor.pid, asked)
    output, errors = supervisor.communicate(timeout=10)
    assert (output, errors, supervisor.returncode) == ("stopped in order\n", "", 0)
    assert living(notes) == []


def test_killing_the_supervisor_kills_its_programs_and_their_children(
    notes: Path, supervisor: subprocess.Popen[str], eventually
):
    assert len(living(notes)) == 2
    supervisor.kill()
    eventually(lambda: living(notes) == [])
