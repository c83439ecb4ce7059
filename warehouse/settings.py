"""One frozen Settings, read once by `settings()` and handed on; nothing else in the house reads the environment."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Settings(BaseSettings):
    """What an operator may choose. Every field is `JOVEY_<NAME>` in the environment or `.env`, or bears its alias.

    What is secret is left out of the repr, and out of what the log keeps of a change.
    """

    model_config = SettingsConfigDict(
        env_prefix="JOVEY_", env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = Field(Path(".jovey"), description="Folder of the embedded server, the lake's files, keys and logs.")
    database_url: str | None = Field(
        None,
        validation_alias="DATABASE_URL",
        repr=False,
        description="postgresql:// address of an outside server (15 or later); none starts the embedded one.",
    )
    lake_path: str | None = Field(None, description="Folder of the lake's Parquet files; none is `<home>/lake`.")
    secret_key: str | None = Field(
        None,
        repr=False,
        description="Root of the master key, 32 bytes or more, never to change; none makes one in `<home>`.",
    )
    master_key: str | None = Field(
        None,
        repr=False,
        description="Wraps people's and signing keys, 32 bytes or more; none: of the secret key.",
    )
    seal_key: str | None = Field(
        None,
        repr=False,
        description="Signs seals of the log: 64 hexadecimal digits; none makes one in `<home>`.",
    )
    seal_keys_past: str = Field("", description="Public keys of earlier seal keys whose seals count, with commas.")
    archive_path: Path | None = Field(
        None, description="Folder of the sealed copies of old events; none is `<home>/archive`."
    )
    retention_years: int = Field(
        7, ge=1, le=100, description="Younger events never leave the database; most laws ask seven of financial facts."
    )

    company: str = Field("Jovey Pumps", description="The company's name on documents.")
    currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="ISO 4217 code of the ledger; one ledger, one currency."
    )
    time_zone: str = Field("UTC", description="IANA zone of the company's calendar: it decides what `today` is.")

    api_host: str = Field("127.0.0.1", description="Address the API listens on; 0.0.0.0 lets other machines in.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0 takes any free one.")
    dagster_port: int = Field(
        3000, ge=0, le=65535, description="Port of Dagster's pages, on loopback; 0: any free one."
    )
    staff_port: int = Field(8501, ge=0, le=65535, description="Port of the staff screens; 0 takes any free one.")
    public_url: str | None = Field(
        None, pattern=r"^https?://[^/\s]+$", description="Address people know Jovey by; https makes cookies secure."
    )
    smtp_url: str | None = Field(
        None,
        pattern=r"^smtps?://([^@/\s]+@)?[^@/\s]+$",
        repr=False,
        description="smtps://user:password@host, or smtp:// with STARTTLS; none leaves letters in the outbox.",
    )
    mail_from: str = Field("shop@localhost", pattern=r"^[^@\s]+@[^@\s]+$", description="Letters are sent from here.")
    outside_audience: str = Field("authenticated", description="`aud` of tokens of the outside issuer.")
    outside_secret: str | None = Field(
        None, min_length=32, repr=False, description="HS256 secret of the outside issuer, as Supabase has one."
    )
    outside_jwks_url: str | None = Field(
        None, pattern=r"^https?://", description="Where the outside issuer shows its public keys."
    )
    outside_issuer: str | None = Field(
        None, description="`iss` of tokens that also sign in; with either its secret or its JWKS address."
    )
    access_token_minutes: int = Field(15, ge=1, description="How long a sign-in lasts before it is refreshed.")

    trusted_proxies: str = Field(
        "", description="Addresses or networks, with commas, whose X-Forwarded-For is believed; none: nobody's is."
    )
    cors_origins: str = Field(
        "", description="Origins, with commas, whose pages may call the API with tokens; cookies never cross origins."
    )
    stranger_requests_per_minute_max: int = Field(
        300, ge=1, description="Requests a minute from an address by those who are not signed in."
    )
    sign_in_requests_per_minute_max: int = Field(
        30, ge=1, description="Requests a minute from an address to sign in, register or set a password."
    )
    buyer_requests_per_minute_max: int = Field(1_200, ge=1, description="Requests a minute of a consumer or dealer.")
    staff_requests_per_minute_max: int = Field(6_000, ge=1, description="Requests a minute of a staff member.")
    agent_requests_per_minute_max: int = Field(6_000, ge=1, description="Requests a minute of an agent.")
    address_requests_per_minute_max: int = Field(
        30_000, ge=1, description="Requests a minute from an address, whoever makes them; one proxy is one address."
    )

    tax_rate: Decimal = Field(Decimal("0.10"), ge=0, lt=1, description="Sales tax on product lines, as a fraction.")
    minimum_margin_rate: Decimal = Field(Decimal("0.05"), ge=0, description="Least margin over cost of a list price.")
    price_step_rate: Decimal = Field(Decimal("0.05"), gt=0, description="Largest change of a price in one step.")
    price_month_rate: Decimal = Field(Decimal("0.10"), gt=0, description="Largest change of a price in 30 days.")
    unpaid_order_hours: int = Field(24, ge=1, description="A prepaid order not paid by then has expired.")
    purchase_approval_threshold: Decimal = Field(
        Decimal(5000), ge=0, description="Above it an order to a supplier needs approval."
    )
    over_receipt_rate: Decimal = Field(
        Decimal(0), ge=0, description="Share by which a receipt may exceed its order line."
    )
    forecast_weeks: int = Field(13, ge=1, le=52, description="How many weeks ahead demand is forecast.")
    review_days: int = Field(7, ge=1, le=90, description="Days between two looks at what to order.")
    lead_time_days: int = Field(14, ge=0, le=365, description="Lead time of goods while none was seen or promised.")
    holding_rate: Decimal = Field(
        Decimal("0.25"), gt=0, le=5, description="What keeping stock costs in a year, as a share of its cost."
    )
    order_cost: Decimal = Field(Decimal(25), ge=0, description="What an order line to a supplier costs to handle.")
    service_level_min: Decimal = Field(
        Decimal("0.85"), gt=0, lt=1, description="Least probability of not running out before goods arrive."
    )
    service_level_max: Decimal = Field(
        Decimal("0.95"), gt=0, le=Decimal("0.98"), description="Most of it, however good the margin; 0.98 is foreseen."
    )
    supply_weeks_max: int = Field(13, ge=1, le=104, description="No order is for more than this many weeks' demand.")
    anthropic_api_key: str | None = Field(
        None,
        repr=False,
        validation_alias="ANTHROPIC_API_KEY",
        description="Lets agents ask Claude; without it formulas answer.",
    )
    anthropic_base_url: str | None = Field(
        None, validation_alias="ANTHROPIC_BASE_URL", description="Where Claude is asked, if not at Anthropic."
    )
    model: str = Field("claude-sonnet-5-5", description="The model that agents ask.")
    model_cost_day_max: Decimal = Field(
        Decimal(5),
        ge=0,
        description="USD of a day's questions; then formulas answer. Agents at work at once count apart.",
    )
    reorder_decision_hours: int = Field(24, ge=1, description="A reorder nobody decides on by then has expired.")
    price_decision_hours: int = Field(8, ge=1, description="A price change nobody decides on by then has expired.")
    payment_provider: Literal["sandbox", "none"] | None = Field(
        None, description="Takes cards; sandbox moves no money and takes test cards. None given: sandbox, not on https."
    )
    aging_basis: Literal["due_date", "invoice_date"] = Field("due_date", description="The date an open item ages from.")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, names: str) -> str:
        for name in listed(names):
            ip_network(name, strict=False)
        return names

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, names: str) -> str:
        if wrong := [name for name in listed(names) if not _ORIGIN.fullmatch(name)]:
            raise ValueError(f"{', '.join(wrong)} is no origin such as https://shop.example; a wildcard is none either")
        return names

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        ZoneInfo(name)
        return name

    @field_validator("outside_issuer")
    @classmethod
    def _has_one_kind_of_key(cls, issuer: str | None, given: ValidationInfo) -> str | None:
        keys = [name for name in ("outside_secret", "outside_jwks_url") if given.data.get(name)]
        if issuer is not None and len(keys) != 1:
            raise ValueError("give either JOVEY_OUTSIDE_SECRET or JOVEY_OUTSIDE_JWKS_URL with it")
        return issuer

    @property
    def origin(self) -> str:
        """The address that links in letters lead to; never what a request says our host is."""
        host = "127.0.0.1" if self.api_host == "0.0.0.0" else self.api_host  # noqa: S104 - compared, not bound
        return self.public_url or f"http://{host}:{self.api_port}"

    @property
    def is_served_securely(self) -> bool:
        """Whether people reach it by https."""
        return (self.public_url or "").startswith("https://")

    @property
    def takes_test_payments(self) -> bool:
        """Whether orders can be paid with test cards; a shop that the world can reach must say so on purpose."""
        return self.payment_provider == "sandbox" or (self.payment_provider is None and not self.is_served_securely)

    @property
    def lake_folder(self) -> str:
        """Where the lake's Parquet files live: a folder, or an object store's prefix."""
        return self.lake_path or str((self.home / "lake").resolve())

    @property
    def archive_folder(self) -> Path:
        """Where sealed copies of old events live."""
        return self.archive_path or self.home / "archive"


def listed(names: str) -> list[str]:
    """The names of a setting that holds several, with commas between them."""
    return [name.strip() for name in names.split(",") if name.strip()]


@cache
def settings() -> Settings:
    """The process's settings, read from the environment at the first call."""
    return Settings()
