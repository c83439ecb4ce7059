"""SMTP: letters carried to a mail server, encrypted on the way unless it is on this machine."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime
from urllib.parse import unquote, urlsplit
from uuid import UUID

from api.mail.outbox import Letter
from warehouse.settings import Settings

_SECONDS_MAX = 10.0
_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server. With `smtps` the connection begins encrypted, with `smtp` it becomes so before a word is said."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sender: Address

    @classmethod
    def of(cls, settings: Settings) -> Smtp | None:
        """The installation's mail server; None when it has none."""
        if settings.smtp_url is None:
            return None
        parts = urlsplit(settings.smtp_url)
        assert parts.hostname is not None, "the settings' pattern asks for a host"
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        sender = Address(settings.company, addr_spec=settings.mail_from)
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], user, password, sender)

    def send(self, id: UUID, letter: Letter) -> None:
        """Hand a letter over; the same id makes the same Message-ID. Raises smtplib.SMTPException, OSError, ValueError.

        ValueError: nobody can have such an address.
        """
        message = self._message(id, letter)
        with self._connected() as server:
            server.send_message(message, self.sender.addr_spec, [letter.to])

    def _message(self, id: UUID, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
        message["Date"] = localtime()
        message["Message-ID"] = f"<{id}@{self.sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers
        message.set_content(letter.text)
        return message

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        if self.scheme == "smtps":
            with smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS_MAX, context=context) as server:
                yield self._known(server)
            return
        with smtplib.SMTP(self.host, self.port, timeout=_SECONDS_MAX) as server:
            server.ehlo()
            if not is_this_machine(self.host) or server.has_extn("starttls"):
                server.starttls(context=context)
            yield self._known(server)

    def _known(self, server: smtplib.SMTP) -> smtplib.SMTP:
        if self.user is not None:
            server.login(self.user, self.password or "")
        return server


def is_this_machine(host: str) -> bool:
    """Whether what is said to this host never leaves the machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
