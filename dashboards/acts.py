"""Acts in words: what a decision would do, what it did, and what can still be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from dashboards.draw import money, percent, whole

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What is said after a click, or of a decision that was taken."""

    tone: Literal["success", "warning", "error"]
    title: str
    words: str


def act_in_words(act: View, currency: str) -> str:
    """`Order 240 × SPR-SEAL-12`, `TP-050: USD 129.00 to USD 125.00 (−3.1 %)`."""
    if act["kind"] == "reorder":
        return f"Order {whole(act['quantity'])} × {act['sku']}"
    before, after = money(Decimal(act["current_price"]), currency), money(Decimal(act["new_price"]), currency)
    return f"{act['sku']}: {before} to {after} ({_change(act)})"


def act_in_short(act: View) -> str:
    """`240 × SPR-SEAL-12`, `TP-050 −3.1 %`."""
    if act["kind"] == "reorder":
        return f"{whole(act['quantity'])} × {act['sku']}"
    return f"{act['sku']} {_change(act)}"


def effect_in_words(decision: View) -> str:
    """What the button does, on the button."""
    act, currency = decision["proposal"], decision["currency"]
    if act["kind"] == "reorder":
        return f"Approve: draft an order of {money(Decimal(decision['amount']), currency)}"
    return f"Approve: sell at {money(Decimal(act['new_price']), currency)} from now on"


def told_of(decision: View) -> Told:
    """What became of it, and the way back or onward."""
    match decision["status"]:
        case "executed":
            return Told("success", "Approved and done", _after(decision["proposal"], decision["currency"]))
        case "rejected":
            return Told("success", "Rejected", "Nothing was changed. The agent looks again when the figures move.")
        case "stale":
            return Told("warning", "Not done: the world moved on", _differences(decision))
        case "expired":
            words = "Nobody decided in time. The agent proposes anew from today's figures."
            return Told("warning", "Expired", words)
        case "superseded":
            return Told("warning", "Replaced", "A newer proposal about the same product took its place.")
        case _:
            return Told("warning", "Waiting", "Nobody has decided yet.")


def _change(act: View) -> str:
    before, after = Decimal(act["current_price"]), Decimal(act["new_price"])
    return f"{'+' if after > before else ''}{percent((after - before) / before)}" if before else "new"


def _after(act: View, currency: str) -> str:
    if act["kind"] == "reorder":
        return (
            "A purchase order was drafted; it has not gone to the supplier yet. "
            "Next: send it from procurement, or cancel the draft if this was a mistake."
        )
    before = money(Decimal(act["current_price"]), currency)
    return f"The new price holds for every order from now on. To undo it, set {before} again in pricing."


def _differences(decision: View) -> str:
    moved = "; ".join(f"{one['name']} was {one['was']}, is {one['is_now']}" for one in decision["differences"])
    return f"{moved or 'What it stood on has changed'}. Nothing was done; the agent proposes anew from what is so now."
