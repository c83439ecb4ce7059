"""Doors of receivables that read the lake: who owes what since when, and what was earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.actor import Actor
from api.auth.enter import Who
from api.customers.state import CUSTOMER
from api.house import Here, House
from api.reading import found_among
from api.refusals import Refusal
from api.views import routed
from warehouse.clock import calendar_date, now
from warehouse.lake.attach import LakeMissing
from warehouse.lake.read import Answer, AsOf, NotYours

ROUTER = routed("/api/v1/ar/reports", "receivables")
CUSTOMERS_MAX = 10_000  # of one aging report; the totals are over all
DAYS_MAX = 3_700  # of one revenue report: ten years
_READS = frozenset({"receivables", "orders"})
Basis = Literal["due_date", "invoice_date"]


class Report(BaseModel):
    """What a report is true of: the lake it was read from."""

    position: str = Field(description="The lake's place in the log; opaque, as in `X-Jovey-Position`.")
    event_number: int = Field(description="The newest event the lake holds.")
    read_at: datetime = Field(description="When the lake was brought to that event.")


class Ages(BaseModel):
    """Amounts by days overdue; a boundary day belongs to the lower bucket. They sum to what is outstanding."""

    currency: str
    not_due: Decimal
    days_1_30: Decimal
    days_31_60: Decimal
    days_61_90: Decimal
    days_90_plus: Decimal
    unapplied: Decimal = Field(description="Money and credit on account, negative.")
    outstanding: Decimal


class CustomerAges(Ages):
    """What one customer owes."""

    customer_id: UUID
    name: str | None = Field(description="None once the person is erased.")
    open_invoices_count: int
    oldest_due_on: date | None


class AgingReport(Report):
    """Who owed what on a date, the largest first."""

    as_of: date
    basis: Basis
    totals: tuple[Ages, ...] = Field(description="One per currency, over all customers.")
    customers: tuple[CustomerAges, ...]


class DayOfRevenue(BaseModel):
    """What was invoiced and credited on a day, without tax."""

    day: date
    currency: str
    invoices_count: int
    credit_notes_count: int
    invoiced_net: Decimal
    credited_net: Decimal
    revenue: Decimal
    tax: Decimal


class RevenueReport(Report):
    """Revenue day by day, at shipping."""

    since: date
    until: date
    revenue: dict[str, Decimal] = Field(description="Over all days, by currency.")
    days: tuple[DayOfRevenue, ...]


@ROUTER.get("/aging")
def report_aging(
    here: Here,
    who: Who,
    as_of: Annotated[date | None, Query(description="A date of the company's calendar; none is today.")] = None,
    basis: Annotated[Basis | None, Query(description="The date an item ages from; none is the setting's.")] = None,
    limit: Annotated[int, Query(ge=1, le=CUSTOMERS_MAX, description="Customers listed.")] = 1_000,
) -> AgingReport:
    """Who owed what on a date: a fold of the log, valid for any past date."""
    on, by = as_of or _today(here), basis or here.settings.aging_basis
    answer = _ask(here, who, _AGING, {"as_of": on, "basis": by})
    rows = answer.frame.to_dicts()
    listed = rows[:limit]
    names = _names(here, who, [UUID(str(row["customer_id"])) for row in listed])
    return AgingReport(
        **_as_of(answer.as_of),
        as_of=on,
        basis=by,
        totals=tuple(_total(currency, rows) for currency in sorted({row["currency"] for row in rows})),
        customers=tuple(CustomerAges(**row, name=names.get(UUID(str(row["customer_id"])))) for row in listed),
    )


@ROUTER.get("/revenue")
def report_revenue(
    here: Here,
    who: Who,
    since: Annotated[date | None, Query(description="First day; none is the first of this month.")] = None,
    until: Annotated[date | None, Query(description="Last day; none is today.")] = None,
) -> RevenueReport:
    """What was invoiced less what was credited, day by day."""
    last = until or _today(here)
    first = since or last.replace(day=1)
    if not 0 <= (last - first).days <= DAYS_MAX:
        wrong = {"type": "days", "loc": ("query", "since"), "msg": f"must be at most {DAYS_MAX} days before `until`"}
        raise RequestValidationError([wrong])
    answer = _ask(here, who, _REVENUE, {"since": first, "until": last})
    days = tuple(DayOfRevenue(**row) for row in answer.frame.to_dicts())
    revenue: dict[str, Decimal] = {}
    for day in days:
        revenue[day.currency] = revenue.get(day.currency, Decimal(0)) + day.revenue
    return RevenueReport(**_as_of(answer.as_of), since=first, until=last, revenue=revenue, days=days)


def _ask(here: House, by: Actor, sql: str, parameters: Mapping[str, Any]) -> Answer:
    """Those who keep the ledger read what it stands on; anybody else what they work in, which is not enough."""
    try:
        return here.lake.query(sql, parameters, functions=_READS if by.works_in("receivables") else by.functions)
    except NotYours as error:
        raise Refusal(
            "not_allowed", "These figures are for those who keep the ledger only.", kind="forbidden"
        ) from error
    except LakeMissing as error:
        raise HTTPException(503, str(error), {"Retry-After": "10"}) from error


def _today(here: House) -> date:
    return calendar_date(now(), here.rules.time_zone)


def _as_of(as_of: AsOf) -> dict[str, Any]:
    return {"position": as_of.position, "event_number": as_of.event_number, "read_at": as_of.at}


def _total(currency: str, rows: Sequence[dict[str, Any]]) -> Ages:
    amounts = Ages.model_fields.keys() - {"currency"}
    own = [row for row in rows if row["currency"] == currency]
    return Ages(currency=currency, **{name: sum((row[name] for row in own), Decimal(0)) for name in amounts})


def _names(here: House, by: Actor, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The lake is pseudonymous: who the customers are is asked here."""
    with here.reading(by) as connection:
        rows = found_among(connection, CUSTOMER, ids)
    return {id: row.state.name for id, row in rows.items() if not row.state.is_erased}


_AGING = """
    select customer_id::varchar as customer_id, currency, open_invoices_count, not_due, "1_30" as days_1_30,
           "31_60" as days_31_60, "61_90" as days_61_90, "90_plus" as days_90_plus, unapplied, outstanding,
           oldest_due_on
      from receivables.aging_as_of($as_of, $basis)
     order by outstanding desc, customer_id"""
_REVENUE = """
    select day, currency, invoices_count, credit_notes_count, invoiced_net, credited_net, revenue, tax
      from orders.revenue where day between $since and $until order by day, currency"""
