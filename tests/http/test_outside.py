"""Tokens of an outside issuer: believed when it signed them for us, and by a stored link alone somebody who is here."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi.testclient import TestClient
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import ValidationError

from api.actor import system
from api.app import create_app
from api.auth.outside import IssuerUnreachable, Outside, OutsideMisconfigured
from api.auth.tokens import InvalidToken
from api.customers.commands import InviteStaffMember, RegisterCustomer
from api.handle import Request, handle
from api.parity import differences
from orchestration.users import CannotDo, link_outside
from warehouse.clock import now
from warehouse.ids import new_id
from warehouse.settings import Settings

KEY = "a key for tests that is long enough to sign with"
ISSUER, SECRET = (
    "https://project.supabase.co/auth/v1",
    "a secret as supabase shows one, long enough for every hash there is",
)
RSA, EC = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
ME = "/api/v1/auth/me"


def said(**changes):
    at = now()
    claims = {"iss": ISSUER, "aud": "authenticated", "sub": "s-1", "iat": at, "exp": at + timedelta(minutes=5)}
    return {name: one for name, one in (claims | {"name": "Olu"} | changes).items() if one is not None}


def by_secret(secret=SECRET, algorithm="HS256", **changes):
    return jwt.encode(said(**changes), secret, algorithm=algorithm)


class Issuer:
    """A strict JWKS server on this machine: one path, JSON, no redirects; it counts, and can be out of order."""

    def __init__(self, *keys):
        self.keys, self.asked, self.is_out_of_order = list(keys), 0, False

    @contextmanager
    def open(self):
        issuer = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                assert self.path == "/.well-known/jwks.json", self.path
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(500 if issuer.is_out_of_order else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def public(key, kid):
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}


@pytest.fixture
def settings(database, tmp_path):
    keywords = f"host={database.host}&port={database.port}&user={database.user}"
    url = f"postgresql:///{database.name}?{keywords}"
    given = {"home": tmp_path, "secret_key": KEY, "DATABASE_URL": url}
    return Settings(**given, outside_issuer=ISSUER, outside_secret=SECRET)


@pytest.fixture
def door(settings, database):
    with TestClient(create_app(settings, database)) as client:
        yield client


def ask(door, token, path=ME, method="GET", **body):
    return door.request(method, path, headers={"Authorization": f"Bearer {token}"}, **body)


def send(door, command):
    house = door.app.state.house
    handle(house.engine, Request(command, new_id(now()), system("test"), now()), house.rules)


def counted(database, query):
    with psycopg.connect(database.libpq()) as connection:
        return connection.execute(query).fetchone()[0]


def test_an_unknown_subject_becomes_a_consumer_once_however_many_come_at_once(door, database, engine):
    token = by_secret(
        email="olu@example.com", email_verified=True, user_metadata={"role": "staff"}, role="service_role"
    )
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(door, token), range(20)))
    assert [one.status_code for one in answers] == [200] * 20, [one.text for one in answers]
    (told,) = {one.text for one in answers}
    olu = json.loads(told)
    assert (olu["kind"], olu["name"], olu["email"]) == ("consumer", "Olu", "olu@example.com")
    assert olu["email_verified_at"] is not None, "their issuer vouches for it"
    for kind in ("customer.registered", "outside_subject.linked"):
        assert counted(database, f"select count(*) from jovey.events where event_type = '{kind}'") == 1
    assert "s-1" not in str(counted(database, "select array_agg(o::text) from jovey.outside_subjects o"))
    with engine.connect() as connection:
        assert list(differences(connection)) == []
    assert ask(door, by_secret(sub="s-2")).json()["id"] != olu["id"]


def test_nobody_is_somebody_here_by_an_e_mail_address(door, settings, database):
    asha, sten = new_id(now()), new_id(now())
    send(door, RegisterCustomer(customer_id=asha, name="Asha", email="asha@example.com"))
    invited = {"staff_id": sten, "name": "Sten", "email": "sten@example.com", "staff_role": "clerk"}
    send(door, InviteStaffMember(**invited, function_access=("events",)))
    for subject, email in (("s-3", "asha@example.com"), ("s-4", "sten@example.com")):
        told = ask(door, by_secret(sub=subject, email=email, email_verified=True)).json()
        assert (told["kind"], told["email"]) == ("consumer", None)
        assert told["id"] not in {str(asha), str(sten)}
    unsure = ask(door, by_secret(sub="s-5", email="new@example.com", user_metadata={"email_verified": True})).json()
    assert unsure["email"] is None, "what people write about themselves is no proof"
    link_outside(settings, "sten@example.com", "s-6")
    assert ask(door, by_secret(sub="s-6")).json() | {"name": ""} == {
        "id": str(sten), "kind": "staff", "name": "", "email": "sten@example.com", "email_verified_at": None,
        "staff_role": "clerk", "function_access": ["events"], "scopes": [],
    }  # fmt: skip
    with pytest.raises(CannotDo, match="stands for somebody here already"):
        link_outside(settings, "asha@example.com", "s-6")
    with pytest.raises(CannotDo, match="JOVEY_OUTSIDE_ISSUER"):
        link_outside(Settings(home=settings.home), "asha@example.com", "s-7")


def test_what_the_issuer_did_not_sign_for_us_is_refused(door, database):
    tokens = {
        "of another secret": by_secret("another secret that is quite long enough"),
        "for another audience": by_secret(aud="other"),
        "for nobody": by_secret(aud=None),
        "expired": by_secret(exp=now() - timedelta(minutes=1)),
        "for ever": by_secret(exp=None),
        "of no instant": by_secret(iat=None),
        "of nobody": by_secret(sub=None),
        "of nobody at all": by_secret(sub=""),
        "of another issuer": by_secret(iss="https://else.example"),
        "of another algorithm": by_secret(algorithm="HS512"),
        "unsigned": jwt.encode(said(), None, algorithm="none"),
        "signed by a public key": jwt.encode(said(), RSA, algorithm="RS256", headers={"kid": "k"}),
    }
    for kind, token in tokens.items():
        answer = ask(door, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), kind
    assert counted(database, "select count(*) from jovey.events") == 0
    assert ask(door, by_secret()).status_code == 200, "only what is named is wrong with the others"


def test_what_needs_a_session_here_is_refused_in_words_and_signing_out_everywhere_works(door):
    token = by_secret(iat=now() - timedelta(seconds=2))
    assert ask(door, token).status_code == 200
    for path, body in (("logout", None), ("password", {"password": "x", "new_password": "a long enough sentence"})):
        answer = ask(door, token, f"/api/v1/auth/{path}", "POST", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "no_session")
    assert ask(door, token, "/api/v1/auth/sessions").json() == {"items": []}
    assert ask(door, token, "/api/v1/auth/logout-everywhere", "POST").status_code == 204
    assert ask(door, token).json()["code"] == "session_over"
    assert ask(door, by_secret(iat=now() + timedelta(seconds=2))).status_code == 200, "a new sign-in there"


def test_public_keys_are_fetched_once_and_no_secret_hides_among_them():
    shared = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()}
    issuer = Issuer(public(RSA, "r1"), public(EC, "e1"), shared)
    with issuer.open() as url:
        outside = Outside.of(Settings(outside_issuer=ISSUER, outside_jwks_url=url))
        pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        good = {
            "RS256": jwt.encode(said(), RSA, algorithm="RS256", headers={"kid": "r1"}),
            "ES256": jwt.encode(said(), EC, algorithm="ES256", headers={"kid": "e1"}),
        }
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"r1"}').rstrip(b"=")
        confused = jwt.api_jws.PyJWS().encode(json.dumps(said(iat=1, exp=4e9)).encode(), "x" * 32, algorithm="HS256")
        body = confused.split(".")[1].encode()
        mac = base64.urlsafe_b64encode(hmac.digest(pem, head + b"." + body, "sha256")).rstrip(b"=")
        bad = {
            "the public key as a secret": b".".join([head, body, mac]).decode(),
            "a shared key among them": jwt.encode(said(), SECRET, algorithm="HS256", headers={"kid": "shared"}),
            "another's signature": jwt.encode(
                said(), rsa.generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": "r1"}
            ),
            "a key of another kind": jwt.encode(said(), EC, algorithm="ES256", headers={"kid": "r1"}),
            "no key named": jwt.encode(said(), RSA, algorithm="RS256"),
            **{f"unknown {n}": jwt.encode(said(), RSA, algorithm="RS256", headers={"kid": f"u{n}"}) for n in range(20)},
        }
        for token in good.values():
            assert outside.verified(token).subject == "s-1"
        for kind, token in bad.items():
            with pytest.raises(InvalidToken):
                pytest.fail(f"{kind}: {outside.verified(token)}")
        assert issuer.asked == 1, "neither keys that nobody has nor many tokens make us ask again soon"


def test_an_issuer_out_of_order_is_asked_once_and_said_to_be(settings, database):
    issuer = Issuer(public(RSA, "r1"))
    issuer.is_out_of_order = True
    token = jwt.encode(said(), RSA, algorithm="RS256", headers={"kid": "r1"})
    with issuer.open() as url:
        given = Settings(home=settings.home, secret_key=KEY, outside_issuer=ISSUER, outside_jwks_url=url)
        with TestClient(create_app(given, database)) as door:
            for _ in range(5):
                answer = ask(door, token)
                assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
                assert int(answer.headers["retry-after"]) > 0
            assert door.get("/api/v1/category/products").status_code == 200
            assert issuer.asked == 1
            issuer.is_out_of_order = False
            keys = door.app.state.house.outside.verification
            keys._failed_at = time.monotonic() - 31
            assert ask(door, token).status_code == 200
        keys._client.jwk_set_cache.jwk_set_with_timestamp = None
        issuer.is_out_of_order = True
        with pytest.raises(IssuerUnreachable):
            keys.key_for(token)


def test_settings_that_would_let_anybody_in_are_refused():
    for given in ({}, {"outside_secret": SECRET, "outside_jwks_url": "https://x.example/jwks"}):
        with pytest.raises(ValidationError, match="JOVEY_OUTSIDE_SECRET or JOVEY_OUTSIDE_JWKS_URL"):
            Settings(outside_issuer=ISSUER, **given)
    with pytest.raises(ValidationError, match="at least 32"):
        Settings(outside_issuer=ISSUER, outside_secret="short")
    with pytest.raises(OutsideMisconfigured, match="https://"):
        Outside.of(Settings(outside_issuer=ISSUER, outside_jwks_url="http://keys.example/jwks"))
    assert Outside.of(Settings()) is None
    assert SECRET not in repr(Settings(outside_secret=SECRET)) + repr(
        Outside.of(Settings(outside_issuer=ISSUER, outside_secret=SECRET))
    )
