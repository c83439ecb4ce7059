"""What jobs are given: the house's lake, wired from the settings of this process."""

from __future__ import annotations

from typing import Any

from assets.lake import Lake
from warehouse.settings import Settings


def house_resources(settings: Settings) -> dict[str, Any]:
    """The resources by the names that assets, sensors and jobs ask for."""
    return {"lake": Lake.of(settings)}
