"""Natural keys: of all streams one holds a key, whoever comes at once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from api.actor import system
from api.customers.commands import InviteStaffMember, RegisterCustomer, UpdateProfile
from api.customers.state import CUSTOMER
from api.handle import Request, handle, handle_all
from api.refusals import Refusal
from api.rules import Rules
from warehouse.ids import derived_at

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = Rules()


def asked(command, *, key="once"):
    return Request(command, derived_at(NOON, key, type(command).__name__), system("test"), NOON)


def test_an_address_belongs_to_one_person(writer, count):
    eve = RegisterCustomer(customer_id=UUID(int=1), name="Eve", email="eve@example.org")
    handle(writer, asked(eve), RULES)

    mallory = eve.model_copy(update={"customer_id": UUID(int=2)})
    colleague = InviteStaffMember(
        staff_id=UUID(int=4), name="Eve", email="EVE@example.org", staff_role="buyer", function_access=()
    )
    for wish in (mallory, colleague):
        with pytest.raises(Refusal, match="email_taken") as refused:
            handle(writer, asked(wish, key="other"), RULES)
        assert refused.value.message == "the email belongs to another"
    assert count("events") == 1


def test_an_address_let_go_can_be_taken_up(writer, state):
    eve = RegisterCustomer(customer_id=UUID(int=1), name="Eve", email="eve@example.org")
    moved = UpdateProfile(customer_id=UUID(int=1), name="Eve", email="eve@new.example.org")
    mallory = eve.model_copy(update={"customer_id": UUID(int=2)})

    handle_all(writer, [asked(eve), asked(moved)], RULES)
    handle(writer, asked(mallory, key="other"), RULES)

    assert state(CUSTOMER, UUID(int=2)).email == "eve@example.org"


def test_who_writes_their_address_in_other_letters_keeps_it(writer, count):
    eve = RegisterCustomer(customer_id=UUID(int=1), name="Eve", email="eve@example.org")
    again = UpdateProfile(customer_id=UUID(int=1), name="Eve", email="EVE@example.org")
    mallory = eve.model_copy(update={"customer_id": UUID(int=2)})

    handle_all(writer, [asked(eve), asked(again)], RULES)

    assert count("unique_claims") == 1
    with pytest.raises(Refusal, match="email_taken"):
        handle(writer, asked(mallory, key="other"), RULES)


def test_of_two_who_want_one_address_at_once_one_gets_it(meanwhile, count):
    eve = RegisterCustomer(customer_id=UUID(int=1), name="Eve", email="eve@example.org")
    mallory = eve.model_copy(update={"customer_id": UUID(int=2)})

    _, second = meanwhile(asked(eve), asked(mallory, key="other"))

    with pytest.raises(Refusal, match="email_taken"):
        second.result()
    assert [count("events"), count("unique_claims")] == [1, 1]
