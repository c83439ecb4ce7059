"""What callers see of people: buyers themselves, staff whom they look after."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.customers.state import DealerStatus
from api.views import Shown, View
from warehouse.events.category import DealerTier
from warehouse.events.customers import PaymentTerms


class AddressView(Shown):
    """Where goods or papers go."""

    recipient: str
    street: str
    city: str
    postal_code: str
    region: str | None
    country: str


class NamedAddressView(Shown):
    """An address under the label its customer gave it."""

    label: str
    address: AddressView


class CustomerView(View):
    """A person or company that buys."""

    user_type: Literal["consumer", "dealer"]
    name: str
    email: str | None
    email_verified_at: datetime | None = Field(description="None: nobody has confirmed the e-mail address yet.")
    phone: str | None
    country: str | None
    addresses: tuple[NamedAddressView, ...]
    company_name: str | None
    dealer_status: DealerStatus
    tier: DealerTier | None
    discount_rate: Decimal
    credit_limit: Decimal | None = Field(description="For dealers: none is unlimited, 0 is prepay only.")
    terms: PaymentTerms


class DealerPriceView(Shown):
    """What one product costs this dealer today, by the piece, when so many are bought on one line."""

    product_id: UUID
    sku: str
    name: str
    pack_quantity: int
    base_price: Decimal
    unit_price: Decimal
    source: Literal["own_list", "tier_list", "dealer_discount", "base_price"]
    currency: str
