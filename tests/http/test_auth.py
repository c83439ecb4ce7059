"""Signing in: the right password opens, a used refresh token closes, and nothing tells who has an account."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from api.auth.passwords import hashed, keep
from api.auth.tokens import Claims, signed
from api.customers.commands import ChangeStaffAccess, DeactivateStaffMember
from warehouse.clock import now
from warehouse.ids import new_id

PASSWORD = "a long enough sentence"


@pytest.fixture
def asha(town):
    asha = town.consumer()
    with town.house.engine.begin() as connection:
        keep(connection, asha.id, hashed(PASSWORD), now())
    return asha


def sign_in(town, email="asha@example.com", password=PASSWORD):
    return town.nobody().post("/api/v1/auth/login", {"email": email, "password": password})


def me(town, token):
    return town.nobody().get("/api/v1/auth/me", Authorization=f"Bearer {token}")


def test_the_right_password_opens_the_doors(town, asha):
    answer = sign_in(town, "  Asha@Example.com ")
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    shown = me(town, tokens["access_token"]).json()
    assert shown == {
        "id": str(asha.id), "kind": "consumer", "name": "Asha", "email": "asha@example.com",
        "email_verified_at": None, "staff_role": None, "function_access": [], "scopes": [],
    }  # fmt: skip


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(town, asha):
    wrong, unknown = sign_in(town, password="another sentence"), sign_in(town, "nobody@example.com")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_credentials")
    answers = [answer.json() | {"request_id": ""} for answer in (wrong, unknown)]
    assert answers[0] == answers[1]
    assert wrong.headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_password_and_an_unknown_address_cost_the_same_work(town, asha, monkeypatch):
    sign_in(town, "warm@example.com")  # the hash of nobody's password is made once
    verifications = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda *given: verifications.append(1) or verify(*given))
    sign_in(town, password="another sentence")
    sign_in(town, "nobody@example.com")
    assert len(verifications) == 2


def test_a_refresh_token_works_once(town, asha):
    first = sign_in(town).json()
    second = town.nobody().post("/api/v1/auth/refresh", {"refresh_token": first["refresh_token"]}).json()
    assert me(town, second["access_token"]).status_code == 200
    third = town.nobody().post("/api/v1/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert third.status_code == 200


def test_a_refresh_token_that_comes_again_ends_its_session(town, asha):
    first = sign_in(town).json()
    second = town.nobody().post("/api/v1/auth/refresh", {"refresh_token": first["refresh_token"]}).json()
    again = town.nobody().post("/api/v1/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert (again.status_code, again.json()["code"]) == (401, "refresh_token_refused")
    last = town.nobody().post("/api/v1/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert last.status_code == 401
    over = me(town, second["access_token"])
    assert (over.status_code, over.json()["code"]) == (401, "session_over")


def test_other_sessions_outlive_a_stolen_one(town, asha):
    stolen, other = sign_in(town).json(), sign_in(town).json()
    for _ in range(2):
        town.nobody().post("/api/v1/auth/refresh", {"refresh_token": stolen["refresh_token"]})
    assert me(town, other["access_token"]).status_code == 200


def test_signing_out_works_at_once(town, asha):
    tokens = sign_in(town).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert town.nobody().post("/api/v1/auth/logout", **bearer).status_code == 204
    assert me(town, tokens["access_token"]).status_code == 401
    assert town.nobody().post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401


def test_tokens_are_stored_as_hashes_alone(town, asha):
    tokens = sign_in(town).json()
    with town.house.engine.connect() as connection:
        stored = connection.execute(text("select token_hash::text from jovey.refresh_tokens")).scalars().all()
        password = connection.execute(text("select password_hash from jovey.credentials")).scalar()
    assert all(tokens["refresh_token"] not in one for one in stored)
    assert password.startswith("$argon2id$")


def forged(town, asha, **changes):
    sid = jwt.decode(asha.token, options={"verify_signature": False})["sid"]
    payload = {"iss": "jovey", "sub": str(asha.id), "sid": sid, "iat": now(), "exp": now() + timedelta(minutes=5)}
    return payload | changes


def test_tokens_that_are_not_ours_are_refused(town, asha):
    key = town.house.signing_key
    kid = {"kid": str(key.id)}

    def encoded(said, secret=key.secret, algorithm="HS256", headers=kid):
        return jwt.encode(said, secret, algorithm=algorithm, headers=headers)

    tokens = {
        "forged": encoded(forged(town, asha), "x" * 40),
        "of another algorithm": encoded(forged(town, asha), key.secret + b"x" * 32, "HS512"),
        "of another issuer": encoded(forged(town, asha, iss="else")),
        "expired": encoded(forged(town, asha, exp=now() - timedelta(seconds=1))),
        "unsigned": encoded(forged(town, asha), None, "none"),
        "of no session": signed(Claims(asha.id, new_id(now())), key, now(), timedelta(minutes=5)),
        "garbage": "x.y.z",
        "of another person": encoded(forged(town, asha, sub=str(new_id(now())))),
        "of no key": encoded(forged(town, asha), headers={}),
        "of an unknown key": encoded(forged(town, asha), headers={"kid": str(new_id(now()))}),
        "of a key that is no id": encoded(forged(town, asha), headers={"kid": "../secret.key"}),
    }
    assert me(town, encoded(forged(town, asha))).status_code == 200, "only what is named is wrong with the others"
    for kind, token in tokens.items():
        answer = me(town, token)
        assert answer.status_code == 401, kind
        assert answer.headers["content-type"] == "application/problem+json"
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert answer.json()["code"] in {"invalid_token", "session_over"}
    assert me(town, asha.token).status_code == 200


def test_a_bad_token_is_refused_even_where_anyone_may_come_in(town):
    assert town.nobody().get("/api/v1/category/products", Authorization="Bearer x.y.z").status_code == 401
    assert town.nobody().get("/api/v1/category/products").status_code == 200


def test_a_change_of_access_takes_effect_at_once(town):
    sten = town.staff("events")
    assert sten.get("/api/v1/events/readers").status_code == 200
    town.send(ChangeStaffAccess(staff_id=sten.id, function_access=("orders",)))
    refused = sten.get("/api/v1/events/readers")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    town.send(DeactivateStaffMember(staff_id=sten.id, reason="moved away"))
    assert sten.get("/api/v1/orders").status_code == 401


def test_a_password_is_changed_by_who_knows_it_and_ends_every_session(town, asha):
    path, change = "/api/v1/auth/password", {"password": PASSWORD, "new_password": "another long sentence"}
    wrong = asha.post(path, change | {"password": "not this one"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    assert asha.post(path, change | {"new_password": "short"}).status_code == 422
    assert asha.post(path, change).status_code == 204
    assert me(town, asha.token).status_code == 401
    assert sign_in(town).status_code == 401
    assert sign_in(town, password="another long sentence").status_code == 200


def test_a_password_never_comes_back_in_an_error(town):
    answer = town.nobody().post("/api/v1/auth/login", {"email": "a@example.com", "password": "hunter2", "x": 1})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


def test_registering_opens_an_account_once(town):
    wish = {"name": "Bela", "email": "bela@example.com", "password": PASSWORD}
    made = town.nobody().post("/api/v1/customers/register", wish, Idempotency_Key="r1")
    assert made.status_code == 201, made.text
    assert made.json()["user_type"] == "consumer"
    assert "password" not in made.text
    again = town.nobody().post("/api/v1/customers/register", wish, Idempotency_Key="r1")
    assert again.json() == made.json()
    other = town.nobody().post("/api/v1/customers/register", wish | {"password": PASSWORD + "!"}, Idempotency_Key="r1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    taken = town.nobody().post("/api/v1/customers/register", wish)
    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
    assert sign_in(town, "bela@example.com").status_code == 200
    with town.house.engine.connect() as connection:
        assert connection.execute(text("select count(*) from jovey.credentials")).scalar() == 1


def test_the_installations_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    from warehouse.installation import SecretKeyUnusable, installation_key
    from warehouse.settings import Settings

    settings = Settings(home=tmp_path / "new")
    assert installation_key(settings) == installation_key(settings)
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["secret.key"]
    with pytest.raises(SecretKeyUnusable, match="32 bytes"):
        installation_key(Settings(home=tmp_path, secret_key="short"))
