"""The `jovey` command's verbs of the archive: copy sealed events there, remove them here, bring them back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.asked import settings_asked as _settings

if TYPE_CHECKING:
    from warehouse.log.removal import Removal

commands = typer.Typer()


@commands.command()
def archive(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="What was sealed before this day.")],
) -> None:
    """Copy sealed events to Parquet files that prove themselves; nothing is removed from the log."""
    from orchestration.sealing import archive_log

    files = archive_log(_settings(), before.date())
    typer.echo("\n".join(f"{file.path}: {file.events:,} events" for file in files) or "Nothing new to archive.")


@commands.command()
def retire(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="What was sealed before this day.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, only say what would go.")] = False,
) -> None:
    """Remove archived events from the database; each stream's newest stays, and the archive keeps them all."""
    from orchestration import retention
    from warehouse import clock

    def tell(removal: Removal) -> None:
        typer.echo(f"Seal {removal.number}: {removal.removed:,} events removed, {removal.kept:,} stay; {removal.file}")

    leaving = retention.retire(_settings(), before.date(), clock.now(), is_meant=yes, watch=tell)
    if not leaving:
        typer.echo("Nothing to remove.")
    elif not yes:
        for one in leaving:
            typer.echo(
                f"Seal {one.seal.number} of {one.seal.sealed_at:%Y-%m-%d}: {one.seal.events:,} events, {one.file.name}"
            )
        typer.echo("Nothing was removed: that is what --yes would remove, but for the newest event of each stream.")


@commands.command()
def unpack() -> None:
    """Bring removed events back from the archive for desk and exports, until `jovey pack`."""
    from orchestration.retention import unpack as bring_back

    typer.echo(f"{bring_back(_settings()):,} removed events are unpacked.")


@commands.command()
def pack() -> None:
    """Let unpacked events go again; the archive has them."""
    from orchestration.retention import pack as let_go

    let_go(_settings())
    typer.echo("Nothing is unpacked.")
