"""`jovey soak --kills`: SIGKILL of the database, of single backends, of writers and of the loader, and what came of it.

A seed repeats the choices; the moments are the machine's. SIGKILL loses what PostgreSQL holds in its own memory, not
what the kernel was given: a power cut is not simulated.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.bench.crash_scene import Scene
from orchestration.bench.figure import Figure, at_most

COMPARE_EVERY, KEEP_EVERY = 6, 60  # kills of the database
_PAUSE_SECONDS = (0.05, 0.5)  # of undisturbed work between two kills
_FAULTS_SHOWN_MAX = 20


@dataclass(slots=True)
class Ordeal:
    """What was killed how often, what was compared, and every promise that was broken, a sentence each."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    events: int = 0
    comparisons: int = 0
    revival_seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def survive(count: int, seed: int = 1) -> list[Figure]:
    """The figures of `count` kills of the database; about a second and a half each."""
    with tempfile.TemporaryDirectory(prefix="jovey-") as folder:
        found = endure(Path(folder), count, seed)
    for fault in found.faults[:_FAULTS_SHOWN_MAX]:
        print(f"seed {seed}: {fault}", file=sys.stderr)  # noqa: T201 - a command's own words
    return [
        *(Figure(f"SIGKILL of {what}", times, "times") for what, times in sorted(found.kills.items())),
        Figure("from kill to answer, longest", max(found.revival_seconds, default=0.0), "s"),
        Figure("events acknowledged", found.acknowledged, "events"),
        Figure("events in the log", found.events, "events"),
        Figure("comparisons of log, lake and file", found.comparisons, "times"),
        at_most("events lost, changed, doubled, torn or out of order", len(found.faults), "faults", 0),
    ]


def endure(home: Path, count: int, seed: int, *, writer_options: str = "") -> Ordeal:
    """Kill the database `count` times, and writers and loader beside it, in `home`, an empty folder with a short path.

    `writer_options` are libpq's options of the writers: with a promise switched off there, faults are found.
    """
    ordeal = Ordeal()
    dice = random.Random(seed)  # noqa: S311 - chaos, no secret
    with Scene(home, dice, writer_options) as scene:
        for number in range(1, count + 1):
            scene.people()
            time.sleep(dice.uniform(*_PAUSE_SECONDS))
            is_compared = number % COMPARE_EVERY == 0 or number == count
            _kill(scene, ordeal, is_compared=is_compared)
            if number % KEEP_EVERY == 0:
                scene.keep()
        ordeal.acknowledged, ordeal.events = scene.counts()
    return ordeal


def _kill(scene: Scene, ordeal: Ordeal, *, is_compared: bool) -> None:
    killed_at = time.monotonic()
    ordeal.kills.update(scene.kill())
    scene.revive()
    ordeal.revival_seconds.append(time.monotonic() - killed_at)
    ordeal.faults += scene.lost()
    if is_compared:
        ordeal.kills.update(scene.kill_loader())
        ordeal.faults += scene.compare()
        ordeal.comparisons += 1
