"""Facts about who came in and who was turned away: streams `access`, one a person, which fold to nothing."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from warehouse.events.event import Event, Part, PersonalText

ACCESS = "access"
"""Nothing is decided by these facts, so no state is kept of them, and nobody waits for anybody to append one."""

SessionEnd = Literal["signed_out", "signed_out_everywhere", "refresh_token_reused"]


class PersonSignedIn(Event):
    """Somebody signed in: a session began."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "person.signed_in"
    subject: ClassVar[str | None] = "person_id"

    person_id: UUID
    session_id: UUID
    means: Literal["password", "registration", "command_line"]
    device: str = Field(description="Browser and system in two words; empty where none was told.")


class PersonSignedOut(Event):
    """A session of a person, or all of them, ended before its time."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "person.signed_out"
    subject: ClassVar[str | None] = "person_id"

    person_id: UUID
    session_id: UUID | None = Field(description="None: all of them.")
    reason: SessionEnd


class PasswordChanged(Event):
    """A person has a new password; their sessions ended."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "password.changed"
    subject: ClassVar[str | None] = "person_id"

    person_id: UUID
    means: Literal["present_password", "letter", "command_line"]


class OutsideSubjectLinked(Event):
    """Tokens of an outside issuer stand for this person from now on."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "outside_subject.linked"
    subject: ClassVar[str | None] = "person_id"

    person_id: UUID
    issuer: str
    means: Literal["first_token", "command_line"]


class SignInLocked(Event):
    """After wrong passwords in a row, sign-ins to an account or from an address must wait: one fact each step."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "sign_in.locked"
    subject: ClassVar[str | None] = "person_id"

    person_id: UUID | None = Field(None, description="Whose account, if it is one's.")
    scope: Literal["account", "address"]
    failures: int = Field(description="In a row, this one included.")
    locked_until: datetime
    origin: PersonalText | None = Field(None, description="The address, where it is an address that waits.")


class AccessRefused(Event):
    """Somebody known asked for what they may not do: the first time in an hour, by door and reason."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "access.refused"
    subject: ClassVar[str | None] = "person_id"

    person_id: UUID | None = Field(description="None: an agent.")
    door: str = Field(description="Method and path, with names for ids.")
    code: str


class SigningKeyReplaced(Event):
    """Access tokens are signed with a new key from now on."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "signing_key.replaced"

    key_id: UUID
    old_verify_until: datetime = Field(description="When the last token of the earlier keys is over.")


class Setting(Part):
    """What an operator chose."""

    name: str
    value: str = Field(description="Of a secret only whether there is one.")


class SettingsChanged(Event):
    """The operator serves with other settings than before."""

    stream: ClassVar[str] = ACCESS
    type: ClassVar[str] = "settings.changed"

    changed: tuple[str, ...] = Field(description="Names, in alphabetical order.")
    settings: tuple[Setting, ...] = Field(description="All as they are now.")
