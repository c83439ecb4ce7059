"""Facts about people: streams `customer` (who buys) and `staff_member` (who works here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from warehouse.events.category import DealerTier
from warehouse.events.event import Amount, Event, Part, Personal, PersonalText, Rate

UserType = Literal["consumer", "dealer", "staff"]
PaymentTerms = Literal["immediate", "net_15", "net_30", "net_60"]


class Address(Part):
    """Where goods or papers go."""

    recipient: PersonalText
    street: PersonalText
    city: PersonalText
    postal_code: PersonalText
    region: str | None = None
    country: str = Field(description="ISO 3166-1 alpha-2 code, or the name an import found.")


class CustomerRegistered(Event):
    """A person or company opened an account."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "customer.registered"
    subject: ClassVar[str | None] = "aggregate_id"

    user_type: Literal["consumer", "dealer"]
    name: PersonalText
    email: PersonalText | None = None
    phone: PersonalText | None = None
    country: str | None = None


class CustomerProfileUpdated(Event):
    """A customer changed name, e-mail or phone."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "customer.profile_updated"
    subject: ClassVar[str | None] = "aggregate_id"

    name: PersonalText
    email: PersonalText | None = None
    phone: PersonalText | None = None


class CustomerEmailChanged(Event):
    """A customer's e-mail address is another one, which nobody has confirmed yet."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "customer.email_changed"
    subject: ClassVar[str | None] = "aggregate_id"


class CustomerEmailVerified(Event):
    """Whoever reads the mail of a customer's e-mail address confirmed it."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "customer.email_verified"
    subject: ClassVar[str | None] = "aggregate_id"


class CustomerAddressAdded(Event):
    """A customer added an address."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "customer.address_added"
    subject: ClassVar[str | None] = "aggregate_id"

    label: str
    address: Annotated[Address, Personal()]


class DealerApplied(Event):
    """A customer asked to become a dealer."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "dealer.applied"
    subject: ClassVar[str | None] = "aggregate_id"

    company_name: PersonalText = Field(description="Often the name of its owner.")
    tax_number: PersonalText | None = None
    message: PersonalText = ""


class DealerApproved(Event):
    """A dealer was taken on, at these terms."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "dealer.approved"
    subject: ClassVar[str | None] = "aggregate_id"

    tier: DealerTier
    discount_rate: Rate = Field(description="Share off the list price where no price list says otherwise.")
    credit_limit: Amount | None = Field(description="None is unlimited, 0 is prepay only.")
    terms: PaymentTerms


class DealerRejected(Event):
    """A dealer application was declined."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "dealer.rejected"
    subject: ClassVar[str | None] = "aggregate_id"

    reason: str


class DealerTermsChanged(Event):
    """A dealer's tier, discount, limit or terms changed."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "dealer.terms_changed"
    subject: ClassVar[str | None] = "aggregate_id"

    tier: DealerTier
    discount_rate: Rate
    credit_limit: Amount | None = Field(description="None is unlimited, 0 is prepay only.")
    terms: PaymentTerms
    reason: str


class DealerSuspended(Event):
    """A dealer may not order until the terms are set again."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "dealer.suspended"
    subject: ClassVar[str | None] = "aggregate_id"

    reason: str


class CustomerErased(Event):
    """A person was erased: the key to what was written about them is destroyed, and these words with it."""

    stream: ClassVar[str] = "customer"
    type: ClassVar[str] = "customer.erased"
    schema_version: ClassVar[int] = 2
    subject: ClassVar[str | None] = "aggregate_id"
    erases_subject: ClassVar[bool] = True

    reason: str | None = Field(None, description="Why, where staff did it for them.")


class StaffMemberInvited(Event):
    """A colleague was given a door key."""

    stream: ClassVar[str] = "staff_member"
    type: ClassVar[str] = "staff_member.invited"
    subject: ClassVar[str | None] = "aggregate_id"

    name: PersonalText
    email: PersonalText
    staff_role: str
    function_access: tuple[str, ...] = Field(description="Slugs of the functions this person works in.")


class StaffMemberAccessChanged(Event):
    """A colleague's functions changed."""

    stream: ClassVar[str] = "staff_member"
    type: ClassVar[str] = "staff_member.access_changed"
    subject: ClassVar[str | None] = "aggregate_id"

    function_access: tuple[str, ...]


class StaffMemberDeactivated(Event):
    """A colleague left."""

    stream: ClassVar[str] = "staff_member"
    type: ClassVar[str] = "staff_member.deactivated"
    subject: ClassVar[str | None] = "aggregate_id"

    reason: str
