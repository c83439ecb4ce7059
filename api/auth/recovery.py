"""Doors by letter: choose a new password without the old one, and confirm an e-mail address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from api.actor import Actor
from api.auth.audit import record
from api.auth.enter import Who, state_of_caller
from api.auth.letters import post_reset, post_verification
from api.auth.lockout import ACCOUNT, LETTERS_FROM, LETTERS_TO, TooManyTries, clear, take
from api.auth.one_time import holder_of, redeem, withdraw
from api.auth.passwords import Password, hashed, keep
from api.auth.routes import Secret, SecretBody
from api.auth.sessions import Person, person_of, revoke_all
from api.customers.commands import VerifyEmail
from api.customers.state import Customer
from api.handle import Request as Asked
from api.handle import handle_all
from api.house import Here, House
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.events.identity import PasswordChanged
from warehouse.ids import new_id

ROUTER = APIRouter(prefix="/api/v1/auth", tags=["auth"])


class Forgotten(SecretBody):
    """The e-mail address of an account whose password is forgotten."""

    email: Annotated[str, StringConstraints(max_length=255)] = Field(examples=["asha@example.com"])


class Reset(SecretBody):
    """A letter's token and the password to be."""

    token: Secret
    new_password: Password


class LetterToken(SecretBody):
    """A letter's token."""

    token: Secret


@ROUTER.post("/password/forgot", status_code=204)
def forgot_password(request: Request, here: Here, body: Forgotten) -> None:
    """Ask for a letter with a link to choose a new password. The answer is the same for addresses nobody has."""
    send_reset(here, request, body.email)


@ROUTER.post("/password/reset", status_code=204)
def reset_password(here: Here, body: Reset) -> None:
    """Choose a new password by a letter's token, once; every session ends. It also confirms the e-mail address."""
    choose_password(here, body.token, body.new_password)


@ROUTER.post("/email/verification", status_code=204)
def ask_for_verification(request: Request, here: Here, by: Who) -> None:
    """Ask for the letter that confirms one's e-mail address again; at most one goes out in a few minutes."""
    customer = state_of_caller(request)
    assert isinstance(customer, Customer) and by.id is not None
    send_verification(here, by.id, customer)


@ROUTER.post("/email/verify", status_code=204)
def verify_email(here: Here, body: LetterToken) -> None:
    """Confirm an e-mail address by a letter's token, once."""
    confirm_email(here, body.token)


def send_reset(here: House, request: Request, email: str) -> None:
    """Write a letter with a link, or one to nobody with the same work. Raises TooManyTries."""
    at = now()
    too_many: TooManyTries | None = None
    with here.engine.begin() as connection:
        take(connection, LETTERS_FROM, request.state.address, at)
        try:
            take(connection, LETTERS_TO, email.strip().lower(), at)
            post_reset(connection, email, here.settings, at)
        except TooManyTries as waits:
            too_many = waits
    if too_many is not None:
        raise too_many


def choose_password(here: House, token: str, password: str) -> None:
    """Give the token's person a new password; raises Refusal when the token is unknown, used or over."""
    at = now()
    with here.engine.connect() as connection:
        if holder_of(connection, "password_reset", token, at) is None:
            raise _refused()  # before the hash, which is dear: a token cannot be guessed, so the time tells nothing
    new_hash = hashed(password)
    with here.engine.begin() as connection:
        person_id = redeem(connection, "password_reset", token, at)
        person = None if person_id is None else person_of(connection, person_id)
        if person_id is None or person is None:
            raise _refused()
        keep(connection, person_id, new_hash, at)
        withdraw(connection, person_id, "password_reset")
        revoke_all(connection, person_id, at)
        clear(connection, ACCOUNT, person.state.email or "")
        record(connection, PasswordChanged(person_id=person_id, means="letter"), person.actor, at)
    if isinstance(person.state, Customer) and person.state.email_verified_at is None:
        _take_for_theirs(here, person)  # whoever answered the letter reads its mail


def send_verification(here: House, person_id: UUID, customer: Customer) -> bool:
    """Write the letter that asks whether the address is theirs; False when there is nothing to ask, or just was."""
    if customer.email is None or customer.email_verified_at is not None:
        return False
    with here.engine.begin() as connection:
        return post_verification(connection, person_id, customer.email, here.settings, now())


def confirm_email(here: House, token: str) -> None:
    """Take the address for theirs; raises Refusal when the token is unknown, used or over."""
    at = now()
    with here.engine.connect() as connection:
        person_id = holder_of(connection, "email_verification", token, at)
        person = None if person_id is None else person_of(connection, person_id)
    if person is None:
        raise _refused()

    def use_up(connection: Connection) -> None:
        """The customer is locked, so the address cannot change under the token."""
        if redeem(connection, "email_verification", token, at) is None:
            raise _refused()

    _take_for_theirs(here, person, use_up)


def _take_for_theirs(here: House, person: Person, beside: Callable[[Connection], None] | None = None) -> None:
    assert person.actor.id is not None
    at = now()
    by: Actor = person.actor
    wish = Asked(VerifyEmail(customer_id=person.actor.id), new_id(at), by, at)
    handle_all(here.engine, [wish], here.rules, beside=beside)


def _refused() -> Refusal:
    message = "This link was used before, or it is over; ask for a new letter."
    return Refusal("letter_token_refused", message, kind="forbidden")
