"""Folding the log anew: rebuilding the states, and finding where they are not what the log says."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import api.refold
import warehouse.log.rows
from api.actor import system
from api.category.commands import ChangePrice, CreateProduct, product_id
from api.category.state import PRODUCT
from api.customers.commands import RegisterCustomer
from api.functions import DECIDERS
from api.handle import Request, handle_all
from api.mend import Rebuilt, rebuild
from api.parity import differences
from api.procurement.commands import (
    CreatePurchaseOrder,
    CreateSupplier,
    PurchasedLine,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
)
from api.refold import EVERYTHING, Span, UnreadableFact, refold, refold_some
from api.refusals import Refusal
from api.rules import Rules
from api.streams import STREAMS
from warehouse.events.category import ProductCreated
from warehouse.events.upcasts import UPCASTS
from warehouse.ids import derived_at
from warehouse.log.append import load

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUMP, ACME, ORDER, EVE = product_id("JP-1"), UUID(int=3), UUID(int=9), UUID(int=1)
STORY = (
    CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200)),
    CreateProduct(sku="JP-2", name="Jet 2", category="tank_pump", base_price=Decimal(300)),
    RegisterCustomer(customer_id=EVE, name="Eve", email="eve@example.org"),
    CreateSupplier(supplier_id=ACME, name="Acme"),
    CreatePurchaseOrder(
        purchase_order_id=ORDER,
        supplier_id=ACME,
        lines=(PurchasedLine(sku="JP-1", quantity=10, unit_cost=Decimal("99.9999")),),
    ),
    SendPurchaseOrder(purchase_order_id=ORDER),
    ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=1)),
    ChangePrice(product_id=PUMP, new_price=Decimal(205), reason="steel"),
)


@pytest.fixture
def told(database):
    """A log with a small story in it, as its writer left it."""
    engine = database.engine("jovey_append")
    requests = [
        Request(command, derived_at(NOON, place), system("test"), NOON + timedelta(hours=place))
        for place, command in enumerate(STORY)
    ]
    handle_all(engine, requests, Rules())
    engine.dispose()


@pytest.fixture
def owner(database):
    """A transaction in the role that may put states right."""
    engine = database.engine("jovey_owner")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def put_right(database):
    """Rebuild as a process of `jovey rebuild` does; `meanwhile` happens after it has seen what it compares."""
    engine = database.engine("jovey_owner", lock_timeout_s=20)

    def run(span=EVERYTHING, meanwhile=lambda: None):
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as reader:
            reader.execute(text("select 1"))
            meanwhile()
            return rebuild(reader, engine, span)

    yield run
    engine.dispose()


@pytest.fixture
def damage(engine):
    """Change what is stored, behind the log's back."""

    def run(statement, **values):
        trigger = "alter table jovey.events {} trigger events_append_only"
        with engine.begin() as connection:
            connection.execute(text(trigger.format("disable")))
            connection.execute(text(statement), values)
            connection.execute(text(trigger.format("enable always")))

    return run


def tables(connection):
    rows = connection.execute(text("select * from jovey.states order by aggregate_id")).all()
    return rows, set(connection.execute(text("select * from jovey.unique_claims")).all())


def test_every_kind_of_stream_has_its_rules_and_no_other_has():
    assert {name: decider.stream for name, decider in DECIDERS.items()} == STREAMS


@pytest.mark.usefixtures("told")
def test_what_is_stored_is_the_fold_of_the_log(owner):
    assert list(differences(owner)) == []


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_streams_are_folded_one_by_one_in_the_order_of_their_ids(owner, monkeypatch, rows):
    monkeypatch.setattr(warehouse.log.rows, "FETCH_ROWS", rows)
    monkeypatch.setattr(api.refold, "REVEALED_TOGETHER", rows)

    folded = list(refold(owner))

    assert [one.ref.id for one in folded] == sorted(one.ref.id for one in folded)
    assert sorted((one.ref.stream, one.version) for one in folded) == [
        ("customer", 1),
        ("product", 1),
        ("product", 2),
        ("purchase_order", 3),
        ("stock", 1),
        ("supplier", 1),
    ]


@pytest.mark.usefixtures("told")
def test_one_stream_is_folded_alone(owner):
    (pump,) = refold(owner, Span(PUMP, PUMP))

    assert (pump.ref, pump.version) == (PRODUCT.ref(PUMP), 2)
    assert PRODUCT.parse(pump.state).base_price == Decimal(205)
    assert (pump.created_at, pump.updated_at) == (NOON, NOON + timedelta(hours=7))
    assert list(refold_some(owner, [PUMP, UUID(int=404)])) == [pump]


@pytest.mark.usefixtures("told")
def test_a_single_cent_is_found(damage, owner):
    damage(
        """update jovey.states set state = jsonb_set(state, '{base_price}', '"205.01"') where aggregate_id = :id""",
        id=PUMP,
    )

    (found,) = differences(owner)

    assert (found.ref, found.path) == (PRODUCT.ref(PUMP), "state.base_price")
    assert (found.stored, found.refolded) == ("205.01", "205.00")


@pytest.mark.usefixtures("told")
def test_a_cent_in_an_event_is_found_too(damage, owner):
    damage("""update jovey.events set data = jsonb_set(data, '{lines,0,unit_cost}', '"99.9899"')
              where event_type = 'purchase_order.created'""")

    (found,) = differences(owner)

    assert found.path == "state.lines.0.unit_cost"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("version = 7", "version"),
        ("status = 'lost'", "status"),
        ("owner_id = gen_random_uuid()", "owner_id"),
        ("created_at = now()", "created_at"),
        ("updated_at = now()", "updated_at"),
        ("aggregate_type = 'market'", "stream"),
        ("state = state || '{\"price_changes\": []}'", "state.price_changes"),
    ],
)
def test_whatever_differs_is_named(damage, owner, change, path):
    damage(f"update jovey.states set {change} where aggregate_id = :id", id=PUMP)

    assert [found.path for found in differences(owner)] == [path]


@pytest.mark.usefixtures("told")
def test_streams_on_one_side_alone_are_found(damage, owner):
    damage("delete from jovey.states where aggregate_id = :id", id=PUMP)
    damage(
        """insert into jovey.states select gen_random_uuid(), aggregate_type, version, state, owner_id, status,
              created_at, updated_at from jovey.states where aggregate_id = :id""",
        id=EVE,
    )
    damage(
        "insert into jovey.unique_claims values ('email', 'ghost@example.org', '00000000-0000-0000-0000-000000000000')"
    )
    damage(
        "insert into jovey.unique_claims values ('email', 'last@example.org', 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
    )
    damage("delete from jovey.unique_claims where scope = 'purchase_order_number'")

    found = {(one.ref.stream, one.path): (one.stored, one.refolded) for one in differences(owner)}

    assert found.keys() == {("product", ""), ("customer", ""), ("unknown", "claims"), ("purchase_order", "claims")}
    assert found["product", ""][0] is None
    assert found["customer", ""][1] is None
    assert found["unknown", "claims"] == (["email last@example.org"], [])


@pytest.mark.usefixtures("told")
def test_a_rebuild_makes_everything_anew(damage, owner, put_right):
    before = tables(owner)
    owner.rollback()
    damage("truncate jovey.states, jovey.unique_claims")

    rebuilt = put_right()

    assert tables(owner) == before
    assert rebuilt == Rebuilt(states_written=6, claims_written=2)


@pytest.mark.usefixtures("told")
def test_a_rebuild_puts_right_what_is_wrong_and_leaves_the_rest(damage, owner, put_right):
    before = tables(owner)
    owner.rollback()
    damage("update jovey.states set status = 'lost' where aggregate_id = :id", id=PUMP)
    damage("delete from jovey.states where aggregate_id = :id", id=EVE)
    damage("insert into jovey.states select gen_random_uuid(), 'x', 1, '{}', null, '', now(), now()")
    damage("update jovey.unique_claims set key = 'x' where scope = 'email'")

    rebuilt = put_right()

    assert tables(owner) == before
    assert rebuilt == Rebuilt(states_written=2, states_removed=1, claims_written=1, claims_removed=1)
    assert put_right() == Rebuilt()


@pytest.mark.usefixtures("told")
def test_keys_that_stand_under_each_other_s_names_change_hands(damage, owner, put_right):
    before = tables(owner)
    owner.rollback()
    damage("""update jovey.unique_claims c set aggregate_id = other.aggregate_id
              from jovey.unique_claims other where other.scope <> c.scope""")

    assert put_right(Span(EVE, EVE)).claims_removed == 2  # its key's holder is put right with it, wherever it stands
    put_right()

    assert tables(owner) == before


@pytest.mark.usefixtures("told")
def test_two_holders_of_one_key_stop_a_rebuild(damage, put_right):
    rest = "event_type, aggregate_type, created_by, correlation_id, causation_id, data"
    damage(
        f"""insert into jovey.events (aggregate_id, id, effective_at, version, schema_version, {rest})
            select gen_random_uuid(), gen_random_uuid(), now(), 1, 1, {rest}
            from jovey.events where aggregate_id = :id""",
        id=EVE,
    )

    with pytest.raises(IntegrityError, match=r"\(email, hmac:"):
        put_right()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("wrong", ["update jovey.states set status = 'lost'", "delete from jovey.states"])
def test_a_stream_that_moves_during_a_rebuild_is_folded_as_it_stands_then(damage, database, owner, put_right, wrong):
    """Its command was decided on what was wrong; what it wrote is in the log, and so in the state."""
    damage(f"{wrong} where aggregate_id = :id", id=PUMP)

    def meanwhile():
        engine = database.engine("jovey_append")
        lower = Request(ChangePrice(product_id=PUMP, new_price=Decimal(201), reason="steel"), EVE, system("test"), NOON)
        with contextlib.suppress(Refusal):  # without a state it looks as if there were no such product
            handle_all(engine, [lower], Rules())
        engine.dispose()

    put_right(meanwhile=meanwhile)

    assert list(differences(owner)) == []


@pytest.mark.usefixtures("told")
def test_a_command_that_holds_a_stream_is_waited_for(damage, database, owner, put_right):
    damage("update jovey.states set status = 'lost' where aggregate_id = :id", id=PUMP)
    engine = database.engine("jovey_append")
    with engine.connect() as command, ThreadPoolExecutor(1) as pool:
        load(command, locked=[PUMP])
        running = pool.submit(put_right)
        with pytest.raises(TimeoutError):
            running.result(0.2)
        command.rollback()
        assert running.result(20).states_written == 1
    engine.dispose()
    assert list(differences(owner)) == []


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("event_type = 'product.melted'", "unknown to this code"),
        ("event_type = 'order.placed'", "unknown to this code"),
        ("schema_version = 2", "unknown to this code"),
        ("aggregate_type = 'boiler'", "in a boiler, unknown"),
        ("data = data - 'sku'", "is no product.created of version 1"),
        ("version = 9", "has no event of version 8"),
    ],
)
def test_an_event_that_cannot_be_read_is_named(damage, owner, change, message):
    damage(f"update jovey.events set {change} where aggregate_id = :id", id=product_id("JP-2"))

    with pytest.raises(UnreadableFact, match=message):
        list(refold(owner))


@pytest.mark.usefixtures("told")
def test_what_was_written_otherwise_than_today_is_read_as_it_was_meant(damage, owner):
    """A number as text: read strictly, as a fold begins, it is none."""
    damage("""update jovey.events set data = jsonb_set(data, '{lines,0,quantity}', '"10"')
        where event_type = 'purchase_order.created'""")

    assert list(differences(owner)) == []


@pytest.mark.usefixtures("told")
def test_old_payloads_are_lifted(damage, owner, monkeypatch):
    def without_nickname(payload):
        return {name: value for name, value in payload.items() if name != "nickname"}

    monkeypatch.setattr(ProductCreated, "schema_version", 2)
    damage(
        "update jovey.events set schema_version = 2 where event_type = 'product.created' and aggregate_id <> :id",
        id=PUMP,
    )
    damage(
        'update jovey.events set data = data || \'{"nickname": "J"}\' where aggregate_id = :id and version = 1', id=PUMP
    )
    with pytest.raises(UnreadableFact, match="version 1"):
        list(differences(owner))
    owner.rollback()

    monkeypatch.setitem(UPCASTS, ("product.created", 1), without_nickname)

    assert list(differences(owner)) == []
