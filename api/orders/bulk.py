"""Doors of bulk orders: a dealer's list as JSON or CSV, every line answered, committed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import select

from api.actor import Actor
from api.auth.enter import Signed, Who
from api.auth.sessions import Person
from api.category.commands import dealer_price_list_id, product_id, tier_price_list_id
from api.category.policy import price_book
from api.category.state import PRICE_LIST, PRODUCT
from api.customers.state import Customer
from api.fulfillment.commands import stock_id
from api.fulfillment.state import STOCK
from api.house import Here, House
from api.orders.bulk_lines import AnsweredLine, BulkLine, Outcome, Policy, Shop, answer_lines, parse_csv
from api.orders.commands import LINES_MAX, OrderedLine, PlaceOrder
from api.orders.state import ORDER, Lifecycle
from api.orders.views import OrderView
from api.paging import Page, Paged
from api.reading import found_among, listed, newest, owned_by, state_text, with_status
from api.refusals import Fault, Refusal
from api.views import Shown, routed
from api.writing import Asked, Key, answered, answered_before, asked_of, perform
from warehouse.clock import calendar_date, now
from warehouse.events.category import DealerTier
from warehouse.events.customers import Address
from warehouse.events.event import UnitPrice
from warehouse.ids import derived
from warehouse.log.tables import states

ROUTER = routed("/api/v1/dealers/orders", "dealers")
MAIN = "main"  # the warehouse that serves bulk orders


class BulkRow(BaseModel):
    """One line of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sku: Annotated[str, StringConstraints(strip_whitespace=True, max_length=50)] = Field(examples=["JP-100"])
    quantity: int = Field(examples=[12])
    reference: Annotated[str, StringConstraints(max_length=100)] | None = None
    expected_unit_price: UnitPrice | None = Field(None, description="Says when the price is another one now.")


class BulkOrder(BaseModel):
    """A list to order at once. What `policy` accepts is ordered; the rest is answered with its reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: Annotated[tuple[BulkRow, ...], Field(min_length=1, max_length=LINES_MAX)]
    policy: Policy = "reject_all"
    shipping_address: Address | None = None
    reference: Annotated[str, StringConstraints(max_length=100)] | None = None
    notes: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class BulkLineView(Shown):
    """A line and what becomes of it. `line` counts from 1 in what was sent."""

    line: int
    sku: str
    quantity: int | None = Field(description="Of all lines merged into this one.")
    outcome: Outcome
    message: str
    unit_price: Decimal | None
    short_by: int
    nearest_sku: str | None
    merged_into: int | None
    is_accepted: bool


class BulkPreview(Shown):
    """What would become of each line now."""

    lines: tuple[BulkLineView, ...]
    accepted: int
    refused: int
    net: Decimal = Field(description="Of the accepted lines, before tax.")


class BulkAnswer(Shown):
    """The order that was placed, and what became of each line."""

    version: int
    order: OrderView
    lines: tuple[BulkLineView, ...]
    accepted: int
    refused: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """A list as read from the request, from JSON or CSV."""

    policy: Policy
    lines: tuple[BulkLine, ...]
    rest: Mapping[str, Any]


@ROUTER.get("")
def list_own_orders(here: Here, by: Who, paging: Paged, lifecycle: Lifecycle | None = None) -> Page[OrderView]:
    """The dealer's orders, the newest first."""
    assert by.id is not None
    with here.reading(by) as connection:
        return listed(OrderView, *newest(connection, ORDER, paging, owned_by(by.id), *with_status(lifecycle)), by)


async def sent(
    http: Request, policy: Annotated[Policy, Query(description="For CSV; JSON says it in the body.")] = "reject_all"
) -> _Sent:
    """The list of a request, as `application/json` or `text/csv`."""
    body = await http.body()
    if http.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/csv":
        return _of_csv(body, policy)
    try:
        order = BulkOrder.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error
    lines = tuple(BulkLine(row.sku, row.quantity, row.reference, row.expected_unit_price) for row in order.lines)
    rest = {name: getattr(order, name) for name in ("shipping_address", "reference", "notes")}
    return _Sent(policy=order.policy, lines=lines, rest=rest)


Sent = Annotated[_Sent, Depends(sent)]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": BulkOrder.model_json_schema(ref_template="#/components/schemas/{model}")},
            "text/csv": {"schema": {"type": "string"}, "example": "sku,quantity,reference\nJP-100,12,shelf 4\n"},
        },
    }
}


@ROUTER.post("/bulk/preview", openapi_extra=_BODY)
def preview_bulk_order(here: Here, by: Who, person: Signed, sent: Sent) -> BulkPreview:
    """What would become of each line now; nothing is ordered."""
    answers = answer_lines(sent.lines, _shop(here, by, person, sent))
    net = sum((one.unit_price * (one.quantity or 0) for one in _to_order(answers) if one.unit_price), Decimal(0))
    return BulkPreview(**_counted(answers), net=net)


@ROUTER.post("/bulk", status_code=201, response_model=BulkAnswer, openapi_extra=_BODY)
def place_bulk_order(http: Request, here: Here, by: Who, person: Signed, sent: Sent, key: Key = None) -> Response:
    """Order a list at once, in one transaction; every line is answered."""
    asked = asked_of(http, here, by, key, {"policy": sent.policy, "lines": sent.lines, **sent.rest})
    if key is not None and (before := answered_before(asked)) is not None:
        return answered(here, before, None, 201)
    answers = answer_lines(sent.lines, _shop(here, by, person, sent))
    _refuse_bad(answers, sent.policy)

    def answer(id: UUID, version: int, order: Any, by: Actor) -> BulkAnswer:
        return BulkAnswer(version=version, order=OrderView.of(id, version, order, by), **_counted(answers))

    handled = perform(asked, lambda asked: _order(asked, sent, answers), answer)
    return answered(here, handled.response, handled.transaction_id, 201)


def _order(asked: Asked, sent: _Sent, answers: Sequence[AnsweredLine]) -> PlaceOrder:
    references = {number: line.reference for number, line in enumerate(sent.lines, start=1)}
    lines = tuple(
        OrderedLine(sku=one.sku, quantity=one.quantity or 0, reference=references[one.line])
        for one in _to_order(answers)
    )
    return PlaceOrder(
        order_id=derived(asked.id, "order"),
        customer_id=asked.customer_id,
        channel="bulk",
        lines=lines,
        location=MAIN,
        backorder=any(one.outcome == "backordered" for one in answers),
        **sent.rest,
    )


def _to_order(answers: Sequence[AnsweredLine]) -> list[AnsweredLine]:
    return [one for one in answers if one.is_accepted and one.merged_into is None]


def _refuse_bad(answers: Sequence[AnsweredLine], policy: Policy) -> None:
    bad = [one for one in answers if not one.is_accepted]
    if bad and (policy == "reject_all" or not _to_order(answers)):
        faults = tuple(Fault(f"lines.{one.line - 1}", one.outcome, one.message) for one in bad)
        raise Refusal(
            "lines_refused", f"{len(bad)} of {len(answers)} lines cannot be ordered; see them.", faults=faults
        )


def _counted(answers: Sequence[AnsweredLine]) -> dict[str, Any]:
    accepted = sum(one.is_accepted for one in answers)
    views = tuple(BulkLineView.model_validate(one) for one in answers)
    return {"lines": views, "accepted": accepted, "refused": len(answers) - accepted}


def _shop(here: House, by: Actor, person: Person, sent: _Sent) -> Shop:
    """What the dealer can have at this moment; placing looks again, under lock."""
    assert by.id is not None
    assert isinstance(person.state, Customer)
    skus = {line.sku for line in sent.lines}
    at = now()
    with here.reading(by) as connection:
        products = found_among(connection, PRODUCT, map(product_id, skus))
        stocks = found_among(connection, STOCK, (stock_id(sku, MAIN) for sku in skus))
        ids = [dealer_price_list_id(by.id), *map(tier_price_list_id, get_args(DealerTier))]
        lists = [row.state for row in found_among(connection, PRICE_LIST, ids).values()]
        every = select(state_text("sku")).where(states.c.aggregate_type == PRODUCT.name, *with_status("active"))
        all_skus = list(connection.scalars(every)) if len(products) < len(skus) else []
    return Shop(
        products={row.state.sku: row.state for row in products.values()},
        available={row.state.sku: row.state.available(at) for row in stocks.values()},
        prices=price_book(person.state, lists, calendar_date(at, here.rules.time_zone)),
        all_skus=all_skus,
        may_wait=sent.policy == "backorder_short",
    )


def _of_csv(body: bytes, policy: Policy) -> _Sent:
    try:
        lines = parse_csv(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        wrong = {"type": "not_utf8", "loc": ("body",), "msg": f"is not UTF-8 at byte {error.start}"}
        raise RequestValidationError([wrong]) from error
    if not 1 <= len(lines) <= LINES_MAX:
        wrong = {"type": "line_count", "loc": ("body",), "msg": f"has {len(lines)} lines; 1 to {LINES_MAX} can be sent"}
        raise RequestValidationError([wrong])
    return _Sent(policy=policy, lines=tuple(lines), rest={})
