"""The staff screens as an ASGI application: Streamlit's, behind our gate."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from dashboards.company import company
from dashboards.front import SCRIPT as FRONT
from dashboards.front import front
from dashboards.gate import BASE, Addresses, Gate
from warehouse.clock import now
from warehouse.ids import new_id

TYPE = Path(__file__).parents[1] / "api" / "static" / "vendor"  # the storefront's typeface is the house's
SCRIPT = Path(__file__).with_name("screens.py")
_LOG = logging.getLogger("jovey.staff")


def create_app() -> st.App:
    """The screens of this process's settings, for uvicorn (`--factory`); config.toml beside this file is theirs."""
    import_module("dashboards.shell")  # before anybody looks: two first looks at once would import it in two threads
    opened = company()
    addresses = Addresses.of(opened.settings)
    gate = Middleware(Gate, people=opened.people, addresses=addresses, front=front(f"{BASE}/front/{FRONT.name}"))
    fonts = Mount(f"{BASE}/type", StaticFiles(directory=TYPE))
    script = Mount(f"{BASE}/front", StaticFiles(directory=FRONT.parent))
    return st.App(SCRIPT, routes=[fonts, script], middleware=[gate], on_script_error=say_mishap)


def say_mishap(error: Exception) -> bool:
    """Log what broke under a number, and show the number instead of a trace."""
    number = str(new_id(now()))[-12:]
    _LOG.error("screen failed, number %s", number, exc_info=error)
    st.error(
        f"Nothing was changed. Reload the page; if it happens again, tell your administrator the number {number}.",
        title="This screen could not be shown",
        icon=":material/error:",
    )
    return True
