"""C and A invoices as requests: returns of what was sold earlier, credit that stands alone, bad debt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from api.fulfillment.commands import (
    ApproveReturn,
    InspectionFinding,
    InspectReturn,
    ReceiveReturn,
    ReceiveStock,
    RequestedReturnLine,
    RequestReturn,
)
from api.handle import Request
from api.receivables.commands import IssueCreditNote
from orchestration.imports.clerk import Clerk
from orchestration.imports.invoices import BAD_DEBT, Invoice, Line, id_at, order_id
from orchestration.imports.plan import Match
from orchestration.imports.sales import UNTAXED
from warehouse.events.orders import LineKind
from warehouse.events.receivables import InvoiceLine
from warehouse.ids import derived
from warehouse.money import ZERO

Matches = Mapping[int, tuple[Match, ...]]
_KINDS: dict[str, LineKind] = {
    "goods_credit": "product",
    "charge_credit": "charge",
    "discount_credit": "discount",
    "bad_debt": "charge",
}


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit note to be: over goods of one order (whose `order_id`), or standing alone (`lines`)."""

    id: UUID
    amount: Decimal
    order_id: UUID | None = None
    return_id: UUID | None = None
    returned: Mapping[int, int] | None = None
    lines: tuple[InvoiceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """What no earlier sale answers for: so many pieces of a line, at the line's price."""

    line: Line
    pieces: int
    amount: Decimal


def credits_of(invoice: Invoice, matches: Matches) -> Iterator[Credit]:
    """One credit note per order that goods come back from, in order of sale, then one for all that stands alone."""
    orders: dict[UUID, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    amounts: dict[UUID, Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        for match in matches.get(line.row, ()):
            sold = order_id(match.invoice, match.at)
            orders[sold][match.line_no] += match.quantity
            amounts[sold] += line.price * match.quantity
    for sold in sorted(orders):
        back = id_at(invoice.at, "return", invoice.number, str(sold))
        yield Credit(derived(back, "credit_note"), amounts[sold], sold, back, orders[sold])
    alone = tuple(_stand_alone(place, rest) for place, rest in enumerate(_rests(invoice, matches), start=1))
    if total := sum((line.gross for line in alone), ZERO):
        yield Credit(id_at(invoice.at, "credit_note", invoice.number), total, lines=alone)


def credit_requests(clerk: Clerk, invoice: Invoice, credit: Credit) -> Iterator[Request]:
    """What brings a credit note about; walk-ins get what is left of it paid out at once."""
    if credit.order_id is None or credit.return_id is None or credit.returned is None:
        note = IssueCreditNote(
            customer_id=invoice.customer_id,
            credit_note_id=credit.id,
            stand_alone_lines=credit.lines,
            reason="bad debt adjusted" if invoice.customer_id == BAD_DEBT else "credited without an earlier sale",
            refund_by="card" if invoice.is_walk_in else None,
        )
        yield clerk.asks(invoice.at, note, invoice.number)
        return
    returned, back = credit.returned.items(), credit.return_id
    lines = tuple(RequestedReturnLine(line_no=no, quantity=pieces, reason=invoice.number) for no, pieces in returned)
    findings = tuple(InspectionFinding(line_no=no, outcome="return", is_saleable=True) for no, _ in returned)
    for command in (
        RequestReturn(return_id=back, order_id=credit.order_id, lines=lines),
        ApproveReturn(return_id=back),
        ReceiveReturn(return_id=back),
        InspectReturn(return_id=back, findings=findings),
    ):
        yield clerk.asks(invoice.at, command, str(back))


def shelved(clerk: Clerk, invoice: Invoice, matches: Matches) -> Iterator[Request]:
    """Goods credited without an earlier sale come back on the shelf too."""
    pieces: dict[str, int] = defaultdict(int)
    for rest in _rests(invoice, matches):
        if rest.line.treatment == "goods_credit":
            pieces[rest.line.code] += rest.pieces
    for code, quantity in pieces.items():
        stock = ReceiveStock(
            sku=code, quantity=quantity, source="return", source_id=id_at(invoice.at, "credit_note", invoice.number)
        )
        yield clerk.asks(invoice.at, stock, invoice.number, code)


def _rests(invoice: Invoice, matches: Matches) -> Iterator[Rest]:
    for line in invoice.lines:
        matched = sum(match.quantity for match in matches.get(line.row, ()))
        pieces = abs(line.quantity) - matched
        takes_back = line.treatment in _KINDS and (line.quantity < 0 or line.price < 0)
        if takes_back and pieces:
            yield Rest(line, pieces, abs(line.amount) - line.price * matched)


def _stand_alone(place: int, rest: Rest) -> InvoiceLine:
    return InvoiceLine(
        line_no=place,
        kind=_KINDS[rest.line.treatment],
        sku=rest.line.code,
        description=rest.line.description or rest.line.code,
        quantity=rest.pieces,
        unit_price=abs(rest.line.price),
        tax_rate=UNTAXED,
        net=rest.amount,
        tax=ZERO,
        gross=rest.amount,
    )
