"""Buying: the reorder rule, twice a week, and what becomes of its purchase orders."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from api.procurement.commands import (
    ApprovePurchaseOrder,
    ConfirmPurchaseOrder,
    CreatePurchaseOrder,
    PurchasedLine,
    ReceivedLine,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
    ShortClosePurchaseOrder,
)
from orchestration.demo import hours
from orchestration.demo.books import Company, Shelf
from orchestration.demo.people import Supplier
from orchestration.demo.plan import workday_from

_REVIEW_WEEKDAYS = (0, 3)  # Monday, Thursday
_SERVICE_FACTOR = 1.9  # of the normal distribution: 97 cycles in a hundred without a gap, were demand normal
_VARIATION = 0.55  # standard deviation of weekly demand as a share of its mean, as seen in sample weeks
_ORDER_WEEKS = 3.5  # of demand in one order
_SPLIT_SHARE, _SHORT_SHARE = 0.12, 0.15  # of orders that arrive in two parts; of those, whose rest never comes
_TROUBLED_SUPPLIERS = (2, 8, 11)  # a flooded harbour delays them towards the end
_TROUBLE_DAYS, _TROUBLE_FACTOR = 75, 1.8
_NEGOTIATING_SUPPLIERS, _NEGOTIATION_DAYS = (2, 8), 45  # nothing is ordered while a new contract is haggled over
_APPROVAL_THRESHOLD = Decimal(5000)


@dataclass(frozen=True, slots=True)
class _Part:
    """What arrives in one delivery."""

    purchase_order_id: UUID
    supplier: Supplier
    lines: tuple[tuple[str, ReceivedLine], ...]  # with their SKUs


def review_stock(company: Company) -> None:
    """On review days: order up where stock and what is on its way fall short of the lead time's demand."""
    if company.today.weekday() not in _REVIEW_WEEKDAYS:
        return
    left = (company.plan.until - company.today).days
    for number, supplier in enumerate(company.suppliers):
        if number in _NEGOTIATING_SUPPLIERS and left < _NEGOTIATION_DAYS:
            continue
        lines = [
            (shelf, quantity)
            for shelf in company.shelves.values()
            if shelf.good.supplier == number and (quantity := order_quantity(shelf, supplier.lead_time_days)) > 0
        ]
        if lines:
            _order(company, number, lines)


def order_quantity(shelf: Shelf, lead_time_days: int) -> int:
    """Whole packs up to the order level once the position is at or below the reorder point, else 0.

    Reorder point = mean demand over lead time and review, plus a factor times its deviation (Silver, Pyke and Thomas,
    Inventory and Production Management in Supply Chains, 2017, ch. 6).
    """
    weekly = shelf.weekly_demand()
    weeks = lead_time_days / 7 + 0.5
    reorder_point = weekly * weeks + _SERVICE_FACTOR * _VARIATION * weekly * math.sqrt(weeks)
    position = shelf.available + shelf.on_order
    if position > reorder_point:
        return 0
    wanted = reorder_point + _ORDER_WEEKS * weekly - position
    return max(1, math.ceil(wanted / shelf.good.pack_quantity)) * shelf.good.pack_quantity


def _order(company: Company, number: int, lines: Sequence[tuple[Shelf, int]]) -> None:
    supplier, plan = company.suppliers[number], company.plan
    minutes = hours.PURCHASING + number * 8
    id = company.new_id(minutes, "purchase order")
    draft = CreatePurchaseOrder(
        purchase_order_id=id,
        supplier_id=supplier.id,
        lines=tuple(
            PurchasedLine(sku=shelf.good.sku, quantity=quantity, unit_cost=company.costs[shelf.good.sku])
            for shelf, quantity in lines
        ),
        expected_on=company.today + timedelta(days=supplier.lead_time_days),
    )
    company.ask(minutes, company.by("buyer"), draft)
    total = sum((line.quantity * line.unit_cost for line in draft.lines), Decimal(0))
    if total > _APPROVAL_THRESHOLD:
        approved = ApprovePurchaseOrder(purchase_order_id=id, reason="Within the budget.")
        company.ask(minutes + 3, company.by("purchasing"), approved)
    company.ask(minutes + 5, company.by("buyer"), SendPurchaseOrder(purchase_order_id=id))
    for shelf, quantity in lines:
        shelf.on_order += quantity
    company.counts["purchase orders"] += 1
    dice = plan.dice("purchase order", company.today.isoformat(), number)
    _expect(company, supplier, number, draft, dice)


def _expect(company: Company, supplier: Supplier, number: int, draft: CreatePurchaseOrder, dice: random.Random) -> None:
    """Write the confirmation and the arrivals into the agenda; the true lead time scatters around the promise."""
    factor = max(0.6, 1 + supplier.spread * dice.gauss(0.1, 1.0))
    left = (company.plan.until - company.today).days
    if number in _TROUBLED_SUPPLIERS and left < _TROUBLE_DAYS:
        factor *= _TROUBLE_FACTOR
    promised = workday_from(company.today, supplier.lead_time_days)
    arrives = workday_from(company.today, max(3, round(supplier.lead_time_days * factor)))
    reference = f"{supplier.name.split()[0][:3].upper()}-{company.ordinal:05d}"
    confirm = partial(_confirm, company, draft.purchase_order_id, promised, reference)
    company.later(workday_from(company.today, 2), hours.CONFIRMATIONS, confirm)
    lines = tuple((line.sku, ReceivedLine(line_no=n, quantity=line.quantity)) for n, line in enumerate(draft.lines, 1))
    if dice.random() >= _SPLIT_SHARE:
        whole = _Part(draft.purchase_order_id, supplier, lines)
        company.later(arrives, hours.GOODS_IN, partial(_receive, company, whole))
        return
    first = tuple((sku, ReceivedLine(line_no=l.line_no, quantity=-(-l.quantity // 2))) for sku, l in lines)
    rest = tuple(
        (sku, ReceivedLine(line_no=l.line_no, quantity=l.quantity // 2)) for sku, l in lines if l.quantity // 2
    )
    part = _Part(draft.purchase_order_id, supplier, first)
    company.later(arrives, hours.GOODS_IN, partial(_receive, company, part))
    then = workday_from(arrives, dice.randint(5, 18))
    if rest:
        second = _Part(draft.purchase_order_id, supplier, rest)
        if dice.random() < _SHORT_SHARE:
            company.later(then, hours.RESTS_GIVEN_UP, partial(_short_close, company, second))
        else:
            company.later(then, hours.GOODS_IN, partial(_receive, company, second))


def _confirm(company: Company, id: UUID, promised: date, reference: str, minutes: float) -> None:
    command = ConfirmPurchaseOrder(purchase_order_id=id, expected_on=promised, supplier_reference=reference)
    company.ask(minutes, company.by("buyer"), command)


def _receive(company: Company, part: _Part, minutes: float) -> None:
    receipt_id = company.new_id(minutes, "receipt")
    command = ReceivePurchaseOrder(
        purchase_order_id=part.purchase_order_id,
        receipt_id=receipt_id,
        lines=tuple(line for _, line in part.lines),
        delivery_note=f"DN-{company.ordinal:06d}",
    )
    company.ask(minutes, company.by("warehouse"), command)
    for sku, line in part.lines:
        company.shelves[sku].on_hand += line.quantity
        company.shelves[sku].on_order -= line.quantity


def _short_close(company: Company, part: _Part, minutes: float) -> None:
    command = ShortClosePurchaseOrder(
        purchase_order_id=part.purchase_order_id, reason="The supplier cannot deliver the rest."
    )
    company.ask(minutes, company.by("buyer"), command)
    for sku, line in part.lines:
        company.shelves[sku].on_order -= line.quantity
