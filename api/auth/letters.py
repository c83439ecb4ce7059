"""Letters of identity: one by which somebody chooses a new password, one that asks whose an e-mail address is."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from api.auth.one_time import LIFETIME, has_fresh, issue
from api.mail.outbox import NOBODY, Letter, post
from warehouse.log.people import claim_key
from warehouse.settings import Settings

AGAIN_AFTER = timedelta(minutes=5)
RESET_PATH, VERIFY_PATH = "/reset-password", "/verify-email"


def post_reset(connection: Connection, email: str, settings: Settings, at: datetime) -> None:
    """A letter to whoever has this e-mail address and may choose a new password by it.

    For an address nobody has, one to nobody is written with the same statements: neither answer nor work tells.
    """
    address = email.strip().lower()
    key = claim_key(connection, "email", address)
    found: UUID | None = connection.execute(_MAY_RESET, {"key": key}).scalar_one_or_none()
    person_id = NOBODY if found is None else found
    token = issue(connection, "password_reset", person_id, key, at)
    minutes = int(LIFETIME["password_reset"].total_seconds() // 60)
    words = (
        f"Somebody asked for a new password for your account with {settings.company}.\n\n"
        f"Choose one here within {minutes} minutes; the link works once:\n\n"
        f"{settings.origin}{RESET_PATH}?token={token}\n\n"
        "It was not you? Then do nothing: your password stays as it is.\n"
    )
    letter = Letter("" if found is None else address, f"A new password for {settings.company}", words)
    post(connection, person_id, "password_reset", letter, at)


def post_verification(connection: Connection, person_id: UUID, email: str, settings: Settings, at: datetime) -> bool:
    """A letter that asks whether this address is theirs; False when one was written minutes ago."""
    key = claim_key(connection, "email", email)
    if has_fresh(connection, "email_verification", person_id, key, at - AGAIN_AFTER):
        return False
    token = issue(connection, "email_verification", person_id, key, at)
    words = (
        f"This e-mail address was given for an account with {settings.company}.\n\n"
        f"Confirm that it is yours within {LIFETIME['email_verification'].days} days:\n\n"
        f"{settings.origin}{VERIFY_PATH}?token={token}\n\n"
        "It was not you? Then do nothing, and nobody will write to you for this account.\n"
    )
    letter = Letter(email, f"Is this your e-mail address? {settings.company}", words)
    post(connection, person_id, "email_verification", letter, at)
    return True


def post_new_address(
    connection: Connection, person_id: UUID, before: str | None, after: str | None, settings: Settings, at: datetime
) -> None:
    """Where an e-mail address changed: a letter that asks at the new one, a word of warning to the old one."""
    if before == after:
        return
    if before is not None:
        words = (
            f"Your account with {settings.company} has another e-mail address from now on.\n\n"
            "It was not you? Then somebody is signed in as you. Answer this letter, and change the password if you "
            f"still can:\n\n{settings.origin}/account\n"
        )
        letter = Letter(before, f"Your e-mail address was changed: {settings.company}", words)
        post(connection, person_id, "email_changed", letter, at)
    if after is not None:
        post_verification(connection, person_id, after, settings, at)


# As Customer.may_reset_password says it, read off the state so that an address nobody has costs the same statement.
_MAY_RESET = text("""
    select person.aggregate_id
      from jovey.unique_claims claim cross join lateral jovey.peek(array[claim.aggregate_id]) person
     where claim.scope = 'email' and claim.key = :key
       and (person.aggregate_type = 'customer' and (person.state ->> 'is_erased') is distinct from 'true'
            and (person.state ->> 'email_changed_at' is null or person.state ->> 'email_verified_at' is not null)
         or person.aggregate_type = 'staff_member' and (person.state ->> 'is_active') = 'true')""")
