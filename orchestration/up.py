"""`jovey up`: checks the ground, opens the database, starts the programs and keeps them until somebody says stop."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestration.children import run_together, stop_signals
from orchestration.choices import record_choices
from orchestration.dagster_home import dagster_home
from orchestration.programs import LOOPBACK, Ports, free_port, is_free, stages
from warehouse.log.migrate import migrate
from warehouse.postgres import open_database
from warehouse.settings import Settings

FREE_BYTES_MIN = 1024**3  # a day of a busy small company takes some 100 MB in log, lake and Dagster's memory


class CannotServe(Exception):
    """Something outside keeps Jovey from serving; the message is one sentence for its operator."""


@dataclass(frozen=True)
class Addresses:
    """Where people find what runs."""

    api: str
    staff: str
    dagster: str
    logs: Path


def up(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM, then leave no process. Raises CannotServe before anything has started."""
    console = Console(stderr=True)
    with _only_one(settings.home), stop_signals() as stopping:
        ports = chosen_ports(settings)
        refuse_full_disk(settings.home)
        with console.status("Opening the database"), open_database(settings) as database:
            migrate(database)
            record_choices(database, settings)
            environment = environment_of(settings) | dagster_home(settings, database) | ports.environment()
            workspace = settings.home.resolve() / "dagster" / "workspace.yaml"
            programs = stages(settings, environment, workspace, ports)
            addresses = _addresses(settings, ports)
            console.print("Starting", ", ".join(child.name for stage in programs for child in stage))
            run_together(programs, addresses.logs, stopping, serving=lambda: _show(addresses, console))
            console.print("Stopped.")


def chosen_ports(settings: Settings) -> Ports:
    """The ports of all that listens, free ones in place of 0. Raises CannotServe when another program has one."""
    wanted = (
        ("JOVEY_API_PORT", settings.api_host, settings.api_port),
        ("JOVEY_DAGSTER_PORT", LOOPBACK, settings.dagster_port),
        ("JOVEY_STAFF_PORT", LOOPBACK, settings.staff_port),
    )
    named, chosen = {port for *_, port in wanted}, list[int]()
    for _, host, port in wanted:
        chosen.append(port or free_port(host, but={*named, *chosen}))
    for (name, host, _), port in zip(wanted, chosen, strict=True):
        if not is_free(host, port):
            raise CannotServe(f"Port {port} is taken by another program; stop it or set {name} to another port.")
    for (name, _, _), port in zip(wanted, chosen, strict=True):
        if chosen.count(port) > 1:
            raise CannotServe(f"Two programs cannot share port {port}; set {name} to another port.")
    return Ports(*chosen)


def refuse_full_disk(home: Path) -> None:
    """Raise CannotServe when less than FREE_BYTES_MIN is free where `home` is or will be."""
    folder = home.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        needed = FREE_BYTES_MIN // 1024**2
        raise CannotServe(
            f"Only {free // 1024**2} MB are free under {folder}; Jovey needs {needed} MB. Make room first."
        )


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which another process reads the same settings, wherever it runs."""
    aliases = {name: str(one.validation_alias) for name, one in Settings.model_fields.items() if one.validation_alias}
    values = settings.model_dump(mode="json", exclude_none=True) | {"home": settings.home.resolve()}
    return {aliases.get(name, f"JOVEY_{name.upper()}"): str(value) for name, value in values.items()}


def is_up(home: Path) -> bool:
    """Whether a supervisor is serving this home."""
    try:
        with (home / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _addresses(settings: Settings, ports: Ports) -> Addresses:
    near = f"http://{settings.api_host}:{ports.api}"
    return Addresses(near, f"{near}/staff/", f"http://{LOOPBACK}:{ports.dagster}", settings.home.resolve() / "logs")


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Two supervisors of one home would run every schedule twice."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "up.lock").open("w")
    except OSError as error:
        raise CannotServe(f"The folder {home} cannot be written: {error.strerror}; set JOVEY_HOME.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotServe(f"Jovey is already up in {home.resolve()}; stop it first, or set JOVEY_HOME.") from error
        yield


def _show(addresses: Addresses, console: Console) -> None:
    table = Table(title="Jovey is up", show_header=False)
    table.add_row("Shop and API", addresses.api)
    table.add_row("API documentation", f"{addresses.api}/docs")
    table.add_row("Staff screens", addresses.staff)
    table.add_row("Dagster", addresses.dagster)
    table.add_row("Logs", str(addresses.logs))
    console.print(table)
    console.print("Ctrl-C stops everything.")
