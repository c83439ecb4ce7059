"""The documents that are generated from code: `make docs` writes them, `make check` finds stale ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from orchestration.api_reference import api_page
from orchestration.reference import events_page, tables_page
from warehouse.settings import Settings

ROOT = Path(__file__).parents[1]


def env_example() -> str:
    """Every setting with what it means and its default, as a file to copy to .env."""
    entries = ["# Copy to .env and uncomment what you change. Generated from warehouse/settings.py by `make docs`."]
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias or f"JOVEY_{name.upper()}"
        default = "" if field.default is None else field.default
        entries.append(f"# {field.description}\n# {variable}={default}")
    return "\n\n".join(entries) + "\n"


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    ".env.example": env_example,
    "docs/api.md": api_page,
    "docs/events.md": events_page,
    "docs/tables.md": tables_page,
}


def stale(root: Path = ROOT) -> dict[str, str]:
    """The documents that do not say what the code says: path -> what it says."""
    fresh = {name: generated() for name, generated in DOCUMENTS.items()}
    return {name: text for name, text in fresh.items() if _text(root / name) != text}


def write(root: Path = ROOT) -> list[str]:
    """Write the stale documents, and return their paths."""
    outdated = stale(root)
    for name, text in outdated.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return list(outdated)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(
    *, check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a document is stale.")] = False
) -> None:
    """Write the generated documents, or check them."""
    if not check:
        typer.echo(f"Written: {', '.join(write()) or 'nothing, all are fresh'}")
    elif outdated := stale():
        typer.echo(f"Stale: {', '.join(outdated)}; run `make docs`.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
