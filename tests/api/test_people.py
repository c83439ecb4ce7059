"""Words about people through the shell: one query for all keys, plain words of older logs, keys made at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from api.actor import system
from api.customers.commands import RegisterCustomer, UpdateProfile
from api.customers.state import CUSTOMER
from api.handle import Request, handle, handle_all
from api.mend import rebuild
from api.parity import differences
from api.rules import Rules
from orchestration.bench.statements import noted
from warehouse.events.customers import CustomerRegistered
from warehouse.events.event import Recorded, Ref
from warehouse.ids import derived_at
from warehouse.log.append import append
from warehouse.log.asker import reading
from warehouse.log.migrate import migrate
from warehouse.log.people import NoMasterKey, People, claim_key
from warehouse.vault import WrongMasterKey

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = Rules()
EVE, MALLORY = UUID(int=1), UUID(int=2)


def asked(command, *, key="once"):
    return Request(command, derived_at(NOON, key, type(command).__name__, str(command.ref.id)), system("test"), NOON)


def registered(id=EVE, name="Eve"):
    return asked(RegisterCustomer(customer_id=id, name=name, email=f"{name.lower()}@example.org"))


@pytest.fixture
def plain_log(writer):
    """A log from before words were hidden: a fact, its state and its claim, all in plain."""
    fact = CustomerRegistered(user_type="consumer", name="Olga", email="olga@example.org")
    told = Recorded(fact, UUID(int=11), Ref("customer", EVE), 1, NOON, "system:test", UUID(int=3), UUID(int=3), EVE)
    state = CUSTOMER.evolve(CUSTOMER.initial, told)
    with writer.begin() as connection:
        from warehouse.log.append import Claim, Folded

        append(
            connection,
            [told],
            folded=[Folded(told.ref, 1, CUSTOMER.dump(state), EVE, "consumer", NOON)],
            claims=[Claim("email", "olga@example.org", EVE)],
        )


@pytest.mark.usefixtures("plain_log")
def test_plain_words_of_an_older_log_are_read_and_their_claims_become_hashes(database, engine, writer, state):
    assert state(CUSTOMER, EVE).name == "Olga"
    migrate(database)
    with engine.connect() as connection:
        (key,) = connection.execute(text("select key from jovey.unique_claims")).scalars()
        assert key.startswith("hmac:")
        assert list(differences(connection)) == []
    handle(writer, asked(UpdateProfile(customer_id=EVE, name="Olga", phone="123")), RULES)
    assert (state(CUSTOMER, EVE).name, state(CUSTOMER, EVE).email) == ("Olga", None)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from jovey.unique_claims")).scalar_one() == 0
        assert "Olga" not in connection.execute(text("select state::text from jovey.states")).scalar_one()
        assert list(differences(connection)) == []


def test_a_key_is_the_same_whatever_the_case_of_its_letters(writer):
    with writer.connect() as connection:
        mine = claim_key(connection, "email", "eve@example.org")
        assert claim_key(connection, "email", "EVE@Example.org") == mine
        assert claim_key(connection, "email", "eva@example.org") != mine


def test_a_rebuilt_state_is_the_stored_one_letter_for_letter(database, writer):
    handle_all(writer, [registered(), registered(MALLORY, "Mallory")], RULES)
    owner = database.engine("jovey_owner")
    with owner.begin() as connection:
        before = connection.execute(text("select state::text from jovey.states order by aggregate_id")).scalars().all()
        rebuilt = rebuild(connection, owner)
        after = connection.execute(text("select state::text from jovey.states order by aggregate_id")).scalars().all()
    owner.dispose()
    assert (rebuilt.states_written, rebuilt.claims_written, before) == (0, 0, after)


def test_all_people_of_a_list_are_met_by_one_query(writer):
    handle_all(writer, [registered(UUID(int=n), f"Name{n}") for n in range(1, 9)], RULES)
    with noted(writer) as sent, reading(writer, system("test")) as connection:
        rows = connection.execute(text("select state::text from jovey.visible_states")).scalars().all()
        shown = People(connection).reveal(rows)
    assert sorted(CUSTOMER.parse(one).name for one in shown) == [f"Name{n}" for n in range(1, 9)]
    assert len([one for one in sent if "person_keys" in one]) == 1


def test_a_person_s_key_comes_with_their_state(writer):
    handle(writer, registered(), RULES)
    with noted(writer) as sent:
        handle(writer, asked(UpdateProfile(customer_id=EVE, name="Eve Adams", email="eve@example.org")), RULES)
    assert [one for one in sent if "person_keys" in one and "jovey.load" not in one] == []
    assert [one for one in sent if "jovey.load" in one]


def test_two_who_write_first_about_one_person_share_a_key(writer):
    fact = CustomerRegistered(user_type="consumer", name="Eve")
    told = Recorded(fact, UUID(int=11), Ref("customer", EVE), 1, NOON, "system:test", UUID(int=3), UUID(int=3), EVE)
    with writer.connect() as first, ThreadPoolExecutor(1) as pool, writer.connect() as second:
        one = People(first).hide(told).event.name
        waiting = pool.submit(lambda: People(second).hide(told).event.name)
        first.commit()
        assert waiting.result() == one


def test_without_the_master_key_nothing_about_people_is_written_or_read(database, writer):
    handle(writer, registered(), RULES)
    blind = replace(database, master_key=None).engine("jovey_append")
    with pytest.raises(NoMasterKey):
        handle(blind, registered(MALLORY, "Mallory"), RULES)
    blind.dispose()


def test_another_master_key_says_so(database, writer):
    from warehouse.vault import LocalMasterKey

    handle(writer, registered(), RULES)
    other = LocalMasterKey.derived(b"another secret of thirty-two bytes or so")
    engine = replace(database, master_key=lambda: other).engine("jovey_append")
    with pytest.raises(WrongMasterKey), reading(engine, system("test")) as connection:
        People(connection).reveal(
            connection.execute(text("select state::text from jovey.visible_states")).scalars().all()
        )
    engine.dispose()
