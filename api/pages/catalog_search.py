"""Search: what words and figures somebody typed, and how well a product answers them; slips are forgiven."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.pages.catalog_offer import Offer

QUERY_LENGTH_MAX = 100
_WATTS_PER_HP = 745.7
_METRES_PER_FOOT = 0.3048
_M3_H_PER_L_MIN = 0.06
_MM_PER_INCH = 25.4
_POWER_TOLERANCE = 0.2  # "1 hp" means the motor of about that size
_STOP_WORDS = frozenset({"a", "an", "and", "for", "from", "i", "in", "my", "of", "on", "or", "the", "to", "with"})

_FIGURE = re.compile(
    r"(?P<number>\d+/\d+|\d+(?:[.,]\d+)?|[½¼¾])\s*"
    r"(?P<unit>m3/h|m³/h|l/min|lpm|inch|hp|kw|mm|ft|in|w|m|″|\")(?![\w/³])"
)
_FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75}
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")

JOBS: Mapping[str, str] = {
    "tank_pump": "tank pump roof overhead sump fill self-priming monoblock water",
    "pressure_pump": "pressure pump booster boost shower tap house water",
    "borewell_pump": "borewell pump borehole bore well deep submersible water",
    "drainage_pump": "drainage pump drain cellar basement flood pit sewage dewatering submersible water",
    "accessory": "accessory accessories",
    "spare_part": "spare part spares parts repair",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A figure with its unit, such as 30 m: a product has it in its data, or it says so in its name."""

    words: str
    fits: Callable[[Offer], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody typed, taken apart."""

    words: tuple[str, ...]
    wishes: tuple[Wish, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing."""
        return not self.words and not self.wishes


def understood(typed: str) -> Query:
    """`1hp 30 m submersible` is a motor of about 746 W, a head of 30 m or more, and a word."""
    text = typed[:QUERY_LENGTH_MAX].lower()
    wishes = tuple(_wish(_number(found["number"]), found["unit"]) for found in _FIGURE.finditer(text))
    words = [word for word in _WORD.findall(_FIGURE.sub(" ", text)) if word not in _STOP_WORDS]
    return Query(tuple(words), wishes)


def found(offers: Iterable[Offer], query: Query) -> list[Offer]:
    """The offers that answer every word and figure, the best first, otherwise in the order they came in."""
    scored = [(_score(offer, query), offer) for offer in offers]
    full = [(score, offer) for (score, answered), offer in scored if answered == _asked(query)]
    return [offer for _, offer in sorted(full, key=lambda pair: -pair[0])]


def nearest(offers: Iterable[Offer], query: Query, limit: int) -> list[Offer]:
    """The offers that answer the most words and figures, at least one of them."""
    scored = [(_score(offer, query), offer) for offer in offers]
    some = [(answered, score, offer) for (score, answered), offer in scored if answered]
    return [offer for _, _, offer in sorted(some, key=lambda one: (-one[0], -one[1]))[:limit]]


def distance(one: str, other: str, most: int) -> int:
    """Letters to change, add, drop or swap (optimal string alignment); anything above `most` is `most + 1`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, letter_there in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != letter_there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == letter_there:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _asked(query: Query) -> int:
    return len(query.words) + len(query.wishes)


def _score(offer: Offer, query: Query) -> tuple[float, int]:
    """How well an offer answers, and how many of the words and figures."""
    sku = offer.sku.lower()
    fields = (
        (10.0, (sku,)),
        (4.0, (*_terms(offer.name), *sku.split("-"))),
        (2.0, _terms(JOBS[offer.category])),
        (1.0, _terms(offer.description)),
    )
    marks = [_mark(word, fields) for word in query.words]
    met = [wish for wish in query.wishes if wish.fits(offer)]
    return sum(marks) + len(met), sum(mark > 0 for mark in marks) + len(met)


def _terms(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def _mark(word: str, fields: Sequence[tuple[float, Sequence[str]]]) -> float:
    return max(weight * max((_likeness(word, term) for term in terms), default=0.0) for weight, terms in fields)


def _likeness(word: str, term: str) -> float:
    """1 for the same word, less for a beginning, a slip, a part."""
    if word == term:
        return 1.0
    if len(word) >= 2 and term.startswith(word):
        return 0.8
    most = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
    if most and not word.isdigit() and distance(word, term, most) <= most:
        return 0.6
    return 0.4 if len(word) >= 4 and word in term else 0.0


def _number(text: str) -> float:
    if text in _FRACTIONS:
        return _FRACTIONS[text]
    if "/" in text:
        above, below = map(int, text.split("/"))
        return above / below if below else 0.0
    return float(text.replace(",", "."))


def _wish(number: float, unit: str) -> Wish:
    said = f"{number:g} {unit}"
    fits = _BY_UNIT[unit](number)
    return Wish(said, lambda offer: fits(offer) or said in f"{offer.name} {offer.description}".lower())


_Rule = Callable[[Offer], bool]


def _power(watts: float) -> _Rule:
    def fits(offer: Offer) -> bool:
        power = offer.specifications.power_w
        return power is not None and abs(float(power) - watts) <= _POWER_TOLERANCE * watts

    return fits


def _head(metres: float) -> _Rule:
    return lambda offer: float(offer.specifications.head_m_max or 0) >= metres


def _flow(m3_h: float) -> _Rule:
    return lambda offer: float(offer.specifications.flow_m3_h_max or 0) >= m3_h


def _outlet(mm: float) -> _Rule:
    return lambda offer: abs((offer.specifications.outlet_mm or 0) - mm) < 1


_BY_UNIT: Mapping[str, Callable[[float], _Rule]] = {
    "w": _power,
    "kw": lambda kilowatts: _power(1000 * kilowatts),
    "hp": lambda hp: _power(_WATTS_PER_HP * hp),
    "m": _head,
    "ft": lambda feet: _head(_METRES_PER_FOOT * feet),
    "m3/h": _flow,
    "m³/h": _flow,
    "l/min": lambda litres: _flow(_M3_H_PER_L_MIN * litres),
    "lpm": lambda litres: _flow(_M3_H_PER_L_MIN * litres),
    "mm": _outlet,
    "in": lambda inches: _outlet(_MM_PER_INCH * inches),
    "inch": lambda inches: _outlet(_MM_PER_INCH * inches),
    '"': lambda inches: _outlet(_MM_PER_INCH * inches),
    "″": lambda inches: _outlet(_MM_PER_INCH * inches),
}
