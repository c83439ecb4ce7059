"""The checkout: a purchase without scripts, one order however often it is sent, words for what is in the way."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from api.category.commands import ChangePrice, product_id
from api.customers.commands import AddAddress, SuspendDealer
from api.fulfillment.commands import AdjustStock
from api.orders.commands import CancelOrder
from api.receivables.commands import HoldAccount
from warehouse.clock import now
from warehouse.events.customers import Address
from warehouse.settings import Settings

CARD, DECLINED, EMPTY = "4242 4242 4242 4242", "4000000000000002", "4000000000009995"


@pytest.fixture
def orders(shop):
    """The orders of the house, the newest first, as staff see them."""
    sten = shop.staff()
    return lambda: sten.get("/api/v1/orders").json()["items"]


def at_payment(shopper, person, sku="RIL-250", quantity="2"):
    return shopper(person).put_in(sku, quantity).to_payment()


def test_a_visitor_becomes_a_customer_and_buys_without_scripts(shopper, orders):
    asha = shopper().put_in("RIL-250", "2").go("/checkout")
    assert "You are new here" in asha.text and "$124.00" in asha.text
    asha.submit("/register", name="Asha Rao", email="asha@example.com", password="a long enough sentence")
    assert asha.path == "/checkout/delivery" and "Welcome, Asha Rao" in asha.text
    asha.to_payment()
    assert "1 Well Lane" in asha.text and "Pay now" in asha.text and "$124.00" in asha.text
    asha.submit("/checkout/place", notes="Ring <twice>")
    assert asha.path.startswith("/pay/") and "Pay $124.00" in asha.text
    asha.submit("/pay/.*", card=CARD)
    assert re.fullmatch(r"/orders/SO-\d{6}-\w{8}", asha.path)
    assert "is paid" in asha.text and "Confirmed" in asha.text
    assert "Ring <twice>" not in asha.page.text and "Ring &lt;twice&gt;" in asha.page.text
    (order,) = orders()
    assert (order["channel"], order["lifecycle"], order["paid"]) == ("storefront", "confirmed", "124.00")
    assert order["shipping_address"]["street"] == "1 Well Lane"
    assert order["number"] in asha.go("/orders").text
    assert "Nothing in it yet" in asha.go("/cart").text


def test_a_dealer_on_terms_orders_on_account(shopper, shop, orders):
    deva = at_payment(shopper, shop.dealer(credit_limit="5000"), quantity="10")
    assert "On account" in deva.text and "30 days after the invoice" in deva.text and "$5,000.00" in deva.text
    deva.submit("/checkout/place", reference="PO-77")
    assert "is placed" in deva.text and "Confirmed" in deva.text and "PO-77" in deva.text
    (order,) = orders()
    assert (order["terms"], order["net"], order["reference"]) == ("net_30", "558.00", "PO-77")


def test_an_order_beyond_the_credit_is_held_and_its_buyer_told_why(shopper, shop, orders):
    deva = at_payment(shopper, shop.dealer(credit_limit="100"), quantity="10").submit("/checkout/place")
    assert "On hold" in deva.text and "exceeds the credit limit" in deva.text and "or we release it" in deva.text
    assert orders()[0]["lifecycle"] == "held"


def test_an_order_of_a_held_account_says_so(shopper, shop):
    dealer = shop.dealer(credit_limit="5000")
    shop.send(HoldAccount(customer_id=dealer.id, reason="late"))
    deva = at_payment(shopper, dealer).submit("/checkout/place")
    assert "account is on hold" in deva.text


def test_two_clicks_at_once_are_one_order(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer())
    form = asha.form("/checkout/place")
    cookies = "; ".join(f"{name}={value}" for name, value in asha.client.cookies.items())
    address = str(asha.client.base_url.join(form["action"]))
    with ThreadPoolExecutor(6) as pool:
        click = lambda _: httpx.post(address, data=form["fields"], headers={"Cookie": cookies})  # noqa: E731
        answers = list(pool.map(click, range(6)))
    assert {one.status_code for one in answers} == {303}
    assert len(orders()) == 1


def test_a_form_sent_again_leads_to_the_same_order_whatever_was_written_beside_it(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer())
    cart = asha.client.cookies.get("jovey_cart")
    first = asha.send("/checkout/place")
    asha.client.cookies.delete("jovey_cart")
    asha.client.cookies.set("jovey_cart", cart)
    again = asha.send("/checkout/place", notes="another word")
    assert first.status_code == again.status_code == 303
    assert again.headers["location"].startswith("/pay/")
    assert len(orders()) == 1


def test_a_cart_changed_after_an_answer_that_was_lost_is_kept_as_a_new_one(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer("asha"))
    cookies = dict(asha.client.cookies)
    assert asha.send("/checkout/place").status_code == 303
    asha.client.cookies = httpx.Cookies(cookies)  # the answer never came: the browser keeps its cart
    asha.go("/cart").submit("/cart/lines/RIL-250", quantity="5")
    asha.go("/checkout/payment").submit("/checkout/place")
    assert "was placed before you changed the cart" in asha.text
    assert [line["quantity"] for order in orders() for line in order["lines"]] == [2]
    asha.submit("/checkout/place")
    assert sorted(line["quantity"] for order in orders() for line in order["lines"]) == [2, 5]


def test_after_the_order_the_form_leads_to_the_orders(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer())
    asha.send("/checkout/place")
    assert asha.send("/checkout/place").headers["location"] == "/orders"
    assert len(orders()) == 1


def test_a_price_that_moved_while_somebody_read_is_told_before_anything_is_ordered(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer())
    shop.send(ChangePrice(product_id=product_id("RIL-250"), new_price=Decimal(65), reason="copper", override=True))
    asha.submit("/checkout/place")
    assert asha.page.status_code == 409
    assert "The total is 130.00 USD now; it was 124.00. Nothing was ordered yet." in asha.text
    assert "it was $62.00, it is $65.00 now" in asha.text
    assert orders() == []
    asha.submit("/checkout/place")
    assert "Pay $130.00" in asha.text
    assert (
        "look at the total once more"
        in at_payment(shopper, shop.consumer("ravi")).submit("/checkout/place", total="x").text
    )


def test_stock_that_went_meanwhile_is_told_beside_the_line_with_a_way_on(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer(), "RIL-340", "3")
    shop.send(AdjustStock(sku="RIL-340", quantity=-2, reason="broken"))
    asha.submit("/checkout/place")
    assert asha.page.status_code == 409
    assert "You asked for 3, 1 can be had today." in asha.text and "Take 1" in asha.text
    assert orders() == []
    asha.submit("/cart/lines/RIL-340")
    assert asha.path == "/checkout/payment" and "$73.00" in asha.text
    asha.submit("/checkout/place")
    assert orders()[0]["lines"][0]["quantity"] == 1


def test_stock_that_goes_at_the_very_last_moment_is_told_too(shopper, shop, orders, monkeypatch):
    asha = at_payment(shopper, shop.consumer(), "RIL-340", "3")
    from api.pages import checkout

    seen = checkout.present

    def late(here, who):
        basket = seen(here, who)
        if shop.house.engine and not getattr(late, "is_done", False):
            late.is_done = True
            shop.send(AdjustStock(sku="RIL-340", quantity=-2, reason="broken"))
        return basket

    monkeypatch.setattr(checkout, "present", late)
    asha.submit("/checkout/place")
    assert asha.page.status_code == 409 and "short by 2" in asha.text
    assert orders() == []


def test_a_suspended_dealer_is_told(shopper, shop):
    dealer = shop.dealer()
    deva = at_payment(shopper, dealer)
    shop.send(SuspendDealer(customer_id=dealer.id, reason="unpaid"))
    deva.submit("/checkout/place").submit("/checkout/place")
    assert "suspended; please talk to us" in deva.text


def test_steps_cannot_be_leapt_over(shopper, shop, orders):
    nobody = shopper()
    for step in ("/checkout", "/checkout/payment", "/checkout/delivery"):
        assert nobody.go(step).path == "/cart"
    nobody.put_in("RIL-250")
    assert nobody.go("/checkout/payment").path == "/checkout"
    assert nobody.go("/checkout/delivery").path.startswith("/sign-in?next=/checkout/delivery")
    asha = shopper(shop.consumer()).put_in("RIL-250")
    assert asha.go("/checkout/payment").path == "/checkout/delivery"
    token = asha.form("/checkout/delivery")["fields"]["csrf_token"]
    answer = asha.client.post("/checkout/place", data={"csrf_token": token, "total": "62.00"})
    assert answer.headers["location"] == "/checkout/delivery"
    assert orders() == []


def test_staff_are_told_to_order_in_their_screens(shopper, shop):
    sten = shopper(shop.staff()).put_in("RIL-250").go("/checkout")
    assert "signed in as staff" in sten.text


@pytest.mark.parametrize("path", ["/orders", "/account", "/orders/SO-261123-00000000"])
def test_staff_on_a_buyers_page_are_told_and_not_sent_in_circles(shopper, shop, path):
    sten = shopper(shop.staff())
    sten.go(path)
    assert sten.page.status_code == 403 and sten.path == path
    assert "for customers" in sten.text


def test_an_address_is_asked_for_in_words_and_kept(shopper, shop):
    asha = shopper(shop.consumer()).put_in("RIL-250").go("/checkout")
    asha.submit("/checkout/delivery", label="Home", recipient="A", street=" ", city="Pune", postal_code="1", country="")
    assert asha.page.status_code == 422
    assert asha.text.count("Please fill this in.") == 4  # street and country, in the summary and at the field
    assert 'value="Pune"' in asha.page.text
    asha.to_payment()
    shop.send(
        AddAddress(
            customer_id=asha_id(shop),
            label="Shop",
            address=Address(recipient="Asha", street="2 Mill Road", city="Pune", postal_code="411002", country="India"),
        )
    )
    asha.go("/checkout/delivery").submit("/checkout/delivery", choice="Shop")
    assert "2 Mill Road" in asha.text


def asha_id(shop):
    from warehouse.ids import named

    return named("person", "asha")


# paying


def test_a_declined_card_leaves_the_order_waiting_and_another_may_be_tried(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer()).submit("/checkout/place")
    asha.submit("/pay/.*", card=DECLINED)
    assert "declined the card. Nothing was paid; you can try again." in asha.text
    asha.submit("/pay/.*", card=EMPTY)
    assert "insufficient funds" in asha.text
    asha.submit("/pay/.*", card="4111 1111 1111 1111")
    assert "real cards are not taken" in asha.text and "4111" not in asha.page.text
    assert orders()[0]["paid"] == "0.00"
    asha.go("/orders").go(f"/orders/{orders()[0]['number']}")
    assert "Waiting for payment" in asha.text and "Pay $124.00 now" in asha.text
    asha.go(f"{asha.path}/pay").submit("/pay/.*", card=CARD)
    assert "is paid" in asha.text
    assert asha.go(f"{asha.path}/pay").path.startswith("/orders/")
    assert "Nothing is to be paid" in asha.text


def test_paying_twice_takes_the_money_once(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer()).submit("/checkout/place")
    form = asha.form("/pay/.*")
    for _ in range(2):
        answer = asha.client.post(form["action"], data=form["fields"] | {"card": CARD})
        assert answer.status_code == 303
    assert orders()[0]["paid"] == "124.00"
    assert "Nothing is to be paid" in asha.go(form["action"]).text


def test_money_for_a_cancelled_order_is_kept_and_said_so(shopper, shop, orders):
    asha = at_payment(shopper, shop.consumer()).submit("/checkout/place")
    shop.send(CancelOrder(order_id=orders()[0]["id"], reason="no"))
    form = asha.form("/pay/.*")
    answer = asha.client.post(form["action"], data=form["fields"] | {"card": CARD})
    asha.go(answer.headers["location"])
    assert "We keep what you paid on your account" in asha.text and "Cancelled" in asha.text


def test_a_payment_page_that_is_over_or_forged_says_so(shopper, monkeypatch, shop):
    asha = at_payment(shopper, shop.consumer()).submit("/checkout/place")
    form = asha.form("/pay/.*")
    forged = form["action"][:-3] + "abc"
    assert asha.go(forged).page.status_code == 404 and "payment page is over" in asha.text
    assert asha.client.post(forged, data=form["fields"]).status_code == 404
    monkeypatch.setattr("api.receivables.payment_port.INTENT_LIFETIME", timedelta(seconds=-1))
    asha.go("/orders")
    number = re.search(r"SO-\d{6}-\w{8}", asha.text)[0]
    asha.go(f"/orders/{number}/pay")
    assert "has expired" in asha.text


def test_no_card_number_reaches_the_log_or_the_house(shopper, shop, caplog, database, engine):
    with caplog.at_level(logging.DEBUG):
        asha = at_payment(shopper, shop.consumer()).submit("/checkout/place")
        asha.submit("/pay/.*", card=CARD)
    assert "is paid" in asha.text
    assert "4242" not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("jovey", "uvicorn"))
    )
    from sqlalchemy import text

    with engine.connect() as connection:
        kept = connection.execute(text("select string_agg(data::text, '') from jovey.events")).scalar_one()
        answers = connection.execute(
            text("select string_agg(response::text, '') from jovey.command_receipts")
        ).scalar_one()
    assert "4242" not in kept + answers


def test_without_a_processor_the_order_says_how_to_pay(shopper, shop, monkeypatch):
    monkeypatch.setattr(Settings, "takes_test_payments", property(lambda _: False))
    asha = at_payment(shopper, shop.consumer())
    assert "By bank transfer" in asha.text
    asha.submit("/checkout/place")
    assert asha.path.startswith("/orders/") and "Transfer $124.00 and write SO-" in asha.text
    assert asha.go("/pay/x").page.status_code == 404


def test_no_step_asks_the_database_often(shopper, shop, count_statements):
    asha = at_payment(shopper, shop.consumer())
    most = {"/checkout/payment": 3, "/checkout/delivery": 3, "/orders": 2, "/account": 2}
    for path, limit in most.items():
        assert count_statements(lambda path=path: asha.go(path)) <= limit, path
    form = asha.go("/checkout/payment").form("/checkout/place")
    assert count_statements(lambda: asha.client.post(form["action"], data=form["fields"])) <= 16


def test_what_is_told_of_time_is_true(shopper, shop):
    asha = at_payment(shopper, shop.consumer())
    assert "for 24 hours" in asha.text
    asha.submit("/checkout/place").go("/orders")
    number = re.search(r"SO-\d{6}-\w{8}", asha.text)[0]
    tomorrow = (now() + timedelta(hours=24)).strftime("%-d %b %Y")
    assert f"Please pay by {tomorrow}" in asha.go(f"/orders/{number}").text
