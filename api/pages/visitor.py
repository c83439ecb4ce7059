"""Visitor: who looks at a page, what they carry in cookies, and the proof that a form of theirs is our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, unquote
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.actor import Actor
from api.auth.cookies import CSRF_HEADER, claims_of, csrf_token, is_csrf_token
from api.auth.enter import NOBODY
from api.auth.sessions import Person, note_use, person_behind
from api.auth.tokens import Claims
from api.customers.state import Customer
from api.house import Here, House
from api.pages.cart_lines import Cart, read_cart, sealed_cart
from api.pages.frame import Flash, Frame
from api.refusals import Refusal, Unauthenticated
from warehouse.clock import now
from warehouse.ids import new_id

VISITOR_COOKIE, CART_COOKIE, FLASH_COOKIE = "jovey_visitor", "jovey_cart", "jovey_flash"
FIELDS_MAX = 100
_CART_SECONDS = 30 * 24 * 3600
_FLASH_SECONDS = 60
_OWN_SITES = {None, "same-origin", "none"}  # Sec-Fetch-Site of our own forms, and of browsers too old to say


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever looks. Before they sign in, `id` is a random one in a cookie; afterwards it is the session's."""

    id: UUID
    by: Actor
    customer: Customer | None
    claims: Claims | None
    cart: Cart
    keepsakes: Keepsakes

    @property
    def buyer(self) -> Customer:
        """The customer who is signed in; raises Unauthenticated for nobody, Refusal for colleagues."""
        if self.customer is None and self.by.kind != "anonymous":
            message = "This page is for customers; what customers bought is in the staff screens."
            raise Refusal("not_a_buyer", message, kind="forbidden")
        if self.customer is None:
            raise Unauthenticated("not_signed_in", "Sign in first.")
        return self.customer

    @property
    def customer_id(self) -> UUID:
        """The id of the customer who is signed in; raises Unauthenticated for anybody else."""
        found = self.buyer.id
        assert found is not None
        return found

    def carry(self, cart: Cart) -> None:
        """Let the browser carry this cart from now on."""
        self.keepsakes.cart = cart

    def tell(self, kind: str, words: str) -> None:
        """Say a sentence on the next page."""
        self.keepsakes.flash = f"{kind}:{words}"


@dataclass(slots=True)
class Keepsakes:
    """What the answer to this request leaves in the browser."""

    visitor: UUID | None = None
    cart: Cart | None = None
    flash: str | None = None
    is_flash_shown: bool = False


class Cookies:
    """ASGI middleware: sets the cookies that a page's Keepsakes ask for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with cookies."""

        async def with_cookies(message: Message) -> None:
            kept = scope.get("state", {}).get("keepsakes")
            if message["type"] == "http.response.start" and kept is not None:
                house: House = scope["app"].state.house
                kept.is_flash_shown &= not 300 <= message["status"] < 400  # a page to come will show it
                message["headers"] = [*message["headers"], *_cookies(kept, house)]
            await send(message)

        await self._app(scope, receive, with_cookies if scope["type"] == "http" else send)


def visitor(request: Request, here: Here) -> Visitor:
    """Who looks, for pages that show it; fills the frame around the page."""
    claims, person = _session(request, here)
    kept = Keepsakes()
    known = _uuid(request.cookies.get(VISITOR_COOKIE, ""))
    if person is None and known is None:
        known = kept.visitor = new_id(now())
    id = claims.session_id if claims and person else known
    assert id is not None
    cart = read_cart(request.cookies.get(CART_COOKIE, ""), here.mac_key)
    flashes = _flashes(request.cookies.get(FLASH_COOKIE, ""))
    kept.is_flash_shown = bool(flashes) and request.method == "GET"
    customer = person.state if person is not None and isinstance(person.state, Customer) else None
    request.state.keepsakes = kept
    request.state.frame = Frame(
        kind=customer.user_type if customer else "staff" if person else "visitor",
        name=person.actor.name if person else "",
        csrf_token=csrf_token(id, here),
        cart_count=cart.pieces,
        flashes=flashes,
    )
    return Visitor(id, person.actor if person else NOBODY, customer, claims if person else None, cart, kept)


Visit = Annotated[Visitor, Depends(visitor)]


async def own_form(request: Request, here: Here, who: Visit) -> Mapping[str, str]:
    """The fields of a form, once it is certain that a page of ours sent it; raises Refusal."""
    sent = await request.form(max_files=0, max_fields=FIELDS_MAX)
    fields = {name: value for name, value in sent.items() if isinstance(value, str)}
    token = fields.pop("csrf_token", None) or request.headers.get(CSRF_HEADER)
    if request.headers.get("sec-fetch-site") not in _OWN_SITES or not is_csrf_token(token, who.id, here):
        message = (
            "This form is too old, or it is not ours. Nothing was changed; go back, reload the page and try again."
        )
        raise Refusal("csrf_token_missing", message, kind="forbidden")
    return fields


Form = Annotated[Mapping[str, str], Depends(own_form)]


def to(address: str) -> RedirectResponse:
    """On to another page, after something was done."""
    return RedirectResponse(quote(address, safe="/?=&#%"), 303)


def own_path(address: str | None, otherwise: str) -> str:
    """An address to go on to, if it is a path of ours; browsers take two slashes, or a backslash, for another host."""
    if not address or not address.startswith("/") or address.startswith("//") or "\\" in address:
        return otherwise
    return otherwise if any(ord(letter) < 32 for letter in address) else address


def _session(request: Request, here: House) -> tuple[Claims | None, Person | None]:
    claims = claims_of(request, here.keys)
    if claims is None:
        return None, None
    at = now()
    with here.engine.begin() as connection:
        person = person_behind(connection, claims, at)
        if person is not None:
            note_use(connection, person, claims, at)
    request.state.person, request.state.claims = person, claims
    request.state.actor = person.actor if person is not None else NOBODY
    return claims, person


def _cookies(kept: Keepsakes, here: House) -> list[tuple[bytes, bytes]]:
    response = Response()
    options: dict[str, Any] = {"httponly": True, "samesite": "lax", "secure": here.settings.is_served_securely}
    if kept.visitor is not None:
        response.set_cookie(VISITOR_COOKIE, str(kept.visitor), **options)
    if kept.cart is not None:
        response.set_cookie(CART_COOKIE, sealed_cart(kept.cart, here.mac_key), max_age=_CART_SECONDS, **options)
    if kept.flash is not None:
        response.set_cookie(FLASH_COOKIE, quote(kept.flash[:1_000]), max_age=_FLASH_SECONDS, **options)
    elif kept.is_flash_shown:
        response.delete_cookie(FLASH_COOKIE)
    return [(name, value) for name, value in response.raw_headers if name == b"set-cookie"]


def _flashes(cookie: str) -> tuple[Flash, ...]:
    kind, _, words = unquote(cookie).partition(":")
    match kind:
        case "good" | "bad" | "note":
            return (Flash(kind, words),)
        case _:
            return ()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
