"""What only a machine would ask: found by the requests of test_fuzz.py, told here one by one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from warehouse.clock import now
from warehouse.ids import new_id

WHY = {"reason": "it is time"}


@pytest.fixture(scope="module")
def sten(village):
    return village.staff()


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PATCH", "/api/v1/orders", "GET, POST"),
        ("OPTIONS", f"/api/v1/category/products/{UUID(int=7)}", "DELETE, GET, PUT"),
        ("GET", "/api/v1/customers/register", "POST"),  # not the customer called `register`
    ],
)
def test_an_address_tells_which_methods_it_takes(village, sten, method, address, allowed):
    for caller in (village.nobody(), sten):
        answer = caller.ask(method, address)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


def test_an_id_that_is_given_for_two_kinds_of_things_names_neither(sten):
    both = str(new_id(now()))
    told = {"customer_id": both, "order_id": both, "amount": "1.00", "received_on": str(now().date())}
    answer = sten.post("/api/v1/ar/payments", told)
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


def test_nothing_put_right_where_nothing_was_is_not_found(village, sten):
    village.product("NEW-1", stock=0)
    answer = sten.post("/api/v1/fulfillment/inventory/adjust", WHY | {"sku": "NEW-1", "quantity": 0})
    assert (answer.status_code, answer.json()["code"]) == (404, "stock_not_found")


def test_an_account_can_be_held_before_its_first_order(village, sten):
    account = f"/api/v1/ar/accounts/{village.dealer('new').id}"
    assert sten.get(account).status_code == sten.post(f"{account}/release", WHY).status_code == 404
    held = sten.post(f"{account}/hold", WHY)
    assert (held.status_code, held.json()["is_held"], held.json()["currency"]) == (200, True, None)
    assert sten.get(account).json() == held.json()


def test_who_may_not_see_an_order_learns_no_version_of_it(village):
    village.product()
    order, other = village.order(village.consumer("asha"), ("P-1", 1)), village.consumer("bela")
    address = "/api/v1/orders/{}/cancel"
    theirs, nobodys = (other.put(address.format(id), If_Match='"7"') for id in (order, new_id(now() + timedelta(1))))
    assert theirs.status_code == nobodys.status_code == 404
