"""Finding invoices: an invoice is the fact that issued it, and its account says what is open on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Connection, Select, String, cast, func, literal, literal_column, select
from sqlalchemy import Uuid as UuidType

from api.actor import Actor
from api.paging import Paging
from api.reading import found_among
from api.receivables.commands import account_id
from api.receivables.state import ACCOUNT
from api.receivables.views import InvoiceView, invoice_view
from api.refusals import Refusal, not_found
from warehouse.events.receivables import InvoiceGenerated, InvoiceLine
from warehouse.log.people import People
from warehouse.log.tables import history, states
from warehouse.money import rounded

_LOG = history.alias("log")
# a literal, not a parameter: the planner matches the partial index of migration 0002 by its text
_ISSUED = _LOG.c.event_type == literal_column("'invoice.generated'", String())


def issued_invoice(connection: Connection, invoice_id: UUID, by: Actor) -> InvoiceGenerated:
    """The invoice of that id as the log holds it, words about people hidden, if this caller may see it."""
    wanted = _invoices([invoice_id])
    row = connection.execute(wanted).one_or_none()
    issued = None if row is None else InvoiceGenerated.model_validate(row.data)
    if issued is None or (by.is_buyer() and issued.customer_id != by.id):
        raise not_found("invoice", invoice_id)
    return issued


def standing(connection: Connection, issued: InvoiceGenerated) -> InvoiceView:
    """An invoice and what is open on it."""
    return _standing(connection, [issued])[0]


def invoices_of(connection: Connection, ids: Collection[UUID]) -> Sequence[InvoiceView]:
    """The invoices of those ids that were issued, the oldest first; whoever asks has seen that they may see them."""
    if not ids:
        return []
    rows = connection.execute(_invoices(ids).order_by(_LOG.c.position)).all()
    return _standing(connection, [InvoiceGenerated.model_validate(row.data) for row in rows])


def credited(issued: InvoiceGenerated, line_no: int, quantity: int) -> InvoiceLine:
    """So many pieces of an invoice's line as a line of a credit note; a whole line at exactly its own amounts."""
    line = next((one for one in issued.lines if one.line_no == line_no), None)
    if line is None:
        raise Refusal("unknown_line", f"Invoice {issued.number} has no line {line_no}; see its lines.")
    if quantity > line.quantity:
        message = f"Line {line_no} of invoice {issued.number} is of {line.quantity} pieces, not of {quantity}."
        raise Refusal("more_than_invoiced", message)
    gross, net = (rounded(amount * quantity / line.quantity) for amount in (line.gross, line.net))
    amounts = {"quantity": quantity, "net": net, "tax": gross - net, "gross": gross}
    return InvoiceLine(**dict(line) | amounts)


def newest_invoices(
    connection: Connection, paging: Paging, customer_id: UUID | None, *, only_open: bool
) -> tuple[Sequence[InvoiceView], str | None]:
    """A page of invoices, the newest first, and the address of the next page."""
    wanted = _invoices(_open_ids(customer_id)) if only_open else _invoices()
    if customer_id is not None:
        wanted = wanted.where(_LOG.c.aggregate_id == account_id(customer_id))
    if after := paging.after_number():
        wanted = wanted.where(_LOG.c.position < literal(after[0]))
    rows = connection.execute(wanted.order_by(_LOG.c.position.desc()).limit(paging.limit + 1)).all()
    shown, following = paging.page(rows, lambda row: (str(row.position), row.aggregate_id))
    return _standing(connection, [InvoiceGenerated.model_validate(row.data) for row in shown]), following


def _invoices(ids: Collection[UUID] | Select[tuple[UUID]] | None = None) -> Select[tuple[int, UUID, dict[str, object]]]:
    """The facts that issued invoices, of these ids or all.

    A function finds ids: an index on what lies within the data is not used where policies must look at the row first.
    """
    wanted = select(_LOG.c.position, _LOG.c.aggregate_id, _LOG.c.data).where(_ISSUED)
    if ids is None:
        return wanted
    asked = func.array(ids.scalar_subquery()) if isinstance(ids, Select) else cast(list(ids), ARRAY(UuidType))
    return wanted.where(_LOG.c.position.in_(select(func.jovey.invoice_positions(asked))))


def _open_ids(customer_id: UUID | None) -> Select[tuple[UUID]]:
    """The ids of invoices that stand open in the accounts."""
    wanted = select(cast(func.jsonb_object_keys(states.c.state["invoices"]), UuidType))
    where: list[ColumnElement[bool]] = [states.c.aggregate_type == ACCOUNT.name]
    if customer_id is not None:
        where.append(states.c.aggregate_id == account_id(customer_id))
    return wanted.where(*where)


def _standing(connection: Connection, issued: Sequence[InvoiceGenerated]) -> list[InvoiceView]:
    rows = found_among(connection, ACCOUNT, {account_id(one.customer_id) for one in issued})
    found = [rows[account_id(one.customer_id)] for one in issued]
    views = [invoice_view(one, row.version, row.state) for one, row in zip(issued, found, strict=True)]
    shown = People(connection).reveal([view.model_dump_json() for view in views])
    return [InvoiceView.model_validate_json(one) for one in shown]
