"""The lake as a job sees it: refresh it, check it, keep it small, ask whether there is anything to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from assets.hot_run import Refreshed, house_graph, is_due, refresh
from assets.sql import Graph
from assets.table import Checked, check_rows, expectations_hold
from warehouse.lake import cuts
from warehouse.lake.attach import LakeMissing, open_reader
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
            expectations = [found for table in self.graph.tables for found in expectations_hold(connection, table)]
            return expectations + [check_rows(connection, check) for check in self.graph.checks]

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
                yield Watch(engine, self.settings, self._account(database))
            finally:
                engine.dispose()

    def _account(self, database: Database) -> Account | None:
        try:
            with open_reader(database, self.settings) as connection:
                return cuts.account(connection)
        except LakeMissing:
            return None


@dataclass(frozen=True, slots=True)
class Watch:
    """Compares the log with the lake as it stood when the watch began."""

    engine: Engine
    settings: Settings
    account: Account | None

    def is_due(self) -> bool:
        """One index probe."""
        return is_due(self.engine, self.settings, self.account)
