"""What the story remembers: shelves, open orders, debts, and the agenda of what is still to come."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from api.actor import Actor
from api.command import Command
from api.handle import Answer, Request, identity
from orchestration.demo.catalog import Good
from orchestration.demo.people import Colleague, Consumer, Dealer, Supplier
from orchestration.demo.plan import Plan

DEMAND_WEEKS = 8  # what the reorder rule looks back on

Buyer = Consumer | Dealer
Deed = Callable[[float], None]  # done at so many minutes after midnight
Learn = Callable[[Mapping[str, Any] | None], None]


@dataclass(frozen=True, slots=True)
class Ask:
    """One or several requests that stand or fall together. With `learn`, the story wants to know the last one's answer.

    `may_refuse` names the refusals that are part of the story; the answer is then None.
    """

    requests: tuple[Request, ...]
    may_refuse: frozenset[str] = frozenset()
    learn: Learn | None = None

    @property
    def at(self) -> datetime:
        """When it begins."""
        return self.requests[0].at


@dataclass(slots=True)
class Shelf:
    """One product's stock as the warehouse sees it, and what was ordered of it lately."""

    good: Good
    on_hand: int = 0
    reserved: int = 0
    on_order: int = 0
    unpaid: int = 0  # reserved by orders that may lapse without anybody saying so
    weekly_budget: float = 0.0
    ordered_by_day: deque[int] = field(default_factory=lambda: deque(maxlen=7 * DEMAND_WEEKS))
    ordered_today: int = 0

    @property
    def available(self) -> int:
        """Pieces that may be promised."""
        return self.on_hand - self.reserved

    def reserve(self, quantity: int) -> None:
        """Set pieces aside, and count them as demand."""
        self.reserved += quantity
        self.ordered_today += quantity

    def close_day(self) -> None:
        """Put the day's demand into the memory."""
        self.ordered_by_day.append(self.ordered_today)
        self.ordered_today = 0

    def weekly_demand(self) -> float:
        """Mean pieces a week: the budget at first, what was really ordered once the memory is full."""
        seen = len(self.ordered_by_day)
        whole = 7 * DEMAND_WEEKS
        observed = sum(self.ordered_by_day) * 7 / max(seen, 1)
        return (observed * seen + self.weekly_budget * (whole - seen)) / whole


@dataclass(slots=True)
class OrderLine:
    """A line and how much of it is still to ship."""

    line_no: int
    sku: str
    quantity: int
    open: int


@dataclass(slots=True)
class OpenOrder:
    """An order on its way."""

    id: UUID
    buyer: Buyer
    lines: list[OrderLine]
    placed_at: datetime
    total: Decimal
    ship_on: date
    is_paid: bool = False
    is_released: bool = False
    is_called_off: bool = False
    is_backorder: bool = False
    payment_id: UUID | None = None
    shipments: int = 0

    @property
    def is_shipped(self) -> bool:
        """Whether nothing is left to ship."""
        return all(line.open == 0 for line in self.lines)


@dataclass(slots=True)
class Debt:
    """An invoice as the dealer's payment run sees it."""

    invoice_id: UUID
    dealer: Dealer
    open: Decimal
    due_on: date
    pay_on: date
    is_disputed: bool = False
    is_settled: bool = False


@dataclass(slots=True)
class Company:
    """Everything the story knows. Chapters read and change it; the database is only ever reached by commands."""

    plan: Plan
    goods: tuple[Good, ...]
    staff: Mapping[str, Colleague]
    consumers: tuple[Consumer, ...]
    dealers: tuple[Dealer, ...]
    suppliers: tuple[Supplier, ...]
    shelves: Mapping[str, Shelf]
    prices: dict[str, Decimal]
    costs: dict[str, Decimal]
    known_dealers: list[Dealer] = field(default_factory=list)
    to_ship: list[OpenOrder] = field(default_factory=list)
    stretched: set[UUID] = field(default_factory=set)  # dealers whose shipping may be refused for credit
    closed: set[UUID] = field(default_factory=set)  # dealers whose account is on hold
    debts: defaultdict[UUID, list[Debt]] = field(default_factory=lambda: defaultdict(list))  # by dealer
    insolvent: Dealer | None = None
    agenda: defaultdict[date, list[tuple[float, Deed]]] = field(default_factory=lambda: defaultdict(list))
    today: date = date.min
    asks: list[Ask] = field(default_factory=list)
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    ordinal: int = 0

    def by(self, role: str) -> Actor:
        """A colleague as the rules see them."""
        return self.staff[role].actor

    @property
    def known_consumers(self) -> list[Consumer]:
        """Those who joined before today."""
        return [consumer for consumer in self.consumers if consumer.joins_on < self.today]

    def later(self, day: date, minutes: float, deed: Deed) -> None:
        """Write a deed into the agenda; what lies beyond the story's end never happens."""
        assert day > self.today, "the agenda is for days to come"
        if day <= self.plan.until:
            self.agenda[day].append((minutes, deed))

    def do_todays_deeds(self) -> None:
        """What the agenda has for today, in the order of the clock."""
        for minutes, deed in sorted(self.agenda.pop(self.today, []), key=lambda entry: entry[0]):
            deed(minutes)

    def request(self, minutes: float, by: Actor, command: Command, answer: Answer = identity) -> Request:
        """A request at so many minutes of today, under an id that follows from the plan."""
        self.ordinal += 1
        at = self.plan.instant(self.today, minutes)
        return Request(command, self.plan.id(at, self.ordinal), by, at, answer)

    def ask(
        self, minutes: float, by: Actor, command: Command, *, answer: Answer = identity, learn: Learn | None = None
    ) -> Request:
        """Put one request into today's post."""
        request = self.request(minutes, by, command, answer)
        self.asks.append(Ask((request,), learn=learn))
        return request

    def new_id(self, minutes: float, *names: str | int) -> UUID:
        """The id of a new thing of today."""
        self.ordinal += 1
        return self.plan.id(self.plan.instant(self.today, minutes), *names, self.ordinal)
