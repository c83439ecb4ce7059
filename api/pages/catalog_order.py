"""Order: which product comes first in the list, and which come nearest when nothing fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from api.pages.catalog_curve import Duty, judged
from api.pages.catalog_facets import Choice, Sort
from api.pages.catalog_offer import Offer
from api.pages.catalog_search import nearest, understood

_KEYS: Mapping[Sort, Callable[[Offer], tuple[float, str]]] = {
    "price_up": lambda offer: (float(offer.price), offer.sku),
    "price_down": lambda offer: (-float(offer.price), offer.sku),
    "head": lambda offer: (-float(offer.specifications.head_m_max or 0), offer.sku),
    "flow": lambda offer: (-float(offer.specifications.flow_m3_h_max or 0), offer.sku),
    "name": lambda offer: (0.0, f"{offer.name.lower()} {offer.sku}"),
}


def in_order(offers: Sequence[Offer], choice: Choice) -> list[Offer]:
    """As chosen. Recommended is as they come, or, for a duty, the pump that wastes least: least head to spare first."""
    if choice.sort != "recommended":
        return sorted(offers, key=_KEYS[choice.sort])
    duty = choice.duty
    return list(offers) if duty is None else sorted(offers, key=lambda offer: _excess(offer, duty))


def nearest_to(offers: Sequence[Offer], choice: Choice, limit: int) -> list[Offer]:
    """What comes closest to a choice that nothing fits: by its duty, else by its words, else what sells best."""
    duty = choice.duty
    if duty is not None:
        pumps = [offer for offer in offers if judged(offer.specifications, duty) is not None]
        return sorted(pumps, key=lambda offer: _shortfall(offer, duty))[:limit]
    return (nearest(offers, understood(choice.typed), limit) if choice.typed else []) or list(offers[:limit])


def _excess(offer: Offer, duty: Duty) -> tuple[bool, float]:
    """Out of stock last; then head beyond the need, less dear when the pump works in its good range."""
    verdict = judged(offer.specifications, duty)
    assert verdict is not None and verdict.head_m is not None, "only pumps that do the duty are ordered by it"
    spare = (verdict.head_m - duty.head_m) / duty.head_m
    return offer.available == 0, spare + (0 if verdict.is_in_good_range else 1)


def _shortfall(offer: Offer, duty: Duty) -> float:
    """How far the pump's reach is from the duty, as the larger of both shares."""
    flow, head = float(offer.specifications.flow_m3_h_max or 0), float(offer.specifications.head_m_max or 0)
    return max(1 - flow / duty.flow_m3_h, 1 - head / duty.head_m)
