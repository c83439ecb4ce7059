"""What may be asked about people: consumers, dealers and staff."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import StringConstraints

from api.category.commands import Reason
from api.command import Command
from warehouse.events.category import DealerTier
from warehouse.events.customers import Address, PaymentTerms
from warehouse.events.event import NonNegativeAmount, Share

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=255, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50, pattern=r"^[+\d][\d ()./\-]*$")]


class _CustomerCommand(Command):
    stream: ClassVar[str] = "customer"
    key: ClassVar[str] = "customer_id"

    customer_id: UUID


class RegisterCustomer(_CustomerCommand):
    """Open an account. Everyone begins as a consumer; staff and imports may say dealer, then ApproveDealer."""

    user_type: Literal["consumer", "dealer"] = "consumer"
    name: Name
    email: Email | None = None
    phone: Phone | None = None
    country: Annotated[str, StringConstraints(max_length=100)] | None = None


class UpdateProfile(_CustomerCommand):
    """Change name, e-mail or phone."""

    name: Name
    email: Email | None = None
    phone: Phone | None = None


class VerifyEmail(_CustomerCommand):
    """Take the e-mail address for theirs: a letter to it came back with its token."""


class AddAddress(_CustomerCommand):
    """Add an address, or replace the one of the same label."""

    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
    address: Address


class ApplyAsDealer(_CustomerCommand):
    """Ask to become a dealer."""

    company_name: Name
    tax_number: Annotated[str, StringConstraints(max_length=50)] | None = None
    message: Annotated[str, StringConstraints(max_length=2_000)] = ""


class ApproveDealer(_CustomerCommand):
    """Take a dealer on. A limit of none is unlimited, 0 is prepay only."""

    tier: DealerTier = "standard"
    discount_rate: Share
    credit_limit: NonNegativeAmount | None
    terms: PaymentTerms


class RejectDealer(_CustomerCommand):
    """Decline a dealer application."""

    reason: Reason


class ChangeDealerTerms(_CustomerCommand):
    """Change a dealer's tier, discount, limit and terms; lifts a suspension."""

    tier: DealerTier
    discount_rate: Share
    credit_limit: NonNegativeAmount | None
    terms: PaymentTerms
    reason: Reason


class SuspendDealer(_CustomerCommand):
    """Stop a dealer from ordering."""

    reason: Reason


class EraseCustomer(_CustomerCommand):
    """Make unreadable for ever what is written about a person who is owed nothing and owes nothing.

    They ask for it themselves, or staff do for them and say why.
    """

    reason: Reason | None = None


class _StaffCommand(Command):
    stream: ClassVar[str] = "staff_member"
    key: ClassVar[str] = "staff_id"

    staff_id: UUID


class InviteStaffMember(_StaffCommand):
    """Give a colleague a door key: the slugs of the functions they work in."""

    name: Name
    email: Email
    staff_role: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
    function_access: tuple[str, ...]


class ChangeStaffAccess(_StaffCommand):
    """Change the functions a colleague works in."""

    function_access: tuple[str, ...]


class DeactivateStaffMember(_StaffCommand):
    """A colleague leaves."""

    reason: Reason
