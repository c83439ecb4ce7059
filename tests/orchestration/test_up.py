"""What `jovey up` makes sure of before it starts anything, and that all of it starts and stops."""

from __future__ import annotations

import fcntl
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.up import CannotServe, chosen_ports, environment_of, is_up, refuse_full_disk, up
from warehouse.settings import Settings


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting_before_anything_starts(home: Path, taken_port: int):
    settings = Settings(_env_file=None, home=home, api_port=taken_port, dagster_port=0)
    with pytest.raises(CannotServe, match=f"Port {taken_port} is taken .* set JOVEY_API_PORT to another port"):
        up(settings)
    assert {path.name for path in home.iterdir()} == {"up.lock"}


def test_dagsters_port_is_looked_at_too(home: Path, taken_port: int):
    with pytest.raises(CannotServe, match="set JOVEY_DAGSTER_PORT"):
        chosen_ports(Settings(_env_file=None, home=home, api_port=0, dagster_port=taken_port))


def test_one_port_cannot_serve_both(home: Path, taken_port: int):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(CannotServe, match=f"cannot share port {port}"):
        chosen_ports(Settings(_env_file=None, home=home, api_port=port, dagster_port=port))


def test_port_zero_is_any_free_one(home: Path):
    ports = chosen_ports(Settings(_env_file=None, home=home, api_port=0, dagster_port=0))
    assert len(set(ports)) == 2
    assert all(port > 0 for port in ports)


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
