"""Pages of a buyer's own account: profile, addresses, and signing out everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Connection
from starlette.responses import Response

from api.auth.cookies import forget_session
from api.auth.letters import post_new_address
from api.auth.recovery import send_verification
from api.auth.sessions import sessions_of
from api.auth.signing_in import end_all_sessions, end_other_session
from api.command import Command
from api.customers.commands import AddAddress, UpdateProfile
from api.handle import Request as Asked
from api.handle import handle_all
from api.house import Here, House
from api.pages.forms import Errors, Wrong, filled, typed
from api.pages.render import page
from api.pages.visitor import Form, Visit, Visitor, to
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.events.customers import Address
from warehouse.ids import new_id

ROUTER = APIRouter()
_WORDS = {
    "email": "Write an e-mail address such as asha@example.com.",
    "phone": "Write digits, spaces and + only, such as +91 20 555 0101.",
}
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class AddressForm(BaseModel):
    """An address as typed."""

    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
    recipient: Line
    street: Line
    city: Line
    postal_code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
    region: Line | None = None
    country: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]

    @property
    def address(self) -> Address:
        """Without its label."""
        return Address(**self.model_dump(exclude={"label"}))


@ROUTER.get("/account")
def show_account(request: Request, here: Here, who: Visit) -> Response:
    """The account with its forms."""
    return _account(request, here, who)


@ROUTER.post("/account/profile")
def change_profile(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Change name, e-mail and phone."""
    told = typed(fields, "name", "email", "phone")
    before, settings = who.buyer.email, here.settings
    try:
        wish = filled(UpdateProfile, {**told, "customer_id": who.customer_id}, _WORDS)
        do(
            here,
            who,
            wish,
            lambda connection: post_new_address(connection, who.customer_id, before, wish.email, settings, now()),
        )
    except Wrong as wrong:
        return _account(request, here, who, told=told, errors=wrong.errors)
    except Refusal as refusal:
        if refusal.code != "email_taken":
            raise
        return _account(request, here, who, told=told, errors={"email": "Another account has this e-mail address."})
    who.tell("good", "Your profile is changed.")
    return to("/account")


@ROUTER.post("/account/addresses")
def add_address(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Add an address, or replace the one of the same label."""
    try:
        label = keep_address(here, who, fields)
    except Wrong as wrong:
        return _account(request, here, who, address=fields, errors=wrong.errors)
    who.tell("good", f"The address “{label}” is kept.")
    return to("/account")


@ROUTER.post("/account/sign-out-everywhere")
def sign_out_everywhere(here: Here, who: Visit, fields: Form) -> Response:  # noqa: ARG001 - the form's proof is enough
    """End every session of this account, on every device."""
    end_all_sessions(here, who.customer_id, who.by)
    response = to("/sign-in")
    forget_session(response)
    who.tell("good", "You are signed out on every device.")
    return response


@ROUTER.post("/account/sessions/{session_id}/end")
def end_session(here: Here, who: Visit, fields: Form, session_id: UUID) -> Response:  # noqa: ARG001 - as above
    """End one session, such as that of a telephone that was lost."""
    if end_other_session(here, who.customer_id, session_id, who.by):
        who.tell("good", "That device is signed out.")
    else:
        who.tell("note", "That device was signed out already.")
    return to("/account")


@ROUTER.post("/account/verify-email")
def ask_for_verification(here: Here, who: Visit, fields: Form) -> Response:  # noqa: ARG001 - as above
    """Write the letter that confirms the e-mail address again."""
    if send_verification(here, who.customer_id, who.buyer):
        who.tell("good", "A letter is on its way; its link confirms the address.")
    else:
        who.tell("note", "A letter was written minutes ago, or there is nothing to confirm.")
    return to("/account")


def keep_address(here: House, who: Visitor, fields: Form) -> str:
    """Keep an address as typed in the buyer's account; its label. Raises Wrong."""
    names = ("label", "recipient", "street", "city", "postal_code", "region", "country")
    told = filled(AddressForm, typed(fields, *names))
    try:
        do(here, who, AddAddress(customer_id=who.customer_id, label=told.label, address=told.address))
    except Refusal as refusal:
        raise Wrong({"label": refusal.message}) from refusal
    return told.label


def do(here: House, who: Visitor, command: Command, beside: Callable[[Connection], None] | None = None) -> None:
    """Do what a buyer asks for themselves, and write beside it what is no fact; raises Refusal."""
    at = now()
    handle_all(here.engine, [Asked(command, new_id(at), who.by, at)], here.rules, beside=beside)


def blank_address(who: Visitor) -> dict[str, str]:
    """What an address form begins with."""
    buyer = who.buyer
    names = ("street", "city", "postal_code", "region")
    recipient = buyer.company_name or buyer.name
    label = "Home" if not buyer.addresses else ""
    return {"label": label, "recipient": recipient, "country": buyer.country or ""} | dict.fromkeys(names, "")


def _account(
    request: Request,
    here: House,
    who: Visitor,
    *,
    told: dict[str, str | None] | None = None,
    address: Form | None = None,
    errors: Errors | None = None,
) -> Response:
    buyer = who.buyer
    profile = told or {"name": buyer.name, "email": buyer.email, "phone": buyer.phone}
    draft = blank_address(who) | dict(address or {})
    status = 422 if errors else 200
    with here.reading(who.by) as connection:
        sessions = sessions_of(connection, who.customer_id, now())
    return page(
        request,
        "customers/account.html",
        status=status,
        buyer=buyer,
        profile=profile,
        draft=draft,
        errors=errors or {},
        is_address_wrong=address is not None,
        sessions=sessions,
        own_session_id=who.claims.session_id if who.claims else None,
    )
