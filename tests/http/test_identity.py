"""Identity at the doors: guessing gets slower, letters open once, sessions are seen and ended, keys are replaced."""

from __future__ import annotations

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg import sql
from sqlalchemy import text

from api.auth.audit import OPERATOR
from api.auth.keys import Keyring, replace_key
from api.auth.lockout import ACCOUNT, ADDRESS
from api.auth.passwords import NOBODYS_HASH, Credentials, hashed, keep
from api.auth.tokens import PROPOSE, READ_DECISIONS, AgentClaims, Claims, signed, signed_for_agent
from api.customers.commands import EraseCustomer
from api.handle import Request, handle
from api.mail.outbox import NOBODY, waiting
from api.parity import differences
from api.rules import Rules
from warehouse.clock import now
from warehouse.ids import new_id

PASSWORD, OTHER = "a long enough sentence", "another long sentence"
WRONG = "not this sentence at all"
AUTH = "/api/v1/auth"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def asha(town):
    asha = town.consumer()
    with town.house.engine.begin() as connection:
        keep(connection, asha.id, hashed(PASSWORD), now())
    return asha


@pytest.fixture
def verifications(monkeypatch):
    """Every argon2 verification from now on."""
    made, verify = [], PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *given: made.append(1) or verify(*given))
    return made


def sign_in(town, email="asha@example.com", password=PASSWORD, **headers):
    return town.nobody().post(f"{AUTH}/login", {"email": email, "password": password}, **headers)


def me(town, token):
    return town.nobody().get(f"{AUTH}/me", Authorization=f"Bearer {token}")


def time_passes(database, minutes=16):
    """What waits has waited long enough."""
    with psycopg.connect(database.libpq()) as connection:
        connection.execute(
            "update jovey.attempts set locked_until = locked_until - make_interval(mins => %s)", [minutes]
        )


def facts(database, *kinds):
    """(type, data, subject) of what the log holds of these kinds, in order."""
    with psycopg.connect(database.libpq()) as connection:
        rows = connection.execute(
            "select event_type, data, subject_id from jovey.events where event_type = any(%s) order by position",
            [list(kinds)],
        )
        return rows.fetchall()


def letters(town):
    with town.house.engine.connect() as connection:
        return waiting(connection)


def token_in(posted):
    return re.search(r"\?token=([\w-]+)", posted.letter.text)[1]


def everything(database):
    """Every row of every table of ours, as text."""
    with psycopg.connect(database.libpq()) as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = 'jovey'")
        said = []
        for (name,) in names.fetchall():
            query = sql.SQL("select string_agg(t::text, chr(10)) from jovey.{} t").format(sql.Identifier(name))
            said.append(connection.execute(query).fetchone()[0] or "")
    return "\n".join(said)


# --- guessing ---


def test_waiting_grows_and_is_bounded():
    waits = [int(ACCOUNT.wait_after(failures).total_seconds()) for failures in range(1, 16)]
    assert waits == [0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]
    assert ACCOUNT.wait_after(10_000) == timedelta(minutes=15)


def test_wrong_passwords_make_known_and_unknown_wait_alike(town, asha, database):
    told = []
    for email in ("asha@example.com", "nobody@example.com"):
        answers = [sign_in(town, email, WRONG) for _ in range(5)]
        assert [one.json()["code"] for one in answers] == ["wrong_credentials"] * 5
        refused = sign_in(town, email)  # with Asha, the right password
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tries")
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        told.append(re.sub(r"\d+ s", "", refused.json()["detail"]))
    assert told[0] == told[1]
    locked = facts(database, "sign_in.locked")
    assert [(data["scope"], data["failures"], subject) for _, data, subject in locked] == [
        ("account", 5, asha.id),
        ("account", 5, None),
    ]
    time_passes(database)
    assert sign_in(town).status_code == 200
    assert [sign_in(town, password=WRONG).status_code for _ in range(4)] == [401] * 4
    assert sign_in(town).status_code == 200, "the right password forgave what came before"


def test_many_guesses_at_once_are_no_way_around(town, asha, verifications):
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: sign_in(town, password=WRONG).status_code, range(24)))
    assert sorted(set(answers)) == [401, 429]
    assert len(verifications) == answers.count(401) == 5


def test_an_address_that_guesses_waits_whomever_it_guesses_at(town, asha, database):
    statuses = [sign_in(town, f"p{number}@example.com", WRONG).status_code for number in range(ADDRESS.free + 2)]
    assert statuses == [401] * ADDRESS.free + [429] * 2
    assert sign_in(town).status_code == 429
    ((_, data, subject),) = facts(database, "sign_in.locked")
    assert (data["scope"], data["failures"], subject) == ("address", ADDRESS.free, None)
    assert data["origin"].startswith("hidden:1:")
    assert "127.0.0.1" not in everything(database)
    time_passes(database)
    assert sign_in(town).status_code == 200
    assert sign_in(town, "p99@example.com", WRONG).status_code == 401
    assert sign_in(town).status_code == 429, "one good account does not pay for guesses at others"


def test_known_and_unknown_are_the_same_work(town, asha, verifications, count_statements):
    """One verification each, and as many statements: at the first try, and at one that begins to wait."""
    sign_in(town, "warm@example.com", WRONG)  # the first try of an address also tidies up
    verifications.clear()
    counts = {}
    for email in ("asha@example.com", "nobody@example.com"):
        counts[email] = [count_statements(lambda email=email: sign_in(town, email, WRONG)) for _ in range(6)]
        assert len(verifications) == 5
        verifications.clear()
    assert counts["asha@example.com"] == counts["nobody@example.com"]
    assert not Credentials(None, NOBODYS_HASH).is_outdated, "nobody's hash costs what everybody's costs"


def test_a_hash_by_older_parameters_is_made_anew_at_the_next_sign_in(town, asha, database):
    with town.house.engine.begin() as connection:
        keep(connection, asha.id, PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD), now())
    assert sign_in(town).status_code == 200
    with psycopg.connect(database.libpq()) as connection:
        kept = connection.execute("select password_hash from jovey.credentials").fetchone()[0]
    assert "m=19456,t=2,p=1" in kept
    assert sign_in(town).status_code == 200


def test_a_stolen_session_is_no_place_to_guess_the_password(town, asha):
    wish = {"password": WRONG, "new_password": OTHER}
    answers = [asha.post(f"{AUTH}/password", wish).status_code for _ in range(6)]
    assert answers == [403] * 5 + [429]


# --- letters ---


def test_a_forgotten_password_is_chosen_anew_by_a_letter_once(town, asha, database):
    session = sign_in(town).json()
    assert town.nobody().post(f"{AUTH}/password/forgot", {"email": " Asha@Example.com "}).status_code == 204
    (posted,) = letters(town)
    assert (posted.kind, posted.letter.to) == ("password_reset", "asha@example.com")
    token, door = token_in(posted), f"{AUTH}/password/reset"
    assert token not in everything(database) and "/reset-password" not in everything(database)
    for _ in range(5):
        sign_in(town, password=WRONG)
    wish = {"token": token, "new_password": OTHER}
    assert town.nobody().post(door, wish | {"new_password": "short"}).status_code == 422
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: town.nobody().post(door, wish).status_code, range(4)))
    assert sorted(answers) == [204, 403, 403, 403]
    assert town.nobody().post(door, wish).json()["code"] == "letter_token_refused"
    assert me(town, session["access_token"]).status_code == 401
    assert sign_in(town).status_code == 401
    assert sign_in(town, password=OTHER).status_code == 200, "the new password ends the wait too"
    assert me(town, asha.token).status_code == 401
    assert sorted(data["means"] for _, data, _ in facts(database, "password.changed")) == ["letter"]
    assert len(facts(database, "customer.email_verified")) == 1, "who answered the letter reads its mail"


def test_an_address_nobody_has_is_the_same_work_and_the_same_answer(town, asha, count_statements, database):
    def ask(email):
        answers.append(town.nobody().post(f"{AUTH}/password/forgot", {"email": email}))

    answers = []
    ask("warm@example.com")  # the key of nobody is made once
    counts = [count_statements(lambda email=email: ask(email)) for email in ("asha@example.com", "nobody@example.com")]
    assert counts[0] == counts[1]
    assert {(one.status_code, one.text) for one in answers} == {(204, "")}
    assert [one.letter.to for one in letters(town)] == ["asha@example.com"]
    assert "nobody@example.com" not in everything(database)
    with psycopg.connect(database.libpq()) as connection:
        rows = connection.execute("select person_id, length(letter) > 300 from jovey.mails").fetchall()
    assert sorted(rows) == sorted([(NOBODY, True), (NOBODY, True), (asha.id, True)])
    for email in ("asha@example.com", "nobody@example.com"):
        for _ in range(3):
            ask(email)
        assert answers[-1].status_code == 429, "nobody's mailbox is filled"


def test_a_letter_goes_to_no_address_that_a_thief_of_the_session_put_in(town, asha, database):
    def forget():
        assert town.nobody().post(f"{AUTH}/password/forgot", {"email": "thief@example.com"}).status_code == 204

    assert asha.put("/api/v1/customers/profile", {"name": "Asha", "email": "thief@example.com"}).status_code == 200
    warned, posted = sorted(letters(town), key=lambda one: one.kind)
    assert (warned.kind, warned.letter.to) == ("email_changed", "asha@example.com")
    assert (posted.kind, posted.letter.to) == ("email_verification", "thief@example.com")
    assert asha.post(f"{AUTH}/email/verification").status_code == 204
    assert len(letters(town)) == 2, "one was written minutes ago"
    forget()
    assert len(letters(town)) == 2
    wish = {"token": token_in(posted)}
    assert town.nobody().post(f"{AUTH}/password/reset", wish | {"new_password": OTHER}).status_code == 403
    assert town.nobody().post(f"{AUTH}/email/verify", wish).status_code == 204
    assert town.nobody().post(f"{AUTH}/email/verify", wish).json()["code"] == "letter_token_refused"
    assert asha.get(f"{AUTH}/me").json()["email_verified_at"] is not None
    forget()
    assert letters(town)[-1].kind == "password_reset"


def test_registering_writes_a_letter_whose_token_ends_with_the_address(town):
    wish = {"name": "Bela", "email": "bela@example.com", "password": PASSWORD}
    made = town.nobody().post("/api/v1/customers/register", wish, Idempotency_Key="r1")
    assert made.json()["email_verified_at"] is None
    town.nobody().post("/api/v1/customers/register", wish, Idempotency_Key="r1")
    (posted,) = letters(town)
    assert (posted.kind, posted.letter.to) == ("email_verification", "bela@example.com")
    bela = town.caller(UUID(made.json()["id"]))
    bela.put("/api/v1/customers/profile", {"name": "Bela", "email": "other@example.com"})
    old = town.nobody().post(f"{AUTH}/email/verify", {"token": token_in(posted)})
    assert (old.status_code, old.json()["code"]) == (403, "letter_token_refused")
    product = town.product() and {"lines": [{"sku": "P-1", "quantity": 1}]}
    assert bela.post("/api/v1/orders", product).status_code == 201, "who has not confirmed may buy"


def test_secrets_stand_in_no_table_no_log_and_no_answer(town, asha, database, caplog):
    """Passwords, tokens of every kind and letters' links, each a canary."""
    caplog.set_level(logging.DEBUG)
    tokens = sign_in(town).json()
    again = town.nobody().post(f"{AUTH}/refresh", {"refresh_token": tokens["refresh_token"]}).json()
    town.nobody().post(f"{AUTH}/password/forgot", {"email": "asha@example.com"})
    asha.post(f"{AUTH}/email/verification")
    by_letter = [token_in(one) for one in letters(town)]
    said = [
        sign_in(town, password=WRONG).text,
        town.nobody().post(f"{AUTH}/login", {"email": "a@example.com", "password": WRONG, "more": 1}).text,
        town.nobody().post(f"{AUTH}/password/reset", {"token": by_letter[0], "new_password": "tooshort!"}).text,
        town.nobody().post(f"{AUTH}/password/reset", {"token": "x" * 1_001, "new_password": OTHER}).text,
        town.nobody().post(f"{AUTH}/refresh", {"refresh_token": tokens["refresh_token"]}).text,
        town.nobody().post(f"{AUTH}/password/reset", {"token": by_letter[0], "new_password": OTHER}).text,
        me(town, again["access_token"]).text,
    ]
    secrets = [PASSWORD, OTHER, WRONG, "tooshort!", *by_letter, *tokens.values(), *again.values()]
    canaries = [one for one in secrets if isinstance(one, str) and one != "Bearer"]
    assert len(by_letter) == 2 and len(canaries) == 10
    everywhere = {"tables": everything(database), "logs": caplog.text, "answers": " ".join(said)}
    assert [(one, place) for place, words in everywhere.items() for one in canaries if one in words] == []


def test_who_is_erased_has_no_letters_tokens_or_links_left(town, asha, database):
    asha.post(f"{AUTH}/email/verification")
    engine = database.engine("jovey_erase")
    handle(engine, Request(EraseCustomer(customer_id=asha.id), new_id(now()), OPERATOR, now()), Rules())
    engine.dispose()
    with psycopg.connect(database.libpq()) as connection:
        for table in ("mails", "one_time_tokens", "sessions", "credentials"):
            assert connection.execute(f"select count(*) from jovey.{table}").fetchone() == (0,), table


# --- sessions ---


def test_sessions_are_listed_and_ended_one_by_one(town, asha):
    asha_here = replace(asha, token=sign_in(town, User_Agent=FIREFOX).json()["access_token"])
    phone = sign_in(town, User_Agent="Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Safari/604.1").json()
    listed = asha_here.get(f"{AUTH}/sessions").json()["items"]
    assert sorted((one["device"], one["is_current"]) for one in listed) == [
        ("", False),
        ("Firefox on Linux", True),
        ("Safari on iPhone", False),
    ]
    lost = next(one["id"] for one in listed if "iPhone" in one["device"])
    other = town.consumer("ravi")
    assert other.delete(f"{AUTH}/sessions/{lost}").json()["code"] == "session_not_found"
    assert asha_here.delete(f"{AUTH}/sessions/{lost}").status_code == 204
    assert asha_here.delete(f"{AUTH}/sessions/{lost}").status_code == 404
    assert me(town, phone["access_token"]).status_code == 401
    assert len(asha_here.get(f"{AUTH}/sessions").json()["items"]) == 2
    assert asha_here.post(f"{AUTH}/logout-everywhere").status_code == 204
    assert me(town, asha.token).status_code == me(town, asha_here.token).status_code == 401


def test_a_session_remembers_when_it_was_used_without_a_write_at_each_look(town, asha, database, count_statements):
    with psycopg.connect(database.libpq()) as connection:
        connection.execute("update jovey.sessions set last_used_at = last_used_at - interval '1 hour'")
    first = count_statements(lambda: me(town, asha.token))
    second = count_statements(lambda: me(town, asha.token))
    assert (first - second, second) == (1, 1)
    (one,) = asha.get(f"{AUTH}/sessions").json()["items"]
    assert one["last_used_at"] >= one["created_at"]


# --- keys ---


def test_old_tokens_verify_after_the_key_is_replaced_and_words_stay_readable(town, asha):
    old = town.house.signing_key
    with town.house.engine.begin() as connection:
        key_id, until = replace_key(connection, now())
    elsewhere = Keyring(town.house.engine, now())  # another process, which starts with the new key
    assert elsewhere.current.id == key_id != old.id
    with town.house.engine.begin() as connection:
        session_id = connection.execute(text("select id from jovey.sessions")).scalar_one()
        assert until == connection.execute(text("select max(expires_at) from jovey.sessions")).scalar_one()
    told = me(town, asha.token)
    assert (told.status_code, told.json()["name"]) == (200, "Asha")
    town.house.keys._loaded_at -= 2  # this process looked a moment ago; a second later it may look again
    fresh = signed(Claims(asha.id, session_id), elsewhere.current, now(), timedelta(minutes=5))
    assert me(town, fresh).status_code == 200
    assert town.house.signing_key.id == key_id
    assert me(town, asha.token).status_code == 200


def test_a_key_that_leaked_ends_every_sign_in_at_once(town, asha):
    with town.house.engine.begin() as connection:
        replace_key(connection, now())
        replace_key(connection, now(), at_once=True)
    town.house.keys._loaded_at -= 11
    assert (me(town, asha.token).status_code, me(town, asha.token).json()["code"]) == (401, "invalid_token")
    assert town.caller(asha.id).get(f"{AUTH}/me").json()["name"] == "Asha"


def test_the_first_key_is_made_once_however_many_processes_start(database):
    engine = database.engine("jovey_append", pool_size=8)
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: Keyring(engine, now()), range(8)))
    assert len({ring.current.id for ring in rings}) == 1
    assert "SigningKey(" in repr(rings[0].current) and str(rings[0].current.secret) not in repr(rings[0].current)
    engine.dispose()


# --- agents ---


def test_an_agent_comes_in_by_the_scopes_of_its_token_alone(town):
    def agent(*scopes):
        claims = AgentClaims("reorder", frozenset({"procurement"}), frozenset(scopes))
        token = signed_for_agent(claims, town.house.signing_key, now(), timedelta(minutes=5))
        return replace(town.nobody(), token=token)

    reader, none = agent(READ_DECISIONS), agent("everything:do")
    assert reader.get("/api/v1/agents/decisions").status_code == 200
    for door in ("decisions", "model-calls"):
        refused = reader.post(f"/api/v1/agents/{door}", {})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert "signed in as agent (decisions:read)" in refused.json()["detail"]
    assert none.get("/api/v1/agents/decisions").status_code == 403
    assert agent(PROPOSE).post("/api/v1/agents/decisions", {}).status_code == 422
    assert reader.get(f"{AUTH}/me").json() == {
        "id": None, "kind": "agent", "name": "reorder", "email": None, "email_verified_at": None, "staff_role": None,
        "function_access": ["procurement"], "scopes": ["decisions:read"],
    }  # fmt: skip


# --- audit ---


def test_coming_and_going_is_in_the_log_and_folds_to_nothing(town, asha, database, engine):
    tokens = sign_in(town, User_Agent=FIREFOX).json()
    town.nobody().post(f"{AUTH}/logout", Authorization=f"Bearer {tokens['access_token']}")
    stolen = sign_in(town).json()
    for _ in range(2):
        town.nobody().post(f"{AUTH}/refresh", {"refresh_token": stolen["refresh_token"]})
    asha.post(f"{AUTH}/logout-everywhere")
    came = facts(database, "person.signed_in", "person.signed_out")
    assert [data.get("device", data.get("reason")) for _, data, _ in came] == [
        "Firefox on Linux", "signed_out", "a Python program", "refresh_token_reused", "signed_out_everywhere",
    ]  # fmt: skip
    assert {subject for *_, subject in came} == {asha.id}
    with psycopg.connect(database.libpq()) as connection:
        shape = "select count(distinct aggregate_id), max(version) from jovey.events where aggregate_type = 'access'"
        assert connection.execute(shape).fetchone() == (1, 5), "one stream a person, numbered without gaps"
        folded = "select count(*) from jovey.states where aggregate_type = 'access'"
        assert connection.execute(folded).fetchone() == (0,)
    with engine.connect() as connection:
        assert list(differences(connection)) == []


def test_a_refusal_is_in_the_log_once_an_hour_by_door_and_reason(town, asha, database):
    for _ in range(3):
        assert asha.get("/api/v1/events").status_code == 403
    assert asha.get("/api/v1/dealers/pricing").status_code == 403
    assert town.nobody().get("/api/v1/events").status_code == 401
    assert asha.get(f"/api/v1/orders/{new_id(now())}").status_code == 404
    assert [(data["door"], data["code"], subject) for _, data, subject in facts(database, "access.refused")] == [
        ("GET /api/v1/events", "not_allowed", asha.id),
        ("GET /api/v1/dealers/pricing", "not_allowed", asha.id),
    ]
    assert json.dumps([data for _, data, _ in facts(database, "access.refused")]).count("asha") == 0
