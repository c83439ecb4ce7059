"""Pages of identity: sign in, register, sign out."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from api.actor import Actor
from api.auth.cookies import STAFF_LIFETIME, forget_session, keep_session
from api.auth.devices import device_of
from api.auth.lockout import TooManyTries
from api.auth.passwords import Password, hashed
from api.auth.sessions import SESSION_LIFETIME, Person, person_of, revoke
from api.auth.signing_in import SignedIn, begin, end_own_session
from api.auth.signing_in import sign_in as begin_session
from api.customers.commands import Email, Name, RegisterCustomer
from api.customers.routes import begin_account
from api.handle import Request as Command
from api.handle import handle_all
from api.house import Here, House
from api.pages.forms import Errors, Wrong, filled, typed
from api.pages.render import page
from api.pages.visitor import VISITOR_COOKIE, Form, Visit, Visitor, own_path, to
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.ids import new_id

ROUTER = APIRouter()
_WRONG = "This e-mail address and this password do not belong together."
_WORDS = {
    "email": "Write an e-mail address such as asha@example.com.",
    "password": "Take 10 characters or more; a short sentence is easy to remember.",
}


class Registration(BaseModel):
    """What a new customer types."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Name
    email: Email
    password: Password


@ROUTER.get("/sign-in")
def show_sign_in(request: Request, who: Visit) -> Response:
    """The form; those who are signed in already go on."""
    following = own_path(request.query_params.get("next"), "/")
    if who.by.kind != "anonymous":
        return to(following)
    return _sign_in_page(request, following)


@ROUTER.post("/sign-in")
def sign_in(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Sign in: staff to their screens, buyers to where they were going."""
    email, password = fields.get("email", "")[:255], fields.get("password", "")[:1_000]
    following = own_path(fields.get("next"), "/")
    try:
        came_in = begin_session(here, request, email, password, lifetime_of=lifetime_of_cookie, instead_of=who.claims)
    except TooManyTries as waits:
        return _sign_in_page(request, following, email=email, errors={"email": str(waits)}, waits=waits)
    if came_in is None:
        return _sign_in_page(request, following, email=email, errors={"email": _WRONG}, status=401)
    return _welcome(here, came_in, following)


@ROUTER.get("/register")
def show_register(request: Request, who: Visit) -> Response:
    """The form for new customers."""
    following = own_path(request.query_params.get("next"), "/")
    return to(following) if who.by.kind != "anonymous" else _register_page(request, following)


@ROUTER.post("/register")
def register(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Open an account and sign in."""
    following = own_path(fields.get("next"), "/")
    try:
        told = filled(Registration, typed(fields, "name", "email") | {"password": fields.get("password", "")}, _WORDS)
        came_in = _registered(here, request, who, told)
    except Wrong as wrong:
        return _register_page(request, following, fields=fields, errors=wrong.errors, status=422)
    who.tell("good", f"Welcome, {told.name}. Your account is open.")
    return _welcome(here, came_in, following)


@ROUTER.post("/sign-out")
def sign_out(here: Here, who: Visit, fields: Form) -> Response:  # noqa: ARG001 - the form's proof is enough
    """End the session."""
    if who.claims is not None:
        end_own_session(here, who.claims, who.by)
    response = to("/")
    forget_session(response)
    response.delete_cookie(VISITOR_COOKIE)
    who.tell("good", "You are signed out.")
    return response


def lifetime_of_cookie(person: Person) -> timedelta:
    """Staff sign in anew each working day."""
    return STAFF_LIFETIME if person.actor.kind == "staff" else SESSION_LIFETIME


def _registered(here: House, request: Request, who: Visitor, told: Registration) -> SignedIn:
    """Open the account with its password in one transaction, and sign in; raises Wrong when the address is taken."""
    at = now()
    customer_id = new_id(at)
    command = RegisterCustomer(customer_id=customer_id, name=told.name, email=told.email)
    password_hash = hashed(told.password)
    try:
        handle_all(
            here.engine,
            [Command(command, new_id(at), Actor("anonymous"), at)],
            here.rules,
            beside=lambda connection: begin_account(connection, here, customer_id, told.email, password_hash),
        )
    except Refusal as refusal:
        if refusal.code != "email_taken":
            raise
        raise Wrong({"email": "There is an account with this e-mail address. Sign in instead."}) from refusal
    device = device_of(request.headers.get("user-agent"))
    with here.engine.begin() as connection:
        if who.claims is not None:
            revoke(connection, who.claims.session_id, at)
        person = person_of(connection, customer_id)
        assert person is not None, "whoever just registered may sign in"
        return begin(connection, person, at, SESSION_LIFETIME, device, "registration")


def _welcome(here: House, came_in: SignedIn, following: str) -> Response:
    """On to where they were going, with the session's cookie."""
    is_staff = came_in.person.actor.kind == "staff"
    response = to("/staff/" if is_staff and following == "/" else following)
    keep_session(response, came_in.opened.claims, came_in.lifetime, here)
    response.delete_cookie(VISITOR_COOKIE)
    return response


def _sign_in_page(
    request: Request,
    following: str,
    *,
    email: str = "",
    errors: Errors | None = None,
    status: int = 200,
    waits: TooManyTries | None = None,
) -> Response:
    headers = {} if waits is None else {"Retry-After": str(waits.retry_after_seconds)}
    return page(
        request,
        "customers/sign_in.html",
        status=status if waits is None else 429,
        headers=headers,
        following=following,
        email=email,
        errors=errors or {},
    )


def _register_page(
    request: Request, following: str, *, fields: Form | None = None, errors: Errors | None = None, status: int = 200
) -> Response:
    told = {name: (fields or {}).get(name, "") for name in ("name", "email")}
    return page(request, "customers/register.html", status=status, following=following, told=told, errors=errors or {})
