"""The hot run: what is new in the log goes into the lake, and with it every table it touches, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path

from duckdb import DuckDBPyConnection
from sqlalchemy import Engine

from assets.facts import Loaded, Vocabulary, known, load
from assets.sql import AS_OF, TODAY, Check, Derived, Graph, read_graph
from assets.table import Checked, build, check_rows, define_macro, expectations_hold
from warehouse import clock
from warehouse.lake import cuts
from warehouse.lake.attach import open_writer, writing
from warehouse.lake.catalog import Columns, columns, standing_in, without_rows
from warehouse.lake.commit import commit
from warehouse.lake.cuts import CONSUMER, OWN_ACCOUNT, Account
from warehouse.lake.empty import empty
from warehouse.lake.fit import fit
from warehouse.lake.shapes import digest
from warehouse.lake.unpack import whole_history
from warehouse.log.position import BEGINNING, encode
from warehouse.log.tail import is_behind, refuse_lost, seen_by, take_cut
from warehouse.postgres import Database
from warehouse.settings import Settings

_ASKABLE = (
    "aging_basis",
    "time_zone",
    "currency",
    "forecast_weeks",
    "review_days",
    "lead_time_days",
    "holding_rate",
    "order_cost",
    "service_level_min",
    "service_level_max",
    "supply_weeks_max",
)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a run did. `rows` is tables made anew with their number of rows; `position` the lake's token after it."""

    position: str
    event_number: int
    as_of: datetime
    loaded: int
    rows: dict[str, int] = field(default_factory=dict)
    checks: tuple[Checked, ...] = ()

    @property
    def is_idle(self) -> bool:
        return not self.loaded and not self.rows

    @property
    def failures(self) -> tuple[Checked, ...]:
        return tuple(check for check in self.checks if not check.has_passed)


@cache
def house_graph() -> Graph:
    """The tables of this room."""
    return read_graph(Path(__file__).parent)


def refresh(
    database: Database,
    settings: Settings,
    *,
    graph: Graph | None = None,
    vocabulary: Vocabulary | None = None,
    anew: Iterable[str] = (),
    from_the_beginning: bool = False,
    now: datetime | None = None,
) -> Refreshed:
    """Bring the lake to the log's head: facts, the tables that they, new SQL or a new day touch, and those of `anew`.

    With `from_the_beginning` everything is dropped and derived once more. Readers see all of it or nothing. Killed
    anywhere, the next run starts from the same cut. What needs the beginning has removed events unpacked meanwhile.
    Raises LakeBusy, SourceRewound, UnknownFact, MisfitFact, ArchiveRefused, CommitUnanswered; a failed check is only
    reported.
    """
    graph, vocabulary, now = graph or house_graph(), vocabulary or known(), now or clock.now()
    today = clock.calendar_date(now, settings.time_zone)
    engine = database.engine("jovey_tail", pool_size=1, statement_timeout_s=0)
    try:
        with ExitStack() as unpacked, writing(database), open_writer(database, settings) as connection:
            connection.execute("begin")
            if from_the_beginning:
                empty(connection)
            cuts.create(connection)
            before = cuts.account(connection)
            whole = partial(_enter_whole, unpacked, database, settings)  # left when the run's own reading has ended
            run = _Run(connection, engine, graph, vocabulary, before, now, today, variables(settings), whole)
            return run.refreshed(frozenset(anew))
    finally:
        engine.dispose()


def _enter_whole(unpacked: ExitStack, database: Database, settings: Settings) -> None:
    unpacked.enter_context(whole_history(database, settings))


def is_due(engine: Engine, settings: Settings, account: Account | None) -> bool:
    """There is something for refresh() to do: new events, or a new day."""
    if account is None or account.today != clock.calendar_date(clock.now(), settings.time_zone):
        return True
    return is_behind(engine, account.cut.snapshot)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run's connections and circumstances."""

    connection: DuckDBPyConnection
    engine: Engine
    graph: Graph
    vocabulary: Vocabulary
    before: Account | None
    now: datetime
    today: date
    values: Mapping[str, str]
    whole: Callable[[], None]
    """From then on until the run's end the log is whole, removed events too."""

    def refreshed(self, anew: frozenset[str]) -> Refreshed:
        """Do all of it in the transaction that was begun, and end that: nothing is written where nothing was due."""
        account, loaded, touched = self._facts()
        redefined = self._redefined()
        causes = touched | redefined | self._moved() | anew
        if causes or self.before is None or self.before.vocabulary != account.vocabulary:
            causes |= self._timed()
        stale = self.graph.downstream(causes)
        rows, checks = self._made(stale, redefined, causes)
        if self.before and not causes and not loaded.events and self.before.vocabulary == account.vocabulary:
            self.connection.execute("rollback")
            account = self.before
        else:
            cuts.store(self.connection, account)
            commit(self.connection)
        token = encode(account.cut.snapshot)
        return Refreshed(token, account.position, account.taken_at, loaded.events, rows, checks)

    def _facts(self) -> tuple[Account, Loaded, frozenset[str]]:
        """Load the cut; a facts table that was made anew is filled from the beginning."""
        vocabulary, before = self.vocabulary, self.before
        shapes = digest(vocabulary.tables())
        is_new = before is None or before.vocabulary != shapes
        remade = fit(self.connection, vocabulary.tables()) if is_new else []
        since = before.cut if before else None
        cut = take_cut(self.engine, CONSUMER, since)
        if before and before.events:
            refuse_lost(self.engine, before.position)
        if since and remade:
            only = frozenset(table.event_type for table in remade)
            self.whole()
            load(self.connection, vocabulary, BEGINNING, since.snapshot, only=only)
        elif not since:
            self.whole()
        loaded = load(self.connection, vocabulary, seen_by(since), cut.snapshot)
        touched = {table.name for table in remade} | {vocabulary.events[kind].table() for kind in loaded.counts}
        account = Account(
            cut=cut,
            position=max(loaded.position, before.position if before else 0),
            events=loaded.events + (before.events if before else 0),
            taken_at=self.now.astimezone(UTC),
            today=self.today,
            vocabulary=shapes,
        )
        return account, loaded, frozenset(f"facts.{name}" for name in touched)

    def _redefined(self) -> frozenset[str]:
        """Tables and macros whose file differs from what the lake was built by."""
        built = cuts.definitions(self.connection)
        written = {one.name: one.digest(self.values) for one in self.graph.derived}
        if built == written:
            return frozenset()
        cuts.store_definitions(self.connection, written)
        return frozenset(name for name, digest in written.items() if built.get(name) != digest)

    def _moved(self) -> frozenset[str]:
        """Tables that the new day moves."""
        if self.before and self.before.today == self.today:
            return frozenset()
        return frozenset(one.name for one in self.graph.derived if one.moves_with_the_day)

    def _timed(self) -> frozenset[str]:
        """Tables that ask for the instant of the run: made anew with any other, so that one instant is true of all."""
        return frozenset(one.name for one in self.graph.derived if one.asks_the_time)

    def _made(
        self, stale: Sequence[Derived], redefined: frozenset[str], causes: frozenset[str]
    ) -> tuple[dict[str, int], tuple[Checked, ...]]:
        """Build what is stale and check it: number of rows, and verdicts."""
        if not stale:
            return {}, ()
        set_variables(self.connection, self.now, self.today, self.values)
        present = columns(self.connection)
        made = {one.name for one in stale if one.macro is None}
        checks = [one for one in self.graph.checks if not one.is_nightly and one.reads & made]
        read = frozenset[str]().union(*map(self.graph.tables_read, stale), *(one.reads for one in checks))
        still = without_rows(self.connection, (read & present.keys()) - made - causes - OWN_ACCOUNT)
        with standing_in(self.connection, {name: present[name] for name in still}):
            rows = dict(self._build(stale, redefined, present))
            return rows, tuple(self._check(rows, checks))

    def _build(
        self, stale: Iterable[Derived], redefined: frozenset[str], present: Mapping[str, Columns]
    ) -> Iterator[tuple[str, int]]:
        for one in stale:
            if one.macro is None:
                yield one.name, build(self.connection, one, None if one.name in redefined else present.get(one.name))
            elif one.name in redefined:
                define_macro(self.connection, one)

    def _check(self, rows: Mapping[str, int], checks: Iterable[Check]) -> Iterator[Checked]:
        for name, count in rows.items():
            yield from expectations_hold(self.connection, self.graph[name], is_empty=not count)
        for check in checks:
            yield check_rows(self.connection, check)


def variables(settings: Settings) -> dict[str, str]:
    """The settings that tables may ask for by getvariable(), beside the company's calendar date `today`."""
    return {name: str(getattr(settings, name)) for name in _ASKABLE}


def set_variables(connection: DuckDBPyConnection, now: datetime, today: date, values: Mapping[str, str]) -> None:
    """Let tables ask for them."""
    connection.execute(f"set variable {AS_OF} = timestamptz '{now.astimezone(UTC).isoformat()}'")
    connection.execute(f"set variable {TODAY} = date '{today}'")
    for name, value in values.items():
        connection.execute(f"set variable {name} = '{value}'")
