"""forecasting.demand: what was asked for, week by week, not what was sold."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.events.fulfillment import InventoryReceived, InventoryReserved, InventoryShipped
from warehouse.events.orders import (
    LineQuantity,
    OrderCancelled,
    OrderLine,
    OrderLineReturned,
    OrderPlaced,
)

D = Decimal
MONDAY = date(2026, 3, 2)


def order(lake, quantity: int, product: str = "pump") -> OrderPlaced:
    line = OrderLine(
        line_no=1, kind="product", sku=product.upper(), product_id=lake.id(product), description="Pump",
        quantity=quantity, unit_price=D(2), tax_rate=D(0), net=D(2) * quantity, tax=D(0), gross=D(2) * quantity,
    )  # fmt: skip
    return OrderPlaced(
        number="SO-1", customer_id=lake.id("ann"), customer_type="dealer", channel="api", currency="USD",
        prices_include_tax=False, lines=(line,), net=line.net, tax=D(0), total=line.net,
        terms="net_30", location="main",
    )  # fmt: skip


def weekly(lake) -> dict[date, int]:
    return {row["week_start"]: row["quantity"] for row in lake.table("forecasting.demand").to_dicts()}


def test_a_week_without_orders_is_a_week_of_zero(small_lake):
    small_lake.today = MONDAY + timedelta(days=15)
    small_lake.given("one", MONDAY + timedelta(days=6), order(small_lake, 3))
    small_lake.given("two", MONDAY + timedelta(days=14), order(small_lake, 5))
    assert weekly(small_lake) == {MONDAY: 3, MONDAY + timedelta(days=7): 0, MONDAY + timedelta(days=14): 5}


def test_an_order_called_off_the_same_day_was_no_demand_and_one_called_off_later_was(small_lake):
    small_lake.given("mistake", MONDAY, order(small_lake, 80_995), OrderCancelled(reason="mistake"))
    small_lake.given("regret", MONDAY, order(small_lake, 4))
    small_lake.given("regret", MONDAY + timedelta(days=1), OrderCancelled(reason="regret"))
    assert weekly(small_lake)[MONDAY] == 4


def test_what_comes_back_the_same_day_was_no_demand(small_lake):
    back = OrderLineReturned(return_id=small_lake.id("r"), lines=(LineQuantity(line_no=1, quantity=7),))
    small_lake.given("order", MONDAY, order(small_lake, 10), back)
    small_lake.given("order", MONDAY + timedelta(days=3), back.model_copy())
    assert weekly(small_lake)[MONDAY] == 3


def test_a_week_in_which_nothing_was_available_is_marked(small_lake):
    lake = small_lake
    lake.today = MONDAY + timedelta(days=27)
    shelf = {"product_id": lake.id("pump"), "sku": "PUMP", "location": "main"}
    first, second, third, fourth = (MONDAY + timedelta(days=7 * week) for week in range(4))
    lake.given("shelf", first, InventoryReceived(**shelf, quantity=5, source="opening"))
    lake.given("shelf", second, InventoryReserved(**shelf, order_id=lake.id("o"), quantity=5))
    lake.given("shelf", second, InventoryShipped(**shelf, order_id=lake.id("o"), shipment_id=lake.id("s"), quantity=5))
    lake.given("shelf", third, InventoryReceived(**shelf, quantity=9, source="purchase_order"))
    lake.given("order", first, order(lake, 5))
    rows = {row["week_start"]: row for row in lake.table("forecasting.demand").to_dicts()}
    assert [rows[week]["is_stocked_out"] for week in (first, second, third, fourth)] == [False, True, True, False]
    assert [rows[week]["available_min"] for week in (first, second, third, fourth)] == [5, 0, 0, 9]
    assert [rows[week]["is_partial"] for week in (first, fourth)] == [False, True]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 23), st.integers(1, 9), st.booleans(), st.sampled_from("ab")),
        max_size=15,
    )
)
def test_demand_is_the_sum_of_orders_by_their_own_week(small_lake, orders):
    lake = type(small_lake)(small_lake.connection, today=MONDAY + timedelta(days=70))
    for table in ("order_placed", "order_cancelled"):
        lake.connection.execute(f"delete from facts.{table}")
    expected: Counter = Counter()
    for number, (day, hour, quantity, is_mistake, product) in enumerate(orders):
        on = MONDAY + timedelta(days=day)
        at = datetime.combine(on, time(hour), UTC)
        mistake = [OrderCancelled(reason="mistake")] if is_mistake else []
        lake.given(f"order {number}", at, order(lake, quantity, product), *mistake)
        if not is_mistake:
            expected[product.upper(), on - timedelta(days=on.weekday())] += quantity
    rows = lake.table("forecasting.demand").to_dicts()
    assert {(row["sku"], row["week_start"]): row["quantity"] for row in rows if row["quantity"]} == expected
    for product in {row["sku"] for row in rows}:
        weeks = sorted(row["week_start"] for row in rows if row["sku"] == product)
        assert weeks == [weeks[0] + timedelta(days=7 * n) for n in range(len(weeks))], "no week is missing"
        assert weeks[-1] == MONDAY + timedelta(days=70)
