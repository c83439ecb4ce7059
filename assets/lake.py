"""The lake as a job sees it: refresh it, check it, keep it small, ask whether there is anything to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Engine

from assets.hot_run import Refreshed, house_graph, is_due, refresh, variables
from assets.sql import Graph
from assets.table import Checked, check_rows, expectations_hold
from warehouse.lake import cuts
from warehouse.lake.attach import LakeMissing, open_reader
from warehouse.lake.catalog import without_rows
from warehouse.lake.cuts import Account
from warehouse.lake.keep import Kept, keep
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class Lake:
    """The house's lake by its settings; opens what it needs for each deed and closes it again."""

    settings: Settings
    graph: Graph

    @classmethod
    def of(cls, settings: Settings) -> Lake:
        return cls(settings, house_graph())

    def refresh(self, anew: Iterable[str] = ()) -> Refreshed:
        """See assets.hot_run.refresh."""
        with open_database(self.settings) as database:
            return refresh(database, self.settings, graph=self.graph, anew=anew)

    def check_all(self) -> list[Checked]:
        """Every expectation of every table and every check, the slow ones too."""
        with open_database(self.settings) as database, open_reader(database, self.settings) as connection:
            connection.execute("begin")  # one version of the lake for all that follows
            empty = without_rows(connection, [table.name for table in self.graph.tables])
            held = [expectations_hold(connection, one, is_empty=one.name in empty) for one in self.graph.tables]
            return [*chain.from_iterable(held), *(check_rows(connection, check) for check in self.graph.checks)]

    def keep(self) -> Kept:
        """See warehouse.lake.keep."""
        with open_database(self.settings) as database:
            return keep(database, self.settings)

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """A watch on the log, from where the lake stands now."""
        with open_database(self.settings) as database:
            engine = database.engine("jovey_tail", pool_size=1)
            try:
                account, is_outdated = self._account(database)
                yield Watch(engine, self.settings, account, is_outdated)
            finally:
                engine.dispose()

    def _account(self, database: Database) -> tuple[Account | None, bool]:
        """How far the lake has read, and whether its tables were built by other definitions than today's."""
        written = {one.name: one.digest(variables(self.settings)) for one in self.graph.derived}
        try:
            with open_reader(database, self.settings) as connection:
                account = cuts.account(connection)
                return account, account is not None and cuts.definitions(connection) != written
        except LakeMissing:
            return None, False


@dataclass(frozen=True, slots=True)
class Watch:
    """Compares the log with the lake as it stood when the watch began."""

    engine: Engine
    settings: Settings
    account: Account | None
    is_outdated: bool = False

    def is_due(self) -> bool:
        """One index probe."""
        return self.is_outdated or is_due(self.engine, self.settings, self.account)
