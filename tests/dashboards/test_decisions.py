"""A person's yes and no: what they are shown, what a click does, and what is said of what it did."""

from __future__ import annotations

import socket
import socketserver
import threading

import pytest
from sqlalchemy import text

from api.actor import Actor, system
from api.agents.commands import RejectDecision
from api.fulfillment.commands import CountStock
from dashboards.acts import act_in_words, told_of
from warehouse.log.asker import reading


def decided(house, id: str) -> str:
    with reading(house.engine, system("test")) as connection:
        found = connection.execute(text("select state from jovey.visible_states where aggregate_id = :id"), {"id": id})
        return found.scalar_one()["status"]


def purchase_orders(house) -> int:
    with reading(house.engine, system("test")) as connection:
        count = text("select count(*) from jovey.visible_events where event_type = 'purchase_order.created'")
        return connection.execute(count).scalar_one()


@pytest.fixture
def buyer_of_goods(house):
    return house.staff("procurement")


def test_a_proposal_is_shown_with_its_reason_letter_by_letter_its_evidence_and_its_guards(
    house, look, words, buyer_of_goods
):
    at = look(buyer_of_goods, "decisions", decision=house.propose(40))
    shown = words(at)
    assert "## Order 40 × TP\\-2" in shown
    assert r"\*\*order\*\* now" in shown
    assert "**Whole packs**: packs of 1" in shown
    assert at.dataframe[1].value["value"].to_list() == ["1 pieces", "Seals"]
    assert "Calculated by formula (no AI)" in shown


def test_claudes_answer_stands_beside_the_formulas(house, look, words, buyer_of_goods):
    shown = words(look(buyer_of_goods, "decisions", decision=house.propose(40, claude=46)))
    assert "Claude's suggestion, checked" in shown
    assert "Claude proposes" in shown
    assert "The formula would" in shown


def test_a_yes_drafts_the_order_at_once_and_says_what_comes_next(house, look, words, buyer_of_goods):
    id, before = house.propose(41), purchase_orders(house)
    at = look(buyer_of_goods, "decisions", decision=id)
    at.text_input(key=f"approve_note_{id}").set_value("as agreed")
    at.button(key=f"approve_button_{id}").click().run()
    assert decided(house, id) == "executed"
    assert purchase_orders(house) == before + 1
    assert at.success[0].proto.title == "Approved and done"
    assert "cancel the draft if this was a mistake" in at.success[0].value
    assert "as agreed" in words(at)


def test_two_people_who_say_yes_have_one_effect(house, look, buyer_of_goods):
    id, before = house.propose(42), purchase_orders(house)
    first, second = (look(seat, "decisions", decision=id) for seat in (buyer_of_goods, house.staff("procurement")))
    for at in (first, second):
        at.button(key=f"approve_button_{id}").click().run()
    assert purchase_orders(house) == before + 1
    assert [at.success[0].proto.title for at in (first, second)] == ["Approved and done"] * 2


def test_a_no_keeps_its_reason_and_does_nothing(house, look, words, buyer_of_goods):
    id, before = house.propose(43), purchase_orders(house)
    at = look(buyer_of_goods, "decisions", decision=id)
    at.selectbox(key=f"reject_code_{id}").select("timing")
    at.text_area(key=f"reject_note_{id}").set_value("after the <fair>")
    at.button(key=f"reject_button_{id}").click().run()
    assert decided(house, id) == "rejected"
    assert purchase_orders(house) == before
    assert r"Not now: after the \<fair\>" in words(at)


def test_a_yes_on_a_world_that_moved_does_nothing_and_says_what_moved(house, look, buyer_of_goods):
    id, before = house.propose(44, on_hand=1), purchase_orders(house)
    house.send(CountStock(sku="TP-2", counted_quantity=9, location="main"))
    at = look(buyer_of_goods, "decisions", decision=id)
    at.button(key=f"approve_button_{id}").click().run()
    house.send(CountStock(sku="TP-2", counted_quantity=1, location="main"))
    assert decided(house, id) == "stale"
    assert purchase_orders(house) == before
    assert at.warning[0].proto.title == "Not done: the world moved on"
    assert "was 1, is 9" in at.warning[0].value.replace("\\", "")


def test_who_does_not_work_there_may_look_and_not_decide(house, look, words):
    id = house.propose(45)
    at = look(house.staff("category"), "decisions", decision=id)
    assert "for those who work in procurement" in at.info[0].value
    assert not [one for one in at.button if one.key and one.key.startswith("approve")]


class Wire(socketserver.ThreadingTCPServer):
    """Carries connections to the API; once `is_cut` it carries questions there and no answers back."""

    daemon_threads, block_on_close, is_cut = True, False, False

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(("127.0.0.1", 0), Carrier)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Carrier(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as api:
            asked = self.request.recv(65536)
            api.sendall(asked.replace(b"onnection: keep-alive", b"onnection: close", 1))
            while part := api.recv(65536):
                if not self.server.is_cut:
                    self.request.sendall(part)


@pytest.fixture
def wire(house):
    with Wire(house.settings.api_port) as carried:
        yield carried
        carried.shutdown()


def test_a_yes_whose_answer_was_lost_may_be_repeated_and_happens_once(
    house, look_otherwise, otherwise, wire, buyer_of_goods
):
    id, before = house.propose(46), purchase_orders(house)
    otherwise(JOVEY_API_PORT=str(wire.server_address[1]))
    at = look_otherwise(buyer_of_goods, "decisions", decision=id)
    wire.is_cut = True
    at.button(key=f"approve_button_{id}").click().run()
    assert at.session_state[f"told_{id}"].title == "No answer"
    wire.is_cut = False
    key = at.session_state[f"key_ApproveDecision_{id}"]
    at = at.run()
    assert at.session_state[f"key_ApproveDecision_{id}"] == key
    assert purchase_orders(house) == before + 1


def test_what_the_house_refuses_is_said_and_asked_anew_under_another_key(house, look, buyer_of_goods):
    id = house.propose(48)
    at = look(buyer_of_goods, "decisions", decision=id)
    house.send(
        RejectDecision(decision_id=id, reason_code="other"),
        by=Actor("staff", buyer_of_goods.id, "x", frozenset({"procurement"})),
    )
    at.button(key=f"approve_button_{id}").click().run()
    assert at.error[0].proto.title == "The house said no"
    assert "Nothing was done" in at.error[0].value
    assert f"key_ApproveDecision_{id}" not in at.session_state


@pytest.mark.parametrize("wanted", ["", "00000000-0000-0000-0000-000000000000", "nonsense"])
def test_an_address_that_leads_nowhere_shows_the_queue(house, look, wanted: str):
    house.propose(47)
    at = look(house.staff("procurement"), "decisions", **({"decision": wanted} if wanted else {}))
    assert not at.exception
    assert at.dataframe[0].value["what"].to_list() == ["47 × TP-2"]
    assert bool(at.warning) == bool(wanted)


def test_all_of_them_show_what_became_of_each(house, look, words):
    at = look(house.staff("procurement"), "decisions", decision_show="All")
    assert not at.exception


@pytest.mark.parametrize(
    ("status", "title"),
    [("expired", "Expired"), ("superseded", "Replaced"), ("proposed", "Waiting"), ("rejected", "Rejected")],
)
def test_each_end_has_its_words(status: str, title: str):
    assert told_of({"status": status}).title == title


def test_prices_are_told_with_their_change():
    act = {"kind": "price", "sku": "TP-1", "current_price": "100.00", "new_price": "97.00"}
    assert act_in_words(act, "USD") == "TP-1: USD 100.00 to USD 97.00 (−3.0 %)"
    assert act_in_words(act | {"new_price": "103.00"}, "USD").endswith("(+3.0 %)")
    done = told_of({"status": "executed", "proposal": act, "currency": "USD"})
    assert "set USD 100.00 again" in done.words
