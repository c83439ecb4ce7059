"""Every order in which three transactions can append, commit and roll back, and every place for a reader's cuts.

A scheduler drives three real connections step by step, so a schedule is the same at every run. After every step a cut
is taken, and the batch between it and every earlier cut is compared with what was committed in between, once for each
beginning that schedules share; so whichever of these cuts a reader stops at, no event is skipped, told twice, torn from
its transaction or told before its stream's earlier ones. Readers that other stores shipped go through the same
schedules and are caught. Whoever would wait for a stream is let go on when they may: all they hold while waiting, a
transaction number, has a step of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, count

import psycopg
import pytest
from psycopg.pq import ExecStatus

from warehouse.log.position import Snapshot
from warehouse.log.tail import between

pytestmark = pytest.mark.whole

SCRIPTS = {
    "late": ("number", "append shared", "commit"),  # has its transaction number long before it appends
    "around": ("append own", "append shared", "commit"),  # appends twice, perhaps around others
    "regretful": ("append shared", "rollback"),
    "corrected": ("savepoint, append own", "undo, append own", "commit"),  # savepoints have numbers of their own
}
CASTS = list(combinations_with_replacement(SCRIPTS, 3))
SHARED = "append shared"
SCHEDULES_MIN = 4_000
_NUMBERS = count(1)


@dataclass(frozen=True)
class Said:
    """One event of a schedule."""

    id: str
    stream: str
    writer: int


@dataclass
class World:
    """Three writers, a look at the log, and what should be in it. `said` stands in the order of positions."""

    writers: Sequence[psycopg.Connection]
    eye: psycopg.Connection
    streams: dict[str, str] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    pending: dict[int, list[Said]] = field(default_factory=dict)
    committed: set[Said] = field(default_factory=set)

    def step(self, writer: int, action: str) -> None:
        """One action of one writer; a transaction begins with the first."""
        begin = "" if writer in self.pending else "begin;"
        mine = self.pending.setdefault(writer, [])
        match action:
            case "number":
                run(self.writers[writer], begin + "select pg_current_xact_id()")
            case "append shared":
                self._append(writer, "shared", begin)
            case "append own":
                self._append(writer, f"of {writer}", begin)
            case "savepoint, append own":
                self._append(writer, f"of {writer}", begin + "savepoint s;")
            case "undo, append own":
                mine.pop()
                self._append(writer, f"of {writer}", "rollback to s;")
            case "commit" | "rollback":
                run(self.writers[writer], action)
                self.committed |= set(self.pending.pop(writer) if action == "commit" else ())
                self.pending.pop(writer, None)

    def _append(self, writer: int, stream: str, before: str) -> None:
        event = Said(identifier(), self.streams.setdefault(stream, identifier()), writer)
        run(self.writers[writer], f"{before}select scratch.add('{event.stream}', '{event.id}')")
        self.said.append(event)
        self.pending[writer].append(event)

    def new(self, before: frozenset[Said]) -> list[str]:
        """What was committed and was not before, in the order of positions."""
        return [event.id for event in self.said if event in self.committed and event not in before]


def identifier() -> str:
    return f"00000000-0000-0000-0000-{next(_NUMBERS):012x}"


def run(connection: psycopg.Connection, statement: str) -> list[tuple[bytes, ...]]:
    """Rows of the last of some statements, as bytes: the driver's own comfort costs more than these statements do."""
    result = connection.pgconn.exec_(statement.encode())
    if result.status not in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
        pytest.fail(f"{statement}: {result.error_message.decode()}")
    return [tuple(result.get_value(row, column) for column in range(result.nfields)) for row in range(result.ntuples)]


def ids(connection: psycopg.Connection, statement: str) -> list[str]:
    return [row[0].decode() for row in run(connection, statement)]


def schedules(scripts: Mapping[str, Sequence[str]], cast: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Every order of the cast's steps in which nobody has to wait; of two with one script, the first begins first."""

    def go_on(done: tuple[int, ...], holder: int | None) -> Iterator[tuple[int, ...]]:
        places = [done.count(who) for who in range(len(cast))]
        if len(done) == sum(len(scripts[name]) for name in cast):
            yield done
        for who, name in enumerate(cast):
            is_twin_first = places[who] or not who or cast[who - 1] != name or places[who - 1]
            if places[who] < len(scripts[name]) and is_twin_first:
                action = scripts[name][places[who]]
                if action == SHARED and holder in {None, who}:
                    yield from go_on((*done, who), who)
                elif action != SHARED:
                    is_over = action in {"commit", "rollback"} and holder == who
                    yield from go_on((*done, who), None if is_over else holder)

    return go_on((), None)


def play(world: World, cast: Sequence[str], schedule: Sequence[int]) -> Iterator[None]:
    """Go through a schedule; the caller looks around before the first and after every step."""
    yield
    places = [0] * len(cast)
    for who in schedule:
        world.step(who, SCRIPTS[cast[who]][places[who]])
        places[who] += 1
        yield


# --- readers of another kind: each polls the log and keeps a place between polls ---


class InFlightForgotten:
    """A cut that does not ask again for what was in flight at the one before."""

    def __init__(self, eye: psycopg.Connection) -> None:
        self.eye = eye
        self.at = present(eye)

    def poll(self) -> list[str]:
        seen, self.at = self.at, present(self.eye)
        forgetful = Snapshot(seen.xmin, seen.xmax)
        return ids(self.eye, f"select id from jovey.events where {between(forgetful, self.at)} order by position")


class Incremental:
    """A reader that keeps the key of the last event it was told and asks for greater ones, under a condition."""

    def __init__(self, eye: psycopg.Connection, key: str, condition: str, order: str) -> None:
        self.eye, self.key, self.condition, self.order = eye, key, condition, order
        self.at = ids(eye, f"select coalesce(max({key})::text, '') from jovey.events")[0]

    def poll(self) -> list[str]:
        new = f"{self.condition} and {self.key} > '{self.at}'" if self.at else self.condition
        rows = run(self.eye, f"select id, {self.key} from jovey.events where {new} order by {self.order}")
        self.at = rows[-1][1].decode() if rows else self.at
        return [row[0].decode() for row in rows]


FENCE = "transaction_id < pg_snapshot_xmin(pg_current_snapshot())"
SAFE = f"position <= (select max(position) from jovey.events where {FENCE})"
BOTH = "transaction_id, position"
BOTH_AS_TEXT = "(lpad(transaction_id::text, 20, '0') || lpad(position::text, 20, '0'))"
NAIVE = {  # what it remembers, what else it asks for, its order, and what goes wrong
    "by position": ("position", "true", "position", "skipped"),
    "by created_at": ("created_at", "true", "created_at", "skipped"),
    "by the greatest transaction": ("transaction_id", "true", BOTH, "skipped"),
    "by position, behind the oldest transaction (emmett 0.42)": ("position", FENCE, BOTH, "skipped"),
    "by position, up to a safe one (pg_eventstore 2.0)": ("position", SAFE, "position", "skipped"),
    "by transaction and position, behind the oldest (emmett 0.43)": (BOTH_AS_TEXT, FENCE, BOTH, "reordered"),
}


def present(eye: psycopg.Connection) -> Snapshot:
    return Snapshot.parse(run(eye, "select pg_current_snapshot()")[0][0].decode())


def since(eye: psycopg.Connection, cuts: Sequence[Snapshot], base: str) -> list[list[str]]:
    """What the newest of the cuts tells to readers who stopped at each of them; of events behind position `base`."""
    new = ", ".join(between(seen, cuts[-1]) for seen in cuts)
    told = run(eye, f"select id, {new} from jovey.events where position > {base} order by position")
    return [[row[0].decode() for row in told if row[place] == b"t"] for place in range(1, len(cuts) + 1)]


def faults(world: World, batches: Sequence[Sequence[str]]) -> set[str]:
    """What is wrong with what a reader was told, poll by poll; the order counts where all was told once."""
    told = [id for batch in batches for id in batch]
    due = [event for event in world.said if event in world.committed]
    found = {
        "skipped": {event.id for event in due} - set(told),
        "phantom": set(told) - {event.id for event in due},
        "twice": len(told) - len(set(told)),
    }
    for writer in range(3):
        mine = {event.id for event in due if event.writer == writer}
        found[f"torn {writer}"] = sum(not mine.isdisjoint(batch) for batch in batches) > 1
    if not any(found.values()):
        for stream in world.streams.values():
            ordered = [told.index(event.id) for event in due if event.stream == stream]
            found["reordered"] = found.get("reordered") or ordered != sorted(ordered)
    return {kind for kind, is_found in found.items() if is_found}


@pytest.fixture
def stage(scratch) -> Iterator[tuple[list[psycopg.Connection], psycopg.Connection]]:
    """Three writers and an eye, each in its role, none of whom may ever wait long."""
    writers = [psycopg.connect(scratch.libpq("jovey_append", lock_timeout="2000"), autocommit=True) for _ in range(3)]
    eye = psycopg.connect(scratch.libpq("jovey_tail", enable_seqscan="off"), autocommit=True)
    yield writers, eye
    for connection in (*writers, eye):
        connection.close()


@pytest.mark.timeout(600)  # seconds on a quiet machine, minutes beside much other work
@pytest.mark.parametrize("cast", CASTS, ids=" + ".join)
def test_whatever_the_order_of_steps_and_wherever_cuts_are_taken_every_event_is_told_once_in_order(stage, cast):
    looked: set[tuple[int, ...]] = set()  # beginnings of schedules: what begins alike has the same cuts
    for schedule in schedules(SCRIPTS, cast):
        world = World(*stage)
        base = ids(world.eye, "select coalesce(max(position), 0) from jovey.events")[0]
        batches: list[list[str]] = []
        cuts: list[tuple[Snapshot, frozenset[Said]]] = []
        for done, _ in enumerate(play(world, cast, schedule)):
            cuts.append((present(world.eye), frozenset(world.committed)))
            due = [world.new(before) for _, before in cuts]
            if schedule[:done] not in looked:
                looked.add(schedule[:done])
                assert since(world.eye, [seen for seen, _ in cuts], base) == due, (
                    schedule,
                    [str(seen) for seen, _ in cuts],
                )
            batches += due[-2:-1]  # what a reader is told who stops at every cut, as just compared
        assert faults(world, batches) == set(), schedule


@pytest.mark.timeout(600)  # seconds on a quiet machine, minutes beside much other work
@pytest.mark.parametrize("name", [*NAIVE, "cuts, without what was in flight"])
def test_a_reader_of_another_kind_is_caught_by_the_same_schedules(stage, scratch, name):
    def reader(eye):
        return Incremental(eye, *NAIVE[name][:3]) if name in NAIVE else InFlightForgotten(eye)

    expected = NAIVE[name][3] if name in NAIVE else "skipped"
    for cast in CASTS:
        for schedule in schedules(SCRIPTS, cast):
            world = World(*stage)
            naive = reader(world.eye)
            batches = [naive.poll() for _ in play(world, cast, schedule)]
            if expected in faults(world, batches):
                return
    pytest.fail(f"no schedule shows that a reader {name} has events {expected}")


def test_the_schedules_are_all_there_are():
    """Three free transactions of 2 steps have 6!/(2!·2!·2!) = 90 orders, a sixth of them where they are alike."""
    free = dict.fromkeys(SCRIPTS, ("append own", "commit"))
    assert len(set(schedules(free, ("late", "late", "late")))) == 90 // 6
    assert len(set(schedules(free, ("late", "around", "corrected")))) == 90
    assert sum(1 for cast in CASTS for _ in schedules(SCRIPTS, cast)) > SCHEDULES_MIN
