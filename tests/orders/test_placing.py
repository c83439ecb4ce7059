"""The rules of placing an order: who may, at what price, out of which stock, on what credit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from api.category.commands import dealer_price_list_id, product_id
from api.fulfillment.commands import ReserveStock
from api.orders.commands import OrderedLine, PlaceOrder
from api.receivables.commands import CommitCredit
from warehouse.events.category import PriceListAssigned, PriceListCreated, PriceListLineSet, ProductDeactivated
from warehouse.events.customers import DealerSuspended
from warehouse.events.orders import OrderConfirmed, OrderHeld
from warehouse.events.receivables import AccountHeld, CreditCommitted
from warehouse.ids import named, short_code


def lines(*wanted):
    return tuple(OrderedLine(sku=sku, quantity=quantity) for sku, quantity in wanted)


def agreed(kind, sku, price, quantity=1):
    return OrderedLine(kind=kind, sku=sku, quantity=quantity, agreed_unit_price=price)


def place(shop, *ordered, customer=None, **more):
    return PlaceOrder(
        order_id=shop.order, customer_id=customer or shop.dealer, lines=ordered or lines(("P-1", 3), ("P-2", 2)), **more
    )


def number(shop, noon):
    return f"SO-{noon:%y%m%d}-{short_code(shop.order)}"


def test_a_dealers_order_is_confirmed_within_the_credit_at_net_prices_and_tax(history, shop, noon, actors):
    outcome = shop.opened(history).when(place(shop), actors.dealer(shop.dealer))

    outcome.then(shop.placed(number=number(shop, noon)), OrderConfirmed())
    assert (outcome.state.net, outcome.state.tax, outcome.state.total) == tuple(
        map(Decimal, ("339.98", "34.00", "373.98"))
    )
    reserved = {"location": "main", "order_id": shop.order, "backorder": False, "expires_at": None}
    outcome.causes(
        ReserveStock(sku="P-1", quantity=3, **reserved),
        ReserveStock(sku="P-2", quantity=2, **reserved),
        CommitCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("373.98")),
    )


def test_a_consumer_pays_prices_that_include_tax_within_a_day(history, shop, noon, actors):
    order = place(shop, *lines(("P-1", 1)), customer=shop.consumer)

    outcome = shop.opened(history).when(order, actors.consumer(shop.consumer))

    placed = shop.prepaid(number=number(shop, noon), expires_at=noon + timedelta(hours=24))
    outcome.then(placed)
    assert (outcome.state.net, outcome.state.tax, outcome.state.total) == tuple(
        map(Decimal, ("90.91", "9.09", "100.00"))
    )


def test_a_consumers_order_taken_by_staff_waits_for_its_money_without_end(history, shop, actors):
    order = place(shop, *lines(("P-1", 1)), customer=shop.consumer)

    assert shop.opened(history).when(order, actors.staff("orders")).state.expires_at is None


def test_one_order_is_placed_once(history, shop):
    shop.sold(shop.opened(history)).when(place(shop)).refused("order_exists")


def test_only_known_customers_order_and_each_for_themselves(history, shop, actors):
    opened = shop.opened(history)
    opened.when(place(shop, customer=named("customer", "nobody"))).refused("customer_not_found", "not_found")
    opened.when(place(shop), actors.dealer(named("customer", "x"))).refused("customer_not_found", "not_found")


def test_a_suspended_dealer_orders_nothing(history, shop):
    suspended = shop.opened(history).given(DealerSuspended(reason="late"), of=shop.dealer)

    assert "Dara Pumps" in suspended.when(place(shop)).refused("dealer_suspended").message


@pytest.mark.parametrize("changes", [{"agreed_unit_price": "1.00"}, {"agreed_tax_rate": "0"}], ids=["price", "tax"])
def test_only_staff_set_prices_and_tax(history, shop, actors, changes):
    order = place(shop, OrderedLine(sku="P-1", quantity=1, **changes))
    opened = shop.opened(history)
    opened.when(order, actors.dealer(shop.dealer)).refused("agreed_price_forbidden", "forbidden")
    assert opened.when(order, actors.staff("orders")).events


def test_only_staff_add_charges(history, shop, actors):
    order = place(shop, OrderedLine(kind="charge", sku="POST", quantity=1))

    shop.opened(history).when(order, actors.dealer(shop.dealer)).refused("charge_forbidden", "forbidden")


def test_only_dealers_order_beyond_the_stock(history, shop, actors):
    opened = shop.opened(history)
    order = place(shop, *lines(("P-1", 11)), customer=shop.consumer, backorder=True)
    opened.when(order, actors.consumer(shop.consumer)).refused("backorder_forbidden", "forbidden")
    outcome = opened.when(place(shop, *lines(("P-2", 11)), backorder=True), actors.dealer(shop.dealer))
    assert outcome.state.backorder


def test_demand_is_summed_over_all_lines_before_the_stock_is_looked_at(history, shop):
    order = place(shop, *lines(("P-1", 6), ("P-2", 1), ("P-1", 5)))

    refusal = shop.opened(history).when(order).refused("insufficient_stock")

    assert [(one.field, one.code) for one in refusal.faults] == [("lines.0.quantity", "insufficient_stock")]
    assert "short by 1" in refusal.message


def test_every_line_that_cannot_be_had_is_named_at_once(history, shop):
    order = place(
        shop,
        *lines(("NOPE", 1), ("P-2", 1), ("P-1", 11)),
        OrderedLine(kind="charge", sku="POST", quantity=1),
        agreed("discount", "OFF", "1.00"),
        agreed("product", "P-1", "-1.00"),
        agreed("charge", "POST", "-1.00"),
    )
    opened = shop.opened(history).given(ProductDeactivated(reason="old"), of=product_id("P-2"))

    refusal = opened.when(order).refused("lines_refused")

    assert [(one.field, one.code) for one in refusal.faults] == [
        ("lines.0.sku", "unknown_sku"),
        ("lines.1.sku", "product_inactive"),
        ("lines.3.agreed_unit_price", "price_missing"),
        ("lines.4.agreed_unit_price", "price_sign"),
        ("lines.5.agreed_unit_price", "price_sign"),
        ("lines.6.agreed_unit_price", "price_sign"),
        ("lines.2.quantity", "insufficient_stock"),
    ]


def test_staff_still_sell_what_is_no_longer_offered_at_an_agreed_price(history, shop):
    opened = shop.opened(history).given(ProductDeactivated(reason="old"), of=product_id("P-1"))

    assert opened.when(place(shop, agreed("product", "P-1", "10.00"))).state.total == Decimal("11.00")


def test_what_others_wait_for_is_not_promised_until_their_time_is_over(history, shop, noon):
    waiting = shop.opened(history).given(
        shop.reserved(8, shop.other_order, expires_at=noon + timedelta(hours=1)), of=shop.stock("P-1")
    )
    waiting.when(place(shop)).refused("insufficient_stock")
    assert waiting.when(place(shop), at=noon + timedelta(hours=1)).events


def test_a_dealers_own_price_list_goes_before_the_list_price(history, shop):
    own = dealer_price_list_id(shop.dealer)
    priced = shop.opened(history).given(
        PriceListCreated(name="Dara", currency="USD"),
        PriceListAssigned(customer_id=shop.dealer),
        PriceListLineSet(scope="product", sku="P-1", unit_price=Decimal("3.335"), valid_from="2026-01-01"),
        of=own,
    )

    [line] = priced.when(place(shop, *lines(("P-1", 3)))).state.lines

    assert (line.unit_price, line.net, line.tax) == (Decimal("3.3350"), Decimal("10.01"), Decimal("1.00"))


def test_discounts_lower_net_and_tax_and_never_exceed_what_is_bought(history, shop):
    opened = shop.opened(history)
    order = opened.when(place(shop, *lines(("P-1", 1)), agreed("discount", "OFF", "-10.05"))).state
    assert (order.net, order.tax, order.total) == tuple(map(Decimal, ("89.95", "8.99", "98.94")))
    too_much = place(shop, *lines(("P-1", 1)), agreed("discount", "OFF", "-100.01"))
    assert "-0.01" in opened.when(too_much).refused("total_negative").message


def test_an_order_for_nothing_is_confirmed_at_once(history, shop, actors):
    free = place(shop, agreed("product", "P-1", "0.00"), customer=shop.consumer)

    outcome = shop.opened(history).when(free, actors.staff("orders"))

    assert [type(event) for event in outcome.events][1:] == [OrderConfirmed]
    assert (outcome.state.payment, outcome.state.expires_at) == ("paid", None)


def test_an_order_over_the_credit_limit_is_held_to_the_cent(history, shop):
    exact = shop.opened(history, credit_limit=Decimal("373.98"))
    assert exact.when(place(shop)).state.lifecycle == "confirmed"
    over = shop.opened(history, credit_limit=Decimal("373.97")).when(place(shop))
    assert over.events[1] == OrderHeld(cause="credit", reason="The order exceeds the credit limit of 373.97 by 0.01.")


def test_other_orders_and_invoices_count_and_money_on_account_is_taken_off(history, shop):
    opened = shop.opened(history, credit_limit=Decimal("400.00"))
    committed = CreditCommitted(customer_id=shop.dealer, order_id=shop.other_order, amount=Decimal("20.00"))
    owing = opened.given(committed, shop.invoiced("30.00"), of=shop.account())
    assert owing.when(place(shop)).events[1].reason.endswith("by 23.98.")
    paying = owing.given(shop.paid("23.98"), of=shop.account())
    assert paying.when(place(shop)).state.lifecycle == "confirmed"


def test_an_account_on_hold_holds_every_new_order(history, shop):
    held = shop.opened(history, credit_limit=None).given(
        AccountHeld(customer_id=shop.dealer, reason="late"), of=shop.account()
    )

    assert held.when(place(shop)).events[1].cause == "account"


def test_without_a_limit_everything_is_confirmed_and_with_none_left_it_is_prepaid(history, shop, actors):
    buyer = actors.dealer(shop.dealer)
    assert shop.opened(history, credit_limit=None).when(place(shop), buyer).state.lifecycle == "confirmed"
    prepaid = shop.opened(history, credit_limit=Decimal(0)).when(place(shop), buyer).state
    assert (prepaid.lifecycle, prepaid.terms, prepaid.expires_at is None) == ("placed", "immediate", False)
