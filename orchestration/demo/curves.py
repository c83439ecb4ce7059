"""Duty curves of invented pumps: a quadratic head curve per family, carried to other sizes by the affinity laws."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from warehouse.events.category import CurvePoint

_WATER_W_PER_M3_H_M = 1000 * 9.80665 / 3600  # power to lift 1 m³/h by 1 m: density times gravity, by the hour
_BEST_FLOW_SHARE = 0.6  # of the flow at zero head: where small centrifugal pumps are most efficient
_SHUT_OFF_POWER_SHARE = 0.55  # of the power at the best point, drawn against a closed valve
_FLOW_SHARES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Hydraulics:
    """H(Q) = head_m · (1 - (Q / flow_m3_h)²); `efficiency` is the pump's best, motor included."""

    flow_m3_h: float
    head_m: float
    efficiency: float

    def trimmed(self, ratio: float) -> Hydraulics:
        """The same pump with an impeller of another diameter: Q ~ d, H ~ d² (affinity laws)."""
        return Hydraulics(self.flow_m3_h * ratio, self.head_m * ratio**2, self.efficiency)

    def staged(self, stages: int) -> Hydraulics:
        """So many impellers in a row: heads add up, the flow stays."""
        return Hydraulics(self.flow_m3_h, self.head_m * stages, self.efficiency)

    def head_at(self, flow_m3_h: float) -> float:
        """Head in metres at a flow."""
        return self.head_m * (1 - (flow_m3_h / self.flow_m3_h) ** 2)

    def power_at(self, flow_m3_h: float) -> float:
        """Electric power in watts at a flow: a straight line from shut-off through the best point."""
        best = _BEST_FLOW_SHARE * self.flow_m3_h
        rated = self.rated_power_w
        return rated * (_SHUT_OFF_POWER_SHARE + (1 - _SHUT_OFF_POWER_SHARE) * flow_m3_h / best)

    @property
    def rated_power_w(self) -> float:
        """Electric power in watts at the best point."""
        best = _BEST_FLOW_SHARE * self.flow_m3_h
        return _WATER_W_PER_M3_H_M * best * self.head_at(best) / self.efficiency


def duty_curve(pump: Hydraulics) -> tuple[CurvePoint, ...]:
    """Eight points from the closed valve to free flow; flows rise, heads fall to zero."""
    return tuple(
        CurvePoint(
            flow_m3_h=_to(flow, "0.01"),
            head_m=_to(pump.head_at(flow), "0.1"),
            power_w=_to(pump.power_at(flow), "1"),
        )
        for flow in (share * pump.flow_m3_h for share in _FLOW_SHARES)
    )


def _to(number: float, places: str) -> Decimal:
    return Decimal(repr(number)).quantize(Decimal(places))
