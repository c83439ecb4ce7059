"""The catalog: four families of pumps in sizes that follow from their curves, accessories and spare parts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from orchestration.demo.curves import Hydraulics, duty_curve
from warehouse.events.category import ProductCategory, Specifications

PUMPS: tuple[ProductCategory, ...] = ("tank_pump", "pressure_pump", "borewell_pump", "drainage_pump")
_LIST_OVER_COST = Decimal("1.85")


@dataclass(frozen=True, slots=True)
class Good:
    """A product and how it sells: `pull` is its share of attention, lumpy ones sell rarely, in heaps."""

    sku: str
    name: str
    description: str
    category: ProductCategory
    specifications: Specifications
    cost: Decimal
    base_price: Decimal
    supplier: int
    pull: float
    pattern: Literal["steady", "lumpy"] = "steady"
    pack_quantity: int = 1

    @property
    def is_pump(self) -> bool:
        """Whether it moves water by itself."""
        return self.category in PUMPS


@dataclass(frozen=True, slots=True)
class _Family:
    code: str
    name: str
    category: ProductCategory
    words: str
    hydraulics: Hydraulics
    outlet_mm: int
    suction_lift_m: str | None
    noise_db: int
    cost_fixed: Decimal
    cost_per_watt: Decimal
    supplier: int


@dataclass(frozen=True, slots=True)
class _Part:
    sku: str
    name: str
    words: str
    cost: str
    supplier: int
    pull: float
    pack_quantity: int
    pattern: Literal["steady", "lumpy"] = "steady"


_RILL = _Family(
    "RIL", "Rill", "tank_pump", "Self-priming pump that fills the roof tank from the sump.",
    Hydraulics(3.0, 34.0, 0.31), 25, "7.0", 62, Decimal(19), Decimal("0.058"), 0,
)  # fmt: skip
_TERN = _Family(
    "TRN", "Tern", "pressure_pump", "Booster with flow control: steady pressure at every tap, silent at night.",
    Hydraulics(4.2, 42.0, 0.36), 25, "8.0", 54, Decimal(46), Decimal("0.072"), 1,
)  # fmt: skip
_DELVE = _Family(
    "DLV", "Delve", "borewell_pump", "Submersible for boreholes of 100 mm and up; a stage for every ten metres or so.",
    Hydraulics(4.8, 10.5, 0.46), 32, None, 40, Decimal(72), Decimal("0.085"), 2,
)  # fmt: skip
_EBB = _Family(
    "EBB", "Ebb", "drainage_pump", "Empties cellars and pits down to a few millimetres, grit up to 10 mm included.",
    Hydraulics(11.0, 9.0, 0.29), 40, None, 48, Decimal(23), Decimal("0.062"), 3,
)  # fmt: skip

_TRIMS: tuple[tuple[_Family, tuple[tuple[float, float], ...]], ...] = (
    (_RILL, ((0.82, 3.0), (0.90, 5.0), (1.00, 4.0), (1.10, 2.2), (1.22, 1.0), (1.35, 0.5))),
    (_TERN, ((0.84, 2.4), (0.93, 3.6), (1.00, 3.2), (1.12, 1.6), (1.25, 0.8))),
    (_EBB, ((0.80, 2.8), (0.92, 3.4), (1.06, 2.0), (1.20, 1.1), (1.38, 0.4))),
)  # impeller diameter against the family's reference, pull
_STAGES = ((4, 1.4), (6, 2.6), (8, 3.2), (10, 2.4), (13, 1.2), (17, 0.6), (22, 0.3))  # of the Delve, pull

_ACCESSORIES = (
    _Part("ACC-TANK-24", "Pressure vessel 24 l", "Steel vessel with a butyl membrane.", "21.40", 4, 2.2, 1),
    _Part("ACC-FLOAT-05", "Float switch, 5 m cable", "Starts and stops a pump by the level.", "6.10", 5, 3.4, 5),
    _Part("ACC-CTRL-FL1", "Flow controller", "Starts at an open tap, stops when dry.", "24.80", 5, 1.8, 1),
    _Part("ACC-CTRL-3PH", "Control panel, three-phase", "Motor protection, hour counter.", "88.00", 5, 0.4, 1, "lumpy"),
    _Part("ACC-NRV-25", "Non-return valve 25 mm", "Brass, spring-loaded.", "3.20", 6, 3.0, 10),
    _Part("ACC-NRV-32", "Non-return valve 32 mm", "Brass, spring-loaded.", "4.90", 6, 1.6, 10),
    _Part("ACC-FOOT-25", "Foot valve with strainer 25 mm", "Keeps the suction line primed.", "4.40", 6, 1.8, 10),
    _Part("ACC-HOSE-10", "Drainage hose set 10 m", "Flat hose with couplings, 40 mm.", "9.70", 7, 1.7, 1),
)  # fmt: skip
_SPARE_PARTS = (
    _Part("SPR-SEAL-12", "Mechanical seal 12 mm", "Carbon and ceramic, nitrile bellows.", "2.60", 8, 3.6, 10),
    _Part("SPR-SEAL-16", "Mechanical seal 16 mm", "Carbon and ceramic, nitrile bellows.", "3.30", 8, 1.6, 10),
    _Part("SPR-CAP-16", "Capacitor 16 µF", "Motor run capacitor with leads.", "2.10", 9, 2.8, 10),
    _Part("SPR-CAP-35", "Capacitor 35 µF", "Motor run capacitor with leads.", "3.10", 9, 0.7, 10, "lumpy"),
    _Part("SPR-BRG-6202", "Ball bearing 6202", "Two seals, greased for life.", "1.90", 10, 2.0, 20),
    _Part("SPR-BRG-6204", "Ball bearing 6204", "Two seals, greased for life.", "2.50", 10, 0.6, 20, "lumpy"),
    _Part("SPR-IMP-RIL", "Impeller for Rill, brass", "Give the pump's size when fitting.", "5.60", 11, 0.9, 1, "lumpy"),
    _Part("SPR-IMP-DLV", "Stage kit for Delve", "Impeller, diffuser and wear ring.", "8.20", 11, 0.7, 1, "lumpy"),
    _Part("SPR-GSK-SET", "Gasket set", "O-rings for all families.", "1.20", 8, 1.9, 20),
)  # fmt: skip


def catalog() -> tuple[Good, ...]:
    """All products, pumps first; the same in every company of the demo."""
    trimmed = (_trim(family, ratio, pull) for family, sizes in _TRIMS for ratio, pull in sizes)
    staged = (_stage(stages, pull) for stages, pull in _STAGES)
    accessories = (_part("accessory", part) for part in _ACCESSORIES)
    spare_parts = (_part("spare_part", part) for part in _SPARE_PARTS)
    return (*trimmed, *staged, *accessories, *spare_parts)


def charming(price: Decimal) -> Decimal:
    """A price as shops write it: 4.90 below 20, whole and ending in 4 or 9 above."""
    if price < 20:
        return price.quantize(Decimal("0.1")) + (0 if price > 1 else Decimal("0.1"))
    return Decimal(round(price / 5) * 5 - 1)


def _trim(family: _Family, ratio: float, pull: float) -> Good:
    hydraulics = family.hydraulics.trimmed(ratio)
    return _pump(family, hydraulics, round(hydraulics.rated_power_w / 10) * 10, pull)


def _stage(stages: int, pull: float) -> Good:
    return _pump(_DELVE, _DELVE.hydraulics.staged(stages), stages, pull)


def _pump(family: _Family, hydraulics: Hydraulics, size: int, pull: float) -> Good:
    watts = round(hydraulics.rated_power_w / 10) * 10
    cost = (family.cost_fixed + family.cost_per_watt * watts).quantize(Decimal("0.05"))
    curve = duty_curve(hydraulics)
    return Good(
        sku=f"{family.code}-{size:03d}",
        name=f"{family.name} {size}",
        description=f"{family.words} Up to {curve[0].head_m} m and {curve[-1].flow_m3_h} m³/h, {watts} W.",
        category=family.category,
        specifications=Specifications(
            flow_m3_h_max=curve[-1].flow_m3_h,
            head_m_max=curve[0].head_m,
            power_w=Decimal(watts),
            phase="three" if watts > 1500 else "single",
            outlet_mm=family.outlet_mm,
            suction_lift_m_max=Decimal(family.suction_lift_m) if family.suction_lift_m else None,
            noise_db=family.noise_db + watts // 250,
            curve=curve,
        ),
        cost=cost,
        base_price=charming(cost * _LIST_OVER_COST),
        supplier=family.supplier,
        pull=pull,
    )


def _part(category: ProductCategory, part: _Part) -> Good:
    cost = Decimal(part.cost)
    return Good(
        part.sku,
        part.name,
        part.words,
        category,
        Specifications(),
        cost,
        charming(cost * Decimal("2.1")),
        part.supplier,
        part.pull,
        part.pattern,
        part.pack_quantity,
    )
