"""handle(): one transaction round all rules, over a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import api.handle
from api.actor import Actor, system
from api.category.commands import ChangePrice, CreateProduct, DescribeProduct, product_id
from api.category.state import PRODUCT
from api.customers.commands import RegisterCustomer
from api.customers.state import CUSTOMER
from api.decider import Decider
from api.fulfillment.commands import stock_id
from api.fulfillment.state import STOCK
from api.handle import Busy, Request, handle, handle_all
from api.procurement.commands import (
    CreatePurchaseOrder,
    CreateSupplier,
    PurchasedLine,
    ReceivedLine,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
)
from api.procurement.state import PURCHASE_ORDER
from api.refusals import Refusal
from api.rules import Rules
from warehouse.ids import derived_at, named
from warehouse.log.append import load

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUSE = system("test")
PUMP, ACME, ORDER = product_id("JP-1"), UUID(int=3), UUID(int=9)
RULES = Rules()
CREATE = CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200))
BUY = CreatePurchaseOrder(
    purchase_order_id=ORDER,
    supplier_id=ACME,
    lines=(PurchasedLine(sku="JP-1", quantity=10, unit_cost=Decimal(100)),),
)


def asked(command, *, key="once", by=HOUSE, at=NOON, **fields):
    return Request(command, derived_at(NOON, key, type(command).__name__), by, at, **fields)


def price(new):
    return ChangePrice(product_id=PUMP, new_price=Decimal(new), reason="market")


@pytest.fixture
def ordered(writer):
    """A product, a supplier and an order that was sent, in one transaction."""
    supplier = CreateSupplier(supplier_id=ACME, name="Acme")
    send = SendPurchaseOrder(purchase_order_id=ORDER)
    handle_all(writer, [asked(CREATE), asked(supplier), asked(BUY), asked(send)], RULES)


# one command


def test_a_command_leaves_its_events_and_what_they_fold_to(writer, state, engine):
    handled = handle(writer, asked(CREATE, by=Actor("staff", UUID(int=5))), RULES)

    with engine.connect() as connection:
        event = connection.execute(text("select * from jovey.events")).one()
        stored = connection.execute(text("select * from jovey.states")).one()
    assert handled.response == {"id": str(PUMP), "version": 1}
    assert (event.event_type, event.aggregate_id, event.version) == ("product.created", PUMP, 1)
    assert (event.created_by, event.effective_at) == (f"staff:{UUID(int=5)}", NOON)
    assert event.correlation_id == event.causation_id == asked(CREATE).id
    assert event.data["base_price"] == "200.00"
    assert (stored.status, stored.version, stored.created_at) == ("active", 1, NOON)
    assert state(PRODUCT, PUMP).base_price == Decimal(200)


def test_a_refused_command_leaves_nothing(writer, count):
    with pytest.raises(Refusal, match="product_not_found"):
        handle(writer, asked(price(1)), RULES)

    assert [count(table) for table in ("events", "states", "command_receipts")] == [0, 0, 0]


def test_a_wish_that_changes_nothing_is_answered_and_remembered(writer, count):
    handle(writer, asked(CREATE), RULES)

    same = handle(writer, asked(price(200)), RULES)

    assert (same.response["version"], count("events"), count("command_receipts")) == (1, 1, 2)


def test_facts_about_people_name_their_subject(writer, engine):
    handle(writer, asked(RegisterCustomer(customer_id=UUID(int=1), name="Eve")), RULES)
    handle(writer, asked(CREATE), RULES)

    with engine.connect() as connection:
        subjects = connection.execute(text("select subject_id from jovey.events order by position")).scalars().all()
    assert subjects == [UUID(int=1), None]


def test_the_answer_is_the_callers_choice(writer):
    def told(ref, version, product):
        return {"sku": product.sku, "version": version}

    assert handle(writer, asked(CREATE, answer=told), RULES).response == {"sku": "JP-1", "version": 1}


# once


def test_a_repeated_command_is_answered_alike_and_done_once(writer, count):
    first = handle(writer, asked(CREATE), RULES)
    handle(writer, asked(price(205)), RULES)

    again = handle(writer, asked(CREATE), RULES)

    assert (again.response, again.is_repeated, first.is_repeated) == (first.response, True, False)
    assert count("events") == 2


@pytest.mark.parametrize("other", [{"by": system("other")}, {"said": "something else"}])
def test_the_key_of_another_request_is_refused(writer, other):
    handle(writer, asked(CREATE), RULES)

    with pytest.raises(Refusal, match="idempotency_key_reused"):
        handle(writer, asked(CREATE, **other), RULES)
    with pytest.raises(Refusal, match="idempotency_key_reused"):
        handle(writer, Request(price(205), asked(CREATE).id, HOUSE, NOON), RULES)


def test_a_command_repeated_while_the_first_is_at_work_is_done_once(meanwhile, count):
    first, second = meanwhile(asked(CREATE), asked(CREATE))

    assert second.result().response == first.response
    assert [count(table) for table in ("events", "command_receipts")] == [1, 1]


def test_half_a_batch_that_was_done_before_is_answered_as_before(writer, count):
    created = handle(writer, asked(CREATE), RULES)

    both = handle_all(writer, [asked(CREATE), asked(price(205))], RULES)

    assert [(one.response["version"], one.is_repeated) for one in both] == [(1, True), (2, False)]
    assert both[0].response == created.response
    assert count("events") == 2


# at the version expected


def test_a_command_may_name_the_version_it_expects(writer):
    handle(writer, asked(CREATE), RULES)

    handle(writer, asked(price(205), expected_version=1), RULES)
    with pytest.raises(Refusal, match="version_moved") as refused:
        handle(writer, asked(price(206), key="late", expected_version=1), RULES)
    assert refused.value.kind == "moved"


# two at once


def test_a_stream_that_begins_meanwhile_makes_the_other_decide_again(meanwhile, count):
    _, second = meanwhile(asked(CREATE), asked(CREATE, key="other"))

    with pytest.raises(Refusal, match="product_exists"):
        second.result()
    assert count("events") == 1


def test_two_changes_of_one_stream_come_one_after_the_other(writer, meanwhile, state):
    handle(writer, asked(CREATE), RULES)

    first, second = meanwhile(asked(price(209)), asked(price(215), key="other"))

    assert [first.response["version"], second.result().response["version"]] == [2, 3]
    assert [change.old for change in state(PRODUCT, PUMP).price_changes] == [Decimal(200), Decimal(209)]


@pytest.mark.usefixtures("ordered")
def test_what_was_peeked_at_and_moved_is_looked_at_again(meanwhile, state):
    part = ReceivePurchaseOrder(
        purchase_order_id=ORDER, receipt_id=UUID(int=1), lines=(ReceivedLine(line_no=1, quantity=4),)
    )
    rest = ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=2))

    _, second = meanwhile(asked(part), asked(rest, key="other"))

    second.result()
    assert state(PURCHASE_ORDER, ORDER).status == "received"
    assert state(STOCK, stock_id("JP-1", "main")).on_hand == 10


def test_twenty_writers_of_one_stream_lose_no_change(writer, state):
    handle(writer, asked(CREATE), RULES)
    wishes = [
        asked(DescribeProduct(product_id=PUMP, name=f"Pump {n}", category="tank_pump"), key=str(n)) for n in range(20)
    ]

    with ThreadPoolExecutor(4) as pool:
        versions = [one.response["version"] for one in pool.map(lambda wish: handle(writer, wish, RULES), wishes)]

    assert sorted(versions) == list(range(2, 22))
    assert state(PRODUCT, PUMP).name in {f"Pump {n}" for n in range(20)}


def test_a_stream_that_never_rests_is_busy(database, monkeypatch):
    monkeypatch.setattr(api.handle, "ATTEMPTS_MAX", 2)
    engine = database.engine("jovey_append", lock_timeout_s=0.01)
    handle(engine, asked(CREATE), RULES)
    with engine.begin() as holder:
        load(holder, locked=[PUMP])

        with pytest.raises(Busy, match="ChangePrice"):
            handle(engine, asked(price(205)), RULES)
    engine.dispose()


@pytest.mark.usefixtures("ordered")
def test_masters_are_read_by_many_at_once_and_change_alone(database, writer):
    other = BUY.model_copy(update={"purchase_order_id": UUID(int=10)})
    third = BUY.model_copy(update={"purchase_order_id": UUID(int=11)})
    impatient = database.engine("jovey_append", lock_timeout_s=0.01)

    def beside(_):
        handle(writer, asked(third, key="third"), RULES)  # shares supplier and product with `other`
        with impatient.begin() as connection, pytest.raises(DBAPIError, match="lock timeout"):
            load(connection, locked=[PUMP])

    handle_all(writer, [asked(other, key="other")], RULES, beside=beside)
    impatient.dispose()


# many commands, many streams


def test_a_batch_is_done_whole_or_not_at_all(writer, count):
    with pytest.raises(Refusal, match="price_step_exceeded"):
        handle_all(writer, [asked(CREATE), asked(price(300))], RULES)

    assert [count(table) for table in ("events", "states", "command_receipts")] == [0, 0, 0]


@pytest.mark.usefixtures("ordered")
def test_later_commands_of_a_batch_see_what_the_earlier_ones_did(state):
    assert state(PURCHASE_ORDER, ORDER).status == "sent"


def test_a_stream_begins_with_its_first_event_of_a_batch(writer, engine):
    handle_all(writer, [asked(CREATE), asked(price(205), at=NOON + timedelta(days=9))], RULES)

    with engine.connect() as connection:
        stored = connection.execute(text("select created_at, updated_at from jovey.states")).one()
    assert tuple(stored) == (NOON, NOON + timedelta(days=9))


@pytest.mark.usefixtures("ordered")
def test_consequences_stand_in_the_same_transaction_and_name_their_cause(writer, engine):
    handle(writer, asked(ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=1))), RULES)

    with engine.connect() as connection:
        received, stocked = connection.execute(
            text("select *, transaction_id::text as xid from jovey.events order by position desc limit 2")
        ).all()[::-1]
    assert (received.event_type, stocked.event_type) == ("purchase_order.received", "inventory.received")
    assert (received.xid, received.correlation_id) == (stocked.xid, stocked.correlation_id)
    assert stocked.causation_id == received.id


@pytest.mark.usefixtures("ordered")
def test_consequences_without_end_are_a_bug(writer, monkeypatch):
    monkeypatch.setattr(api.handle, "CONSEQUENCES_MAX", 1)

    with pytest.raises(AssertionError, match="more than 1 consequences"):
        handle(writer, asked(ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=1))), RULES)


def test_a_rule_that_looks_where_it_did_not_declare_is_a_bug(writer, monkeypatch):
    def nosy(product, command, given):
        return given.state(CUSTOMER, UUID(int=1))

    monkeypatch.setitem(api.handle.DECIDERS, "product", Decider(PRODUCT, nosy))

    with pytest.raises(AssertionError, match="not declared"):
        handle(writer, asked(CREATE), RULES)


# beside the facts


def test_what_is_written_beside_stands_or_falls_with_the_command(writer, count):
    def beside(connection):
        connection.execute(text("insert into jovey.credentials values (:id, 'hash', now())"), {"id": str(UUID(int=1))})

    with pytest.raises(Refusal):
        handle_all(writer, [asked(price(1))], RULES, beside=beside)
    assert count("credentials") == 0

    handle_all(writer, [asked(CREATE)], RULES, beside=beside)
    handle_all(writer, [asked(CREATE)], RULES, beside=beside)  # a repetition writes nothing beside
    assert count("credentials") == 1


def test_what_cannot_be_written_beside_undoes_the_command(writer, count):
    def beside(connection):
        connection.execute(text("select 1 / 0"))

    with pytest.raises(DBAPIError):
        handle_all(writer, [asked(CREATE)], RULES, beside=beside)

    assert count("events") == 0


def test_the_day_is_the_companys(writer, state):
    supplier = CreateSupplier(supplier_id=ACME, name="Acme")
    far_east = Rules(time_zone="Pacific/Kiritimati")

    handle_all(writer, [asked(CREATE), asked(supplier), asked(BUY)], far_east)

    assert state(PURCHASE_ORDER, ORDER).number.startswith(f"PO-{date(2026, 3, 3):%y%m%d}-")


def test_ids_of_events_follow_from_the_commands(writer, engine):
    handle(writer, asked(CREATE), RULES)

    with engine.connect() as connection:
        first = connection.execute(text("select id from jovey.events")).scalar_one()
    assert first != named("product", "JP-1")
    assert first.int >> 80 == asked(CREATE).id.int >> 80  # the command's time prefix keeps the index local
