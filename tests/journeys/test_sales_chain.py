"""The sales chain over real Postgres: order, stock, credit, shipment, invoice, payment, return, each in one breath."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from api.actor import Actor, system
from api.category.commands import CreateProduct
from api.customers.commands import ApproveDealer, RegisterCustomer
from api.fulfillment.commands import (
    ApproveReturn,
    CreateShipment,
    DeliverShipment,
    InspectionFinding,
    InspectReturn,
    PackShipment,
    PickShipment,
    ReceiveReturn,
    ReceiveStock,
    RequestedReturnLine,
    RequestReturn,
    ShipShipment,
    stock_id,
)
from api.fulfillment.state import STOCK
from api.handle import Request, handle
from api.orders.commands import CancelOrder, OrderedLine, PlaceOrder, ReleaseOrder
from api.orders.state import ORDER
from api.receivables.commands import ReceivePayment, account_id
from api.receivables.state import ACCOUNT
from api.refusals import Refusal
from api.rules import Rules
from warehouse.ids import derived_at, named
from warehouse.log.append import peek

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COMPANY = system("test")


class Company:
    """A small company: two products in stock, a dealer and a consumer; every call is one command at one instant."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.at = MORNING
        self.count = 0

    def does(self, command, by: Actor = COMPANY):
        self.count += 1
        self.at += timedelta(minutes=1)
        return handle(self.engine, Request(command, derived_at(self.at, self.count), by, self.at), Rules())

    def state(self, stream, id: UUID):
        with self.engine.connect() as connection:
            for loaded in peek(connection, [id]):
                return stream.parse(loaded.state)
        return stream.initial

    def stock(self, sku: str):
        return self.state(STOCK, stock_id(sku, "main"))


@pytest.fixture
def writer(database):
    engine = database.engine("jovey_append")
    yield engine
    engine.dispose()


@pytest.fixture
def company(writer):
    company = Company(writer)
    for sku, price in (("TP-1", "100.00"), ("TP-2", "19.99")):
        company.does(CreateProduct(sku=sku, name=f"Pump {sku}", category="tank_pump", base_price=price, cost="9.00"))
        company.does(ReceiveStock(sku=sku, quantity=10, unit_cost="50", source="opening"))
    return company


def dealer(company: Company, limit: str | None = "1000.00") -> UUID:
    id = named("customer", "dealer")
    company.does(RegisterCustomer(customer_id=id, user_type="dealer", name="Dara Pumps", email="dara@example.com"))
    company.does(ApproveDealer(customer_id=id, discount_rate="0.10", credit_limit=limit, terms="net_30"))
    return id


def consumer(company: Company) -> UUID:
    id = named("customer", "consumer")
    company.does(RegisterCustomer(customer_id=id, name="Ana Lima", email="ana@example.com"))
    return id


def order_of(company: Company, customer: UUID, *lines: tuple[str, int], by: Actor = COMPANY, name: str = "o1") -> UUID:
    id = named("order", name)
    ordered = tuple(OrderedLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    company.does(PlaceOrder(order_id=id, customer_id=customer, lines=ordered), by=by)
    return id


def ship(company: Company, order: UUID, name: str = "s1", lines=None) -> UUID:
    id = named("shipment", name)
    company.does(CreateShipment(shipment_id=id, order_id=order, lines=lines))
    company.does(PickShipment(shipment_id=id))
    company.does(PackShipment(shipment_id=id))
    company.does(ShipShipment(shipment_id=id, carrier="Own van"))
    return id


def test_a_dealers_order_is_reserved_shipped_invoiced_and_paid(company):
    customer = dealer(company)
    order = order_of(company, customer, ("TP-1", 3), ("TP-2", 2))
    placed = company.state(ORDER, order)
    assert placed.lifecycle == "confirmed"
    assert placed.net == Decimal("305.98")  # three at 90.00 and two at 17.99
    assert company.stock("TP-1").available(company.at) == 7
    assert company.state(ACCOUNT, account_id(customer)).commitments == {order: placed.total}

    shipment = ship(company, order)
    account = company.state(ACCOUNT, account_id(customer))
    [invoice] = account.invoices.values()
    assert (invoice.number, invoice.open, account.commitments) == ("INV-000001", placed.total, {})
    assert (company.stock("TP-1").on_hand, company.stock("TP-1").reservations) == (7, {})

    company.does(DeliverShipment(shipment_id=shipment))
    company.does(
        ReceivePayment(
            customer_id=customer, payment_id=named("p", "1"), amount=placed.total, received_on=company.at.date()
        )
    )
    closed = company.state(ORDER, order)
    assert (closed.lifecycle, closed.fulfillment, closed.payment, closed.status) == (
        "closed",
        "delivered",
        "paid",
        "delivered",
    )
    assert company.state(ACCOUNT, account_id(customer)).exposure == 0


def test_a_consumers_order_waits_for_its_money_and_is_then_confirmed(company):
    customer = consumer(company)
    buyer = Actor("consumer", customer)
    order = order_of(company, customer, ("TP-1", 1), by=buyer)
    waiting = company.state(ORDER, order)
    assert (waiting.lifecycle, waiting.total, waiting.net) == ("placed", Decimal("100.00"), Decimal("90.91"))
    company.does(
        ReceivePayment(
            customer_id=customer,
            payment_id=named("p", "1"),
            amount="100.00",
            method="card",
            received_on=company.at.date(),
            order_id=order,
            provider="sandbox",
            provider_reference="ch_1",
        )
    )
    assert (company.state(ORDER, order).lifecycle, company.state(ORDER, order).payment) == ("confirmed", "paid")
    ship(company, order)
    account = company.state(ACCOUNT, account_id(customer))
    assert (account.invoices, account.payments) == ({}, {})
    assert company.state(ORDER, order).net_paid == Decimal("100.00")


def test_stock_of_an_unpaid_order_is_free_after_a_day_by_comparison_alone(company):
    customer = consumer(company)
    order = order_of(company, customer, ("TP-1", 10), by=Actor("consumer", customer))
    assert company.stock("TP-1").available(company.at) == 0
    company.at += timedelta(hours=25)
    assert company.stock("TP-1").available(company.at) == 10
    with pytest.raises(Refusal, match="order_expired"):
        company.does(
            ReceivePayment(
                customer_id=customer,
                payment_id=named("p", "1"),
                amount="1000.00",
                received_on=company.at.date(),
                order_id=order,
            )
        )


def test_an_order_that_cannot_be_met_in_full_changes_nothing(company):
    customer = dealer(company)
    with pytest.raises(Refusal) as refused:
        order_of(company, customer, ("TP-1", 6), ("TP-2", 1), ("TP-1", 5), ("NOPE", 1))
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [
        ("lines.3.sku", "unknown_sku"),
        ("lines.0.quantity", "insufficient_stock"),
    ]
    assert company.stock("TP-1").available(company.at) == 10
    assert company.state(ORDER, named("order", "o1")).lifecycle == "none"


def test_an_order_over_the_credit_limit_is_held_until_somebody_with_the_right_releases_it(company):
    customer = dealer(company, limit="200.00")
    order = order_of(company, customer, ("TP-1", 3))
    assert company.state(ORDER, order).hold_cause == "credit"
    clerk = Actor("staff", named("staff", "clerk"), functions=frozenset({"orders"}))
    with pytest.raises(Refusal, match="credit_exceeded"):
        company.does(ReleaseOrder(order_id=order, reason="please"), by=clerk)
    boss = Actor("staff", named("staff", "boss"), functions=frozenset({"orders", "receivables"}))
    company.does(ReleaseOrder(order_id=order, reason="known customer"), by=boss)
    assert company.state(ORDER, order).lifecycle == "confirmed"
    ship(company, order)


def test_a_cancelled_order_frees_stock_and_credit_in_the_same_breath(company):
    customer = dealer(company)
    order = order_of(company, customer, ("TP-1", 4))
    company.does(CancelOrder(order_id=order, reason="changed my mind"), by=Actor("dealer", customer))
    assert company.stock("TP-1").reservations == {}
    assert company.state(ACCOUNT, account_id(customer)).commitments == {}
    assert company.state(ORDER, order).status == "cancelled"


def test_partial_shipments_are_invoiced_to_the_cent_and_charges_go_with_the_first(company):
    customer = dealer(company)
    id = named("order", "o1")
    lines = (
        OrderedLine(sku="TP-2", quantity=3, agreed_unit_price="3.335"),
        OrderedLine(kind="charge", sku="POST", quantity=1, agreed_unit_price="5.00", agreed_tax_rate="0"),
    )
    company.does(PlaceOrder(order_id=id, customer_id=customer, lines=lines))
    total = company.state(ORDER, id).total
    for n in range(3):
        ship(company, id, name=f"s{n}", lines=({"line_no": 1, "quantity": 1},))
    account = company.state(ACCOUNT, account_id(customer))
    totals = [invoice.total for invoice in account.oldest_due_first()]
    assert sum(totals) == total
    assert totals[0] > totals[1] + 4
    assert account.commitments == {}


def test_returned_goods_are_credited_at_the_price_they_were_invoiced_at(company):
    customer = dealer(company)
    order = order_of(company, customer, ("TP-2", 3))
    company.does(DeliverShipment(shipment_id=ship(company, order)))
    for n, quantity in enumerate((1, 2)):
        back = named("return", str(n))
        wanted = (RequestedReturnLine(line_no=1, quantity=quantity, reason="too loud"),)
        company.does(RequestReturn(return_id=back, order_id=order, lines=wanted), by=Actor("dealer", customer))
        company.does(ApproveReturn(return_id=back))
        company.does(ReceiveReturn(return_id=back))
        found = (InspectionFinding(line_no=1, outcome="return", is_saleable=n == 0),)
        company.does(InspectReturn(return_id=back, findings=found))
    account = company.state(ACCOUNT, account_id(customer))
    assert (account.invoices, account.credit_notes, account.exposure) == ({}, {}, 0)
    assert (company.stock("TP-2").on_hand, company.stock("TP-2").quarantined) == (8, 2)
    assert (company.state(ORDER, order).fulfillment, company.state(ORDER, order).due) == ("returned", 0)


def test_the_same_command_twice_has_one_effect_and_one_answer(company):
    customer = dealer(company)
    line = OrderedLine(sku="TP-1", quantity=1)
    order = PlaceOrder(order_id=named("order", "o1"), customer_id=customer, lines=(line,))
    request = Request(order, named("command", "1"), COMPANY, company.at)
    first = handle(company.engine, request, Rules())
    again = handle(company.engine, request, Rules())
    assert (first.is_repeated, again.is_repeated) == (False, True)
    assert first.response == again.response
    assert company.stock("TP-1").available(company.at) == 9
    other = Request(order.model_copy(update={"notes": "x"}), request.id, COMPANY, company.at)
    with pytest.raises(Refusal, match="idempotency_key_reused"):
        handle(company.engine, other, Rules())
