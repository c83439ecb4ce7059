"""What `jovey up` makes sure of before it starts anything, and that all of it starts and stops."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestration.up import CannotServe, chosen_ports, environment_of, is_up, refuse_full_disk, up
from warehouse.settings import Settings

pytestmark = pytest.mark.whole


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting_before_anything_starts(home: Path, taken_port: int):
    settings = Settings(_env_file=None, home=home, api_port=taken_port, dagster_port=0, staff_port=0)
    with pytest.raises(CannotServe, match=f"Port {taken_port} is taken .* set JOVEY_API_PORT to another port"):
        up(settings)
    assert {path.name for path in home.iterdir()} == {"up.lock"}


def test_dagsters_port_is_looked_at_too(home: Path, taken_port: int):
    with pytest.raises(CannotServe, match="set JOVEY_DAGSTER_PORT"):
        chosen_ports(Settings(_env_file=None, home=home, api_port=0, dagster_port=taken_port, staff_port=0))


def test_one_port_cannot_serve_both(home: Path, taken_port: int):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(CannotServe, match=f"cannot share port {port}; set JOVEY_API_PORT"):
        chosen_ports(Settings(_env_file=None, home=home, api_port=port, dagster_port=port, staff_port=0))


def test_port_zero_is_any_free_one(home: Path):
    ports = chosen_ports(Settings(_env_file=None, home=home, api_port=0, dagster_port=0, staff_port=0))
    chosen = {ports.api, ports.dagster, ports.staff}
    assert len(chosen) == 3
    assert min(chosen) > 0
    assert ports.environment() == {
        "JOVEY_API_PORT": str(ports.api),
        "JOVEY_DAGSTER_PORT": str(ports.dagster),
        "JOVEY_STAFF_PORT": str(ports.staff),
    }


def test_a_full_disk_is_said_before_anything_starts(home: Path, monkeypatch: pytest.MonkeyPatch):
    full = shutil._ntuple_diskusage(10**9, 10**9, 5 * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    with pytest.raises(CannotServe, match="Only 5 MB are free"):
        refuse_full_disk(home / "not" / "yet" / "made")


def test_two_supervisors_of_one_home_are_one_too_many(home: Path):
    assert not is_up(home)
    with (home / "up.lock").open("w") as lock:
        assert not is_up(home)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_up(home)
        with pytest.raises(CannotServe, match="already up in"):
            up(Settings(_env_file=None, home=home))


def test_a_home_that_cannot_be_written_is_said(home: Path):
    (home / "file").write_text("")
    with pytest.raises(CannotServe, match=r"cannot be written: .*; set JOVEY_HOME"):
        up(Settings(_env_file=None, home=home / "file" / "below"))


def test_another_process_reads_the_same_settings(home: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = Settings(
        _env_file=None, home=home, company="Pumps & Söhne", tax_rate="0.19", DATABASE_URL="postgresql:///x"
    )
    for name, value in environment_of(chosen).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == chosen


def in_home(home: Path) -> list[str]:
    """The processes of this home, by their command line or environment; zombies are none."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status", "environ"]):
        words = [*(process.info["cmdline"] or []), (process.info["environ"] or {}).get("JOVEY_HOME", "")]
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(home) in word for word in words):
            found.append(" ".join(process.info["cmdline"] or []))
    return found


def status(address: str) -> int:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.status


@pytest.mark.timeout(300)  # four programs start on a machine that runs other tests beside
def test_everything_starts_answers_and_is_gone_after_ctrl_c(home: Path, eventually: Callable[..., None]):
    ports = {"JOVEY_API_PORT": "0", "JOVEY_DAGSTER_PORT": "0", "JOVEY_STAFF_PORT": "0"}
    said = home / "said"
    with said.open("w") as output:
        command = [str(Path(sys.executable).parent / "jovey"), "up"]
        environment = {**os.environ, **ports, "JOVEY_HOME": str(home / "jovey"), "COLUMNS": "200"}
        process = subprocess.Popen(command, env=environment, cwd=home, stderr=output, stdout=output)
    try:
        eventually(lambda: "Ctrl-C stops" in said.read_text() or process.poll() is not None, seconds=200)
        assert process.poll() is None, said.read_text()
        api, dagster = re.findall(r"\s(http://[\d.:]+)\s", said.read_text())
        assert status(f"{api}/health/ready") == 200
        assert status(f"{dagster}/server_info") == 200
        assert status(f"{api}/staff/_stcore/health") == 200  # the screens, through the API's door
        assert is_up(home / "jovey")
    finally:
        asked_at = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert process.returncode == 0, said.read_text()
    assert time.monotonic() - asked_at < 10
    assert in_home(home) == []
