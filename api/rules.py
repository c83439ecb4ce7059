"""Rules: the numbers that deciders go by, taken from Settings once and handed to every decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """Defaults are the settings' own; fields mean what the settings of the same name mean."""

    currency: str = "USD"
    time_zone: str = "UTC"
    tax_rate: Decimal = Decimal("0.10")
    minimum_margin_rate: Decimal = Decimal("0.05")
    price_step_rate: Decimal = Decimal("0.05")
    price_month_rate: Decimal = Decimal("0.10")
    unpaid_order_lifetime: timedelta = timedelta(hours=24)
    purchase_approval_threshold: Decimal = Decimal(5000)
    over_receipt_rate: Decimal = Decimal(0)
    reorder_decision_lifetime: timedelta = timedelta(hours=24)
    price_decision_lifetime: timedelta = timedelta(hours=8)


def rules_of(settings: Settings) -> Rules:
    """The rules an installation's settings ask for."""
    return Rules(
        currency=settings.currency,
        time_zone=settings.time_zone,
        tax_rate=settings.tax_rate,
        minimum_margin_rate=settings.minimum_margin_rate,
        price_step_rate=settings.price_step_rate,
        price_month_rate=settings.price_month_rate,
        unpaid_order_lifetime=timedelta(hours=settings.unpaid_order_hours),
        purchase_approval_threshold=settings.purchase_approval_threshold,
        over_receipt_rate=settings.over_receipt_rate,
        reorder_decision_lifetime=timedelta(hours=settings.reorder_decision_hours),
        price_decision_lifetime=timedelta(hours=settings.price_decision_hours),
    )
