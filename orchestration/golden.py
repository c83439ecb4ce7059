"""Golden payloads: of every fact in every version it ever had, what was written then, kept for ever.

`make docs` adds what is new and changes nothing that is there: a class that changed without a new version stays wrong
until it has one, with the upcast that lifts what was written before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from warehouse.events.event import Event
from warehouse.events.specimen import shape, specimens
from warehouse.events.vocabulary import FUNCTIONS, facts_of

FOLDER = Path(__file__).parents[1] / "tests" / "warehouse" / "golden"

Golden = dict[str, dict[str, dict[str, Any]]]
"""Event type -> version -> `shape` and `payloads`."""


def read(module: ModuleType) -> Golden:
    """What is kept of a function's facts."""
    path = _path(module)
    found: Golden = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def wrong(events: Mapping[str, type[Event]], golden: Golden) -> list[str]:
    """What is not as the golden payloads say, each in a sentence."""
    said = [f"{gone}: it was written once and must stay readable." for gone in sorted(golden.keys() - events.keys())]
    for kind, event in events.items():
        kept, version = golden.get(kind, {}), event.schema_version
        missing = [number for number in range(1, version + 1) if str(number) not in kept]
        said += [f"{kind}: no golden payload of version {number}: make docs." for number in missing]
        if version not in missing and kept[str(version)]["shape"] != shape(event):
            said.append(f"{kind}: its class changed; give it version {version + 1} and an upcast from {version}.")
        said += [f"{kind}: version {number} is newer than the class." for number in kept if int(number) > version]
    return said


def completed(events: Mapping[str, type[Event]], golden: Golden) -> Golden:
    """With payloads of each class's present version where there are none."""
    for kind, event in events.items():
        new = {"shape": shape(event), "payloads": specimens(event)}
        golden = {**golden, kind: {str(event.schema_version): new} | golden.get(kind, {})}
    return golden


def main() -> None:
    """Write what is missing."""
    for module in FUNCTIONS:
        events = {event.type: event for event in facts_of(module)}
        written = json.dumps(completed(events, read(module)), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        _path(module).parent.mkdir(exist_ok=True)
        _path(module).write_text(written, encoding="utf-8")


def _path(module: ModuleType) -> Path:
    return FOLDER / f"{module.__name__.rpartition('.')[2]}.json"


if __name__ == "__main__":
    main()
