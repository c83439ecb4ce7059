"""Pages of the cart: what is in it, and putting in, changing, taking out and putting back."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.category.commands import product_id
from api.category.state import PRODUCT
from api.house import Here, House
from api.pages.basket import Basket, basket_of
from api.pages.cart_lines import QUANTITY_MAX, SKUS_MAX, Cart, CartLine
from api.pages.forms import Wrong, quantity_of
from api.pages.render import page
from api.pages.visitor import Form, Visit, Visitor, to
from api.reading import found_among
from warehouse.clock import now
from warehouse.money import ZERO

ROUTER = APIRouter()


@ROUTER.get("/cart")
def show_cart(request: Request, here: Here, who: Visit) -> Response:
    """The cart at today's prices and stock. Prices that changed are told once."""
    basket = present(here, who)
    if any(line.has_new_price for line in basket.lines):
        who.carry(noted(who.cart, basket))
    removed = who.cart.removed and _name(here, who, who.cart.removed.sku)
    return page(request, "orders/cart.html", basket=basket, removed=removed, quantity_max=QUANTITY_MAX)


@ROUTER.post("/cart/lines")
def put_in(here: Here, who: Visit, fields: Form) -> Response:
    """Put pieces of a product in, beside those that are there."""
    sku = fields.get("sku", "").strip()[:50]
    try:
        quantity = quantity_of(fields.get("quantity", "1"), QUANTITY_MAX)
        cart = _with_more(here, who, sku, quantity)
    except Wrong as wrong:
        who.tell("bad", " ".join(wrong.errors.values()))
        return to("/cart")
    who.carry(cart)
    pieces = f"{quantity:,} pieces" if quantity > 1 else "1 piece"
    who.tell("good", f"{pieces} of {_name(here, who, sku)} put into your cart.")
    return to("/cart")


@ROUTER.post("/cart/lines/{sku}")
def change_line(who: Visit, fields: Form, sku: str) -> Response:
    """Change how many pieces; none takes the line out."""
    line = who.cart.line(sku)
    if line is None:
        who.tell("note", "That product was not in your cart any more.")
        return to("/cart")
    try:
        quantity = 0 if "remove" in fields else quantity_of(fields.get("quantity", ""), QUANTITY_MAX)
    except Wrong as wrong:
        who.tell("bad", " ".join(wrong.errors.values()))
        return to("/cart")
    who.carry(who.cart.with_line(replace(line, quantity=quantity)) if quantity else who.cart.without(sku))
    return to(_back(fields))


@ROUTER.post("/cart/undo")
def put_back(who: Visit, fields: Form) -> Response:
    """Put back what was taken out last."""
    if who.cart.removed is not None:
        who.carry(who.cart.with_line(who.cart.removed))
    return to(_back(fields))


@ROUTER.post("/cart/fix")
def fit_to_stock(here: Here, who: Visit, fields: Form) -> Response:
    """Take no more than there is, and nothing that is not sold."""
    lines = {line.sku: line for line in present(here, who).lines}
    fitting = tuple(
        replace(one, quantity=min(one.quantity, lines[one.sku].available))
        for one in who.cart.lines
        if lines[one.sku].is_sold and lines[one.sku].available
    )
    who.carry(replace(who.cart, lines=fitting, removed=None))
    who.tell("good", "Your cart holds what can be had today.")
    return to(_back(fields))


def present(here: House, who: Visitor) -> Basket:
    """The visitor's cart as it stands now."""
    with here.reading(who.by) as connection:
        return basket_of(connection, here, who.cart, who.customer, now())


def noted(cart: Cart, basket: Basket) -> Cart:
    """The cart with the prices that its owner has been shown."""
    prices = basket.seen_prices
    return replace(cart, lines=tuple(replace(line, seen_price=prices[line.sku]) for line in cart.lines))


def _with_more(here: House, who: Visitor, sku: str, quantity: int) -> Cart:
    before = who.cart.line(sku)
    if quantity < 1:
        raise Wrong({"quantity": "Ask for 1 piece or more."})
    if before is None and len(who.cart.lines) >= SKUS_MAX:
        raise Wrong({"sku": f"A cart holds {SKUS_MAX} different products; order these first."})
    wanted = quantity + (before.quantity if before else 0)
    if wanted > QUANTITY_MAX:
        raise Wrong({"quantity": f"More than {QUANTITY_MAX:,} pieces are beyond this shop; write to us."})
    cart = who.cart.with_line(CartLine(sku, wanted, before.seen_price if before else ZERO))
    with here.reading(who.by) as connection:
        basket = basket_of(connection, here, cart, who.customer, now())
    line = next(one for one in basket.lines if one.sku == sku)
    if not line.is_sold:
        raise Wrong({"sku": "There is no such product, or it is no longer sold."})
    return cart.with_line(CartLine(sku, wanted, line.price))


def _name(here: House, who: Visitor, sku: str) -> str:
    with here.reading(who.by) as connection:
        found = found_among(connection, PRODUCT, [product_id(sku)])
    return found[product_id(sku)].state.name if found else sku


def _back(fields: Form) -> str:
    return "/checkout/payment" if fields.get("back") == "checkout" else "/cart"
