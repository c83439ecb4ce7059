"""`jovey demo`: tells the story, derives the tables, lets the agents advise, prints what came of it, and serves it."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Connection, Engine, text

from api.actor import system
from api.auth.passwords import hashed, is_password_of, keep
from api.rules import Rules
from assets.lake import Lake
from orchestration.dagster_home import dagster_home
from orchestration.demo.advise import advise
from orchestration.demo.books import Company
from orchestration.demo.budget import Budget
from orchestration.demo.market import FINISHED
from orchestration.demo.opening import BEGUN
from orchestration.demo.people import title
from orchestration.demo.plan import DAYS, Plan
from orchestration.demo.story import found
from orchestration.demo.summary import SignIn, show
from orchestration.demo.tell import tell
from orchestration.programs import program
from orchestration.up import chosen_ports, environment_of, refuse_full_disk, up
from warehouse import clock
from warehouse.lake.read import Reader
from warehouse.log.append import receipts
from warehouse.log.asker import reading
from warehouse.log.migrate import migrate
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

SEED = 7
_STORY = system("demo")
_DERIVE_SECONDS_MAX = 600
_LINES_OFF_TERMINAL = 6  # plain progress lines when nobody watches


class CannotDemo(Exception):
    """The demo company cannot be made here; the message is one sentence for the operator."""


@dataclass
class Phases:
    """What took how long, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun


def demo(
    settings: Settings,
    *,
    serve: bool,
    seed: int | None = None,
    until: date | None = None,
    days: int = DAYS,
    size: float = 1.0,
) -> None:
    """Make the company that (seed, until) stand for, or finish it, or find it made; show it; serve it if asked.

    Without `until` a new story ends yesterday. Raises CannotDemo, CannotServe and DatabaseUnavailable.
    """
    console = Console()
    phases = Phases()
    if serve:
        chosen_ports(settings)
    refuse_full_disk(settings.home)
    with open_database(settings) as database:
        with phases.phase("database"), console.status("Opening the database"):
            migrate(database)
        engine = database.engine("jovey_append", statement_timeout_s=60)
        try:
            plan = agreed_plan(engine, settings, seed, until, days, size)
            company, expected = found(plan)
            with phases.phase("story"):
                _make(engine, settings, company, expected, console)
            with phases.phase("sign-ins"):
                sign_ins = _sign_ins(engine, settings, company)
            with phases.phase("tables"), console.status("Deriving the tables through Dagster"):
                derive(settings, database)
            with phases.phase("advice"), console.status("Letting the agents look at stock and prices"):
                advise(settings, database, engine)
            events_count = _events_count(engine)
        finally:
            engine.dispose()
        with Reader(database, settings) as lake:
            show(console, lake, settings, plan, events_count, sign_ins, phases.seconds)
        if serve:
            up(settings)


def agreed_plan(
    engine: Engine, settings: Settings, seed: int | None, until: date | None, days: int, size: float
) -> Plan:
    """The plan to follow: the one the database's company was begun with, else the one asked for."""
    yesterday = clock.calendar_date(clock.now(), settings.time_zone) - timedelta(days=1)
    if until is not None and until > yesterday:
        raise CannotDemo(f"The story is about the past: let it end on {yesterday} or before, not on {until}.")
    asked = Plan(SEED if seed is None else seed, until or yesterday, days, size, settings.time_zone, settings.currency)
    with reading(engine, _STORY) as connection:
        begun = receipts(connection, [BEGUN]).get(BEGUN)
        if begun is None:
            _refuse_other_company(connection)
            return asked
    told = Plan.read(begun[1])
    wanted = Plan(told.seed if seed is None else seed, until or told.until, days, size, told.time_zone, told.currency)
    if wanted != told or told.currency != settings.currency:
        raise CannotDemo(
            f"This database holds the demo company of seed {told.seed} until {told.until} in {told.currency}; "
            "name another one by JOVEY_HOME or DATABASE_URL."
        )
    return told


def derive(settings: Settings, database: Database) -> None:
    """Bring the lake to the head of the log by a run of Dagster's job `hot_run`; nothing when it is there."""
    with Lake.of(settings).watching() as watch:
        if not watch.is_due():
            return
    environment = environment_of(settings) | dagster_home(settings, database)
    done = subprocess.run(
        [program("dagster"), "job", "execute", "-m", "orchestration.definitions", "-j", "hot_run"],
        env={**os.environ, **environment},  # noqa: TID251 - handed on, not read
        capture_output=True,
        text=True,
        timeout=_DERIVE_SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Dagster could not derive the tables:\n{done.stderr[-4000:]}")


def _events_count(engine: Engine) -> int:
    with reading(engine, _STORY) as connection:
        return int(connection.execute(text("select count(*) from jovey.visible_events")).scalar_one())


def _refuse_other_company(connection: Connection) -> None:
    if connection.execute(text("select exists (select from jovey.visible_events)")).scalar():
        raise CannotDemo(
            "This database holds a company of its own; name an empty one for the demo by JOVEY_HOME or DATABASE_URL."
        )


def _make(engine: Engine, settings: Settings, company: Company, expected: Budget, console: Console) -> None:
    with engine.connect() as connection:
        if receipts(connection, [FINISHED]):
            console.print(f"The company of seed {company.plan.seed} until {company.plan.until} is made already.")
            return
    rules = Rules(currency=settings.currency, time_zone=company.plan.time_zone)  # the story knows no other settings
    with _telling(console, company.plan) as day_done:
        tell(engine, company, expected, rules, day_done)


@contextmanager
def _telling(console: Console, plan: Plan) -> Iterator[Callable[[], None]]:
    """What to call at the end of each day: it moves a bar, or prints a line now and then."""
    what = f"Living through {plan.days} days"
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(what, total=plan.days)
            yield lambda: progress.advance(task)
        return
    console.print(what)
    passed = iter(range(1, plan.days + 1))

    def line() -> None:
        day = next(passed)
        if day % max(1, plan.days // _LINES_OFF_TERMINAL) == 0:
            console.print(f"  {day} of {plan.days} days")

    yield line


def _sign_ins(engine: Engine, settings: Settings, company: Company) -> list[SignIn]:
    """Give colleagues, and a dealer and a consumer, the demo's password; it is random and stays in the home folder."""
    password = _password(settings.home / "demo.password")
    dealer = next(dealer for dealer in company.dealers if dealer.is_welcome and dealer.credit_months)
    people = [(one.id, SignIn(one.email, password, title(one.role))) for one in company.staff.values()]
    people.append((dealer.id, SignIn(dealer.person.email, password, f"A {dealer.tier} dealer")))
    people.append((company.consumers[0].id, SignIn(company.consumers[0].person.email, password, "A consumer")))
    with engine.begin() as connection:
        if not is_password_of(connection, people[-1][0], password):
            for id, _ in people:
                keep(connection, id, hashed(password), clock.now())
    return [sign_in for _, sign_in in people]


def _password(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    return file.read_text()
