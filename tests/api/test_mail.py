"""Letters: hidden in the outbox, carried off once, tried again when the server would not take them."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import threading
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from api.app import create_app
from api.mail.outbox import NOBODY, TRIES_MAX, Letter, post, take_due, waiting
from api.mail.postman import Postman, deliver
from api.mail.smtp import Smtp
from warehouse.clock import now
from warehouse.ids import named
from warehouse.settings import Settings

ASHA = named("person", "asha")
LETTER = Letter(
    "asha@example.com", "A new password für Pumpen", "Choose one:\n\nhttps://x.example/?token=abc\n\n.\n..end\n"
)


class MailServer:
    """A strict SMTP server on this machine (RFC 5321): every command in its place, CRLF alone, dots unstuffed."""

    def __init__(self, *, user: str | None = None, refuses: tuple[str, ...] = ()):
        self.taken, self.mistakes, self.user, self.refuses = [], [], user, refuses

    @contextmanager
    def open(self):
        mail = self

        class Talk(socketserver.StreamRequestHandler):
            def say(self, words):
                self.wfile.write(f"{words}\r\n".encode())

            def hear(self):
                line = self.rfile.readline(2_000)
                if line and not line.endswith(b"\r\n"):
                    mail.mistakes.append(f"no CRLF: {line!r}")
                return line.rstrip(b"\r\n").decode("ascii")

            def handle(self):
                self.say("220 mail.test")
                state, is_known, sender, to = "new", mail.user is None, None, None
                while line := self.hear():
                    word, _, rest = line.partition(" ")
                    match word.upper():
                        case "EHLO":
                            state = "greeted"
                            self.say("250-mail.test\r\n250 AUTH PLAIN" if mail.user else "250 mail.test")
                        case "AUTH" if state == "greeted" and mail.user:
                            told = base64.b64decode(rest.removeprefix("PLAIN ")).decode()
                            is_known = told == f"\0{mail.user}\0p@ss"
                            self.say("235 welcome" if is_known else "535 no")
                        case "MAIL" if state == "greeted" and is_known:
                            state, sender = "from", rest
                            self.say("250 ok")
                        case "RCPT" if state == "from":
                            to = rest.removeprefix("TO:<").removesuffix(">")
                            refused = to in mail.refuses
                            self.say(f"550 {to} is unknown" if refused else "250 ok")
                            state = "from" if refused else "to"
                        case "DATA" if state == "to":
                            self.say("354 go on")
                            lines = []
                            while (text := self.hear()) != ".":
                                lines.append(text.removeprefix(".") if text.startswith(".") else text)
                            mail.taken.append((sender, to, "\n".join(lines) + "\n"))
                            state = "greeted"
                            self.say("250 taken")
                        case "RSET":
                            state = "greeted"
                            self.say("250 ok")
                        case "QUIT":
                            self.say("221 bye")
                            return
                        case _:
                            mail.mistakes.append(f"{line} in {state}")
                            self.say("503 not now")

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield server.server_address[1]
            finally:
                server.shutdown()
                thread.join()
        assert self.mistakes == []


@pytest.fixture
def engine(database):
    engine = database.engine("jovey_append")
    yield engine
    engine.dispose()


def posted(engine, letter=LETTER, person_id=ASHA):
    with engine.begin() as connection:
        post(connection, person_id, "password_reset", letter, now())


def smtp(port, **more):
    user = f"{more.pop('user')}@" if "user" in more else ""
    return Smtp.of(Settings(smtp_url=f"smtp://{user}127.0.0.1:{port}", mail_from="shop@pumps.example", **more))


def due_again(database):
    with psycopg.connect(database.libpq()) as connection:
        connection.execute("update jovey.mails set next_try_at = now() - interval '1 second'")


def test_a_letter_lies_hidden_and_is_carried_off_once(engine, database):
    posted(engine)
    posted(engine, person_id=NOBODY)
    with psycopg.connect(database.libpq()) as connection:
        rows = str(connection.execute("select m::text from jovey.mails m").fetchall())
    assert not [word for word in ("asha", "example", "token", "Choose", "Pumpen") if word in rows]
    with engine.connect() as connection:
        assert [one.letter for one in waiting(connection)] == [LETTER]
    mail = MailServer(user="shop")
    with mail.open() as port:
        assert deliver(engine, smtp(port, user="shop:p%40ss", company="Pumpen & Söhne")) == 1
        assert deliver(engine, smtp(port)) == 0
    ((sender, to, text),) = mail.taken
    assert (sender.partition(" ")[0], to) == ("FROM:<shop@pumps.example>", "asha@example.com")
    told = email.message_from_string(text, policy=email.policy.default)
    assert (str(told["From"]), str(told["To"])) == ("Pumpen & Söhne <shop@pumps.example>", "asha@example.com")
    assert told["Subject"] == LETTER.subject
    assert told["Auto-Submitted"] == "auto-generated" and told["Message-ID"].endswith("@pumps.example>")
    assert told.get_content() == LETTER.text
    with psycopg.connect(database.libpq()) as connection:
        assert connection.execute("select letter from jovey.mails where person_id = %s", [ASHA]).fetchone() == ("",)


def test_what_is_not_taken_is_tried_again_later_and_not_for_ever(engine, database, caplog):
    posted(engine)
    mail = MailServer(refuses=("asha@example.com",))
    with mail.open() as port:
        for tries in range(1, TRIES_MAX + 1):
            assert deliver(engine, smtp(port)) == 0
            with engine.connect() as connection:
                (one,) = waiting(connection)
                assert one.tries == tries
                assert take_due(connection, now()) is None, "not at once again"
            due_again(database)
        assert deliver(engine, smtp(port)) == 0
    assert caplog.text.count("was not taken: SMTPRecipientsRefused") == TRIES_MAX
    assert "asha" not in caplog.text
    assert smtp(1).port == 1 and deliver(engine, smtp(1)) == 0


def test_a_letter_goes_to_one_address_whatever_the_address_says(engine, database):
    for hostile in ("a@x.example,b@y.example", "a@x.example>\r\nBcc: b@y.example", "a b@x.example"):
        posted(engine, Letter(hostile, "Subject", "words"))
    mail = MailServer()
    with mail.open() as port:
        assert deliver(engine, smtp(port)) == 0
    assert mail.taken == []


def test_two_postmen_carry_each_letter_once(engine):
    posted(engine)
    posted(engine, Letter("ravi@example.com", "Subject", "words"))
    with engine.begin() as one, engine.begin() as other:
        first, second = take_due(one, now()), take_due(other, now())
        assert {first.letter.to, second.letter.to} == {"asha@example.com", "ravi@example.com"}
        assert take_due(other, now()) is None
    posted(engine)
    with engine.begin() as connection:
        assert take_due(connection, now() + timedelta(days=2)) is None, "whom it was for has long asked again"


def test_the_house_delivers_beside_its_requests(database, engine, tmp_path, eventually):
    posted(engine)
    mail = MailServer()
    with mail.open() as port:
        with Postman(engine, smtp(port)):
            eventually(lambda: mail.taken)
        with Postman(engine, None):
            pass
    app = create_app(Settings(home=tmp_path, smtp_url="smtps://u:pssst@mail.example"), database)
    assert app is not None
    server = Smtp.of(Settings(smtp_url="smtps://u:s%40t@mail.example"))
    assert (server.host, server.port, server.user, server.password) == ("mail.example", 465, "u", "s@t")
    assert "'s@t'" not in repr(server) and "pssst" not in repr(Settings(smtp_url="smtps://u:pssst@mail.example"))
    assert Smtp.of(Settings(smtp_url="smtp://mail.example")).port == 587
