"""The rules of placing an order: prices, stock and credit, decided at once for all lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from api.category.commands import dealer_price_list_id, product_id, tier_price_list_id
from api.category.policy import buyer_price
from api.category.state import PRICE_LIST, PRODUCT, Product
from api.command import Reads
from api.customers.state import CUSTOMER, Customer
from api.fulfillment.commands import stock_id
from api.fulfillment.state import STOCK
from api.given import Given
from api.orders.commands import OrderedLine, PlaceOrder
from api.receivables.commands import account_id
from api.receivables.state import ACCOUNT
from api.refusals import Fault, Refusal, not_found
from warehouse.events.category import DealerTier
from warehouse.events.customers import PaymentTerms
from warehouse.events.event import Event
from warehouse.events.orders import OrderConfirmed, OrderHeld, OrderLine, OrderPlaced
from warehouse.ids import short_code
from warehouse.money import ZERO, net_and_tax, rounded


def reads_of_placing(command: PlaceOrder) -> Reads:
    """The buyer, their price lists and the products; the stock of each SKU and the buyer's account will move."""
    skus = {line.sku for line in command.lines if line.kind == "product"}
    has_list_price = any(line.agreed_unit_price is None for line in command.lines)
    lists = [dealer_price_list_id(command.customer_id), *map(tier_price_list_id, get_args(DealerTier))]
    return Reads(
        shared=(
            CUSTOMER.ref(command.customer_id),
            *(PRODUCT.ref(product_id(sku)) for sku in skus),
            *(PRICE_LIST.ref(id) for id in lists if has_list_price),
        ),
        locked=(
            ACCOUNT.ref(account_id(command.customer_id)),
            *(STOCK.ref(stock_id(sku, command.location)) for sku in skus),
        ),
    )


def decide_placing(command: PlaceOrder, given: Given) -> Sequence[Event]:
    """The order as placed, then confirmed or held when it is on terms; prepaid orders wait for their money."""
    customer = given.state(CUSTOMER, command.customer_id)
    _refuse_stranger(command, customer, given)
    lines = _priced(command, customer, given)
    total = sum((line.gross for line in lines), ZERO)
    if total < 0:
        raise Refusal("total_negative", f"The order would come to {total}; discounts cannot exceed what is bought.")
    placed = _placed(command, customer, lines, given)
    if total == 0:
        return [placed, OrderConfirmed()]
    if placed.terms == "immediate":
        return [placed]
    hold = credit_hold(customer, total, given)
    return [placed, hold or OrderConfirmed()]


def credit_hold(customer: Customer, amount: Decimal, given: Given) -> OrderHeld | None:
    """Why an order of `amount` on terms must wait for a person, if it must."""
    assert customer.id is not None
    account = given.state(ACCOUNT, account_id(customer.id))
    if account.is_held:
        return OrderHeld(cause="account", reason="The account is on hold.")
    if customer.credit_limit is None or account.exposure + amount <= customer.credit_limit:
        return None
    over = account.exposure + amount - customer.credit_limit
    return OrderHeld(cause="credit", reason=f"The order exceeds the credit limit of {customer.credit_limit} by {over}.")


def _refuse_stranger(command: PlaceOrder, customer: Customer, given: Given) -> None:
    if given.exists:
        raise Refusal("order_exists", f"Order {given.ref.id} was placed before.")
    if not customer.exists or customer.is_erased or (given.by.is_buyer() and given.by.id != command.customer_id):
        raise not_found("customer", command.customer_id)
    if customer.dealer_status == "suspended":
        message = f"The dealer account of {customer.company_name or customer.name} is suspended; please talk to us."
        raise Refusal("dealer_suspended", message)
    if given.by.works_in("orders"):
        return
    if any(line.agreed_unit_price is not None or line.agreed_tax_rate is not None for line in command.lines):
        raise Refusal("agreed_price_forbidden", "Only staff may set prices on an order.", kind="forbidden")
    if any(line.kind != "product" for line in command.lines):
        raise Refusal("charge_forbidden", "Only staff may add charges or discounts to an order.", kind="forbidden")
    if command.backorder and customer.user_type != "dealer":
        raise Refusal("backorder_forbidden", "Only dealers may order beyond the stock.", kind="forbidden")


def _priced(command: PlaceOrder, customer: Customer, given: Given) -> tuple[OrderLine, ...]:
    """Every line with its price and amounts; a Refusal names all lines that cannot be had."""
    faults: list[Fault] = []
    lines: list[OrderLine] = []
    for number, line in enumerate(command.lines, start=1):
        priced = _line(number, line, customer, given)
        if isinstance(priced, Fault):
            faults.append(priced)
        else:
            lines.append(priced)
    if not command.backorder:
        faults.extend(_shortages(command, given))
    if faults:
        codes = {fault.code for fault in faults}
        code = codes.pop() if len(codes) == 1 else "lines_refused"
        raise Refusal(code, " ".join(fault.message for fault in faults[:5]), faults=tuple(faults))
    return tuple(lines)


def _line(number: int, line: OrderedLine, customer: Customer, given: Given) -> OrderLine | Fault:
    field = f"lines.{number - 1}"
    if line.agreed_unit_price and (line.agreed_unit_price < 0) != (line.kind == "discount"):
        message = f"{line.sku}: the price of a discount is negative, that of everything else is not."
        return Fault(f"{field}.agreed_unit_price", "price_sign", message)
    if line.kind != "product":
        if line.agreed_unit_price is None:
            return Fault(f"{field}.agreed_unit_price", "price_missing", f"{line.sku} needs an agreed unit price.")
        return _amounts(number, line, None, line.agreed_unit_price, customer, given)
    product = given.state(PRODUCT, product_id(line.sku))
    if not product.exists:
        return Fault(f"{field}.sku", "unknown_sku", f"There is no product {line.sku}; look it up in the catalog.")
    if not product.is_active and line.agreed_unit_price is None:
        return Fault(f"{field}.sku", "product_inactive", f"{line.sku} is no longer sold; take it off the order.")
    price = line.agreed_unit_price
    if price is None:
        price = _list_price(product, line, customer, given)
    return _amounts(number, line, product, price, customer, given)


def _list_price(product: Product, line: OrderedLine, customer: Customer, given: Given) -> Decimal:
    assert customer.id is not None
    own = given.state(PRICE_LIST, dealer_price_list_id(customer.id))
    tiers = [given.state(PRICE_LIST, tier_price_list_id(customer.tier))] if customer.tier else []
    return buyer_price(product, customer, [own, *tiers], line.quantity, given.today).unit_price


def _amounts(
    number: int, line: OrderedLine, product: Product | None, price: Decimal, customer: Customer, given: Given
) -> OrderLine:
    rate = given.rules.tax_rate if line.agreed_tax_rate is None else line.agreed_tax_rate
    extended = rounded(price * line.quantity)
    if customer.user_type == "consumer":
        gross = extended
        net, tax = net_and_tax(gross, rate)
    else:
        net, tax = extended, rounded(extended * rate)
        gross = net + tax
    return OrderLine(
        line_no=number,
        kind=line.kind,
        sku=line.sku,
        product_id=product_id(line.sku) if product else None,
        description=line.description or (product.name if product else line.sku),
        quantity=line.quantity,
        unit_price=price,
        tax_rate=rate,
        net=net,
        tax=tax,
        gross=gross,
        reference=line.reference,
    )


def _shortages(command: PlaceOrder, given: Given) -> Iterator[Fault]:
    """SKUs whose demand, summed over the whole order, exceeds what may be promised."""
    wanted: dict[str, _Demand] = {}
    for index, line in enumerate(command.lines):
        if line.kind == "product":
            before = wanted.get(line.sku, _Demand(index, 0))
            wanted[line.sku] = _Demand(before.first_line, before.quantity + line.quantity)
    for sku, demand in wanted.items():
        if not given.state(PRODUCT, product_id(sku)).exists:
            continue
        available = max(0, given.state(STOCK, stock_id(sku, command.location)).available(given.at))
        if demand.quantity > available:
            message = f"{sku}: {demand.quantity} wanted, {available} available, short by {demand.quantity - available}."
            yield Fault(f"lines.{demand.first_line}.quantity", "insufficient_stock", message)


@dataclass(frozen=True, slots=True)
class _Demand:
    first_line: int
    quantity: int


def _placed(command: PlaceOrder, customer: Customer, lines: tuple[OrderLine, ...], given: Given) -> OrderPlaced:
    terms: PaymentTerms = customer.terms if customer.dealer_status == "approved" else "immediate"
    if customer.credit_limit == 0:
        terms = "immediate"
    total = sum((line.gross for line in lines), ZERO)
    lapses = terms == "immediate" and total > 0 and given.by.is_buyer()
    return OrderPlaced(
        number=f"SO-{given.today:%y%m%d}-{short_code(given.ref.id)}",
        customer_id=command.customer_id,
        customer_type=customer.user_type,
        channel=command.channel,
        currency=given.rules.currency,
        prices_include_tax=customer.user_type == "consumer",
        lines=lines,
        net=sum((line.net for line in lines), ZERO),
        tax=sum((line.tax for line in lines), ZERO),
        total=total,
        terms=terms,
        location=command.location,
        shipping_address=command.shipping_address,
        backorder=command.backorder,
        reference=command.reference,
        notes=command.notes,
        expires_at=given.at + given.rules.unpaid_order_lifetime if lapses else None,
    )
