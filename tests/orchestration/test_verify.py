"""`jovey rebuild` and `jovey verify` over a whole small company's log."""

from __future__ import annotations

import io
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from rich.console import Console
from sqlalchemy import text

from api.actor import system
from api.category.commands import CreateProduct
from api.customers.commands import RegisterCustomer
from api.handle import Request, handle_all
from api.procurement.commands import (
    CreatePurchaseOrder,
    CreateSupplier,
    PurchasedLine,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
)
from api.rules import Rules
from assets.hot_run import refresh
from orchestration.rebuild import rebuild
from orchestration.verify import examine, show, verify
from warehouse.ids import derived_at
from warehouse.lake.attach import open_writer, writing

pytestmark = pytest.mark.whole

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACME, ORDER = UUID(int=3), UUID(int=9)
STORY = (
    CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200)),
    RegisterCustomer(customer_id=UUID(int=1), name="Eve", email="eve@example.org"),
    CreateSupplier(supplier_id=ACME, name="Acme"),
    CreatePurchaseOrder(
        purchase_order_id=ORDER,
        supplier_id=ACME,
        lines=(PurchasedLine(sku="JP-1", quantity=10, unit_cost=Decimal(100)),),
    ),
    SendPurchaseOrder(purchase_order_id=ORDER),
    ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=1)),
)


@pytest.fixture
def company(outside, database, made_once):
    """A company with a story, in its log and its lake."""

    def tell() -> None:
        engine = database.engine("jovey_append")
        requests = [Request(wish, derived_at(NOON, place), system("test"), NOON) for place, wish in enumerate(STORY)]
        handle_all(engine, requests, Rules())
        engine.dispose()
        refresh(database, outside)

    made_once("a story to verify", tell)
    return outside


@pytest.fixture
def damage(database, engine, company):
    """Change a state, or a table of the lake, behind the house's back."""

    def run(state: str, lake: str):
        with engine.begin() as connection:
            connection.execute(text(state))
        with writing(database), open_writer(database, company) as connection:
            connection.execute(lake)

    return run


def test_a_cent_in_a_state_and_a_cent_in_the_lake_are_found_and_put_right(company, damage, capsys):
    damage(
        """update jovey.states set state = jsonb_set(state, '{base_price}', '"200.01"')
           where aggregate_type = 'product'""",
        "update procurement.purchase_orders set total_cost = total_cost + 0.01",
    )

    report = examine(company)

    assert [(one.ref.stream, one.path, one.stored) for one in report.differences] == [
        ("product", "state.base_price", "200.01")
    ]
    assert [one.table for one in report.proof.mismatches] == ["procurement.purchase_orders"]
    said = io.StringIO()
    show(Console(file=said, width=200), report)
    for word in ("200.01", "200.00", "total_cost 1000.01", "total_cost 1000.00", "jovey rebuild", "NOT sound"):
        assert word in said.getvalue()

    rebuild(company)

    assert verify(company)
    assert "Sound" in capsys.readouterr().out


def test_states_and_lake_that_are_gone_are_made_anew(company, engine, damage):
    damage("truncate jovey.states, jovey.unique_claims", "drop table facts.product_created")
    with engine.begin() as connection:
        connection.execute(text("drop schema lake cascade"))
    shutil.rmtree(company.lake_folder)

    rebuild(company)

    assert examine(company).is_sound


def test_a_check_that_rows_break_is_told(company, damage):
    damage(
        "delete from jovey.states where aggregate_type = 'customer'",
        "update fulfillment.finished_goods_inventory set quantity_on_hand = -1",
    )

    report = examine(company)

    said = io.StringIO()
    show(Console(file=said, width=200), report)
    assert report.failures
    for word in ("the whole state", "missing", "present", report.failures[0].name):
        assert word in said.getvalue()


def test_a_table_that_newer_code_would_make_is_named(company, damage):
    damage("delete from jovey.states where false", "drop table forecasting.forecast")

    report = examine(company)

    [wrong] = report.proof.mismatches
    assert (wrong.table, wrong.reason) == ("forecasting.forecast", "it is not in the lake")
