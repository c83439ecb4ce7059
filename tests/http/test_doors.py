"""Every door × every kind of caller, against the table in tests/doors.py: opens, 401, 403, or nothing to be found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatch
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import jwt
import pytest
from sqlalchemy import text

from api.agents.commands import RecordModelCall, model_call_id
from api.app import doors
from api.auth.cookies import CSRF_HEADER, SESSION_COOKIE, csrf_token
from api.auth.keys import SigningKey
from api.auth.sessions import open_session
from api.auth.tokens import AgentClaims, signed, signed_for_agent
from api.category.commands import CreatePriceList, SetPriceListLine, tier_price_list_id
from api.customers.commands import InviteStaffMember
from api.fulfillment.commands import (
    CreateShipment,
    DeliverShipment,
    PackShipment,
    PickShipment,
    RequestReturn,
    ShipShipment,
)
from api.procurement.commands import CreatePurchaseOrder, CreateSupplier
from api.receivables.commands import ReceivePayment
from warehouse.clock import now
from warehouse.ids import named, new_id

pytestmark = pytest.mark.whole

NEVER = '"999999999"'  # a version nothing has: who may come in is told so (412), and the world stays as it is
FAR = timedelta(hours=1)
KINDS = {"asha": "consumer", "bela": "consumer", "deva": "dealer", "dora": "dealer"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def code(self) -> str | None:
        return json.loads(self.body)["code"] if self.status >= 400 else None


@dataclass(frozen=True)
class Knocker:
    """Somebody at the doors: which kind of caller they are, whose things are theirs, how they show who they are."""

    kind: str
    headers: Mapping[str, str]
    who: str = ""


@pytest.fixture(scope="module")
def world(village, proposals, contract):
    """A little of everything, so that every door has something behind it; `ids` by the buyer whose it is."""
    product = village.product()
    people = {name: village.consumer(name) for name in ("asha", "bela")}
    people |= {name: village.dealer(name) for name in ("deva", "dora")}
    supplier, purchase, prices = named("a", "supplier"), named("a", "purchase"), tier_price_list_id("standard")
    village.send(CreateSupplier(supplier_id=supplier, name="Acme"))
    bought = [{"sku": "P-1", "quantity": 5, "unit_cost": Decimal(60)}]
    village.send(CreatePurchaseOrder(purchase_order_id=purchase, supplier_id=supplier, lines=bought))
    village.send(CreatePriceList(price_list_id=prices, name="Standard", tier="standard"))
    village.send(
        SetPriceListLine(price_list_id=prices, scope="all", discount_rate=Decimal("0.2"), valid_from="2026-01-01")
    )
    asked = {"function": "procurement", "model": "m", "request": "{}", "response": "{}", "status": 200}
    village.send(RecordModelCall(request_hash="0" * 64, **asked))
    proposal = proposals.reorder(sku="P-1", supplier_id=supplier, on_hand=96)
    village.send(proposal)
    shared = {
        "product_id": product, "supplier_id": supplier, "purchase_order_id": purchase, "price_list_id": prices,
        "decision_id": proposal.decision_id, "model_call_id": model_call_id("0" * 64),
        "event_id": scalar(village, "select id from jovey.visible_events order by position limit 1"),
        "session_id": new_id(now()), "provider": "sandbox",
        "proposal": proposal.model_dump(mode="json"),
    }  # fmt: skip
    owned = {name: bought_by(village, people[name]) for name in ("asha", "deva")}
    ids = {
        name: {key: one if isinstance(one, dict) else str(one) for key, one in (shared | own).items()}
        for name, own in owned.items()
    }
    colleagues = {name: colleague(village, name) for name in contract.staff}
    return SimpleNamespace(village=village, ids=ids, people={name: one.id for name, one in people.items()} | colleagues)


def scalar(town, query: str, **told: Any) -> Any:
    with town.everything() as connection:
        return connection.execute(text(query), told).scalar_one()


def bought_by(town, buyer) -> dict[str, UUID]:
    """An order, paid, shipped, delivered and invoiced, a return of it under way, and money on account."""
    order, ship, back, paid, over = town.order(buyer, ("P-1", 2)), *(new_id(now()) for _ in range(4))
    total = Decimal(scalar(town, "select state->>'total' from jovey.visible_states where aggregate_id = :id", id=order))
    money = {"customer_id": buyer.id, "received_on": now().date()}
    town.send(ReceivePayment(payment_id=paid, order_id=order, amount=total, **money))
    town.send(CreateShipment(shipment_id=ship, order_id=order))
    for step in (PickShipment, PackShipment, ShipShipment, DeliverShipment):
        town.send(step(shipment_id=ship))
    town.send(RequestReturn(return_id=back, order_id=order, lines=[{"line_no": 1, "quantity": 1, "reason": "leaks"}]))
    town.send(ReceivePayment(payment_id=over, amount=Decimal(50), **money))
    invoiced = "event_type = 'invoice.generated' and data->>'order_id' = :id"
    invoice = scalar(town, f"select data->>'invoice_id' from jovey.visible_events where {invoiced}", id=str(order))
    return {"customer_id": buyer.id, "order_id": order, "return_id": back, "invoice_id": invoice, "payment_id": over}


@pytest.fixture
def knockers(world) -> list[Knocker]:
    return in_new_sessions(world)


def in_new_sessions(world) -> list[Knocker]:
    """Every kind of caller, always in the same order."""
    town, key = world.village, world.village.house.signing_key
    people = {name: town.caller(id) for name, id in world.people.items()}
    asha = people["asha"]
    with town.house.engine.begin() as connection:
        claims = open_session(connection, asha.id, now()).claims
    cookie = f"{SESSION_COOKIE}={signed(claims, key, now(), FAR)}"
    said = jwt.decode(asha.token, options={"verify_signature": False})
    ours = {"algorithm": "HS256", "headers": {"typ": "at+jwt", "kid": str(key.id)}}
    bad = {
        "expired": jwt.encode(said | {"exp": now() - timedelta(seconds=1)}, key.secret, **ours),
        "forged": jwt.encode(said, "x" * 40, **ours),
        "wrong issuer": jwt.encode(said | {"iss": "elsewhere"}, key.secret, **ours),
    }
    agents = {"reorder": "procurement", "pricing": "category"}
    return [
        Knocker("nobody", {}),
        Knocker("cookie alone", {"cookie": cookie}, "asha"),
        *(
            Knocker(KINDS.get(name, name), bearer(one.token), name if name in KINDS else "")
            for name, one in people.items()
        ),
        *(Knocker(f"{name} agent", bearer(agent(key, name, one))) for name, one in agents.items()),
        *(Knocker(name, bearer(token)) for name, token in bad.items()),
        Knocker("consumer", {"cookie": cookie, CSRF_HEADER: csrf_token(claims.session_id, town.house)}, "asha"),
    ]


def colleague(town, function: str) -> UUID:
    """Staff who work in one function, or in nothing."""
    id, access = named("colleague", function), () if function == "nothing" else (function,)
    email = f"{function}@example.com"
    town.send(InviteStaffMember(staff_id=id, name=function, email=email, staff_role="x", function_access=access))
    return id


def agent(key: SigningKey, name: str, function: str) -> str:
    return signed_for_agent(AgentClaims(name, frozenset({function})), key, now(), FAR)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def expected(row, knocker: Knocker, owner: str) -> str:
    """What the contract says: `opens`, `401`, `403` or `404`."""
    if knocker.kind in {"expired", "forged", "wrong issuer"}:
        return "401"
    if knocker.kind == "cookie alone":  # good for looking, not for changing
        return "403" if row.method != "GET" else expected(row, replace(knocker, kind="consumer"), owner)
    if knocker.kind not in row.opens | row.blind:
        return "401" if knocker.kind == "nobody" else "403"
    return "404" if knocker.kind in row.blind or (row.is_own and knocker.who not in {"", owner}) else "opens"


def told(row, answer: Answer) -> str:
    """What the door did. What a rule says to somebody who came in is an opening too; what breaks is none of these."""
    if answer.status in {200, 201, 204, 409, 412} or answer.code in row.answers:
        return "opens"
    return str(answer.status) if answer.status in {401, 403, 404} else f"{answer.status} {answer.body!r}"


def knock(town, row, ids: Mapping[str, Any], knocker: Knocker) -> Answer:
    """One request straight into the application; whoever listens to a stream leaves at once."""
    address, body = row.filled(ids)
    path, _, query = address.partition("?")
    headers = dict(knocker.headers)
    if row.method != "GET":
        headers |= {"If-Match": NEVER, "Content-Type": "application/json"}
    scope = {
        "type": "http", "method": row.method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(name.lower().encode(), one.encode()) for name, one in headers.items()],
        "http_version": "1.1", "scheme": "http", "server": ("village", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    told: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}]
    )
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(told, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    town.app.state.client.portal.call(town.app, scope, receive, send)
    return Answer(sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]))


def cells(world, contract, knockers) -> Iterator[tuple[Any, Knocker, str]]:
    """Every door × every kind of caller, and for what is somebody's own each of its owners.

    Where a password is hashed, two kinds of staff stand for all twelve: each hash costs a tenth of a second.
    """
    for row in sorted(contract.rows, key=lambda row: row.ends_sessions):
        for owner in ("asha", "deva") if row.is_own else ("deva",):
            for place, knocker in enumerate(knockers):
                if not row.is_slow or knocker.kind not in contract.staff - {"nothing", "customers"}:
                    yield row, in_new_sessions(world)[place] if row.ends_sessions else knocker, owner


def test_every_door_has_a_row_in_the_contract_and_every_row_a_door(village, contract):
    assert sorted(doors(village.app)) == sorted(row.door for row in contract.rows)


def is_promised(document: Mapping[str, Any], row, answer: Answer) -> bool:
    """Whether the OpenAPI document names the status at this door, and the code; `*` is what is computed in a code."""
    promised = document["paths"][row.path][row.method.lower()]["responses"].get(str(answer.status))
    return promised is not None and (
        answer.code is None or any(fnmatch(answer.code, code) for code in promised["x-codes"])
    )


def test_every_door_opens_to_exactly_those_whom_the_contract_names(world, contract, knockers):
    wrong, document = [], world.village.app.openapi()
    for row, knocker, owner in cells(world, contract, knockers):
        answer = knock(world.village, row, world.ids[owner], knocker)
        if not is_promised(document, row, answer):
            wrong.append(f"{row.method} {row.path} of {owner}, {knocker.kind}: undocumented {answer}")
        if told(row, answer) != expected(row, knocker, owner):
            wrong.append(f"{row.method} {row.path} of {owner}, {knocker.kind} {knocker.who}: {told(row, answer)}")
    assert not wrong, "\n".join(map(str, wrong))


def test_what_is_somebody_elses_is_answered_like_what_is_not_there(world, contract, knockers):
    wrong = []
    for row, knocker, owner in cells(world, contract, knockers):
        if row.is_own and expected(row, knocker, owner) == "404":
            ids = world.ids[owner]
            unknown = ids | {
                name: str(new_id(now())) for name in ("order_id", "invoice_id", "return_id", "customer_id")
            }
            theirs, nobodys = (knock(world.village, row, one, knocker) for one in (ids, unknown))
            if without_ids(theirs) != without_ids(nobodys):
                wrong.append((row.door, theirs, nobodys))
    assert not wrong, "\n".join(map(str, wrong))


def test_an_id_of_another_kind_of_thing_leads_nowhere(world, contract, knockers):
    """A colleague's id names no supplier, no order and no customer; looked for as one, nothing is there."""
    wrong = []
    elsewhere = dict.fromkeys(world.ids["deva"], str(world.people["customers"]))
    for row in contract.rows:
        for knocker in knockers:
            if "_id}" in row.path and expected(row, knocker, knocker.who) == "opens":
                answer = knock(world.village, row, world.ids["deva"] | elsewhere, knocker)
                gone = answer.code in {"version_moved", "session_not_found"}  # rules would say no to what is not there
                if answer.status != 404 and not gone:
                    wrong.append((row.door, knocker, answer))
    assert not wrong, "\n".join(map(str, wrong))


def without_ids(answer: Answer) -> tuple[int, bytes]:
    return answer.status, re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"id", answer.body)
