"""Live: every listener hears each event once and in order, comes back without a gap, and leaves nothing behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy.exc import OperationalError

import api.live
from api.actor import system
from api.auth.sessions import revoke_all
from api.category.commands import CreateProduct
from api.customers.commands import ChangeStaffAccess
from api.fulfillment.commands import AdjustStock
from api.handle import Request, handle_all
from api.live import Place, message
from orchestration.bench import streams
from orchestration.bench.served import Bench
from warehouse.clock import now
from warehouse.ids import new_id
from warehouse.log.position import InvalidPosition, Snapshot, Write, encode

EVENTS = "/api/v1/events/stream"


@dataclass(frozen=True)
class Said:
    """One message as a browser would hear it: `id` is the last one said so far."""

    event: str
    data: dict
    id: str


def heard(response: httpx.Response) -> Iterator[Said | str]:
    """Messages as they come, comments as text."""
    id, fields = "", {}
    for line in response.iter_lines():
        if line.startswith(":"):
            yield line
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
            id = fields.get("id", id)
        else:
            if "data" in fields:
                yield Said(fields["event"], json.loads(fields["data"]), id)
            fields = {}


@pytest.fixture
def listen(town):
    """Open a stream as somebody: the response, to be read and closed."""
    clients = []

    def start(who, path=EVENTS, **headers):
        client = httpx.Client(base_url=town.app.state.client.base_url, timeout=20)
        clients.append(client)
        sent = {"Authorization": f"Bearer {who.token}", **headers}
        request = client.build_request("GET", path, headers=sent)
        return client.send(request, stream=True)

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def make(town):
    """Let something happen: products by number, one event each."""

    def happen(*numbers):
        for number in numbers:
            town.send(CreateProduct(sku=f"P-{number}", name="Pump", category="tank_pump", base_price=100))

    return happen


def skus(messages):
    return [one.data["data"]["sku"] for one in messages]


def take(stream, count):
    return [next(one for one in stream if isinstance(one, Said)) for _ in range(count)]


def test_twenty_listeners_hear_each_event_once_and_in_order(town, listen, make, eventually):
    sten = town.staff()
    open_streams = [listen(sten) for _ in range(20)]
    streams = [heard(one) for one in open_streams]
    eventually(lambda: town.house.live.listeners == 20)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(40)))
    told = [take(stream, 40) for stream in streams]
    assert all(skus(one) == skus(told[0]) for one in told)
    assert sorted(skus(told[0])) == sorted(f"P-{number}" for number in range(40))
    assert {one.event for one in told[0]} == {"event"}
    listed = sten.get("/api/v1/events?event_type=product.created&limit=200").json()["items"]
    assert [one.data for one in told[0]] == list(reversed(listed))


def test_forty_listeners_who_leave_at_random_hear_each_permitted_event_once_and_in_order(town, database):
    """The bench of streams, small: `jovey bench streams` does it with 500."""
    bench = Bench(town.house.settings, database, town.house.engine)
    heard = streams.hearing(bench, str(town.app.state.client.base_url), 40, 3.0, 100, 1.0, idle_seconds=0)
    verdict = heard.verdict
    assert (verdict.missing, verdict.repeated, verdict.disordered, verdict.foreign) == (0, 0, 0, 0)
    assert heard.events == 300
    assert verdict.heard == 14 * 300 + 13 * 150 + 13 * 150
    assert verdict.returns > 40


def test_who_comes_back_goes_on_after_what_they_heard_whatever_happened_meanwhile(town, listen, make):
    sten = town.staff()
    first = listen(sten)
    stream = heard(first)
    make(1, 2, 3)
    before = take(stream, 2)
    first.close()
    make(4, 5)
    again = heard(listen(sten, **{"Last-Event-ID": before[-1].id}))
    assert skus(take(again, 3)) == ["P-3", "P-4", "P-5"]
    make(6)
    assert skus(take(again, 1)) == ["P-6"]
    by_query = heard(listen(sten, f"{EVENTS}?from={before[0].id}"))
    assert skus(take(by_query, 5)) == ["P-2", "P-3", "P-4", "P-5", "P-6"]


def test_every_place_inside_a_batch_is_a_place_to_come_back_to(town, listen, monkeypatch, eventually):
    """Events of one transaction, told in pages: whichever was heard last, the next one follows."""
    monkeypatch.setattr(api.live, "PAGE_EVENTS_MAX", 2)
    sten = town.staff()
    asha = town.consumer()
    town.product(stock=10)
    stream = heard(listen(sten))
    eventually(lambda: town.house.live.listeners)
    before = {one["id"] for one in sten.get("/api/v1/events?limit=200").json()["items"]}
    town.order(town.dealer(), ("P-1", 2))  # several events together
    town.order(asha, ("P-1", 1))
    happened = [one["id"] for one in sten.get("/api/v1/events?limit=200").json()["items"] if one["id"] not in before]
    everything = take(stream, len(happened))
    numbers = [one.data["id"] for one in everything]
    assert numbers == happened[::-1] and len(numbers) >= 6
    for place, one in enumerate(everything[:-1]):
        again = listen(sten, **{"Last-Event-ID": one.id})
        assert [each.data["id"] for each in take(heard(again), len(numbers) - 1 - place)] == numbers[place + 1 :]
        again.close()


def test_a_transaction_that_commits_late_is_told_when_it_does(town, listen, make, eventually):
    """It took its position first and commits last: by bare positions it would be skipped."""
    sten = town.staff()
    stream = heard(listen(sten))
    eventually(lambda: town.house.live.listeners)
    may_commit, has_written = threading.Event(), threading.Event()

    def wait(connection):
        has_written.set()
        may_commit.wait(10)

    late = CreateProduct(sku="LATE", name="Pump", category="tank_pump", base_price=100)
    request = Request(late, new_id(now()), system("test"), now())
    slow = threading.Thread(
        target=handle_all, args=(town.house.engine, [request], town.house.rules), kwargs={"beside": wait}
    )
    slow.start()
    assert has_written.wait(10)
    make(1)
    early = take(stream, 1)
    assert skus(early) == ["P-1"]
    again = heard(listen(sten, **{"Last-Event-ID": early[0].id}))
    may_commit.set()
    slow.join()
    assert skus(take(stream, 1)) == ["LATE"]
    assert skus(take(again, 1)) == ["LATE"]


def test_a_place_this_log_never_was_at_is_refused(town):
    sten = town.staff()
    lost = encode(Snapshot(10**9, 10**9))
    refused = sten.get(EVENTS, Last_Event_ID=lost)
    assert (refused.status_code, refused.json()["code"]) == (409, "position_unknown")
    for nonsense in ("x", "a.b", f"{lost}.{lost}.x", f"{lost}.{lost}.²", encode(Write(5)), ""):
        assert sten.get(f"{EVENTS}?from={nonsense}").status_code == 422 or nonsense == ""


def test_a_place_too_far_back_is_refused_with_words(town, monkeypatch, make):
    sten = town.staff()
    monkeypatch.setattr("api.live.RESUME_EVENTS_MAX", 1)
    make(1, 2)
    refused = sten.get(EVENTS, Last_Event_ID=encode(Snapshot(1, 1)))
    assert (refused.status_code, refused.json()["code"]) == (409, "position_too_far")
    assert "list of events" in refused.json()["detail"]


def test_a_full_house_says_so(town, monkeypatch):
    monkeypatch.setattr("api.live.LISTENERS_MAX", 0)
    refused = town.staff().get(EVENTS)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")


def test_silence_is_filled_with_heartbeats_and_ends_with_the_session(town, listen, monkeypatch):
    monkeypatch.setattr("api.events.live.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("api.live.STANDING_SECONDS", 0.05)
    sten = town.staff()
    stream = heard(listen(sten))
    assert [next(stream) for _ in range(3)] == [": still here"] * 3
    with town.house.engine.begin() as connection:
        revoke_all(connection, sten.id, now())
    assert set(stream) <= {": still here"}  # and it ends


def test_who_works_in_a_function_hears_its_events_alone_and_comes_back_without_a_gap(town, listen, make):
    town.product("S-1", stock=10)
    clerk = town.staff("fulfillment", name="cleo")
    stream = heard(listen(clerk))
    make(1)
    town.send(AdjustStock(sku="S-1", quantity=-1, reason="broken"))
    make(2)
    (first,) = take(stream, 1)
    assert (first.data["event_type"], first.data["data"]["quantity"]) == ("inventory.adjusted", -1)
    town.send(AdjustStock(sku="S-1", quantity=-2, reason="broken"))
    again = heard(listen(clerk, **{"Last-Event-ID": first.id}))
    assert [take(one, 1)[0].data["data"]["quantity"] for one in (stream, again)] == [-2, -2]
    assert listen(town.staff("orders", name="otto")).status_code == 200
    assert listen(town.consumer()).status_code == 403


def test_a_session_that_ends_is_heard_no_more_however_much_happens(town, listen, make, monkeypatch):
    monkeypatch.setattr("api.live.STANDING_SECONDS", 0.05)
    sten = town.staff()
    stream = heard(listen(sten))
    with town.house.engine.begin() as connection:
        revoke_all(connection, sten.id, now())
    is_over, made = threading.Event(), []

    def busy() -> None:
        while not is_over.is_set() and len(made) < 1_000:
            make(len(made))
            made.append(len(made))

    happening = threading.Thread(target=busy)
    happening.start()
    list(stream)  # it ends while things happen
    is_over.set()
    happening.join()
    assert len(made) < 1_000


def test_whose_rights_change_is_let_go_and_comes_back_with_the_new_ones(town, listen, make, monkeypatch):
    monkeypatch.setattr("api.live.STANDING_SECONDS", 0.05)
    sten = town.staff("category", "fulfillment")
    stream = heard(listen(sten))
    make(1)
    (first,) = take(stream, 1)
    town.send(ChangeStaffAccess(staff_id=sten.id, function_access=("orders",)))
    assert [one for one in stream if isinstance(one, Said)] == []
    town.product("P-3", stock=5)
    town.order(town.dealer(), ("P-3", 1))
    (then,) = take(heard(listen(sten, **{"Last-Event-ID": first.id})), 1)
    assert then.data["event_type"] == "order.placed"


def test_who_hears_nothing_is_told_how_far_the_log_has_come(town, listen, make, monkeypatch):
    """Without it, a quiet listener of a busy log would come back with a place too far behind."""
    monkeypatch.setattr("api.events.live.HEARTBEAT_SECONDS", 0.05)
    clerk = town.staff("receivables", name="rosa")
    lines = listen(clerk).iter_lines()
    ids = (line for line in lines if line.startswith("id: "))
    first = next(ids)
    make(1, 2, 3)
    later = next(one for one in ids if one != first)
    monkeypatch.setattr("api.live.RESUME_EVENTS_MAX", 2)
    assert listen(clerk, **{"Last-Event-ID": first.removeprefix("id: ")}).status_code == 409
    assert listen(clerk, **{"Last-Event-ID": later.removeprefix("id: ")}).status_code == 200


def test_who_leaves_frees_their_slot_and_the_tail_rests(town, listen, make, eventually):
    sten = town.staff()
    streams = [listen(sten) for _ in range(3)]
    eventually(lambda: town.house.live.listeners == 3)
    for one in streams:
        one.close()
    eventually(lambda: town.house.live.listeners == 0)
    eventually(lambda: town.house.live._tail is None)
    make(1)
    assert listen(sten).status_code == 200


def test_who_does_not_read_is_let_go_and_the_others_hear_on(town, listen, make, monkeypatch, eventually):
    monkeypatch.setattr("api.live.QUEUE_BATCHES_MAX", 2)
    monkeypatch.setattr("api.live.PAGE_EVENTS_MAX", 50)
    sten = town.staff()
    host, port = town.app.state.client.base_url.host, town.app.state.client.base_url.port
    lazy = socket.create_connection((host, port))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sten.token}\r\n\r\n".encode())
    eventually(lambda: town.house.live.listeners == 1)
    eager = heard(listen(sten))
    eventually(lambda: town.house.live.listeners == 2)
    long, told = "x" * 10_000, 0
    while town.house.live.listeners == 2:
        made = range(told, told + 50)
        told += 50
        assert told < 5_000, "nobody was let go"
        many = [
            CreateProduct(sku=f"L-{n}", name="Pump", description=long, category="tank_pump", base_price=100)
            for n in made
        ]
        requests = [Request(one, new_id(now()), system("test"), now()) for one in many]
        handle_all(town.house.engine, requests, town.house.rules)
        assert skus(take(eager, 50)) == [f"L-{n}" for n in made]
    lazy.close()
    make(1)
    assert skus(take(eager, 1)) == ["P-1"]


def test_when_the_log_cannot_be_read_listeners_are_let_go(town, listen, monkeypatch, caplog, eventually):
    sten = town.staff()
    stream = heard(listen(sten))

    def broken(engine):
        raise OperationalError("select", {}, Exception("gone"))

    eventually(lambda: town.house.live.listeners)
    monkeypatch.setattr("api.live.head", broken)
    assert list(stream) == []
    assert "cannot be followed" in caplog.text
    monkeypatch.undo()
    assert listen(sten).status_code == 200


# orders


def test_a_buyer_sees_their_order_move_and_no_cost(town, listen):
    town.product(cost="60.00")
    asha = town.consumer()
    order = town.order(asha, ("P-1", 2))
    stream = heard(listen(asha, f"/api/v1/orders/{order}/stream"))
    (now_,) = take(stream, 1)
    assert (now_.event, now_.data["status"], now_.data["lifecycle"]) == ("order", "pending", "placed")
    assert now_.data == asha.get(f"/api/v1/orders/{order}").json()
    other = town.order(asha, ("P-1", 1))
    assert asha.put(f"/api/v1/orders/{other}/cancel").status_code == 200
    assert asha.put(f"/api/v1/orders/{order}/cancel").status_code == 200
    (then,) = take(stream, 1)
    assert (then.data["id"], then.data["lifecycle"]) == (str(order), "cancelled")
    assert "cost" not in json.dumps(then.data)
    assert then.id != now_.id


def test_somebody_elses_order_is_not_found(town):
    town.product()
    order = town.order(town.consumer(), ("P-1", 1))
    for stranger in (town.consumer("ravi"), town.dealer()):
        answer = stranger.get(f"/api/v1/orders/{order}/stream")
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    assert town.nobody().get(f"/api/v1/orders/{order}/stream").status_code == 401


def test_an_orders_stream_lives_and_ends_with_the_session(town, listen, monkeypatch):
    monkeypatch.setattr("api.orders.live.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("api.live.STANDING_SECONDS", 0.05)
    town.product()
    asha = town.consumer()
    stream = heard(listen(asha, f"/api/v1/orders/{town.order(asha, ('P-1', 1))}/stream"))
    take(stream, 1)
    assert next(stream) == ": still here"
    with town.house.engine.begin() as connection:
        revoke_all(connection, asha.id, now())
    assert set(stream) <= {": still here"}


# the parts


@pytest.mark.parametrize("token", ["", ".", "..", "x", "a.b", "a.b.c.d"])
def test_no_token_of_ours_is_no_place(token):
    with pytest.raises(InvalidPosition):
        Place.parse(token)


def test_a_place_reads_as_it_was_written():
    for place in (Place(Snapshot(5, 9, (6, 7))), Place(Snapshot(5, 9, (6,)), Snapshot(8, 12), 77)):
        assert Place.parse(str(place)) == place


def test_data_of_several_lines_stays_one_message():
    assert message("order", "<p>\n</p>", None) == "event: order\ndata: <p>\ndata: </p>\n\n"


def test_a_server_told_to_stop_ends_its_streams_at_once(town, database, tmp_path):
    """A real server with an open stream: it is gone in far less than the 4 seconds uvicorn would wait."""
    program = """
import sys, uvicorn
from pathlib import Path
from api.app import create_app
from warehouse.postgres import Database
from warehouse.settings import Settings
name, host, port, user, home, key = sys.argv[1:]
app = create_app(Settings(home=Path(home), secret_key=key), Database(name, host=host, port=port, user=user))
uvicorn.run(app, port=0, timeout_graceful_shutdown=20)
"""
    key = town.house.settings.secret_key
    told = [database.name, database.host, database.port, database.user, str(tmp_path), key]
    server = subprocess.Popen([sys.executable, "-c", program, *told], stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in server.stderr if "running on" in line)
        address = line.split()[line.split().index("on") + 1]
        sten = town.staff()
        with httpx.stream("GET", address + EVENTS, headers={"Authorization": f"Bearer {sten.token}"}) as response:
            lines = response.iter_lines()
            assert next(lines).startswith("retry:")
            started = now()
            server.terminate()
            assert list(lines)[:1] != []
        server.wait(10)
        assert (now() - started).total_seconds() < 3
    finally:
        server.kill()
        server.communicate()
