"""Facets: the ways to narrow the list, and the choice somebody made, which is the page's address and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args
from urllib.parse import urlencode

from api.pages.catalog_curve import Duty, judged
from api.pages.catalog_offer import Offer
from api.pages.catalog_search import QUERY_LENGTH_MAX
from api.pages.render import FAMILIES

PAGE_MAX = 1_000
_FIGURE_MAX = 100_000
Sort = Literal["recommended", "price_up", "price_down", "head", "flow", "name"]
SORTS: tuple[tuple[Sort, str], ...] = (
    ("recommended", "Recommended"),
    ("price_up", "Price, lowest first"),
    ("price_down", "Price, highest first"),
    ("head", "Head, highest first"),
    ("flow", "Flow, highest first"),
    ("name", "Name"),
)


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow; `key_of` says under which option an offer falls. Without `options` they are the keys seen."""

    slug: str
    title: str
    key_of: Callable[[Offer], str | None]
    options: tuple[tuple[str, str], ...] = ()
    words_of: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the list is narrowed to, from the address: unknown or unreadable parts of it are left out."""

    typed: str = ""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    flow: Decimal | None = None
    head: Decimal | None = None
    sort: Sort = "recommended"
    page: int = 1

    @property
    def duty(self) -> Duty | None:
        """The duty point, when both its figures are given."""
        return Duty(float(self.flow), float(self.head)) if self.flow and self.head else None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the words and the order was chosen."""
        return bool(self.chosen or self.price_min or self.price_max or self.duty)

    def without(self, slug: str, key: str) -> Choice:
        """The choice with one option taken back."""
        left = self.chosen.get(slug, frozenset()) - {key}
        others = {name: keys for name, keys in self.chosen.items() if name != slug}
        return replace(self, chosen=others | ({slug: left} if left else {}), page=1)

    def address(self, page: int = 1) -> str:
        """The list's address for this choice; the same choice has always the same address."""
        pairs: list[tuple[str, str]] = [("q", self.typed)] if self.typed else []
        pairs += [(facet.slug, key) for facet in FACETS for key in sorted(self.chosen.get(facet.slug, ()))]
        figures = (
            ("price_min", self.price_min),
            ("price_max", self.price_max),
            ("flow", self.flow),
            ("head", self.head),
        )
        pairs += [(name, f"{value:f}") for name, value in figures if value is not None]
        pairs += [("sort", self.sort)] if self.sort != "recommended" else []
        pairs += [("page", str(page))] if page > 1 else []
        return "/pumps" + (f"?{urlencode(pairs)}" if pairs else "")


def choice_of(pairs: Iterable[tuple[str, str]]) -> Choice:
    """The choice an address makes."""
    chosen: dict[str, set[str]] = {}
    single: dict[str, str] = {}
    for name, value in pairs:
        if name in _BY_SLUG and _is_key(_BY_SLUG[name], value):
            chosen.setdefault(name, set()).add(value)
        else:
            single[name] = value
    sort = single.get("sort", "recommended")
    page = single.get("page", "1")
    return Choice(
        typed=" ".join(single.get("q", "").split())[:QUERY_LENGTH_MAX],
        chosen={slug: frozenset(keys) for slug, keys in chosen.items()},
        **{name: _figure(single.get(name, "")) for name in ("price_min", "price_max", "flow", "head")},
        sort=next((one for one in get_args(Sort) if one == sort), "recommended"),
        page=min(max(int(page), 1), PAGE_MAX) if page.isascii() and page.isdigit() and len(page) <= 6 else 1,
    )


def narrowed(offers: Iterable[Offer], choice: Choice, but: str | None = None) -> list[Offer]:
    """The offers that the choice leaves, as if nothing were chosen of the facet `but`."""
    asked = [(_BY_SLUG[slug], keys) for slug, keys in choice.chosen.items() if slug != but]
    return [
        offer
        for offer in offers
        if all(facet.key_of(offer) in keys for facet, keys in asked) and _within(offer, choice) and _does(offer, choice)
    ]


@dataclass(frozen=True, slots=True)
class Option:
    """An option as shown: how many offers it would leave, and whether it is chosen."""

    key: str
    words: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A facet as shown."""

    slug: str
    title: str
    options: tuple[Option, ...]


def shown_facets(offers: Sequence[Offer], choice: Choice) -> list[Shown]:
    """Every facet that tells apart what is left, with counts; options that would leave nothing are left out."""
    shown = []
    for facet in FACETS:
        chosen = choice.chosen.get(facet.slug, frozenset())
        left = [facet.key_of(offer) for offer in narrowed(offers, choice, but=facet.slug)]
        existing = {key for key in left if key is not None} | chosen
        options = [
            Option(key, words, left.count(key), key in chosen)
            for key, words in _options(facet, existing)
            if key in existing
        ]
        if len(options) > 1 or chosen:
            shown.append(Shown(facet.slug, facet.title, tuple(options)))
    return shown


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of the choice in words, and the address without it."""

    words: str
    href: str


def chips(choice: Choice, money: Callable[[Decimal], str]) -> list[Chip]:
    """Everything chosen, each to be taken back alone."""
    all_of = [
        Chip(words, choice.without(facet.slug, key).address())
        for facet in FACETS
        for key, words in _options(facet, choice.chosen.get(facet.slug, frozenset()))
        if key in choice.chosen.get(facet.slug, ())
    ]
    if choice.price_min is not None:
        all_of.append(Chip(f"From {money(choice.price_min)}", replace(choice, price_min=None, page=1).address()))
    if choice.price_max is not None:
        all_of.append(Chip(f"Up to {money(choice.price_max)}", replace(choice, price_max=None, page=1).address()))
    if choice.duty:
        words = f"Lifts {choice.duty.flow_m3_h:g} m³/h by {choice.duty.head_m:g} m"
        all_of.append(Chip(words, replace(choice, flow=None, head=None, page=1).address()))
    return all_of


def _options(facet: Facet, existing: Iterable[str]) -> Iterable[tuple[str, str]]:
    return facet.options or [(key, facet.words_of(key)) for key in sorted(existing, key=lambda key: (len(key), key))]


def _is_key(facet: Facet, value: str) -> bool:
    return value in dict(facet.options) if facet.options else value.isascii() and value.isdigit() and len(value) <= 5


def _within(offer: Offer, choice: Choice) -> bool:
    above = choice.price_min is None or offer.price >= choice.price_min
    return above and (choice.price_max is None or offer.price <= choice.price_max)


def _does(offer: Offer, choice: Choice) -> bool:
    if choice.duty is None:
        return True
    verdict = judged(offer.specifications, choice.duty)
    return verdict is not None and verdict.fits


def _figure(text: str) -> Decimal | None:
    """A positive figure as people type it, with a point or a comma; None when it is none."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 < value <= _FIGURE_MAX else None


_Ranges = tuple[tuple[str, str, Decimal | None], ...]


def _ranged(slug: str, title: str, value_of: Callable[[Offer], Decimal | None], ranges: _Ranges) -> Facet:
    """A facet of ranges by rising upper end (included); the last one has none."""

    def key_of(offer: Offer) -> str | None:
        value = value_of(offer)
        if value is None:
            return None
        return next(key for key, _, end in ranges if end is None or value <= end)

    return Facet(slug, title, key_of, tuple((key, words) for key, words, _ in ranges))


def _outlet_words(key: str) -> str:
    inches = {"20": " (¾″)", "25": " (1″)", "32": " (1¼″)", "40": " (1½″)", "50": " (2″)"}
    return f"{key} mm{inches.get(key, '')}"


FACETS: tuple[Facet, ...] = (
    Facet("type", "Type", lambda offer: offer.category, FAMILIES),
    _ranged("head", "Head", lambda offer: offer.specifications.head_m_max, (
        ("to-20", "Up to 20 m", Decimal(20)), ("20-40", "20 to 40 m", Decimal(40)),
        ("40-80", "40 to 80 m", Decimal(80)), ("over-80", "Over 80 m", None),
    )),
    _ranged("volume", "Flow", lambda offer: offer.specifications.flow_m3_h_max, (
        ("to-3", "Up to 3 m³/h", Decimal(3)), ("3-5", "3 to 5 m³/h", Decimal(5)),
        ("5-10", "5 to 10 m³/h", Decimal(10)), ("over-10", "Over 10 m³/h", None),
    )),
    _ranged("power", "Motor", lambda offer: offer.specifications.power_w, (
        ("to-370", "Up to 0.37 kW (½ hp)", Decimal(370)), ("370-750", "0.37 to 0.75 kW (1 hp)", Decimal(750)),
        ("750-1500", "0.75 to 1.5 kW (2 hp)", Decimal(1500)), ("over-1500", "Over 1.5 kW", None),
    )),
    Facet("phase", "Current", lambda offer: offer.specifications.phase, (
        ("single", "Single-phase"), ("three", "Three-phase"),
    )),
    Facet("outlet", "Outlet", lambda offer: _text(offer.specifications.outlet_mm), words_of=_outlet_words),
    Facet("stock", "Availability", lambda offer: "now" if offer.available > 0 else "later", (
        ("now", "In stock"), ("later", "Out of stock"),
    )),
)  # fmt: skip


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


_BY_SLUG = {facet.slug: facet for facet in FACETS}
