"""What the demo's summary says of recommendations and forecasts."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console

from orchestration.demo.advice import advice_table, forecasts_table

REORDER = {
    "kind": "reorder", "sku": "P-1", "quantity": 1200, "amount": Decimal(3600), "rationale": "Short. More words.",
    "origin": "claude", "fallback_reason": None, "reorders": 9, "prices": 1,
}  # fmt: skip
PRICE = {
    "kind": "price", "sku": "P-2", "current_price": Decimal("100.00"), "new_price": Decimal("105.00"), "reorders": 9,
    "amount": Decimal(105), "rationale": "Cheap.", "origin": "fallback", "fallback_reason": "refusal", "prices": 1,
}  # fmt: skip
STEP = {"weeks_ahead": 4, "products": 30, "rmsse": 0.75, "naive_rmsse": 1.0, "pinball": 0.2, "naive_pinball": 0.0}


def printed(what) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_recommendations_show_what_why_and_by_whom():
    text = printed(advice_table([REORDER, PRICE]))
    assert "9 orders to suppliers, 1 prices" in text
    for said in ("order 1,200", "Short", "Claude, checked", "price 100.00 to 105.00", "formula, no answer: refusal"):
        assert said in text
    assert "More words" not in text


def test_a_quiet_house_says_so():
    assert "No recommendation waits" in printed(advice_table([]))
    assert "too young" in printed(forecasts_table([]))


def test_forecasts_stand_beside_the_naive_one():
    text = printed(forecasts_table([STEP]))
    for said in ("0.750", "1.000", "25%", "0.200"):
        assert said in text
