"""`jovey rebuild`: makes folded states and lake anew from the log, which is the only thing that cannot be rebuilt."""

from __future__ import annotations

from rich.console import Console

from api.mend import Rebuilt
from assets.hot_run import Refreshed, refresh
from orchestration.folding import SHARE_EVENTS, each, frozen, processors, rebuild_share, scene
from orchestration.rebuild_plan import forget, planned, rebuilding, remember_done
from orchestration.watching import Watch, unwatched, watching
from warehouse.lake.empty import restore_catalog
from warehouse.lake.unpack import whole_history
from warehouse.log.migrate import migrate
from warehouse.log.restored import reach_transactions
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings


def rebuild(settings: Settings, *, afresh: bool = False) -> None:
    """Rebuild states, then lake, and say what came of it. Commands go on meanwhile; killed, it goes on where it was.

    Raises TooFarBehind, RebuildBusy, UnreadableFact, LakeBusy, UnknownFact, MisfitFact, ArchiveRefused,
    CommitUnanswered.
    """
    console = Console(stderr=True)
    with open_database(settings) as database:
        migrate(database)
        with watching(console, "Letting the server come to the log's transactions") as watch:
            reach_transactions(database, watch)
        with whole_history(database, settings):
            with watching(console, "Folding the log into states") as watch:
                rebuilt = states(database, settings, watch=watch, afresh=afresh)
            console.print(
                f"Every stream folded: {rebuilt.states_written:,} states written, {rebuilt.states_removed:,} removed; "
                f"{rebuilt.claims_written:,} natural keys written, {rebuilt.claims_removed:,} removed."
            )
            with console.status("Deriving the lake"):
                refreshed = lake(database, settings)
            console.print(f"{refreshed.loaded:,} events derived into {len(refreshed.rows)} tables.")


def states(
    database: Database,
    settings: Settings,
    *,
    watch: Watch = unwatched,
    afresh: bool = False,
    share_events: int = SHARE_EVENTS,
    workers: int | None = None,
) -> Rebuilt:
    """Put right what jovey.states and jovey.unique_claims hold, share by share, each remembered when it is done."""
    owner = database.engine("jovey_owner", pool_size=2, statement_timeout_s=0)
    try:
        with rebuilding(database), whole_history(database, settings), frozen(owner) as seen:
            plan = planned(owner, seen, share_events, afresh=afresh)
            done, rebuilt = plan.events_done, Rebuilt()
            watch(done, plan.events)
            for share, part in each(rebuild_share, scene(seen, database, settings), plan.left, workers or processors()):
                remember_done(owner, share)
                done, rebuilt = done + share.events, rebuilt + part
                watch(done, plan.events)
            forget(owner)
            return rebuilt
    finally:
        owner.dispose()


def lake(database: Database, settings: Settings) -> Refreshed:
    """Derive the lake from the log's beginning; readers see the old one until it is done."""
    restore_catalog(database)
    return refresh(database, settings, from_the_beginning=True)
