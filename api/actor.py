"""Actor: who is asking, as rules see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

ActorKind = Literal["anonymous", "consumer", "dealer", "staff", "agent", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller. `functions` are the slugs a staff member or an agent may act in; `system` may act in all.

    `scopes` are the doors an agent may come in by; people have none.
    """

    kind: ActorKind
    id: UUID | None = None
    name: str = ""
    functions: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()

    @property
    def signature(self) -> str:
        """How the log names them: `staff:<id>`, `agent:category`, `system:import`."""
        return f"{self.kind}:{self.id or self.name}"

    def works_in(self, function: str) -> bool:
        """Whether this caller may act for a function of the company."""
        return self.kind == "system" or function in self.functions

    def is_buyer(self) -> bool:
        """Whether this caller buys from the company."""
        return self.kind in ("consumer", "dealer")


def system(name: str) -> Actor:
    """The company itself, acting by schedule, import or reaction."""
    return Actor("system", name=name)
