"""The payment port: money counts once, for the order that waits for it; a forged or stale word counts for nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from fastapi.testclient import TestClient

from api.actor import Actor, system
from api.app import create_app
from api.category.commands import CreateProduct
from api.customers.commands import RegisterCustomer
from api.fulfillment.commands import ReceiveStock
from api.handle import Request, handle
from api.orders.commands import CancelOrder, PlaceOrder
from api.orders.state import ORDER
from api.reading import find
from api.receivables.commands import ReceivePayment, RefundPayment, account_id
from api.receivables.paying import provider_named, settle_webhook
from api.receivables.payment_port import (
    INTENT_LIFETIME,
    SIGNATURE_TOLERANCE,
    IntentRefused,
    intent_for,
    opened,
    sealed,
    signature,
)
from api.receivables.sandbox import TEST_CARDS, outcome_of
from api.receivables.state import ACCOUNT
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.ids import named, new_id
from warehouse.settings import Settings

KEY = "a key for tests that is long enough to sign with"
DOOR = "/api/v1/payments/webhooks/sandbox"
ASHA = named("person", "asha")


class Till:
    """A house with one order that waits for its money."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.here = client.app.state.house
        self.order_id = new_id(now())
        self.send(RegisterCustomer(customer_id=ASHA, name="Asha", email="asha@example.com"))
        self.send(CreateProduct(sku="P-1", name="Pump", category="tank_pump", base_price=Decimal(100)))
        self.send(ReceiveStock(sku="P-1", quantity=10, source="opening", unit_cost=Decimal(60)))
        line = {"sku": "P-1", "quantity": 2}
        placed = PlaceOrder(order_id=self.order_id, customer_id=ASHA, channel="storefront", lines=[line])
        self.send(placed, by=Actor("consumer", ASHA))

    def send(self, command, by=None):
        request = Request(command, new_id(now()), by or system("till"), now())
        return handle(self.here.engine, request, self.here.rules)

    @property
    def order(self):
        with self.here.reading(system("till")) as connection:
            return find(connection, ORDER, self.order_id).state

    @property
    def account(self):
        with self.here.reading(system("till")) as connection:
            row = find(connection, ACCOUNT, account_id(ASHA))
        return row and row.state

    @property
    def sandbox(self):
        return provider_named("sandbox", self.here)

    def token(self):
        return self.sandbox.begin(intent_for(self.order, "USD"), now()).removeprefix("/pay/")

    def message(self, outcome="approved", at=None):
        return self.sandbox.webhook(self.token(), outcome, at or now())

    def tell(self, body, signed, name="sandbox") -> httpx.Response:
        headers = {"Webhook-Signature": signed, "Content-Type": "application/json"}
        return self.client.post(f"/api/v1/payments/webhooks/{name}", content=body, headers=headers)


@pytest.fixture
def till(database, tmp_path):
    with TestClient(create_app(Settings(home=tmp_path, secret_key=KEY), database)) as client:
        yield Till(client)


def test_an_order_is_confirmed_when_its_money_comes_in(till):
    answer = till.tell(*till.message())
    assert answer.json() == {"result": "paid", "is_repeated": False}, answer.text
    assert answer.headers["x-jovey-position"]
    assert (till.order.lifecycle, till.order.payment, till.order.paid) == ("confirmed", "paid", Decimal("200.00"))
    (payment,) = till.account.payments.values()
    assert payment.order_id == till.order_id


def test_what_was_paid_and_given_back_can_be_paid_again(till):
    till.tell(*till.message())
    (payment_id,) = till.account.payments
    till.send(RefundPayment(customer_id=ASHA, payment_id=payment_id, amount=Decimal(200), reason="at their wish"))
    assert till.order.net_paid == 0
    again = till.tell(*till.message())
    assert again.json() == {"result": "paid", "is_repeated": False}, again.text
    assert till.order.net_paid == Decimal("200.00")


def test_a_message_that_comes_again_has_no_second_effect(till):
    message = till.message()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: till.tell(*message), range(8)))
    assert {one.json()["result"] for one in answers} == {"paid"}
    assert any(one.json()["is_repeated"] for one in answers)  # those that met at the same instant may all be the first
    assert len(till.account.payments) == 1
    assert till.order.paid == Decimal("200.00")
    later = now() + timedelta(days=2)  # another date of receipt, the same payment
    body, _ = message
    again = settle_webhook(till.here, till.sandbox, body, signature(body, till.here.mac_key, "sandbox", later), later)
    assert (again.result, again.is_repeated) == ("paid", True)


def test_two_pages_of_one_order_take_its_money_once(till):
    first, second = till.message(), till.message()
    assert till.tell(*first).json()["is_repeated"] is False
    assert till.tell(*second).json() == {"result": "paid", "is_repeated": True}
    assert till.order.paid == Decimal("200.00")


def test_a_declined_card_changes_nothing_and_can_be_followed_by_another(till):
    assert till.tell(*till.message("declined")).json()["result"] == "declined"
    assert till.tell(*till.message("insufficient_funds")).json()["result"] == "declined"
    assert (till.order.lifecycle, till.order.paid) == ("placed", 0)
    assert till.account is None
    assert till.tell(*till.message()).json()["result"] == "paid"


def test_money_for_a_cancelled_order_is_kept_on_account_and_said_so(till):
    body, signed = till.message()
    till.send(CancelOrder(order_id=till.order_id, reason="changed my mind"))
    settled = settle_webhook(till.here, till.sandbox, body, signed, now())
    assert settled.result == "kept_on_account"
    assert "no longer waiting" in settled.words and "on your account" in settled.words
    (payment,) = till.account.payments.values()
    assert (payment.order_id, payment.left) == (None, Decimal("200.00"))
    assert till.tell(body, signed).json() == {"result": "kept_on_account", "is_repeated": True}
    assert len(till.account.payments) == 1


def test_money_that_comes_after_the_order_lapsed_is_kept_on_account(till):
    body, _ = till.message()
    later = now() + timedelta(hours=25)
    signed = signature(body, till.here.mac_key, "sandbox", later)
    assert settle_webhook(till.here, till.sandbox, body, signed, later).result == "kept_on_account"
    assert (till.order.lifecycle, till.order.paid) == ("placed", 0)


def test_money_for_an_order_that_was_paid_otherwise_meanwhile_is_kept_on_account(till):
    message = till.message()
    cash = ReceivePayment(
        customer_id=ASHA,
        payment_id=new_id(now()),
        amount=Decimal(200),
        order_id=till.order_id,
        received_on=now().date(),
    )
    till.send(cash)
    assert till.tell(*message).json()["result"] == "kept_on_account"
    assert till.order.paid == Decimal("200.00")


def test_money_recorded_by_hand_before_is_not_counted_again(till):
    body, signed = till.message()
    reference = json.loads(body)["reference"]
    till.send(
        ReceivePayment(
            customer_id=ASHA,
            payment_id=new_id(now()),
            amount=Decimal(50),
            order_id=till.order_id,
            received_on=now().date(),
            provider="sandbox",
            provider_reference=reference,
        )
    )
    assert till.tell(body, signed).json() == {"result": "paid", "is_repeated": True}
    assert till.order.paid == Decimal("50.00")


def test_a_forged_stale_or_foreign_signature_is_refused(till):
    body, signed = till.message()
    key = till.here.mac_key
    long_ago = now() - SIGNATURE_TOLERANCE - timedelta(seconds=2)
    wrong = [
        (body, ""),
        (body, "t=x,v1=y"),
        (body, signed[:-1] + ("0" if signed[-1] != "0" else "1")),
        (body.replace(b"200.00", b"2.00"), signed),
        (body, signature(body, key, "sandbox", long_ago)),
        (body, signature(body, key, "sandbox", now() + timedelta(hours=1))),
        (body, signature(body, key, "another", now())),
        (body, signature(body, b"another key that is long enough to sign with", "sandbox", now())),
        (body, "v1=ß,t=²"),
    ]
    for one, mac in wrong:
        answer = till.client.post(
            DOOR, content=one, headers={"Webhook-Signature": mac.encode(), "Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "webhook_refused"), mac
    assert till.order.paid == 0


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "1.00"},
        {"currency": "EUR"},
        {"amount": "lots"},
        {"amount": None},
        {"intent": "x"},
        {"intent": None},
        {"reference": None, "type": "payment.declined", "reason": 5, "intent": ""},
    ],
)
def test_a_signed_message_that_does_not_fit_what_was_asked_is_refused(till, change):
    said = json.loads(till.message()[0]) | change
    body = json.dumps(said).encode()
    answer = till.tell(body, signature(body, till.here.mac_key, "sandbox", now()))
    assert answer.status_code in {403, 409}
    assert answer.json()["code"] in {"webhook_refused", "payment_mismatch"}
    assert till.order.paid == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"type": "payment.succeeded"}'])
def test_a_signed_body_that_is_no_message_is_refused(till, body):
    answer = till.tell(body, signature(body, till.here.mac_key, "sandbox", now()))
    assert (answer.status_code, answer.json()["code"]) == (403, "webhook_refused")


def test_an_unknown_processor_is_not_found(till):
    answer = till.tell(*till.message(), name="nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_provider_not_found")


def test_an_intent_is_ours_and_lasts_an_hour(till):
    key, intent = till.here.mac_key, intent_for(till.order, "USD")
    assert opened(sealed(intent, key, now()), key) == intent
    over = sealed(intent, key, now() - INTENT_LIFETIME - timedelta(seconds=1))
    with pytest.raises(IntentRefused, match="expired"):
        opened(over, key)
    assert opened(over, key, is_late_welcome=True) == intent
    for token in ("", "x.y.z", sealed(intent, b"another key that is long enough to sign with", now())):
        with pytest.raises(IntentRefused, match="no payment page"):
            opened(token, key)


def test_an_access_token_is_no_intent_and_an_intent_opens_no_door(till):
    assert till.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {till.token()}"}).status_code == 401


def test_after_a_part_was_paid_the_rest_is_asked_under_another_id(till):
    before = intent_for(till.order, "USD")
    part = ReceivePayment(
        customer_id=ASHA, payment_id=new_id(now()), amount=Decimal(50), order_id=till.order_id, received_on=now().date()
    )
    till.send(part)
    after = intent_for(till.order, "USD")
    assert (after.amount, after.id != before.id) == (Decimal("150.00"), True)
    assert till.tell(*till.message()).json()["result"] == "paid"
    assert till.order.payment == "paid"


def test_test_cards_do_as_they_say_and_others_nothing():
    assert [outcome_of(number) for number in TEST_CARDS] == ["approved", "declined", "insufficient_funds"]
    assert outcome_of(" 4242 4242-4242 4242 ") == "approved"
    assert outcome_of("4111111111111111") is None


@pytest.mark.parametrize(
    ("chosen", "address", "takes"),
    [
        (None, None, True),
        (None, "https://shop.example.com", False),
        ("sandbox", "https://shop.example.com", True),
        ("none", None, False),
    ],
)
def test_a_shop_the_world_can_reach_takes_test_cards_only_on_purpose(tmp_path, chosen, address, takes):
    settings = Settings(home=tmp_path, payment_provider=chosen, public_url=address)
    assert settings.takes_test_payments is takes


def test_a_house_without_a_processor_knows_none(database, tmp_path):
    settings = Settings(home=tmp_path, secret_key=KEY, payment_provider="none")
    with (
        TestClient(create_app(settings, database)) as client,
        pytest.raises(Refusal, match="payment_provider_not_found"),
    ):
        provider_named("sandbox", client.app.state.house)


def test_what_goes_wrong_inside_is_raised_and_not_taken_for_money(till, monkeypatch):
    def broken(*_, **__):
        raise Refusal("currency_mixed", "no")

    message = till.message()
    monkeypatch.setattr("api.receivables.paying.handle", broken)
    assert till.tell(*message).json()["code"] == "currency_mixed"
