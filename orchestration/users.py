"""`jovey user` and `jovey token`: people who may sign in, made and helped from the command line.

The first colleague can be made here alone; the doors need one who is already in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from api.auth.audit import OPERATOR, record
from api.auth.keys import current_key
from api.auth.outsiders import link
from api.auth.passwords import Password, hashed, keep
from api.auth.sessions import open_session, person_of, revoke_all
from api.auth.tokens import signed
from api.command import Command
from api.customers.commands import InviteStaffMember, RegisterCustomer
from api.customers.policy import FUNCTIONS
from api.handle import Request, handle_all
from api.refusals import Refusal
from api.rules import rules_of
from warehouse.clock import now
from warehouse.events.identity import PasswordChanged, PersonSignedIn
from warehouse.ids import derived, new_id
from warehouse.log.asker import reading
from warehouse.log.migrate import migrate
from warehouse.log.people import People, claim_key
from warehouse.postgres import open_database
from warehouse.settings import Settings

_PASSWORD: TypeAdapter[str] = TypeAdapter(Password)
_SCRIPT = "a script"


class CannotDo(Exception):
    """What was asked of the command cannot be done; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    id: UUID
    kind: str
    name: str
    email: str
    functions: tuple[str, ...]
    has_password: bool


def create_staff(settings: Settings, email: str, name: str, password: str, functions: Sequence[str] = ()) -> UUID:
    """A new colleague with a password, working in these functions (none: in all of them). Raises CannotDo."""
    id = new_id(now())
    access = tuple(functions) or tuple(sorted(FUNCTIONS))
    staff_id = derived(id, "staff_member")
    wish = {"staff_id": staff_id, "name": name, "email": email, "staff_role": "staff", "function_access": access}
    _create(settings, id, InviteStaffMember, wish, staff_id, password)
    return staff_id


def create_customer(settings: Settings, email: str, name: str, password: str) -> UUID:
    """A new customer with a password. Raises CannotDo."""
    id = new_id(now())
    customer_id = derived(id, "customer")
    wish = {"customer_id": customer_id, "name": name, "email": email}
    _create(settings, id, RegisterCustomer, wish, customer_id, password)
    return customer_id


def set_password(settings: Settings, email: str, password: str) -> None:
    """Give somebody a new password; all their sessions end. Raises CannotDo."""
    password_hash = hashed(_fit(password))
    with _engine(settings) as engine, engine.begin() as connection:
        person_id = _person_id(engine, email)
        at = now()
        keep(connection, person_id, password_hash, at)
        revoke_all(connection, person_id, at)
        record(connection, PasswordChanged(person_id=person_id, means="command_line"), OPERATOR, at)


def list_users(settings: Settings) -> list[User]:
    """Everybody who has a password, and all colleagues, by e-mail address."""
    with _engine(settings) as engine, reading(engine, OPERATOR) as connection:
        rows = connection.execute(_USERS).all()
        people = map(json.loads, People(connection).reveal([row.person for row in rows]))
        users = [
            User(row.id, row.kind, one["name"], one["email"], tuple(row.functions), row.has_password)
            for row, one in zip(rows, people, strict=True)
        ]
    return sorted(users, key=lambda user: (user.email, user.id))


def print_users(users: Sequence[User], console: Console | None = None) -> None:
    """A table of people."""
    table = Table("E-mail", "Name", "Kind", "Works in", "Password")
    for user in users:
        kind = user.kind.replace("_", " ")
        table.add_row(user.email, user.name, kind, ", ".join(user.functions), "set" if user.has_password else "none")
    (console or Console()).print(table)


def issue_token(settings: Settings, email: str, lifetime: timedelta) -> str:
    """An access token for a script that acts as this person. Raises CannotDo."""
    with _engine(settings) as engine, engine.begin() as connection:
        person_id = _person_id(engine, email)
        if person_of(connection, person_id) is None:
            raise CannotDo(f"{email} may not sign in any longer.")
        at = now()
        opened = open_session(connection, person_id, at, lifetime, _SCRIPT)
        session_id = opened.claims.session_id
        fact = PersonSignedIn(person_id=person_id, session_id=session_id, means="command_line", device=_SCRIPT)
        record(connection, fact, OPERATOR, at)
        return signed(opened.claims, current_key(connection, at), at, lifetime)


def link_outside(settings: Settings, email: str, subject: str) -> None:
    """Let tokens that the outside issuer gives to this subject stand for a person who is here. Raises CannotDo."""
    if settings.outside_issuer is None:
        raise CannotDo("There is no outside issuer; set JOVEY_OUTSIDE_ISSUER.")
    with _engine(settings) as engine:
        person_id = _person_id(engine, email)
        try:
            with engine.begin() as connection:
                link(connection, person_id, settings.outside_issuer, subject, now(), OPERATOR, "command_line")
        except IntegrityError as error:
            raise CannotDo(f"{subject} stands for somebody here already.") from error


def _create(
    settings: Settings, id: UUID, kind: type[Command], wish: dict[str, object], person_id: UUID, password: str
) -> None:
    password_hash = hashed(_fit(password))
    try:
        request = Request(kind.model_validate(wish), id, OPERATOR, now())
    except ValidationError as error:
        wrong = error.errors()[0]
        raise CannotDo(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}.") from error
    with _engine(settings) as engine:
        try:
            handle_all(
                engine,
                [request],
                rules_of(settings),
                beside=lambda connection: keep(connection, person_id, password_hash, now()),
            )
        except Refusal as refusal:
            raise CannotDo(refusal.message) from refusal


def _fit(password: str) -> str:
    try:
        return _PASSWORD.validate_python(password)
    except ValidationError as error:
        raise CannotDo(f"The password is not good enough: {error.errors()[0]['msg']}.") from error


def _person_id(engine: Engine, email: str) -> UUID:
    with engine.connect() as connection:
        key = claim_key(connection, "email", email.strip().lower())
        found: UUID | None = connection.execute(_BY_EMAIL, {"key": key}).scalar_one_or_none()
    if found is None:
        raise CannotDo(f"Nobody here has the e-mail address {email}; `jovey user list` shows who there is.")
    return found


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    with open_database(settings) as database:
        migrate(database)
        engine = database.engine("jovey_append")
        try:
            yield engine
        finally:
            engine.dispose()


_BY_EMAIL = text("select aggregate_id from jovey.unique_claims where scope = 'email' and key = :key")
_USERS = text("""
    select person.aggregate_id as id, person.aggregate_type as kind, person.state::text as person,
           credentials.person_id is not null as has_password,
           array(select jsonb_array_elements_text(coalesce(person.state -> 'function_access', '[]'))) as functions
      from jovey.visible_states person left join jovey.credentials on credentials.person_id = person.aggregate_id
     where person.aggregate_type = 'staff_member'
        or (person.aggregate_type = 'customer' and credentials.person_id is not null)""")
