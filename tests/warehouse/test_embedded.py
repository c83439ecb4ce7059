"""The server in a wheel: private, shared, stopped by its last user, and safe against being killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from warehouse import embedded

# holds the server until its standard input ends
USER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import embedded
with embedded.serving(Path(sys.argv[1]), durable=False) as sockets:
    print(sockets, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "pg"


@pytest.fixture
def other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server, once it has said that the server runs."""
    command = [sys.executable, "-c", USER, str(folder), str(Path(embedded.__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        yield process
        if process.poll() is None:
            process.kill()


def connect(sockets: Path, **more: object) -> psycopg.Connection:
    return psycopg.connect(host=str(sockets), port=embedded.PORT, user=embedded.SUPERUSER, dbname="postgres", **more)


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_only_its_owner_reaches_the_socket_and_no_port_is_opened(folder: Path):
    with embedded.serving(folder, durable=False) as sockets:
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with connect(sockets) as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("",)


def test_the_server_is_tuned_and_speaks_utc(folder: Path):
    names = ("synchronous_commit", "fsync", "max_connections", "jit", "TimeZone")
    with embedded.serving(folder) as sockets, connect(sockets) as connection:
        said = [connection.execute("select current_setting(%s)", [name]).fetchone()[0] for name in names]
    assert said == ["on", "on", "200", "off", "UTC"]


def test_the_last_user_stops_the_server(folder: Path):
    with embedded.serving(folder, durable=False):
        with embedded.serving(folder, durable=False):
            assert embedded.is_running(folder)
        assert embedded.is_running(folder)
    assert not embedded.is_running(folder)


def test_what_was_committed_is_there_at_the_next_start(folder: Path):
    with embedded.serving(folder) as sockets, connect(sockets) as connection:
        connection.execute("create table kept as select 42 as answer")
    with embedded.serving(folder) as sockets, connect(sockets) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def test_processes_share_one_server_and_the_first_may_leave_first(folder: Path, other_process: subprocess.Popen[str]):
    with embedded.serving(folder, durable=False) as sockets, connect(sockets) as connection:
        other_process.communicate("")
        assert connection.execute("select 1").fetchone() == (1,)
    assert not embedded.is_running(folder)


def test_a_killed_last_user_leaves_no_server_behind(folder: Path, other_process: subprocess.Popen[str], eventually):
    other_process.kill()
    eventually(lambda: not embedded.is_running(folder))


def test_a_killed_user_takes_no_server_from_the_others(folder: Path, other_process: subprocess.Popen[str]):
    with embedded.serving(folder, durable=False) as sockets:
        other_process.kill()
        other_process.wait()
        with connect(sockets) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_a_crashed_server_recovers_what_was_committed(folder: Path, eventually):
    with embedded.serving(folder) as sockets:
        with connect(sockets, autocommit=True) as connection:
            connection.execute("create table kept as select 42 as answer")
        crashed = postmaster(folder)
        os.kill(crashed, signal.SIGKILL)
        eventually(lambda: not embedded._is_postgres(crashed))
    with embedded.serving(folder) as sockets, connect(sockets) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def test_a_folder_too_deep_for_a_socket_gets_a_private_one_elsewhere(home: Path):
    deep = home / ("deep" * 30) / "pg"
    with embedded.serving(deep, durable=False) as sockets:
        assert len(str(sockets)) < 40
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        with connect(sockets) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    sockets.rmdir()


def test_a_foreign_folder_in_the_sockets_place_is_refused(home: Path):
    deep = home / ("deep" * 30) / "pg"
    with embedded.serving(deep, durable=False) as sockets:
        pass
    sockets.rmdir()
    trap = home / "trap"
    trap.mkdir()
    sockets.symlink_to(trap)
    with pytest.raises(embedded.ServerFailed, match="belongs to someone else"), embedded.serving(deep, durable=False):
        pass
    sockets.unlink()


def test_a_first_start_that_was_killed_half_way_is_begun_anew(folder: Path):
    (folder / "data.new" / "base").mkdir(parents=True)
    with embedded.serving(folder, durable=False):
        assert not (folder / "data.new").exists()


def test_a_pid_that_another_program_bears_now_does_not_keep_the_server_down(folder: Path):
    with embedded.serving(folder, durable=False):
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    stale = [str(os.getpid()), *lines[1:]]
    (folder / "data" / "postmaster.pid").write_text("\n".join(stale) + "\n")
    with embedded.serving(folder, durable=False):
        assert postmaster(folder) != os.getpid()


def test_a_cluster_of_another_version_is_named_and_left_alone(folder: Path):
    with embedded.serving(folder, durable=False):
        pass
    (folder / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(embedded.ServerFailed, match="made by PostgreSQL 14"), embedded.serving(folder, durable=False):
        pass


def test_a_full_disk_is_said_before_anything_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch):
    full = shutil._ntuple_diskusage(10**9, 10**9, 3 * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    with pytest.raises(embedded.ServerFailed, match="Only 3 MB are free"), embedded.serving(folder):
        pass
    assert not (folder / "data").exists()


def test_a_home_that_cannot_be_made_is_one_sentence(home: Path):
    (home / "file").write_text("")
    with pytest.raises(embedded.ServerFailed, match="cannot be made"), embedded.serving(home / "file" / "pg"):
        pass


def test_settings_that_postgres_refuses_come_back_in_its_own_words(folder: Path):
    with embedded.serving(folder, durable=False):
        pass
    (folder / "data" / "postgresql.auto.conf").write_text("max_connections = many\n")
    with pytest.raises(embedded.ServerFailed, match=r"did not start: .*configuration file"), embedded.serving(folder):
        pass
    assert not embedded.is_running(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else; everybody else runs this way always")
def test_an_ordinary_user_serves_without_any_account_being_made(home: Path):
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    command = [_python_for(who), "-c", USER, str(home / "pg"), str(Path(embedded.__file__).parent)]
    packages = {"PYTHONPATH": ":".join(path for path in sys.path if path.endswith("site-packages"))}
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, input="", check=False, env=packages, **who)
    assert done.stdout == f"{home}/pg/socket\n", done.stderr
    assert (home / "pg" / "data").stat().st_uid == nobody.pw_uid


def _python_for(who: dict[str, object]) -> str:
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run([python, "-c", "import json"], cwd="/", env={}, capture_output=True, check=True, **who)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("no Python here that the account nobody may run")
