"""A buyer's orders: their own and nobody else's, with their story, as it happens."""

from __future__ import annotations

import re

import httpx
import pytest

from api.orders.commands import CancelOrder, HoldOrder
from api.receivables.commands import ReceivePayment
from warehouse.clock import now
from warehouse.ids import new_id


@pytest.fixture
def sten(shop):
    return shop.staff()


@pytest.fixture
def bought(shop, shopper, sten):
    """A consumer with an order through the shop: the shopper, the order's number and id."""

    def buy(sku="RIL-250", quantity="2", person=None):
        one = shopper(person or shop.consumer()).put_in(sku, quantity).to_payment().submit("/checkout/place")
        number = re.search(r"SO-\d{6}-\w{8}", one.go("/orders").text)[0]
        one.go(f"/orders/{number}")
        id = next(each["id"] for each in sten.get("/api/v1/orders").json()["items"] if each["number"] == number)
        return one, number, id

    return buy


def pay(shop, sten, id, amount="124.00"):
    asha = sten.get(f"/api/v1/orders/{id}").json()["customer_id"]
    shop.send(
        ReceivePayment(customer_id=asha, payment_id=new_id(now()), amount=amount, order_id=id, received_on=now().date())
    )


def test_an_order_tells_its_story_from_the_first_to_the_last(shop, bought, sten):
    asha, number, id = bought()
    assert "Waiting for payment" in asha.text and "Order placed" in asha.text
    pay(shop, sten, id)
    assert "Payment received $124.00" in asha.go(f"/orders/{number}").text
    door = f"/api/v1/fulfillment/orders/{id}"
    pieces = [{"line_no": 1, "quantity": 2}]
    for step, body in (
        ("pick", {"lines": pieces}),
        ("pack", {"packages": 1}),
        ("ship", {"carrier": "Post", "tracking_number": "T<1>"}),
    ):
        answer = sten.post(f"{door}/{step}", body)
        assert answer.status_code < 300, answer.text
    asha.go(f"/orders/{number}")
    assert "On its way" in asha.text and "T&lt;1&gt;" in asha.page.text and "Left our house 2 pieces" in asha.text
    assert "INV-000001" in asha.text and "$124.00" in asha.text and "Paid" in asha.text
    assert "Cancel order" not in asha.text
    assert sten.post(f"{door}/deliver", {}).status_code < 300
    asha.go(f"/orders/{id}")
    assert "It arrived." in asha.text and "follows your order" not in asha.text


def test_a_buyer_cancels_while_they_may(shop, bought, sten):
    asha, number, id = bought()
    asha.submit(f"/orders/{number}/cancel")
    assert f"Order {number} is cancelled." in asha.text and "Cancelled" in asha.text
    assert sten.get(f"/api/v1/orders/{id}").json()["lifecycle"] == "cancelled"


def test_once_it_is_picked_the_page_says_to_call(shop, bought, sten):
    asha, number, id = bought()
    pay(shop, sten, id)
    form = asha.form(f"/orders/{number}/cancel")
    assert (
        sten.post(f"/api/v1/fulfillment/orders/{id}/pick", {"lines": [{"line_no": 1, "quantity": 2}]}).status_code < 300
    )
    answer = asha.client.post(form["action"], data=form["fields"])
    assert "being picked; please call us" in asha.go(answer.headers["location"]).text


def test_an_order_held_by_a_person_says_why(shop, bought):
    asha, number, id = bought()
    shop.send(HoldOrder(order_id=id, reason="Is this the right pump for a 60 m well?"))
    asha.go(f"/orders/{number}")
    assert "A colleague looks into it: Is this the right pump" in asha.text


@pytest.mark.parametrize("tail", ["", "/stream", "/pay"])
def test_another_buyers_order_is_not_found_by_number_or_id(shop, bought, shopper, sten, tail):
    _, number, id = bought()
    ravi = shopper(shop.consumer("ravi"))
    for reference in (number, id, "SO-000000-AAAAAAAA", "x"):
        answer = ravi.client.get(f"/orders/{reference}{tail}")
        assert answer.status_code == 404 and "1 Well Lane" not in answer.text
    assert number not in ravi.go("/orders").text
    token = ravi.go("/account").form("/sign-out")["fields"]["csrf_token"]
    assert ravi.client.post(f"/orders/{number}/cancel", data={"csrf_token": token}).status_code == 404
    assert sten.get(f"/api/v1/orders/{id}").json()["lifecycle"] == "placed"


def test_nobody_is_led_to_sign_in_and_back(shop, bought, shopper):
    _, number, _ = bought()
    answer = shopper().client.get(f"/orders/{number}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next=/orders/{number}")


def test_an_order_moves_on_the_page_as_it_happens(shop, bought):
    """Fragments without a name, which htmx puts in place; no page around them."""
    asha, number, id = bought()
    with asha.client.stream("GET", f"/orders/{number}/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        said = []
        while "Order placed" not in "".join(said):
            said.append(next(lines))
        shop.send(CancelOrder(order_id=id, reason="no"))
        while "Nothing will be sent" not in "".join(said):
            said.append(next(lines))
        assert not any(line.startswith("event:") for line in said)
        assert "<html" not in "".join(said) and "cost" not in "".join(said)


def test_a_long_list_has_pages(shop, shopper, monkeypatch):
    monkeypatch.setattr("api.pages.orders.PAGE_SIZE", 2)
    asha = shop.consumer()
    for _ in range(3):
        shop.order(asha, ("RIL-250", 1))
    one = shopper(asha).go("/orders")
    assert len(set(re.findall(r"SO-\d{6}-\w{8}", one.page.text))) == 2
    following = re.search(r'href="(/orders\?[^"]+)"', one.page.text)[1].replace("&amp;", "&")
    assert len(set(re.findall(r"SO-\d{6}-\w{8}", one.go(following).page.text))) == 1
    assert "No order yet" in shopper(shop.consumer("ravi")).go("/orders").text


def test_an_orders_page_asks_as_often_for_many_lines_as_for_one(shop, shopper, count_statements):
    asha = shop.consumer()
    small = shop.order(asha, ("RIL-250", 1))
    large = shop.order(asha, ("RIL-250", 1), ("DLV-008", 1), ("ACC-NRV-25", 2), ("TRN-510", 1))
    one = shopper(asha)
    assert (
        count_statements(lambda: one.go(f"/orders/{small}"))
        == count_statements(lambda: one.go(f"/orders/{large}"))
        <= 4
    )


def test_the_stream_of_an_order_is_for_those_who_are_signed_in(shop, bought):
    asha, number, _ = bought()
    with httpx.Client(base_url=asha.client.base_url) as nobody:
        answer = nobody.get(f"/orders/{number}/stream")
    assert answer.status_code == 303
