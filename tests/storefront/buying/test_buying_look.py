"""Buying in a browser with scripts: nothing for axe to find, nothing wider than the window, and an order that moves."""

from __future__ import annotations

import pytest

from api.orders.commands import CancelOrder

pytestmark = pytest.mark.whole


@pytest.mark.parametrize(("width", "scheme"), [pytest.param(1280, "light", marks=pytest.mark.proof), (390, "dark")])
def test_a_purchase_in_a_browser(shop, open_page, axe, overflow, width, scheme):
    page = open_page("/cart", width, scheme)
    page.set_default_timeout(15_000)

    def looks_right():
        assert (axe(page), overflow(page)) == ([], 0), page.url

    looks_right()
    page.goto("/pumps/RIL-340")
    page.fill("#quantity", "9")
    page.click("form[action='/cart/lines'] button")
    looks_right()
    page.click(".line-problem button")
    page.goto("/checkout")
    looks_right()
    page.fill("#new-name", "Asha Rao")
    page.fill("#new-email", "asha@example.com")
    page.fill("#new-password", "a long enough sentence")
    page.click("text=Open an account and go on")
    looks_right()
    for name, typed in (("street", "1 Well Lane"), ("city", "Pune"), ("postal_code", "411001"), ("country", "India")):
        page.fill(f"#{name}", typed)
    page.click("text=Keep it and go on")
    looks_right()
    page.click("text=Order and pay")
    looks_right()
    page.click("text=Not now, back to the order")
    looks_right()
    page.goto("/orders")
    looks_right()
    page.goto("/account")
    looks_right()


def test_an_order_moves_under_its_readers_eyes(shop, open_page, shopper, eventually):
    asha = shopper(shop.consumer()).put_in("RIL-250", "2").to_payment().submit("/checkout/place").go("/orders")
    order = shop.staff().get("/api/v1/orders").json()["items"][0]
    page = open_page("/")
    page.context.add_cookies(
        [{"name": name, "value": one, "url": str(asha.client.base_url)} for name, one in asha.client.cookies.items()]
    )
    page.goto(f"/orders/{order['number']}")
    page.wait_for_selector("text=Waiting for payment")
    eventually(lambda: shop.house.live.listeners == 1)
    shop.send(CancelOrder(order_id=order["id"], reason="no"))
    page.wait_for_selector("text=Nothing will be sent", timeout=5_000)
    page.goto("/orders")
    eventually(lambda: shop.house.live.listeners == 0)
