"""Drawing: which line drawing stands for a product, and the measures it takes from the product's own figures."""

from __future__ import annotations

from dataclasses import dataclass

from api.pages.catalog_offer import Offer

_BY_WORD = (
    ("vessel", "vessel"), ("float", "float_switch"), ("panel", "panel"), ("controller", "controller"),
    ("foot valve", "foot_valve"), ("valve", "valve"), ("hose", "hose"), ("seal", "seal"), ("capacitor", "capacitor"),
    ("bearing", "bearing"), ("impeller", "impeller"), ("stage", "impeller"), ("gasket", "gaskets"),
)  # fmt: skip
_LONGEST_MOTOR_W = 2_000
_STAGES_MAX = 16
_METRES_PER_STAGE = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """`name` is a macro of category/drawings.html; `motor` is the motor's extra length, 0 to 40; `stages` its rings."""

    name: str
    motor: int = 0
    stages: int = 0


def figure_of(offer: Offer) -> Figure:
    """The drawing of a product: a pump's by its type and size, a part's by its name."""
    if offer.is_pump:
        watts = float(offer.specifications.power_w or 0)
        head = float(offer.specifications.head_m_max or 0)
        motor = round(40 * min(watts, _LONGEST_MOTOR_W) / _LONGEST_MOTOR_W)
        return Figure(offer.category, motor, min(max(round(head / _METRES_PER_STAGE), 3), _STAGES_MAX))
    name = offer.name.lower()
    return Figure(next((figure for word, figure in _BY_WORD if word in name), "part"))


def drawing_words(offer: Offer) -> str:
    """The drawing in words, for those who do not see it."""
    kind = {
        "tank_pump": "a horizontal self-priming pump with its motor",
        "pressure_pump": "a pump with a flow controller and a gauge on its outlet",
        "borewell_pump": "a slim submersible pump in a borehole",
        "drainage_pump": "an upright submersible pump with a float switch",
    }
    return f"{offer.name}: line drawing of {kind.get(offer.category, 'the part')}"
