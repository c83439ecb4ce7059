"""A person through the doors and out again: no word about them lies in the database, its WAL or the lake in plain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from api.actor import system
from api.customers.commands import EraseCustomer
from api.customers.portrait import portrait
from api.handle import Request, handle
from api.refusals import Refusal
from api.rules import Rules
from assets.hot_run import refresh
from warehouse.clock import calendar_date, now
from warehouse.events.personal import books_of
from warehouse.ids import new_id
from warehouse.log.people import People

PASSWORD = "a long enough sentence"


class Canary:
    """A person whose every word is a canary: found anywhere, it was not hidden."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def sing(self, *, form: str = "{}") -> str:
        word = form.format("canary" + uuid4().hex)
        self.words.append(word)
        return word

    def address(self) -> dict[str, str]:
        return {name: self.sing() for name in ("recipient", "street", "city", "postal_code")} | {"country": "DE"}


@pytest.fixture
def canary() -> Canary:
    return Canary()


@pytest.fixture
def wal(server) -> Iterator[str]:
    """The WAL file being written before anything happens; no checkpoint takes it away while it is looked through."""
    slot = f"canary_{uuid4().hex}"
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute("select pg_create_physical_replication_slot(%s, true)", [slot])
        yield connection.execute("select pg_walfile_name(pg_current_wal_lsn())").fetchone()[0]
        connection.execute("select pg_drop_replication_slot(%s)", [slot])


@pytest.fixture
def lived(town, canary):
    """They registered, moved, became a dealer, ordered with an address, had it shipped, invoiced and paid."""
    town.product(sku := "SKU" + uuid4().hex[:12].upper())
    wish = {"name": canary.sing(), "email": canary.sing(form="{}@example.org"), "phone": "+49 30 5550199 4471"}
    canary.words.append(wish["phone"])
    door = town.nobody()
    opened = door.post("/api/v1/customers/register", wish | {"password": PASSWORD}, Idempotency_Key="register")
    assert opened.status_code == 201, opened.text
    assert opened.json()["name"] == wish["name"]
    again = door.post("/api/v1/customers/register", wish | {"password": PASSWORD}, Idempotency_Key="register")
    assert (again.json(), again.headers["idempotency-replayed"]) == (opened.json(), "true")
    taken = door.post("/api/v1/customers/register", wish | {"password": PASSWORD})
    assert taken.json()["code"] == "email_taken"
    signed = door.post("/api/v1/auth/login", {"email": wish["email"], "password": PASSWORD})
    assert signed.status_code == 200, signed.text
    who, sten = town.caller(UUID(opened.json()["id"])), town.staff()
    assert who.get("/api/v1/auth/me").json()["email"] == wish["email"]
    home = {"label": "Home", "address": canary.address()}
    assert who.post("/api/v1/customers/profile/addresses", home).json()["addresses"][0]["address"]["street"]
    wish["name"] = canary.sing()
    assert who.put("/api/v1/customers/profile", wish).json()["name"] == wish["name"]
    applied = {"company_name": canary.sing(), "tax_number": canary.sing(), "message": canary.sing()}
    assert who.post("/api/v1/dealers/apply", applied).json()["company_name"] == applied["company_name"]
    terms = {"discount_rate": "0", "credit_limit": "1000", "terms": "net_30"}
    approved = sten.post(f"/api/v1/dealers/{who.id}/approve", terms)
    assert approved.json()["name"] == wish["name"], approved.text
    body = {"lines": [{"sku": sku, "quantity": 1}], "notes": canary.sing(), "shipping_address": canary.address()}
    placed = who.post("/api/v1/orders", body, Idempotency_Key="order")
    assert placed.json()["shipping_address"] == body["shipping_address"] | {"region": None}, placed.text
    assert who.post("/api/v1/orders", body, Idempotency_Key="order").json() == placed.json()
    order_id = placed.json()["id"]
    for step in ("pick", "pack", "ship"):
        assert sten.post(f"/api/v1/fulfillment/orders/{order_id}/{step}").status_code == 200
    (invoice,) = sten.get("/api/v1/ar/invoices").json()["items"]
    payment = {"amount": invoice["total"], "received_on": str(calendar_date(now(), "UTC"))}
    assert sten.post(f"/api/v1/ar/invoices/{invoice['id']}/record-payment", payment).status_code == 201
    return who, sten, order_id, wish, sku


def rewrite(database):
    """What a busy server's autovacuum and time do. Shared catalogs are left out: others could not connect meanwhile."""
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        own = "select oid::regclass::text from pg_class where relkind = 'r' and not relisshared"
        tables = [name for (name,) in connection.execute(own)]
        connection.execute(f"vacuum full {', '.join(tables)}")


def test_a_person_sees_what_they_wrote_and_staff_find_them(lived, canary):
    who, sten, order_id, wish, _ = lived
    assert who.get(f"/api/v1/orders/{order_id}").json()["notes"] in canary.words
    assert who.get("/api/v1/customers/profile").json()["email"] == wish["email"]
    for part in (wish["name"][6:30].upper(), wish["email"]):
        (found,) = sten.get(f"/api/v1/customers?search={part}").json()["items"]
        assert found["id"] == str(who.id)
    assert sten.get("/api/v1/customers?search=nobody").json() == {"items": [], "next": None}


def test_the_log_is_shown_without_words_about_people(lived, canary):
    _, sten, _, _, _ = lived
    shown = sten.get("/api/v1/events?limit=200").text
    assert [word for word in canary.words if word in shown] == []
    assert '"name":"hidden"' in shown
    assert "hidden:1:" not in shown


def test_no_plain_word_about_a_person_lies_anywhere(wal, town, lived, canary, database, server):
    *_, sku = lived
    refresh(database, town.house.settings)
    raw = files(database, server, wal)
    log = {name: said for name, said in raw.items() if len(name) == 24}
    for places in (heap(database), raw, log, lake(town.house.settings.lake_folder)):
        assert any(sku in said for said in places.values()), "the search itself finds nothing"
        assert [(place, word) for place, said in places.items() for word in canary.words if word in said] == []


def test_after_erasure_no_word_lies_anywhere_and_no_key_that_could_read_what_is_hidden(
    wal, town, lived, canary, database, server
):
    """Heap with dead rows and indexes, WAL, receipts and lake, looked through once more after the erasure."""
    who, sten, order_id, _, sku = lived
    refresh(database, town.house.settings)
    with town.house.engine.connect() as connection:
        query = text("select encode(wrapped_key, 'hex') from jovey.person_keys where person_id = :id")
        key = bytes.fromhex(connection.execute(query, {"id": who.id}).scalar_one()).decode("latin-1")
    assert sten.post(f"/api/v1/fulfillment/orders/{order_id}/deliver").status_code == 200
    asked = who.post("/api/v1/customers/profile/erase", {"password": PASSWORD}, Idempotency_Key="erase")
    assert asked.status_code == 200, asked.text
    refresh(database, town.house.settings)
    rewrite(server.sibling(database.name))
    raw = files(database, server, wal)
    log = {name: said for name, said in raw.items() if len(name) == 24}
    rows = {name: said for name, said in raw.items() if name not in log}
    tables = heap(database)
    assert tables["jovey.command_receipts"], "the receipts are among what is searched"
    for places in (tables, raw, log, lake(town.house.settings.lake_folder)):
        assert any(sku in said for said in places.values()), "the search itself finds nothing"
        assert [(place, word) for place, said in places.items() for word in canary.words if word in said] == []
    assert [place for place, said in rows.items() if key in said] == []


def test_who_erases_themselves_proves_it_is_them_and_is_signed_out_at_once(town, lived):
    who, sten, order_id, wish, _ = lived
    address = "/api/v1/customers/profile/erase"
    open_still = who.post(address, {"password": PASSWORD})
    assert (open_still.status_code, open_still.json()["code"]) == (409, "orders_open")
    assert sten.post(f"/api/v1/fulfillment/orders/{order_id}/deliver").status_code == 200
    wrong = who.post(address, {"password": "not this one at all"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    with town.house.engine.begin() as connection:
        connection.execute(text("update jovey.sessions set created_at = created_at - interval '11 minutes'"))
    stale = who.post(address, {})
    assert (stale.status_code, stale.json()["code"]) == (403, "confirmation_needed")
    elsewhere = town.caller(who.id)
    assert elsewhere.post(address, {}).status_code == 200, "a fresh sign-in is proof enough"
    assert (who.get("/api/v1/auth/me").status_code, elsewhere.get("/api/v1/auth/me").status_code) == (401, 401)
    assert town.nobody().post("/api/v1/auth/login", {"email": wish["email"], "password": PASSWORD}).status_code == 401


def test_staff_of_customers_erase_and_export_in_a_persons_name_and_say_why(town):
    asha = town.consumer()
    kim, cat = town.staff("customers", name="kim"), town.staff("category", name="cat")
    address = f"/api/v1/customers/{asha.id}"
    assert cat.get(f"{address}/export").status_code == cat.post(f"{address}/erase", {"reason": "x"}).status_code == 403
    assert kim.get(f"{address}/export").json()["states"][0]["state"]["name"] == "Asha"
    assert kim.post(f"{address}/erase", {}).status_code == 422
    erased = kim.post(f"{address}/erase", {"reason": "asked by letter"}, Idempotency_Key="letter")
    assert erased.json() == {"id": str(asha.id), "version": 2}
    again = kim.post(f"{address}/erase", {"reason": "asked by letter"}, Idempotency_Key="letter")
    assert (again.json(), again.headers["idempotency-replayed"]) == (erased.json(), "true")
    (fact,) = [one for one in kim.get(f"{address}/export").json()["facts"] if one["event"] == "customer.erased"]
    assert (fact["data"]["reason"], fact["created_by"]) == ("asked by letter", f"staff:{kim.id}")
    assert kim.get(f"/api/v1/customers/{new_id(now())}/export").status_code == 404


def test_a_person_has_everything_about_them_as_a_file(town, lived, canary):
    who, *_ = lived
    answer = who.get("/api/v1/customers/profile/export")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert [word for word in canary.words if word not in str(told)] == []
    stranger = town.consumer("ravi").get("/api/v1/customers/profile/export").json()
    assert [word for word in canary.words if word in str(stranger)] == []


def test_after_erasure_nobody_can_read_about_them(town, lived, canary, database):
    who, sten, order_id, wish, _ = lived
    erase(database, who.id)
    order = sten.get(f"/api/v1/orders/{order_id}").json()
    assert (order["notes"], order["shipping_address"]["street"]) == ("erased", "erased")
    seen = sten.get(f"/api/v1/customers/{who.id}").json()
    assert (seen["name"], seen["email"], seen["addresses"], seen["tier"]) == ("erased", None, [], "standard")
    assert who.get("/api/v1/auth/me").status_code == 401
    door = town.nobody()
    assert door.post("/api/v1/auth/login", {"email": wish["email"], "password": PASSWORD}).status_code == 401
    told = portrait(town.house.engine, who.id)
    facts = str([one for one in told["facts"] if one["event"] != "invoice.generated"])
    assert [word for word in canary.words if word in facts or word in str(told["states"])] == []
    assert sten.get(f"/api/v1/customers?search={wish['name']}").json()["items"] == []
    fresh = door.post("/api/v1/customers/register", wish | {"password": PASSWORD})
    assert fresh.status_code == 201, "the address is free again"


def test_an_invoice_says_who_it_is_made_out_to_until_its_books_are_destroyed(town, lived, canary, database):
    who, sten, *_ = lived
    erase(database, who.id)
    (invoice,) = sten.get("/api/v1/ar/invoices").json()["items"]
    assert invoice["bill_to"]["name"] in canary.words
    assert invoice["bill_to"]["address"]["street"] in canary.words
    engine = database.engine("jovey_erase")
    with engine.begin() as connection:
        People(connection).forget(books_of(now().year))
    engine.dispose()
    bare = sten.get(f"/api/v1/ar/invoices/{invoice['id']}").json()
    assert (bare["bill_to"]["name"], bare["total"]) == ("erased", invoice["total"])


def test_a_repeated_request_of_an_erased_person_is_answered_without_their_words(town, lived, database):
    who, _, _, _, _ = lived
    key = {"Idempotency_Key": "moved"}
    sten = town.staff(name="clerk")
    terms = {"tier": "premium", "discount_rate": "0", "credit_limit": "1000", "terms": "net_30", "reason": "grown"}
    first = sten.put(f"/api/v1/dealers/{who.id}/terms", terms, **key).json()
    erase(database, who.id)
    again = sten.put(f"/api/v1/dealers/{who.id}/terms", terms, **key).json()
    assert again["name"] == "erased"
    assert (again["id"], again["version"]) == (first["id"], first["version"])


def test_everything_about_a_person_is_told_to_them(town, lived, canary):
    who, *_ = lived
    told = portrait(town.house.engine, who.id)
    said = str(told)
    assert [word for word in canary.words if word not in said] == []
    assert {one["kind"] for one in told["states"]} >= {"customer", "order", "account", "shipment"}
    assert {one["event"] for one in told["facts"]} >= {"customer.registered", "order.placed", "invoice.generated"}
    assert told["sign_ins"] and told["password"]


def test_only_the_erasing_role_destroys_keys_and_only_with_the_fact(town, lived, database):
    who, *_ = lived
    with pytest.raises(Exception, match="permission denied for table person_keys"):
        handle(town.house.engine, asked(who.id), Rules())
    with town.everything() as connection:
        assert events(connection, "customer.erased") == 0
    with town.house.engine.connect() as connection:
        for statement in ("delete from jovey.person_keys", "update jovey.person_keys set wrapped_key = ''"):
            with pytest.raises(Exception, match="permission denied"), connection.begin_nested():
                connection.execute(text(statement))
    erase(database, who.id)
    with town.everything() as connection:
        assert events(connection, "customer.erased") == 1
        kept = connection.execute(text("select count(*) from jovey.person_keys where person_id = :id"), {"id": who.id})
        assert kept.scalar_one() == 0


def test_whose_order_is_open_is_not_erased_yet(town, database):
    deva = town.dealer()
    town.product()
    town.order(deva, ("P-1", 1))
    with pytest.raises(Refusal, match="account_not_settled"):
        erase(database, deva.id)


def test_nobody_writes_what_looks_like_hidden_words(town):
    forged = town.consumer().put("/api/v1/customers/profile", {"name": "hidden:1:" + "a" * 22 + ":" + "b" * 60})
    assert (forged.status_code, forged.json()["code"]) == (409, "reserved_words")


def asked(id: UUID) -> Request:
    return Request(EraseCustomer(customer_id=id), new_id(now()), system("operator"), now())


def erase(database, id: UUID) -> None:
    engine = database.engine("jovey_erase")
    try:
        handle(engine, asked(id), Rules())
    finally:
        engine.dispose()


def events(connection, kind: str) -> int:
    counted = connection.execute(
        text("select count(*) from jovey.visible_events where event_type = :kind"), {"kind": kind}
    )
    return counted.scalar_one()


def heap(database) -> dict[str, str]:
    """Every table of the database as text, by name."""
    found = {}
    with psycopg.connect(database.libpq()) as connection:
        tables = connection.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"
        ).fetchall()
        for schema, name in tables:
            query = sql.SQL("select string_agg(t::text, chr(10)) from {} t").format(sql.Identifier(schema, name))
            found[f"{schema}.{name}"] = connection.execute(query).fetchone()[0] or ""
    assert {"jovey.events", "jovey.states", "jovey.sessions", "jovey.command_receipts"} <= found.keys()
    return found


def files(database, server, since: str) -> dict[str, str]:
    """The WAL since a place, and the database's own files, dead rows and indexes included, byte by byte."""
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        until = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchone()[0]
        folder = Path(connection.execute("show data_directory").fetchone()[0])
        written = [path for path in (folder / "pg_wal").iterdir() if since <= path.name <= until]
        assert written, "the WAL is not where it was looked for"
        found = {path.name: path.read_bytes().decode("latin-1") for path in written}
        connection.execute("checkpoint")  # brings the rows into their files
        oid = connection.execute("select oid from pg_database where datname = %s", [database.name]).fetchone()[0]
    rows = (folder / "base" / str(oid)).iterdir()
    return found | {path.name: path.read_bytes().decode("latin-1") for path in rows}


def lake(folder: str) -> dict[str, str]:
    """Every Parquet file of the lake as text, those of earlier snapshots included."""
    with duckdb.connect() as connection:
        return {
            str(path): str(connection.execute("select * from read_parquet(?)", [str(path)]).fetchall())
            for path in Path(folder).rglob("*.parquet")
        }
