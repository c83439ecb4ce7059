"""Live events: the log as it grows, and a look back by kind, stream and time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import streamlit as st

from dashboards import draw
from dashboards.draw import whole
from dashboards.glance import Glance, section

SHOWN_MAX = 200
_FIRST = 50
_AGAIN = "10s"
_STREAM = "/api/v1/events/stream"
_SCRIPT = Path(__file__).with_name("live_events.js").read_text(encoding="utf-8")
_STYLE = Path(__file__).with_name("live_events.css").read_text(encoding="utf-8")
_LIVE = "jovey_live_events"


def show(glance: Glance) -> None:
    """What happens now, then what happened."""
    if not glance.is_answered:
        st.error("The log is read through the house. Reload in a minute.", title="The house does not answer")
        return
    with section("As it happens", "Straight from the log; every other page follows some seconds later."):
        if _is_same_origin(glance):
            _live(glance)
        else:
            _paged(glance)
    with section("Look back"):
        _search(glance)


def _is_same_origin(glance: Glance) -> bool:
    """Whether the page came from the API's origin: a stream is not opened across origins."""
    host = st.context.headers.get("host") or ""
    try:
        return urlsplit(f"//{host}").port != glance.company.settings.staff_port
    except ValueError:
        return False


def _live(glance: Glance) -> None:
    """The component that listens; a click on an event opens its page."""
    page = glance.told("/events", limit=_FIRST)
    rows = [_brief(one) for one in page["items"]] if page else []
    mount = st.components.v2.component(_LIVE, html="<div class='live'></div>", css=_STYLE, js=_SCRIPT)
    came = mount(
        data={"stream": _STREAM, "rows": rows, "most": SHOWN_MAX, "zone": str(glance.zone)},
        key="live",
        height=460,
        on_opened_change=lambda: None,
    )
    if came.opened:
        st.switch_page(glance.pages["event"], query_params={"event": came.opened})


@st.fragment(run_every=_AGAIN)
def _paged(glance: Glance) -> None:
    """The newest events, asked for again and again, where no stream can be had."""
    page = glance.told("/events", limit=_FIRST)
    st.caption(f"Looked at every {_AGAIN[:-1]} s. Under the shop's own address events come as they happen.")
    _rows(glance, page["items"] if page else [], "events_paged")


def _search(glance: Glance) -> None:
    with st.container(horizontal=True):
        kind = st.text_input("Kind", key="ev_kind", placeholder="invoice.generated", bind="query-params")
        stream = st.text_input("Stream", key="ev_stream", placeholder="id of an order, account …", bind="query-params")
        chain = st.text_input("Chain", key="ev_chain", placeholder="id of the command", bind="query-params")
    asked = {"event_type": kind or None, "aggregate_id": stream or None, "correlation_id": chain or None}
    if not any(asked.values()):
        st.caption("Name a kind, a stream or a chain to look it up.")
        return
    page = glance.told("/events", limit=SHOWN_MAX, **asked)
    if not page or not page["items"]:
        draw.nothing("None found", "Ids are whole UUIDs; kinds are written as in invoice.generated.")
        return
    more = " There are more: narrow it down." if page["next"] else ""
    st.caption(f"{whole(len(page['items']))} events, the newest first.{more}")
    _rows(glance, page["items"], "events_found")


def _rows(glance: Glance, items: list[Mapping[str, Any]], key: str) -> None:
    if not items:
        draw.nothing("No events", "The log is empty, or the house does not answer.")
        return
    frame = pl.DataFrame([_brief(one) for one in items]).with_columns(
        pl.format("/staff/event?event={}", pl.col("id")).alias("open"),
        pl.col("at").str.to_datetime(time_zone="UTC"),
    )
    columns = {
        "at": st.column_config.DatetimeColumn("Recorded", format="D MMM, HH:mm:ss", timezone=str(glance.zone)),
        "kind": st.column_config.TextColumn("Event", width="medium"),
        "version": draw.counts("Nr. in stream"),
        "by": st.column_config.TextColumn("By"),
        "open": st.column_config.LinkColumn("", display_text="Open"),
    }
    draw.table(frame, columns, alt=f"{len(items)} events, the newest first", key=key, rows_max=14)


def _brief(event: Mapping[str, Any]) -> dict[str, Any]:
    names = {"id": "id", "at": "created_at", "kind": "event_type", "version": "version", "by": "created_by"}
    return {name: event[one] for name, one in names.items()}
