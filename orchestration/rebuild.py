"""`jovey rebuild`: makes folded states and lake anew from the log, which is the only thing that cannot be rebuilt."""

from __future__ import annotations

from rich.console import Console

from api.refold import Rebuilt
from api.refold import rebuild as rebuild_states
from assets.hot_run import Refreshed, refresh
from warehouse.lake.empty import restore_catalog
from warehouse.log.migrate import migrate
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

_LOCK_SECONDS_MAX = 60  # until the commands at work are done; later ones wait for us


def rebuild(settings: Settings) -> None:
    """Rebuild states, then lake, and say what came of it; each is done whole or not at all.

    Raises UnreadableFact, LakeBusy, UnknownFact, MisfitFact.
    """
    console = Console(stderr=True)
    with open_database(settings) as database:
        migrate(database)
        with console.status("Folding the log into states"):
            rebuilt = states(database)
        console.print(
            f"{rebuilt.streams:,} streams folded: {rebuilt.states_written:,} states written, "
            f"{rebuilt.states_removed:,} removed; {rebuilt.claims_written:,} natural keys written, "
            f"{rebuilt.claims_removed:,} removed."
        )
        with console.status("Deriving the lake"):
            refreshed = lake(database, settings)
        console.print(f"{refreshed.loaded:,} events derived into {len(refreshed.rows)} tables.")


def states(database: Database) -> Rebuilt:
    """Put right what jovey.states and jovey.unique_claims hold; commands wait meanwhile."""
    engine = database.engine("jovey_owner", pool_size=1, lock_timeout_s=_LOCK_SECONDS_MAX, statement_timeout_s=0)
    try:
        with engine.begin() as connection:
            return rebuild_states(connection)
    finally:
        engine.dispose()


def lake(database: Database, settings: Settings) -> Refreshed:
    """Derive the lake from the log's beginning; readers see the old one until it is done."""
    restore_catalog(database)
    return refresh(database, settings, from_the_beginning=True)
