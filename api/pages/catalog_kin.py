"""Kin: the parts that go with a pump and the pumps a part belongs to, as far as their own words and sizes say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from api.pages.catalog_offer import Offer

KIN_MAX = 6
NEIGHBOURS_MAX = 4
_GENERIC = frozenset({"for", "all", "and", "pump", "pumps", "set", "kit"})


def kin(offer: Offer, offers: Sequence[Offer]) -> list[Offer]:
    """For a pump its parts, for a part its pumps: the surest first, at most six, nothing that is only a guess."""
    scored = [(_score(offer, one) if offer.is_pump else _score(one, offer), one) for one in offers]
    sure = [(score, one) for score, one in scored if score and one.is_pump != offer.is_pump]
    return [one for _, one in sorted(sure, key=lambda pair: -pair[0])[:KIN_MAX]]


def neighbours(offer: Offer, offers: Sequence[Offer]) -> list[Offer]:
    """Up to four others of its kind: pumps by how near their head is, parts as they sell."""
    others = [one for one in offers if one.category == offer.category and one.sku != offer.sku]
    return sorted(others, key=lambda one: abs(_head(one) - _head(offer)))[:NEIGHBOURS_MAX]


def _head(offer: Offer) -> float:
    return float(offer.specifications.head_m_max or 0)


def _score(pump: Offer, part: Offer) -> int:
    """3 when the part names the pump's family, 2 when it has the pump's outlet, 1 when it fits every family."""
    said = f"{part.name} {part.description}".lower()
    family = pump.name.split()[0].lower()
    if family not in _GENERIC and re.search(rf"\b{re.escape(family)}\b", said):
        return 3
    if _names_a_family(part):
        return 0
    outlet = pump.specifications.outlet_mm
    if outlet is not None and re.search(rf"\b{outlet} mm\b", said) and part.category == "accessory":
        return 2
    return 1 if "all families" in said else 0


def _names_a_family(part: Offer) -> bool:
    """`Impeller for Rill` is for no other family."""
    return re.search(r"\bfor [A-Z]", part.name) is not None
