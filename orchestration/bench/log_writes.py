"""Appends a second: the database function by pgbench, beside a plain INSERT, and Jovey beside PyPI `eventsourcing`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from orchestration.bench import log_client, log_rival
from warehouse.embedded import binaries
from warehouse.postgres import Database

RIVAL = "eventsourcing[postgres]==9.5.6"
_PAYLOAD = log_client.PAYLOAD.model_dump_json().replace("{", "{{").replace("}", "}}")  # for str.format
_PROCESSES_MAX = 4  # of Python, whose threads share one core
_COLUMNS = (
    "aggregate_id, id, effective_at, version, schema_version, event_type, aggregate_type, created_by, correlation_id, "
    "causation_id, data, metadata"
)
_PLAIN = f"""\
insert into bench_plain ({_COLUMNS})
select i.s, uuidv7(), now(), g, 1, 'order.cancelled', 'order', 'bench', i.s, i.s, '{_PAYLOAD}', '{{{{}}}}'
from (select uuidv7() as s) i, generate_series(1, {{events}}) g;
"""
_PLAIN_ONE = f"""\
insert into bench_plain ({_COLUMNS})
values
  (uuidv7(), uuidv7(), now(), 1, 1, 'order.cancelled', 'order', 'bench', uuidv7(), uuidv7(), '{_PAYLOAD}', '{{{{}}}}');
"""
# constants in array[…] are folded when the statement is prepared, as a driver's parameters would be
_APPEND = """\
select jovey.append(
  array[i.s], array['order']::varchar[], array[0], array_fill(i.s, array[{events}]), array[{ordinals}]::int[],
  array[{ids}]::uuid[], array[{types}]::varchar[], array[{versions}]::smallint[],
  array_fill(now(), array[{events}]), array[{names}]::varchar[], array[{subjects}]::uuid[],
  array_fill(i.s, array[{events}]), array_fill(i.s, array[{events}]),
  array[{payloads}]::jsonb[], array[{empties}]::jsonb[]) from (select uuidv7() as s) i;
"""


def prepare(database: Database) -> None:
    """Make the plain table: the log's columns, defaults, checks, indexes and vacuuming, and no function before it."""
    kept = "autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_freeze_min_age = 0"
    with psycopg.connect(database.libpq()) as connection:
        connection.execute(f"create table bench_plain (like jovey.events including all) with ({kept})")


def plain(database: Database, clients: int, events: int, seconds: int) -> float:
    """Plain INSERTs a second."""
    script = _PLAIN_ONE if events == 1 else _PLAIN
    return _pgbench(database.libpq(), script.format(events=events), clients, seconds)


def appended(database: Database, clients: int, events: int, seconds: int) -> float:
    """Calls of jovey.append a second, without states or receipts, as the role that the API has."""
    return _pgbench(database.libpq("jovey_append"), append_script(events), clients, seconds)


def append_script(events: int) -> str:
    """A call of jovey.append for a new stream of so many events."""
    each = {
        "ids": "uuidv7()",
        "types": "'order.cancelled'",
        "versions": "1",
        "names": "'bench'",
        "subjects": "null",
        "payloads": f"'{log_client.PAYLOAD.model_dump_json()}'",
        "empties": "'{}'",
    }
    ordinals = ", ".join(str(place) for place in range(1, events + 1))
    return _APPEND.format(
        events=events, ordinals=ordinals, **{name: ", ".join([word] * events) for name, word in each.items()}
    )


def by_python(database: Database, clients: int, events: int, seconds: int) -> float:
    """Appends a second by the product's own append(), from several processes of several threads."""
    address = f"postgresql://{database.user}@/{database.name}?host={quote(database.host or '')}&port={database.port}"
    return _by_processes([sys.executable, "-m", log_client.__name__, address], clients, events, seconds)


def by_rival(python: Path, database: Database, clients: int, events: int, seconds: int) -> float:
    """The same by the rival's recorder, from the same number of processes and threads."""
    place = [database.host or "", database.port or "", database.name, database.user or ""]
    return _by_processes([str(python), str(log_rival.__file__), *place], clients, events, seconds)


@contextmanager
def rival_python() -> Iterator[Path | None]:
    """A Python of a temporary environment that has the rival; None when it cannot be had here."""
    with tempfile.TemporaryDirectory(prefix="jovey-rival-") as folder:
        python = Path(folder) / "bin" / "python"
        steps = [
            [sys.executable, "-m", "venv", folder],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RIVAL, "psycopg[binary]"],
        ]
        is_there = all(subprocess.run(step, check=False, capture_output=True).returncode == 0 for step in steps)
        yield python if is_there else None


def _pgbench(conninfo: str, script: str, clients: int, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        wanted = [f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={seconds}", "--protocol=prepared"]
        command = [str(binaries() / "pgbench"), "--no-vacuum", *wanted, f"--file={file.name}", conninfo]
        said = subprocess.run(command, check=False, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+) \(without", said.stdout)
    assert found and not said.returncode, said.stderr[-2_000:]
    return float(found[1])


def _by_processes(command: Sequence[str], clients: int, events: int, seconds: int) -> float:
    """Start the programs, let them begin together when all are warm, and add up what they print."""
    processes = min(clients, _PROCESSES_MAX)
    wanted = [str(clients // processes), str(events), str(seconds)]
    running = [
        subprocess.Popen([*command, *wanted], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", f"{command} did not start"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in running]
    assert not any(process.returncode for process in running), f"{command} failed"
    return sum(float(out) for out in said)
