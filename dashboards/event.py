"""Event: one fact of the log, what led to it and followed from it, and its stream before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from dashboards import draw
from dashboards.draw import moment, plain
from dashboards.glance import Glance, section


def show(glance: Glance) -> None:
    """The event that the address names."""
    st.page_link(glance.pages["events"], label="All events", icon=":material/arrow_back:")
    id = st.query_params.get("event")
    if not id:
        draw.nothing("No event chosen", "Open one from the list of live events, or from a link in a table.")
        return
    event = glance.told(f"/events/{id}")
    if event is None:
        words = "Its address may have been cut short." if glance.is_answered else "The house does not answer."
        st.warning(f"{words} Go back to the list and open it there.", title="This event cannot be shown")
        return
    st.markdown(f"## {plain(event['event_type'])}")
    facts, payload = st.columns([2, 3], gap="large")
    with facts, section("Where it stands"):
        _envelope(glance, event)
    with payload, section("What it says"):
        st.json(event["data"], expanded=2)
        if event["metadata"]:
            st.caption("Beside it")
            st.json(event["metadata"], expanded=1)
    before, after = st.columns(2, gap="large")
    with before, section("The stream before"):
        _state(event, "before")
    with after, section("The stream after"):
        _state(event, "after")
    with section("What led to it", "The nearest first; the last was caused by a command."):
        _chain(glance, event["causes"], "A command, directly.", ":material/subdirectory_arrow_left:")
    with section("What followed", "What it caused, directly or through others."):
        _chain(glance, event["effects"], "Nothing.", ":material/subdirectory_arrow_right:")


def _envelope(glance: Glance, event: Mapping[str, Any]) -> None:
    stream = {"ev_stream": event["aggregate_id"]}
    chain = {"ev_chain": event["correlation_id"]}
    facts = {
        "Stream": f"{event['aggregate_type']}, number {event['version']} in it",
        "Happened": _at(event["effective_at"], glance),
        "Recorded": _at(event["created_at"], glance),
        "By": event["created_by"],
        "Shape": f"version {event['schema_version']}",
    }
    for name, said in facts.items():
        st.markdown(f"{name}  \n**{plain(said)}**")
    st.caption(f"`{event['id']}`")
    pages = glance.pages["events"]
    st.page_link(pages, label="The whole stream", icon=":material/timeline:", query_params=stream)
    st.page_link(pages, label="All of this command", icon=":material/account_tree:", query_params=chain)


def _state(event: Mapping[str, Any], when: str) -> None:
    """The stream's state; what changed is found by looking at both sides."""
    if event[when] is not None:
        st.json(event[when], expanded=1)
    elif event["is_refolded"]:
        st.caption("There was none: with this event the stream began.")
    else:
        st.caption(_unfolded(event["archived_events"]))


def _unfolded(archived: int) -> str:
    if archived:
        return f"The first {archived:,} events of the stream stand in the archive (jovey unpack)."
    return "The stream is too long to be folded here."


def _chain(glance: Glance, events: Sequence[Mapping[str, Any]], otherwise: str, icon: str) -> None:
    """Links to events of the same chain, or a word where there are none."""
    if not events:
        st.caption(otherwise)
    for one in events:
        st.page_link(
            glance.pages["event"],
            label=f"{plain(one['event_type'])}, {_at(one['created_at'], glance)}",
            icon=icon,
            query_params={"event": one["id"]},
        )


def _at(written: str, glance: Glance) -> str:
    return moment(datetime.fromisoformat(written), glance.zone)
