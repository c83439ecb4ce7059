"""The page that loads the screens: Streamlit's own, told where it is served, so that it need not probe for it."""

from __future__ import annotations

from pathlib import Path

import streamlit

SCRIPT = Path(__file__).with_name("static") / "front.js"
_INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
_HEAD = "<head>"


class UnknownFront(Exception):
    """Streamlit's page is not the one this was written for."""


def front(script: str) -> str:
    """Streamlit's index.html with `script`, an address of SCRIPT, before everything else of it."""
    found = _INDEX.read_text(encoding="utf-8")
    if found.count(_HEAD) != 1:
        raise UnknownFront(f"{_INDEX.name} of Streamlit {streamlit.__version__} has no single {_HEAD}.")
    return found.replace(_HEAD, f'{_HEAD}\n    <script src="{script}"></script>')
