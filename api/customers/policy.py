"""The functions of the company that a colleague can be let into."""

from __future__ import annotations

from collections.abc import Iterable

FUNCTIONS = frozenset(
    {
        "category",
        "customers",
        "orders",
        "fulfillment",
        "procurement",
        "production",
        "receivables",
        "forecasting",
        "agents",
        "roadmap",
        "events",
    }
)
"""The slugs, which name a function everywhere."""

ALIASES = {
    "category_management": "category",
    "customer_management": "customers",
    "accounts_receivable": "receivables",
    "database_manager": "events",
    "platform_manager": "roadmap",
}
"""The design document's names for some of them."""


def slugs(names: Iterable[str]) -> tuple[str, ...]:
    """The functions meant, each once, in alphabetical order; names that mean none stay as they are."""
    return tuple(sorted({ALIASES.get(name, name) for name in names}))
