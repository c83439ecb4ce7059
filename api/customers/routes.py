"""Doors of customers: register, profile and addresses for themselves; the list of them for staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection

from api.auth.enter import Who
from api.auth.letters import post_new_address, post_verification
from api.auth.passwords import Password, hashed, is_password_of, keep
from api.auth.sessions import person_of
from api.customers.commands import AddAddress, Email, Name, Phone, RegisterCustomer, UpdateProfile
from api.customers.state import CUSTOMER, Customer
from api.customers.views import CustomerView
from api.house import Here, House
from api.paging import Page, Paged
from api.reading import listed, matching, newest, seen, shown, state_text
from api.refusals import Refusal
from api.views import routed
from api.writing import Asked, Key, answered, asked_of, perform, write
from warehouse.clock import now
from warehouse.ids import derived

ROUTER = routed("/api/v1/customers", "customers")


class Registration(BaseModel):
    """A new customer, and the password they will sign in with."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Name
    email: Email
    password: Password
    phone: Phone | None = None
    country: Annotated[str, StringConstraints(max_length=100)] | None = None


@ROUTER.post("/register", status_code=201, response_model=CustomerView)
def register(http: Request, here: Here, by: Who, body: Registration, key: Key = None) -> Response:
    """Open an account; sign in afterwards. Everyone begins as a consumer."""
    profile = body.model_dump(exclude={"password"})
    whose = None if key is None else f"{body.email} {key}"  # callers without a name must not share keys
    asked = asked_of(http, here, by, whose, profile)
    customer_id = derived(asked.id, "customer")
    password_hash = hashed(body.password)
    handled = perform(
        asked,
        lambda asked: RegisterCustomer(customer_id=customer_id, **asked.told),
        CustomerView.of,
        beside=lambda connection: begin_account(connection, here, customer_id, body.email, password_hash),
    )
    if handled.is_repeated:
        with here.reading(by) as connection:
            if not is_password_of(connection, customer_id, body.password):
                raise Refusal("idempotency_key_reused", "This key was used before with another password.")
    return answered(here, handled.response, handled.transaction_id, 201)


def begin_account(connection: Connection, here: House, customer_id: UUID, email: str, password_hash: str) -> None:
    """What stands beside a registration: the password, and the letter that asks whether the address is theirs."""
    at = now()
    keep(connection, customer_id, password_hash, at)
    post_verification(connection, customer_id, email, here.settings, at)


@ROUTER.get("/profile")
def show_profile(here: Here, by: Who, response: Response) -> CustomerView:
    """The caller's own account."""
    assert by.id is not None
    with here.reading(by) as connection:
        return shown(CustomerView, seen(connection, CUSTOMER, by.id, by), by, response)


@ROUTER.get("")
def list_customers(
    here: Here,
    by: Who,
    paging: Paged,
    user_type: Literal["consumer", "dealer"] | None = None,
    search: Annotated[str | None, Query(max_length=100, description="Part of name, company or e-mail.")] = None,
) -> Page[CustomerView]:
    """Customers, the newest first."""
    where = [] if user_type is None else [state_text("user_type") == user_type]
    with here.reading(by) as connection:
        if not search:
            return listed(CustomerView, *newest(connection, CUSTOMER, paging, *where), by)
        return listed(CustomerView, *matching(connection, CUSTOMER, paging, _about(search), *where), by)


def _about(search: str) -> Callable[[Customer], bool]:
    """Names lie hidden in the database, so they are compared here."""
    wanted = search.casefold()
    return lambda one: any(wanted in (said or "").casefold() for said in (one.name, one.company_name, one.email))


def _about_a_new_address(asked: Asked) -> Callable[[Connection], None]:
    """Letters to the old address and the new one, where the profile gets another."""
    with asked.here.reading(asked.by) as connection:
        person = person_of(connection, asked.customer_id)
    before, after = None if person is None else person.state.email, asked.told.get("email")
    settings = asked.here.settings
    return lambda connection: post_new_address(connection, asked.customer_id, before, after, settings, now())


write(
    ROUTER, "PUT", "/profile", UpdateProfile, CustomerView, beside=_about_a_new_address,
    supplied=["customer_id"], build=lambda asked: UpdateProfile(customer_id=asked.customer_id, **asked.told),
)  # fmt: skip
write(
    ROUTER, "POST", "/profile/addresses", AddAddress, CustomerView,
    supplied=["customer_id"], build=lambda asked: AddAddress(customer_id=asked.customer_id, **asked.told),
)  # fmt: skip


@ROUTER.get("/{customer_id}")
def show_customer(here: Here, by: Who, response: Response, customer_id: UUID) -> CustomerView:
    """One customer."""
    with here.reading(by) as connection:
        return shown(CustomerView, seen(connection, CUSTOMER, customer_id, by), by, response)
