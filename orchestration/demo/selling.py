"""Selling: orders as they come in, with second thoughts, unpaid baskets and wishes that cannot be met."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from api.actor import Actor
from api.orders.commands import CancelOrder, ExpireOrder, OrderedLine, PlaceOrder, ReleaseOrder
from api.orders.state import Order
from api.receivables.commands import ReceivePayment, RefundPayment
from orchestration.demo import hours
from orchestration.demo.books import Ask, Company, OpenOrder, OrderLine
from orchestration.demo.demand import (
    Wanted,
    consumer_basket,
    consumers_ordering,
    dealer_basket,
    dealers_ordering,
)
from orchestration.demo.opening import FOUNDER
from orchestration.demo.people import Consumer, Dealer
from orchestration.demo.plan import workday_from
from warehouse.events.event import Ref

_UNPAID_SHARE, _REGRET_SHARE, _DEALER_REGRET_SHARE = 0.02, 0.018, 0.012
_PHONE_SHARE, _BACKORDER_SHARE = 0.15, 0.5  # of dealer orders: phoned in with freight; of those short, willing to wait
_WISH_SHARE = 0.2  # of sold-out products a day that somebody tries to buy all the same
_RELEASE_SHARE = 0.85  # of held orders that are let go in the end
_FREIGHT = Decimal("18.00")
_SHIP_LAG_DAYS = ((1, 0.72), (2, 0.19), (3, 0.07), (6, 0.02))


def order_answer(ref: Ref, version: int, order: Order) -> Mapping[str, Any]:
    """What the story must know of an order it placed."""
    return {"id": str(ref.id), "version": version, "total": str(order.total), "lifecycle": order.lifecycle}


def try_the_impossible(company: Company) -> None:
    """At night somebody wants what is sold out; the shop must refuse."""
    dice = company.plan.dice("wishes", company.today.isoformat())
    known = company.known_consumers
    for number, (sku, shelf) in enumerate(company.shelves.items()):
        if not known or shelf.available > 2 or shelf.unpaid or dice.random() > _WISH_SHARE:
            continue
        consumer = dice.choice(known)
        minutes = hours.WISHES + 5 * number
        command = PlaceOrder(
            order_id=company.new_id(minutes, "wish"),
            customer_id=consumer.id,
            channel="storefront",
            lines=(OrderedLine(sku=sku, quantity=max(shelf.available, 0) + dice.randint(1, 2)),),
        )
        request = company.request(minutes, consumer.actor, command)
        company.asks.append(
            Ask((request,), may_refuse=frozenset({"insufficient_stock"}), learn=partial(_refused, company))
        )


def take_orders(company: Company) -> None:
    """The day's orders in the order of their minutes."""
    dice = company.plan.dice("orders", company.today.isoformat())
    callers: list[tuple[float, Consumer | Dealer]] = [
        (dice.uniform(hours.SHOP, hours.SHOP_CLOSES), consumer)
        for consumer in consumers_ordering(company.plan, company.known_consumers, company.today)
    ]
    callers += [
        (dice.uniform(hours.SHOP, hours.DEALERS_SHOP_CLOSES), dealer)
        for dealer in dealers_ordering(company.plan, company.known_dealers, company.today)
    ]
    for minutes, buyer in sorted(callers, key=lambda caller: caller[0]):
        if isinstance(buyer, Consumer):
            _sell_to_consumer(company, buyer, minutes, dice)
        else:
            _sell_to_dealer(company, buyer, minutes, dice)


def _sell_to_consumer(company: Company, consumer: Consumer, minutes: float, dice: random.Random) -> None:
    basket = _in_stock(company, consumer_basket(dice, company.goods, company.today))
    if not basket:
        company.counts["orders lost to empty shelves"] += 1
        return
    order = _place(company, consumer, basket, minutes, dice, by=consumer.actor, channel="storefront")
    order.total = sum((company.prices[line.sku] * line.quantity for line in basket), Decimal(0))
    if dice.random() < _UNPAID_SHARE:
        _count_unpaid(company, order, 1)
        company.later(company.today + timedelta(days=2), hours.LAPSES, partial(_lapse, company, order))
        return
    _pay_for(company, order, minutes + 2)
    if dice.random() < _REGRET_SHARE:
        company.later(company.today + timedelta(days=1), hours.REGRETS, partial(_regret, company, order))
    else:
        company.to_ship.append(order)


def _sell_to_dealer(company: Company, dealer: Dealer, minutes: float, dice: random.Random) -> None:
    wanted = dealer_basket(dice, dealer, company.goods, company.today)
    there = _in_stock(company, wanted)
    waits = len(there) < len(wanted) or sum(w.quantity for w in there) < sum(w.quantity for w in wanted)
    is_backorder = waits and dealer.tier != "standard" and dice.random() < _BACKORDER_SHARE
    basket = wanted if is_backorder else there
    if not basket:
        company.counts["orders lost to empty shelves"] += 1
        return
    if dice.random() < _PHONE_SHARE:
        by, channel = company.by("orders"), "staff"
    else:
        by, channel = dealer.actor, "api" if dealer.tier == "distributor" else "storefront"
    order = _place(company, dealer, basket, minutes, dice, by=by, channel=channel, is_backorder=is_backorder)
    if dealer.credit_months == 0:
        company.later(company.today + timedelta(days=1), hours.PREPAYMENTS, partial(_prepay, company, order))
    elif dice.random() < _DEALER_REGRET_SHARE:
        doubled = partial(call_off, company, order, "Ordered twice by mistake.")
        company.later(company.today + timedelta(days=1), hours.CALLS_OFF, doubled)


def _in_stock(company: Company, basket: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """The basket as far as the shelves allow, in whole packs."""
    found = []
    for wanted in basket:
        shelf = company.shelves[wanted.sku]
        pack = shelf.good.pack_quantity if wanted.quantity >= shelf.good.pack_quantity else 1
        quantity = min(wanted.quantity, max(shelf.available, 0) // pack * pack)
        if quantity:
            found.append(Wanted(wanted.sku, quantity))
        if quantity < wanted.quantity:
            company.counts["pieces wanted beyond the shelf"] += wanted.quantity - quantity
    return tuple(found)


def _place(
    company: Company,
    buyer: Consumer | Dealer,
    basket: Sequence[Wanted],
    minutes: float,
    dice: random.Random,
    *,
    by: Actor,
    channel: Any,
    is_backorder: bool = False,
) -> OpenOrder:
    lag = dice.choices([days for days, _ in _SHIP_LAG_DAYS], weights=[share for _, share in _SHIP_LAG_DAYS])[0]
    order = OpenOrder(
        id=company.new_id(minutes, "order"),
        buyer=buyer,
        lines=[OrderLine(n, wanted.sku, wanted.quantity, wanted.quantity) for n, wanted in enumerate(basket, start=1)],
        placed_at=company.plan.instant(company.today, minutes),
        total=Decimal(0),
        ship_on=workday_from(company.today, lag),
        is_backorder=is_backorder,
    )
    lines = [OrderedLine(sku=wanted.sku, quantity=wanted.quantity) for wanted in basket]
    if channel == "staff":
        freight = OrderedLine(
            kind="charge", sku="FREIGHT", quantity=1, description="Freight", agreed_unit_price=_FREIGHT
        )
        lines.append(freight)
    command = PlaceOrder(
        order_id=order.id,
        customer_id=buyer.id,
        channel=channel,
        lines=tuple(lines),
        shipping_address=buyer.address,
        backorder=is_backorder,
    )
    company.ask(minutes, by, command, answer=order_answer, learn=partial(_placed, company, order))
    for wanted in basket:
        company.shelves[wanted.sku].reserve(wanted.quantity)
    company.counts["orders"] += 1
    return order


def _placed(company: Company, order: OpenOrder, answer: Mapping[str, Any] | None) -> None:
    """The answer to an order: its total, and for dealers whether it is confirmed or held."""
    assert answer is not None, "an order whose stock was there cannot be refused"
    total = Decimal(answer["total"])
    if isinstance(order.buyer, Consumer):
        assert total == order.total, f"a consumer pays the list price: {total} is not {order.total}"
        return
    order.total = total
    match answer["lifecycle"]:
        case "confirmed":
            company.to_ship.append(order)
        case "held":
            company.counts["orders held"] += 1
            dice = company.plan.dice("held", str(order.id))
            review = workday_from(company.today, dice.randint(1, 4))
            goes_on = dice.random() < _RELEASE_SHARE
            if goes_on:
                company.later(review, hours.RELEASES, partial(_release, company, order))
            else:
                reason = "The dealer's payment did not come."
                company.later(review, hours.CALLS_OFF, partial(call_off, company, order, reason))
        case _:
            pass  # waits for its money: see _prepay


def _pay_for(company: Company, order: OpenOrder, minutes: float) -> None:
    """Pay an order before it ships: consumers by card at once, prepaying dealers by transfer."""
    is_consumer = isinstance(order.buyer, Consumer)
    order.payment_id = company.new_id(minutes, "payment")
    order.is_paid = True
    command = ReceivePayment(
        customer_id=order.buyer.id,
        payment_id=order.payment_id,
        amount=order.total,
        method="card" if is_consumer else "bank_transfer",
        received_on=company.today,
        order_id=order.id,
        provider="sandbox" if is_consumer else None,
        provider_reference=f"card-{order.payment_id}" if is_consumer else None,
    )
    company.ask(minutes, FOUNDER, command)


def _prepay(company: Company, order: OpenOrder, minutes: float) -> None:
    """A prepaying dealer's transfer arrives the next morning, within the day that the order waits."""
    _pay_for(company, order, minutes)
    company.to_ship.append(order)


def _lapse(company: Company, order: OpenOrder, minutes: float) -> None:
    company.ask(minutes, FOUNDER, ExpireOrder(order_id=order.id))
    _free(company, order)
    _count_unpaid(company, order, -1)
    company.counts["orders expired"] += 1


def _count_unpaid(company: Company, order: OpenOrder, sign: int) -> None:
    for line in order.lines:
        company.shelves[line.sku].unpaid += sign * line.quantity


def _regret(company: Company, order: OpenOrder, minutes: float) -> None:
    """A consumer calls off what was paid for, and gets the money back."""
    assert order.payment_id is not None
    company.ask(
        minutes, order.buyer.actor, CancelOrder(order_id=order.id, reason="Found out the old one can be repaired.")
    )
    refund = RefundPayment(
        customer_id=order.buyer.id,
        payment_id=order.payment_id,
        amount=order.total,
        method="card",
        reason="The order was cancelled.",
    )
    company.ask(hours.REFUNDS, company.by("receivables"), refund)
    _free(company, order)
    company.counts["orders cancelled"] += 1


def call_off(company: Company, order: OpenOrder, reason: str, minutes: float) -> None:
    """Staff call off an order of which nothing has shipped."""
    if order.shipments or order.is_called_off:
        return
    order.is_called_off = True
    company.ask(minutes, company.by("orders"), CancelOrder(order_id=order.id, reason=reason))
    company.to_ship[:] = [other for other in company.to_ship if other is not order]
    _free(company, order)
    company.counts["orders cancelled"] += 1


def _release(company: Company, order: OpenOrder, minutes: float) -> None:
    """Receivables let a held order go; from then on the dealer's other orders may find the limit used up."""
    if order.is_called_off:
        return
    if order.buyer.id in company.closed:
        call_off(company, order, "The account is on hold.", minutes)
        return
    command = ReleaseOrder(order_id=order.id, reason="Payment was promised for this week.")
    company.ask(minutes, company.by("receivables"), command)
    order.is_released = True
    order.ship_on = workday_from(company.today, 1)
    company.stretched.add(order.buyer.id)
    company.to_ship.append(order)
    company.counts["orders released"] += 1


def _free(company: Company, order: OpenOrder) -> None:
    for line in order.lines:
        company.shelves[line.sku].reserved -= line.open


def _refused(company: Company, answer: Mapping[str, Any] | None) -> None:
    assert answer is None, "a product that was sold out was sold"
    company.counts["refused: insufficient_stock"] += 1
