"""The cart: it is honest about prices and stock, and its owner's browser cannot change it behind our back."""

from __future__ import annotations

import base64
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.category.commands import ChangePrice, DeactivateProduct, product_id
from api.fulfillment.commands import AdjustStock
from api.pages.cart_lines import SKUS_MAX, Cart, CartLine, new_cart, read_cart, sealed_cart
from api.pages.forms import Wrong, quantity_of
from api.pages.visitor import CART_COOKIE
from warehouse.ids import named

KEY = b"a key for tests that is long enough to sign with"


def test_what_is_put_in_is_there_with_its_sum_and_tax(shopper):
    asha = shopper().put_in("RIL-250", "2")
    assert asha.path == "/cart"
    assert "2 pieces of Rill 250 put into your cart." in asha.text
    assert "$124.00" in asha.text and "of which tax $11.27" in asha.text
    asha.put_in("RIL-250", "1").put_in("ACC-NRV-25")
    assert "$193.20" in asha.text
    assert '<b id="cart-count" class="count">4' in asha.page.text
    assert "put into your cart" not in asha.go("/cart").text  # said once


def test_quantities_change_and_lines_go_and_come_back(shopper):
    asha = shopper().put_in("RIL-250", "2")
    asha.submit("/cart/lines/RIL-250", quantity="5")
    assert "$310.00" in asha.text
    asha.submit("/cart/lines/RIL-250", remove="1")
    assert "Rill 250 was taken out." in asha.text and "Nothing in it yet" in asha.text
    asha.submit("/cart/undo")
    assert "$310.00" in asha.text and "taken out" not in asha.text
    asha.submit("/cart/lines/RIL-250", quantity="0")
    assert "Nothing in it yet" in asha.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("-1", "1 piece or more"),
        ("0", "1 piece or more"),
        ("1,5", "whole number"),
        ("1.5", "whole number"),
        ("two", "whole number"),
        ("", "whole number"),
        ("²", "whole number"),
        ("999999999999", "beyond this shop"),
        ("100001", "beyond this shop"),
    ],
)
def test_a_quantity_that_cannot_be_is_told_in_words(shopper, typed, words):
    asha = shopper().put_in("RIL-250", typed)
    assert words in asha.text and "Nothing in it yet" in asha.text
    asha.put_in("RIL-250", "1")
    if typed != "0":
        asha.submit("/cart/lines/RIL-250", quantity=typed)
        assert words in asha.text and "$62.00" in asha.text


@pytest.mark.parametrize(("typed", "means"), [("7", 7), (" 1,000 ", 1000), ("10 000", 10_000), ("1\u00a0000", 1000)])
def test_a_quantity_with_groups_is_understood(typed, means):
    assert quantity_of(typed, 100_000) == means


@given(st.text(max_size=12))
def test_whatever_is_typed_is_a_number_of_pieces_or_words(typed):
    try:
        pieces = quantity_of(typed, 100_000)
    except Wrong:
        return
    assert 0 <= pieces <= 100_000


def test_a_cart_takes_so_much_and_no_more(shopper, shop):
    asha = shopper().put_in("RIL-250", "60000").put_in("RIL-250", "60000")
    assert "beyond this shop" in asha.text
    full = Cart(named("c", "1"), tuple(CartLine(f"P-{n}", 1, Decimal(1)) for n in range(SKUS_MAX)))
    house_key = asha.client.cookies.get(CART_COOKIE)
    assert house_key
    asha.client.cookies.set(CART_COOKIE, sealed_cart(full, shop.house.mac_key))
    asha.put_in("RIL-250")
    assert f"holds {SKUS_MAX} different products" in asha.text


def test_a_product_nobody_sells_cannot_be_put_in(shopper):
    asha = shopper().go("/pumps/RIL-250").submit("/cart/lines", sku="NONE")
    assert "no longer sold" in asha.text and "Nothing in it yet" in asha.text
    asha.go("/pumps/RIL-250").submit("/cart/lines", sku="<script>alert(1)</script>")
    assert "<script>alert" not in asha.page.text
    asha.put_in("RIL-250")
    token = asha.form("/cart/lines/RIL-250")["fields"]["csrf_token"]
    answer = asha.client.post("/cart/lines/OTHER", data={"csrf_token": token, "quantity": "1"})
    assert "not in your cart any more" in asha.go(answer.headers["location"]).text
    assert asha.client.post("/cart/undo", data={"csrf_token": token}).status_code == 303


def test_a_line_beyond_the_stock_says_so_beside_it_and_is_put_right_with_one_click(shopper, shop):
    asha = shopper().put_in("RIL-340", "5").put_in("RIL-250", "1")
    assert "You asked for 5, 3 can be had today." in asha.text
    assert "Go to checkout" not in asha.text
    asha.submit("/cart/lines/RIL-340")  # the first form of that line is the offer to take 3
    assert "can be had today" not in asha.text and "Go to checkout" in asha.text
    shop.send(AdjustStock(sku="RIL-340", quantity=-3, reason="broken"))
    shop.send(DeactivateProduct(product_id=product_id("RIL-250"), reason="old"))
    asha.go("/cart")
    assert "Out of stock today" in asha.text and "no longer sold" in asha.text
    asha.submit("/cart/fix")
    assert "Nothing in it yet" in asha.text


def test_a_price_that_changed_is_told_once(shopper, shop):
    asha = shopper().put_in("RIL-250", "1")
    change = ChangePrice(product_id=product_id("RIL-250"), new_price=Decimal("63.50"), reason="copper", override=True)
    shop.send(change)
    assert "it was $62.00, it is $63.50 now" in asha.go("/cart").text
    assert "it was $62.00" not in asha.go("/cart").text


def test_dealers_see_their_own_prices_without_tax(shopper, shop):
    deva = shopper(shop.dealer()).put_in("RIL-250", "10")
    assert "$55.80 each, without tax" in deva.text
    assert "$558.00" in deva.text and "$613.80" in deva.text


def test_a_cart_outlives_signing_in(shopper, shop):
    deva = shopper().put_in("RIL-250", "10")
    with_password = shopper(shop.dealer())
    assert "Nothing in it yet" in with_password.go("/cart").text
    deva.sign_in("deva").go("/cart")
    assert "$55.80 each" in deva.text


def test_no_sql_grows_with_the_cart(shopper, count_statements):
    asha = shopper().put_in("RIL-250")
    one = count_statements(lambda: asha.go("/cart"))
    asha.put_in("ACC-NRV-25").put_in("DLV-008")
    assert count_statements(lambda: asha.go("/cart")) == one <= 3


def test_a_cart_reads_as_it_was_sealed_and_not_under_another_key():
    cart = Cart(
        named("cart", "1"), (CartLine("P-1", 3, Decimal("1.50")),), CartLine("P-2", 1, Decimal("2.00")), "Home \u00fc"
    )
    sealed = sealed_cart(cart, KEY)
    assert read_cart(sealed, KEY) == cart
    assert read_cart(sealed, b"x" * 40).lines == ()
    raw = base64.urlsafe_b64decode(sealed)
    forged = base64.urlsafe_b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()
    for cookie in ("", "x", "ü", forged, sealed[:-4]):
        assert read_cart(cookie, KEY).lines == ()
    assert new_cart().id != new_cart().id


def test_a_full_cart_fits_into_a_cookie():
    lines = tuple(
        CartLine(named("sku", str(n)).hex + named("s", str(n)).hex[:18], 99_999, Decimal("1234.5678"))
        for n in range(50)
    )
    assert len(sealed_cart(replace(new_cart(), lines=lines, ship_to="x" * 50), KEY)) < 4_000
