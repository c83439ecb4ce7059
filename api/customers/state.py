"""What the streams of people fold to: customers and staff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never
from uuid import UUID

from api.replace import replace
from api.stream import Stream
from warehouse.events.category import DealerTier
from warehouse.events.customers import (
    Address,
    CustomerAddressAdded,
    CustomerEmailChanged,
    CustomerEmailVerified,
    CustomerErased,
    CustomerProfileUpdated,
    CustomerRegistered,
    DealerApplied,
    DealerApproved,
    DealerRejected,
    DealerSuspended,
    DealerTermsChanged,
    PaymentTerms,
    StaffMemberAccessChanged,
    StaffMemberDeactivated,
    StaffMemberInvited,
)
from warehouse.events.event import Happened
from warehouse.events.personal import ERASED

CustomerEvent = (
    CustomerRegistered
    | CustomerProfileUpdated
    | CustomerEmailChanged
    | CustomerEmailVerified
    | CustomerAddressAdded
    | DealerApplied
    | DealerApproved
    | DealerRejected
    | DealerTermsChanged
    | DealerSuspended
    | CustomerErased
)
StaffMemberEvent = StaffMemberInvited | StaffMemberAccessChanged | StaffMemberDeactivated
DealerStatus = Literal["none", "applied", "approved", "rejected", "suspended"]


@dataclass(frozen=True)
class NamedAddress:
    """An address under the label its customer gave it."""

    label: str
    address: Address


@dataclass(frozen=True)
class Customer:
    """A person or company that buys. A dealer's `credit_limit` of none is unlimited, of 0 prepay only."""

    id: UUID | None = None
    user_type: Literal["consumer", "dealer"] = "consumer"
    name: str = ""
    email: str | None = None
    phone: str | None = None
    country: str | None = None
    company_name: str | None = None
    dealer_status: DealerStatus = "none"
    tier: DealerTier | None = None
    discount_rate: Decimal = Decimal(0)
    credit_limit: Decimal | None = None
    terms: PaymentTerms = "immediate"
    addresses: tuple[NamedAddress, ...] = ()
    is_erased: bool = False
    email_changed_at: datetime | None = None
    email_verified_at: datetime | None = None

    @property
    def exists(self) -> bool:
        """Whether the account was ever opened."""
        return self.id is not None

    @property
    def may_reset_password(self) -> bool:
        """Whether a letter may open the account: not one to an address that a thief of the session put in."""
        return self.email_changed_at is None or self.email_verified_at is not None


@dataclass(frozen=True)
class StaffMember:
    """Somebody who works here; `function_access` are slugs in alphabetical order."""

    name: str = ""
    email: str = ""
    staff_role: str = ""
    function_access: tuple[str, ...] = ()
    is_active: bool = False


def evolve_customer(customer: Customer, recorded: Happened[CustomerEvent]) -> Customer:
    """The customer after one more fact."""
    match recorded.event:
        case CustomerRegistered() as fact:
            return Customer(recorded.ref.id, fact.user_type, fact.name, fact.email, fact.phone, fact.country)
        case CustomerProfileUpdated() as fact:
            return replace(customer, name=fact.name, email=fact.email, phone=fact.phone)
        case CustomerEmailChanged():
            return replace(customer, email_changed_at=recorded.effective_at, email_verified_at=None)
        case CustomerEmailVerified():
            return replace(customer, email_verified_at=recorded.effective_at)
        case CustomerAddressAdded(label=label, address=address):
            others = (one for one in customer.addresses if one.label != label)
            return replace(customer, addresses=(*others, NamedAddress(label, address)))
        case DealerApplied() as fact:
            return replace(customer, dealer_status="applied", company_name=fact.company_name)
        case DealerRejected():
            return replace(customer, dealer_status="rejected")
        case DealerSuspended():
            return replace(customer, dealer_status="suspended")
        case DealerApproved() | DealerTermsChanged() as fact:
            return replace(
                customer,
                user_type="dealer",
                dealer_status="approved",
                tier=fact.tier,
                discount_rate=fact.discount_rate,
                credit_limit=fact.credit_limit,
                terms=fact.terms,
            )
        case CustomerErased():
            nobody = replace(customer, name=ERASED, email=None, phone=None, company_name=None, addresses=())
            return replace(nobody, is_erased=True)
        case never:
            assert_never(never)


def evolve_staff_member(member: StaffMember, recorded: Happened[StaffMemberEvent]) -> StaffMember:
    """The staff member after one more fact."""
    match recorded.event:
        case StaffMemberInvited() as fact:
            return StaffMember(fact.name, fact.email, fact.staff_role, fact.function_access, is_active=True)
        case StaffMemberAccessChanged(function_access=functions):
            return replace(member, function_access=functions)
        case StaffMemberDeactivated():
            return replace(member, is_active=False)
        case never:
            assert_never(never)


def _email_claim(email: str | None) -> Iterable[tuple[str, str]]:
    """One address, one person: customers and staff claim in the same scope; who left lets theirs go."""
    return [("email", email)] if email else []


def _customer_status(customer: Customer) -> str:
    if customer.is_erased:
        return "erased"
    return customer.user_type if customer.dealer_status == "none" else customer.dealer_status


CUSTOMER: Stream[Customer] = Stream(
    name="customer",
    initial=Customer(),
    evolve=evolve_customer,
    status=_customer_status,
    owner=lambda customer: customer.id,
    claims=lambda customer: _email_claim(customer.email),
    has_personal_claims=True,
)
STAFF_MEMBER: Stream[StaffMember] = Stream(
    name="staff_member",
    initial=StaffMember(),
    evolve=evolve_staff_member,
    status=lambda member: "active" if member.is_active else "inactive",
    claims=lambda member: _email_claim(member.email if member.is_active else None),
    has_personal_claims=True,
)
