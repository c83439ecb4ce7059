"""Live events: the log as it grows, who reads it, whether all agrees with it, and a look back by whatever is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboards import draw
from dashboards.draw import moment, plain, whole
from dashboards.glance import Glance, section

SHOWN_MAX = 200
_FIRST = 50
_AGAIN = "10s"
_STREAM = "/api/v1/events/stream"
_SCRIPT = Path(__file__).with_name("live_events.js").read_text(encoding="utf-8")
_STYLE = Path(__file__).with_name("live_events.css").read_text(encoding="utf-8")
_LIVE = "jovey_live_events"
_LOOKS = "ev_looks"
_SIGNS = {
    "waiting": (":material/hourglass_empty:", "gray"),
    "running": (":material/sync:", "gray"),
    "sound": (":material/check_circle:", "green"),
    "absent": (":material/do_not_disturb_on:", "gray"),
    "unsound": (":material/error:", "red"),
    "failed": (":material/error:", "red"),
}
"""How the state of a check is shown."""


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
    readers, agrees = st.columns(2, gap="large")
    with (
        readers,
        section("Who reads the log", "Each reader keeps its place and misses nothing, however late it comes."),
    ):
        _readers(glance)
    with agrees, section("Does everything agree?", "Looked at once more from the log, in the background."):
        _integrity(glance)


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
        actor = st.text_input("By", key="ev_actor", placeholder="staff:<id>, agent:reorder …", bind="query-params")
        days = st.date_input("Recorded on", value=[], key="ev_days", format="YYYY-MM-DD")
    named = {"event_type": kind, "aggregate_id": stream, "correlation_id": chain, "created_by": actor}
    asked = {name: words.strip() or None for name, words in named.items()} | _within(days, glance.zone)
    if not any(asked.values()):
        st.caption("Name a kind, a stream, a chain, who did it or a day to look it up.")
        return
    page = glance.told("/events", limit=SHOWN_MAX, **asked)
    if page and page["archived_events"]:
        st.caption(f"{whole(page['archived_events'])} old events stand in the archive and are not looked through.")
    if not page or not page["items"]:
        draw.nothing("None found", "Ids are whole UUIDs; kinds are written as in invoice.generated.")
        return
    more = " There are more: narrow it down." if page["next"] else ""
    st.caption(f"{whole(len(page['items']))} events, the newest first.{more}")
    _rows(glance, page["items"], "events_found")


def _within(days: object, zone: ZoneInfo) -> dict[str, str]:
    """The first and the last chosen day as instants, in the reader's time zone; one day is that day."""
    chosen = [one for one in days if isinstance(one, date)] if isinstance(days, tuple) else []
    if not chosen:
        return {}
    midnights = datetime.combine(chosen[0], time(), zone), datetime.combine(chosen[-1], time(), zone) + timedelta(1)
    return dict(zip(("since", "until"), (one.isoformat() for one in midnights), strict=True))


@st.fragment(run_every=_AGAIN)
def _readers(glance: Glance) -> None:
    """Each reader with how far it is behind."""
    told = glance.told("/events/readers")
    if not told or not told["items"]:
        draw.nothing("Nobody yet", "The lake reads the log from its first run on, the seals by the hour.")
        return
    for one in told["items"]:
        behind = f"{whole(one['events_behind'])} behind" if one["events_behind"] else "all of it"
        at = moment(datetime.fromisoformat(one["looked_at"]), glance.zone)
        st.markdown(f"{one['reader'].capitalize()}: **{behind}**, last look {at}")


@st.fragment(run_every=_AGAIN)
def _integrity(glance: Glance) -> None:
    """Each check with what it found; it looks when asked to, for a long log takes a while."""
    if st.button("Look now", key="ev_look", icon=":material/fact_check:"):
        st.session_state[_LOOKS] = True
    if not st.session_state.get(_LOOKS):
        st.caption("States, lake, books, guards and seals of the log are looked at.")
        return
    told = glance.told("/events/integrity")
    for one in told["checks"] if told else ():
        sign, tone = _SIGNS[one["state"]]
        st.markdown(
            f":{tone}[{sign}] {plain(one['about'])} **{plain(one['state'])}**, {whole(one['looked_at'])} looked at"
        )
        for fault in one["faults"]:
            st.caption(plain(fault))


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
