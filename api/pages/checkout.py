"""Pages of the checkout: who buys, where it goes, the order. One cart becomes one order, however often it is sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.customers.state import Customer, NamedAddress
from api.handle import Request as Command
from api.handle import handle
from api.house import Here, House
from api.orders.commands import PlaceOrder
from api.orders.state import ORDER, Order
from api.pages.account import blank_address, keep_address
from api.pages.basket import LOCATION, Basket
from api.pages.cart import noted, present
from api.pages.cart_lines import Cart, new_cart
from api.pages.forms import Errors, Wrong, typed
from api.pages.render import page
from api.pages.visitor import Form, Visit, Visitor, to
from api.reading import find
from api.receivables.paying import pay_address
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.events.customers import PaymentTerms
from warehouse.ids import derived, new_id

ROUTER = APIRouter()


def order_id_of(cart: Cart) -> UUID:
    """The order that a cart becomes."""
    return derived(cart.id, "order")


@ROUTER.get("/checkout")
def begin(request: Request, here: Here, who: Visit) -> Response:
    """First step: sign in or register, without leaving the checkout."""
    if not who.cart.lines:
        return to("/cart")
    if who.customer is not None:
        return to("/checkout/payment" if _chosen(who) else "/checkout/delivery")
    return page(request, "orders/checkout_contact.html", basket=present(here, who), is_staff=who.by.kind == "staff")


@ROUTER.get("/checkout/delivery")
def show_delivery(request: Request, here: Here, who: Visit) -> Response:
    """Second step: where it goes."""
    return _delivery(request, here, who) if who.cart.lines else to("/cart")


@ROUTER.post("/checkout/delivery")
def choose_delivery(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Send it to an address of the account, or to a new one that is kept there."""
    label = fields.get("choice", "")
    if not any(one.label == label for one in who.buyer.addresses):
        try:
            label = keep_address(here, who, fields)
        except Wrong as wrong:
            return _delivery(request, here, who, fields=fields, errors=wrong.errors)
    who.carry(replace(who.cart, ship_to=label))
    return to("/checkout/payment")


@ROUTER.get("/checkout/payment")
def show_payment(request: Request, here: Here, who: Visit) -> Response:
    """Third step: all of it once more, and how it is paid."""
    if not who.cart.lines:
        return to("/cart")
    if who.customer is None:
        return to("/checkout")
    return _payment(request, here, who) if _chosen(who) else to("/checkout/delivery")


@ROUTER.post("/checkout/place")
def place(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Order what the cart holds; sent again, it leads to the same order."""
    buyer, address = who.buyer, _chosen(who)
    before = _order(here, who)
    if before is not None:
        return _again(here, who, before)
    if not who.cart.lines:
        return to("/orders")
    if address is None:
        return to("/checkout/delivery")
    basket = present(here, who)
    if not basket.can_be_ordered:
        return _payment(request, here, who, basket, errors={"lines": "Not all of it can be had today; see below."})
    if fields.get("total") != str(basket.total):
        return _payment(request, here, who, basket, errors={"total": _moved(fields.get("total", ""), basket)})
    return _placed(request, here, who, _command(who, buyer, address, fields))


def terms_of(buyer: Customer) -> PaymentTerms:
    """How this buyer pays, as placing an order decides it (api/orders/placing.py)."""
    return "immediate" if buyer.dealer_status != "approved" or buyer.credit_limit == 0 else buyer.terms


def _again(here: House, who: Visitor, order: Order) -> Response:
    """On to the order that the cart became; a cart that was changed since, its answer being lost, is a new one."""
    ordered = [(line.sku, line.quantity) for line in order.lines]
    if not who.cart.lines or ordered == [(line.sku, line.quantity) for line in who.cart.lines]:
        return _onward(here, who, order)
    who.carry(replace(who.cart, id=new_id(now())))
    who.tell("note", f"Order {order.number} was placed before you changed the cart. What is in it now is another one.")
    return to("/checkout/payment")


def _command(who: Visitor, buyer: Customer, address: NamedAddress, fields: Form) -> PlaceOrder:
    assert buyer.id is not None
    told = typed(fields, "reference", "notes")
    return PlaceOrder(
        order_id=order_id_of(who.cart),
        customer_id=buyer.id,
        channel="storefront",
        lines=who.cart.ordered_lines(),
        location=LOCATION,
        shipping_address=address.address,
        reference=(told["reference"] or "")[:100] or None,
        notes=(told["notes"] or "")[:2_000] or None,
    )


def _placed(request: Request, here: House, who: Visitor, command: PlaceOrder) -> Response:
    try:
        handle(here.engine, Command(command, derived(who.cart.id, "place"), who.by, now()), here.rules)
    except Refusal as refusal:
        order = _order(here, who)
        if order is None:
            return _payment(request, here, who, errors={"lines": refusal.message})
        return _onward(here, who, order)  # the same cart, sent at the same moment with other words beside it
    order = _order(here, who)
    assert order is not None
    return _onward(here, who, order)


def _onward(here: House, who: Visitor, order: Order) -> Response:
    """To the payment of an order that waits for its money, else to the order; the cart has done its work."""
    who.carry(new_cart())
    address = pay_address(here, order, now())
    if order.terms == "immediate" and address is not None:
        return to(address)
    who.tell("good", f"Thank you. Order {order.number} is placed.")
    return to(f"/orders/{order.number}")


def _order(here: House, who: Visitor) -> Order | None:
    """The order that this cart became, if it did."""
    with here.reading(who.by) as connection:
        row = find(connection, ORDER, order_id_of(who.cart))
    return row.state if row is not None and row.owner_id == who.customer_id else None


def _chosen(who: Visitor) -> NamedAddress | None:
    """The address the cart goes to: the one chosen for it, else the only one there is."""
    addresses = who.buyer.addresses
    chosen = next((one for one in addresses if one.label == who.cart.ship_to), None)
    return chosen or (addresses[0] if len(addresses) == 1 else None)


def _delivery(
    request: Request, here: House, who: Visitor, *, fields: Form | None = None, errors: Errors | None = None
) -> Response:
    chosen = _chosen(who)
    return page(
        request,
        "orders/checkout_delivery.html",
        status=422 if errors else 200,
        basket=present(here, who),
        buyer=who.buyer,
        chosen=chosen.label if chosen else "",
        draft=blank_address(who) | dict(fields or {}),
        errors=errors or {},
    )


def _payment(
    request: Request, here: House, who: Visitor, basket: Basket | None = None, *, errors: Errors | None = None
) -> Response:
    found = basket or present(here, who)
    who.carry(noted(who.cart, found))
    return page(
        request,
        "orders/checkout_payment.html",
        status=409 if errors else 200,
        basket=found,
        buyer=who.buyer,
        address=_chosen(who),
        terms=terms_of(who.buyer),
        takes_cards=here.settings.takes_test_payments,
        hours=here.settings.unpaid_order_hours,
        errors=errors or {},
    )


def _moved(seen: str, basket: Basket) -> str:
    """Why the total is not the one that was on the page."""
    try:
        before = Decimal(seen)
    except ArithmeticError:
        return "Please look at the total once more before you order."
    return f"The total is {basket.total} {basket.currency} now; it was {before}. Nothing was ordered yet."
