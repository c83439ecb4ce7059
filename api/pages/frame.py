"""Frame: what every page shows around its content: who is looking, their cart, and what just happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import Request


@dataclass(frozen=True, slots=True)
class Flash:
    """One sentence about what the visitor just did; shown once."""

    kind: Literal["good", "bad", "note"]
    words: str


@dataclass(frozen=True, slots=True)
class Frame:
    """`name` is empty while nobody is signed in; without a `csrf_token` forms that change something do not work."""

    kind: Literal["visitor", "consumer", "dealer", "staff"] = "visitor"
    name: str = ""
    csrf_token: str = ""
    cart_count: int = 0
    flashes: tuple[Flash, ...] = ()

    @property
    def is_signed_in(self) -> bool:
        """Whether the page is somebody's own."""
        return self.kind != "visitor"


def frame_of(request: Request) -> Frame:
    """What the visitor's dependency left in `request.state.frame`; a stranger's while nobody looked who it is."""
    frame: Frame = getattr(request.state, "frame", Frame())
    return frame
