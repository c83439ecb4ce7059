"""The settings a command is asked to work with; what is wrong with them is said in words, and ends it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from warehouse.settings import Settings

WRONG_USE = 2
"""The exit code of what the operator can put right."""


def settings_asked() -> Settings:
    """The process's settings; one line on stderr for each that cannot be."""
    from pydantic import ValidationError

    from warehouse.settings import settings

    try:
        return settings()
    except ValidationError as error:
        for fault in error.errors():
            name = str(fault["loc"][0])
            variable = name if name == "DATABASE_URL" else f"JOVEY_{name.upper()}"
            typer.echo(f"{variable}: {fault['msg']}.", err=True)
        sys.exit(WRONG_USE)
