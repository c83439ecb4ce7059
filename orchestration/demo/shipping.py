"""Shipping: what was ordered leaves the house, in parts where it must, arrives, and comes back now and then."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from api.fulfillment.commands import (
    ApproveReturn,
    CountStock,
    CreateShipment,
    DeliverShipment,
    InspectionFinding,
    InspectReturn,
    PackShipment,
    PickShipment,
    ReceiveReturn,
    RequestedReturnLine,
    RequestReturn,
    ShipShipment,
)
from api.orders.commands import HoldOrder, ReleaseOrder, ShortCloseLine
from orchestration.demo import hours
from orchestration.demo.books import Ask, Company, OpenOrder, OrderLine
from orchestration.demo.collecting import send_invoice
from orchestration.demo.people import Consumer, Dealer
from orchestration.demo.plan import is_workday, workday_from
from orchestration.demo.selling import call_off
from warehouse.events.fulfillment import ReturnOutcome
from warehouse.events.orders import LineQuantity

_CARRIERS = ("Heron Parcel", "Tidewater Freight", "Lark Express")  # invented
_SPLIT_SHARE = 0.05  # of dealers' orders of several lines, shipped in two parcels though all is there
_PATIENCE_DAYS = 45
_TRANSIT_DAYS = ((1, 0.35), (2, 0.38), (3, 0.18), (5, 0.07), (9, 0.02))  # nine: the parcel went astray
_CONSUMER_RETURN_SHARE, _DEALER_RETURN_SHARE = 0.022, 0.03
_REASONS = (
    "Too small for the house.",
    "The casing was cracked.",
    "Ordered the wrong size.",
    "It hums and gives no water.",
)
_OUTCOMES: tuple[tuple[ReturnOutcome, bool, float], ...] = (
    ("refund", True, 0.5),
    ("refund", False, 0.3),
    ("repair", False, 0.08),
    ("reject", False, 0.12),
)
_CREDIT_REFUSALS = frozenset({"credit_exceeded", "account_held"})
_COUNT_DAY, _COUNTED = 3, 5  # of the month; so many shelves


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What leaves in one shipment."""

    shipment_id: UUID
    order: OpenOrder
    lines: tuple[tuple[OrderLine, int], ...]


def ship_orders(company: Company) -> None:
    """The morning shift: every order that is due, oldest first, as far as the shelves allow."""
    if not is_workday(company.today):
        return
    due = sorted(
        (order for order in company.to_ship if order.ship_on <= company.today), key=lambda order: order.placed_at
    )
    slot = (hours.SHIFT_ENDS - hours.SHIFT) / max(len(due), 1)
    for number, order in enumerate(due):
        minutes = hours.SHIFT + number * slot
        ready = [(line, min(line.open, max(company.shelves[line.sku].on_hand, 0))) for line in order.lines if line.open]
        chosen = _chosen(company, order, [one for one in ready if one[1] > 0])
        if chosen:
            _ship(company, _Parcel(company.new_id(minutes, "shipment"), order, tuple(chosen)), minutes, slot)
        elif (company.today - order.placed_at.date()).days > _PATIENCE_DAYS:
            _give_up_rest(company, order, minutes)
    company.to_ship[:] = [order for order in company.to_ship if not order.is_shipped]


def count_shelves(company: Company) -> None:
    """Once a month a few shelves are counted; a piece is missing or found here and there."""
    if company.today.day != _COUNT_DAY:
        return
    dice = company.plan.dice("count", company.today.isoformat())
    for number, sku in enumerate(sorted(dice.sample(list(company.shelves), _COUNTED))):
        shelf = company.shelves[sku]
        found = dice.choice((-2, -1, 0, 0, 0, 1)) if shelf.available > 2 else 0
        shelf.on_hand += found
        command = CountStock(sku=sku, counted_quantity=shelf.on_hand)
        company.ask(hours.COUNTS + number, company.by("warehouse"), command)


def _chosen(company: Company, order: OpenOrder, ready: list[tuple[OrderLine, int]]) -> list[tuple[OrderLine, int]]:
    """What goes today: consumers get everything at once, dealers what is there; some parcels are split all the same."""
    whole = sum(quantity for _, quantity in ready) == sum(line.open for line in order.lines)
    if isinstance(order.buyer, Consumer) and not whole:
        return []
    dice = company.plan.dice("parcel", str(order.id), order.shipments)
    if isinstance(order.buyer, Dealer) and order.shipments == 0 and len(ready) > 2 and dice.random() < _SPLIT_SHARE:
        return ready[: len(ready) // 2]
    return ready


def _ship(company: Company, parcel: _Parcel, minutes: float, slot: float) -> None:
    order, id = parcel.order, parcel.shipment_id
    lines = tuple(LineQuantity(line_no=line.line_no, quantity=quantity) for line, quantity in parcel.lines)
    packer, lead = company.by("packing"), company.by("warehouse")
    pieces = sum(quantity for _, quantity in parcel.lines)
    carrier = _CARRIERS[id.int % len(_CARRIERS)]
    tracking = f"{carrier[0]}{id.int % 10**9:09d}"
    requests = (
        company.request(minutes, packer, CreateShipment(shipment_id=id, order_id=order.id, lines=lines)),
        company.request(minutes + slot * 0.3, packer, PickShipment(shipment_id=id)),
        company.request(minutes + slot * 0.6, packer, PackShipment(shipment_id=id, packages=1 + pieces // 12)),
        company.request(
            minutes + slot * 0.9, lead, ShipShipment(shipment_id=id, carrier=carrier, tracking_number=tracking)
        ),
    )
    may_refuse = _CREDIT_REFUSALS if order.buyer.id in company.stretched and not order.is_released else frozenset()
    company.asks.append(Ask(requests, may_refuse, partial(_shipped, company, parcel)))
    _move(company, parcel, 1)


def _move(company: Company, parcel: _Parcel, sign: int) -> None:
    parcel.order.shipments += sign
    for line, quantity in parcel.lines:
        line.open -= sign * quantity
        company.shelves[line.sku].on_hand -= sign * quantity
        company.shelves[line.sku].reserved -= sign * quantity


def _shipped(company: Company, parcel: _Parcel, answer: Mapping[str, Any] | None) -> None:
    """It left, so its invoice follows and it will arrive; or credit forbade it, so a person must look at the order."""
    order = parcel.order
    if answer is None:
        company.counts["refused: shipping over the credit limit"] += 1
        _move(company, parcel, -1)
        if order not in company.to_ship:
            company.to_ship.append(order)
        order.ship_on = workday_from(company.today, 4)
        company.later(workday_from(company.today, 1), hours.HOLDS, partial(_hold, company, order))
        return
    company.counts["shipments"] += 1
    invoice = partial(send_invoice, company, order.buyer, parcel.shipment_id)
    company.later(workday_from(company.today, 1), hours.INVOICES, invoice)
    dice = company.plan.dice("transit", str(parcel.shipment_id))
    days = dice.choices([days for days, _ in _TRANSIT_DAYS], weights=[share for _, share in _TRANSIT_DAYS])[0]
    arrives = dice.uniform(hours.ARRIVALS, hours.ARRIVALS_END)
    company.later(workday_from(company.today, days), arrives, partial(_deliver, company, parcel, dice))


def _hold(company: Company, order: OpenOrder, minutes: float) -> None:
    """Hold an order that may not ship for credit until receivables release it; one in parts is tried again."""
    if order.is_shipped or order not in company.to_ship:
        return
    if order.buyer.id in company.closed:
        _drop(company, order, minutes)
        return
    if order.shipments:
        return
    company.ask(
        minutes, company.by("orders"), HoldOrder(order_id=order.id, reason="The buyer is over the credit limit.")
    )
    released = ReleaseOrder(order_id=order.id, reason="The bank confirmed the transfer.")
    company.ask(hours.REFUNDS, company.by("receivables"), released)
    order.is_released = True


def _drop(company: Company, order: OpenOrder, minutes: float) -> None:
    """The buyer's account is closed: what has not shipped never will."""
    if order.shipments:
        _give_up_rest(company, order, minutes)
    else:
        call_off(company, order, "The account is on hold.", minutes)


def _give_up_rest(company: Company, order: OpenOrder, minutes: float) -> None:
    """What is missing will not come any more; an order of which nothing shipped waits on."""
    if not order.shipments:
        return
    for line in order.lines:
        if line.open:
            command = ShortCloseLine(order_id=order.id, line_no=line.line_no, reason="The rest will not be delivered.")
            company.ask(minutes, company.by("orders"), command)
            company.shelves[line.sku].reserved -= line.open
            line.open = 0
    company.counts["orders cut short"] += 1


def _deliver(company: Company, parcel: _Parcel, dice: random.Random, minutes: float) -> None:
    company.ask(minutes, company.by("packing"), DeliverShipment(shipment_id=parcel.shipment_id))
    buyer = parcel.order.buyer
    pays_by_invoice = isinstance(buyer, Dealer) and not buyer.pays_statements
    share = _CONSUMER_RETURN_SHARE if isinstance(buyer, Consumer) else _DEALER_RETURN_SHARE
    if not pays_by_invoice and dice.random() < share:
        day = company.today + timedelta(days=dice.randint(2, 10))
        company.later(day, hours.RETURNS, partial(_send_back, company, parcel, dice))


def _send_back(company: Company, parcel: _Parcel, dice: random.Random, minutes: float) -> None:
    """The buyer asks; two workdays later it is approved, then it travels, then it is looked at."""
    line, shipped = dice.choice(parcel.lines)
    quantity = min(shipped, 1 if isinstance(parcel.order.buyer, Consumer) else dice.randint(1, 3))
    id = company.new_id(minutes, "return")
    asked = RequestedReturnLine(line_no=line.line_no, quantity=quantity, reason=dice.choice(_REASONS))
    command = RequestReturn(return_id=id, order_id=parcel.order.id, lines=(asked,))
    company.ask(minutes, parcel.order.buyer.actor, command)
    company.counts["returns"] += 1
    approve, receive = ApproveReturn(return_id=id), ReceiveReturn(return_id=id)
    approved = workday_from(company.today, 2)
    received = workday_from(approved, dice.randint(3, 7))
    company.later(approved, hours.RETURNS, partial(_by_warehouse, company, approve))
    company.later(received, hours.RETURNS, partial(_by_warehouse, company, receive))
    inspect = partial(_inspect, company, id, line, quantity, dice)
    company.later(workday_from(received, 1), hours.INSPECTIONS, inspect)


def _by_warehouse(company: Company, command: ApproveReturn | ReceiveReturn, minutes: float) -> None:
    company.ask(minutes, company.by("warehouse"), command)


def _inspect(
    company: Company, return_id: UUID, line: OrderLine, quantity: int, dice: random.Random, minutes: float
) -> None:
    outcome, is_saleable, _ = dice.choices(_OUTCOMES, weights=[share for *_, share in _OUTCOMES])[0]
    finding = InspectionFinding(line_no=line.line_no, outcome=outcome, is_saleable=is_saleable)
    company.ask(minutes, company.by("warehouse"), InspectReturn(return_id=return_id, findings=(finding,)))
    if is_saleable:
        company.shelves[line.sku].on_hand += quantity
