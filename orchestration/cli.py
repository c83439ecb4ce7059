"""The `jovey` command: each verb a thin door to the module that does the work, imported when it is asked for."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from orchestration import cli_archive
from orchestration.asked import WRONG_USE
from orchestration.asked import settings_asked as _settings

# what a person at the terminal can cause and mend: said in its one sentence, without a traceback
_FOR_THE_OPERATOR = {
    "warehouse.postgres.DatabaseUnavailable",
    "warehouse.lake.attach.LakeMissing",
    "warehouse.lake.attach.LakeBusy",
    "warehouse.lake.commit.CommitUnanswered",
    "warehouse.lake.archive.ArchiveRefused",
    "warehouse.log.seal_journal.JournalAhead",
    "warehouse.log.seal_journal.JournalUnreadable",
    "warehouse.log.seal_key.SealKeyUnusable",
    "warehouse.log.seal_proof.NoProof",
    "warehouse.log.sealing.SealBusy",
    "warehouse.log.restored.TooFarBehind",
    "warehouse.log.tail.SourceRewound",
    "orchestration.up.CannotServe",
    "orchestration.children.ChildEnded",
    "orchestration.programs.DefinitionsBroken",
    "orchestration.sql_prompt.QuestionRefused",
    "orchestration.bench.run.UnknownBench",
    "orchestration.bench.whole_house.NeverUp",
    "orchestration.demo.run.CannotDemo",
    "orchestration.export.ExportRefused",
    "orchestration.imports.source.BadFile",
    "orchestration.imports.replay.CannotImport",
    "orchestration.users.CannotDo",
    "orchestration.people.CannotHelp",
    "orchestration.rebuild_plan.RebuildBusy",
    "orchestration.retention.RetireRefused",
    "warehouse.log.removal.RetentionBusy",
    "warehouse.installation.SecretKeyUnusable",
    "api.auth.outside.OutsideMisconfigured",
    "warehouse.vault.WrongMasterKey",
    "api.refold.UnreadableFact",
    "assets.facts.UnknownFact",
    "assets.facts.MisfitFact",
}

app = typer.Typer(
    name="jovey",
    help="An AI-native business operating system for a maker of household water pumps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up() -> None:
    """Serve the company until Ctrl-C: the API, Dagster, and the database when none is named."""
    from orchestration.up import up as serve

    serve(_settings())


@app.command()
def demo(
    *,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the company after the summary.")] = True,
    seed: Annotated[int | None, typer.Option(help="Another seed is another company.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The story's last day.")] = None,
) -> None:
    """Make a believable pump company, derive its tables, print a summary, and serve it."""
    from orchestration.demo.run import demo as tell

    tell(_settings(), serve=serve, seed=seed, until=until.date() if until else None)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="One SELECT; none opens a prompt.")] = None,
    *,
    csv: Annotated[bool, typer.Option("--csv", help="Write comma-separated values, for other programs.")] = False,
) -> None:
    """Ask the lake in DuckDB's SQL, read-only."""
    from orchestration.sql_prompt import answer, prompt

    if query is None:
        prompt(_settings())
    else:
        answer(_settings(), query, csv=csv)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The DuckDB file to write.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
) -> None:
    """Write the lake into one plain DuckDB file."""
    from orchestration.export import export as write

    typer.echo(f"{write(_settings(), file, replace=replace)} tables are in {file}.")


@app.command()
def erase(
    customer: Annotated[str, typer.Argument(help="Their id or e-mail address.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Make unreadable for ever what is written about a customer; their facts stay."""
    from orchestration.people import erase as forget

    if not yes:
        typer.confirm(f"Nobody will be able to read again what is written about {customer}. Go on?", abort=True)
    typer.echo(f"{forget(_settings(), customer)} is erased.")


@app.command("export-person")
def export_person(
    person: Annotated[str, typer.Argument(help="Their id or e-mail address.")],
    file: Annotated[Path, typer.Argument(help="The JSON file to write.")],
) -> None:
    """Write everything about one person as JSON, to hand to them."""
    from orchestration.people import export_person as write

    typer.echo(f"{write(_settings(), person, file)} facts are in {file}.")


imports = typer.Typer(help="Replay another system's books through the company's own commands.", no_args_is_help=True)
app.add_typer(imports, name="import")


@imports.command("online-retail")
def import_online_retail(
    file: Annotated[Path, typer.Argument(help="The Parquet file of invoice lines.")],
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="So many lines, and the rest of their minute.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Up to this day, included.")] = None,
) -> None:
    """Import a wholesaler's invoices, show file against lake; run it again to go on or to check."""
    from orchestration.imports.run import import_online_retail as run

    if not run(_settings(), file, limit=limit, until=until.date() if until else None):
        raise typer.Exit(1)


users = typer.Typer(help="People who may sign in; the first colleague is made here.", no_args_is_help=True)
app.add_typer(users, name="user")
_NewPassword = Annotated[
    str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="JOVEY_PASSWORD")
]


@users.command("create")
def create_user(
    email: Annotated[str, typer.Argument(help="The address to sign in with.")],
    *,
    name: Annotated[str, typer.Option(prompt=True, help="As colleagues and papers name them.")],
    password: _NewPassword,
    function: Annotated[list[str] | None, typer.Option(help="A function to work in, once for each; none: all.")] = None,
    customer: Annotated[bool, typer.Option("--customer", help="A customer instead of a colleague.")] = False,
) -> None:
    """Make a colleague, or a customer, who may sign in."""
    from orchestration.users import create_customer, create_staff

    if customer:
        typer.echo(create_customer(_settings(), email, name, password))
    else:
        typer.echo(create_staff(_settings(), email, name, password, function or ()))


@users.command("password")
def change_password(email: str, *, password: _NewPassword) -> None:
    """Give somebody a new password; they are signed out everywhere."""
    from orchestration.users import set_password

    set_password(_settings(), email, password)


@users.command("link")
def link_user(
    email: str,
    subject: Annotated[str, typer.Argument(help="`sub` of the outside issuer's tokens.")],
) -> None:
    """Let an outside issuer's tokens stand for somebody who is here; it never happens by e-mail address alone."""
    from orchestration.users import link_outside

    link_outside(_settings(), email, subject)


@users.command("list")
def show_users() -> None:
    """Show who may sign in, and where colleagues work."""
    from orchestration.users import list_users, print_users

    print_users(list_users(_settings()))


@app.command()
def outbox() -> None:
    """Print the letters that no mail server has taken: without JOVEY_SMTP_URL, all of them."""
    from orchestration.identity import print_outbox

    print_outbox(_settings())


keys = typer.Typer(help="The keys that access tokens are signed with.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("rotate")
def rotate_keys(
    *,
    at_once: Annotated[bool, typer.Option("--at-once", help="End every sign-in now: the old key has leaked.")] = False,
) -> None:
    """Sign with a new key; the old one verifies until its last token is over. What is hidden is not touched."""
    from orchestration.identity import rotate

    until = rotate(_settings(), at_once=at_once)
    typer.echo(f"Tokens are signed with a new key; earlier ones verify until {until:%Y-%m-%d %H:%M} UTC.")


@keys.command("list")
def list_keys() -> None:
    """Show which keys sign and verify; never the keys themselves."""
    from orchestration.identity import print_keys

    print_keys(_settings())


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="Whom the script acts as.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it lasts.")] = 1,
) -> None:
    """Print an access token for a script; `jovey user password` ends it early."""
    from datetime import timedelta

    from orchestration.users import issue_token

    typer.echo(issue_token(_settings(), email, timedelta(days=days)))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="Which one; `all` runs every one, an unknown name lists them.")],
    *,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    without_rls: Annotated[
        bool, typer.Option("--without-rls", help="orders: with the database's policies off, and what they cost.")
    ] = False,
) -> None:
    """Measure what the house promises in numbers, on this machine."""
    from orchestration.bench.run import bench as measure

    if not measure("orders-without-rls" if (name, without_rls) == ("orders", True) else name, json):
        raise typer.Exit(1)


@app.command()
def soak(
    *,
    minutes: Annotated[float, typer.Option(min=0, help="How long to take orders; 0: not at all.")] = 30,
    kills: Annotated[int, typer.Option(min=0, help="How often to kill the database; 0: not at all.")] = 500,
    seed: Annotated[int, typer.Option(help="Which kills.")] = 1,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Kill database, writers and loader, then take orders, in homes of their own: nothing may be lost or grow."""
    from orchestration.bench.crash import survive
    from orchestration.bench.run import report
    from orchestration.bench.soak import soak as trade

    if not report([*(survive(kills, seed) if kills else ()), *(trade(minutes) if minutes else ())], json):
        raise typer.Exit(1)


@app.command()
def rebuild(
    *,
    afresh: Annotated[bool, typer.Option("--afresh", help="Do not go on where a killed rebuild was.")] = False,
) -> None:
    """Make folded states and lake anew from the log, by all cores; killed, it goes on where it was."""
    from orchestration.rebuild import rebuild as make_anew

    make_anew(_settings(), afresh=afresh)


app.add_typer(cli_archive.commands)
seals = typer.Typer(help="Seal the log, so that it shows whether anybody changed it.")
app.add_typer(seals, name="seal")


@seals.callback(invoke_without_command=True)
def seal(context: typer.Context) -> None:
    """Seal what came into the log since the last seal; `jovey verify` tells what was changed after."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.sealing import seal_log
    from warehouse import clock

    made = seal_log(_settings(), clock.now())
    typer.echo(f"Seal {made.number}: {made.events:,} events, {made.hash.hex()}" if made else "Nothing new to seal.")


@seals.command()
def prove(event_id: Annotated[UUID, typer.Argument(help="The event's id.")]) -> None:
    """Print the proof that an event is sealed as it stands; docs/guides/check_seal_proof.py checks it."""
    from orchestration.sealing import proof_of

    typer.echo(proof_of(_settings(), event_id))


@seals.command()
def key() -> None:
    """Print the public key that others check our seals by."""
    from orchestration.sealing import public_key

    typer.echo(public_key(_settings()))


@app.command()
def verify() -> None:
    """Hold the log to its seals, fold and derive all once more, and name what is not as it should be."""
    from orchestration.verify import verify as compare

    if not compare(_settings()):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Check the ground: Python, disk, ports, database, migrations, lake."""
    from orchestration.doctor import doctor as examine

    if not examine(_settings()):
        raise typer.Exit(1)


def main() -> None:
    """Run the command; what the operator can mend is one sentence on stderr and exit code 2."""
    try:
        app()
    except Exception as error:
        if not _is_for_the_operator(error):
            raise
        typer.echo(str(error), err=True)
        sys.exit(WRONG_USE)


def _is_for_the_operator(error: Exception) -> bool:
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return bool(kinds & _FOR_THE_OPERATOR)


if __name__ == "__main__":
    main()
