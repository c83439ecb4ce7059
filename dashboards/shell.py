"""The shell around every page: who looks, which pages are theirs, and as of what the figures are true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import httpx
import streamlit as st
from streamlit.navigation.page import Page

import dashboards.agents
import dashboards.event
import dashboards.events
import dashboards.fulfillment
import dashboards.overview
import dashboards.receivables
from api.client import Refused
from dashboards.company import Company, company
from dashboards.draw import moment, plain, span, whole, write_on_primary_buttons
from dashboards.glance import Glance, explained
from dashboards.lake import NotThere
from dashboards.people import GRACE_SECONDS, Person, Unreachable
from warehouse.clock import now

ICON = Path(__file__).parents[1] / "api" / "static" / "icon.svg"
BEHIND_SECONDS_MAX = 20.0  # older than this, what waits to be seen is worth a banner
_LOOK_AGAIN = "30s"
_VOUCHED = "vouched_at"
_EVERYONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Screen:
    """A page: its address, its place in the menu, the functions that see it (none: all of them), and what draws it."""

    path: str
    title: str
    icon: str
    section: str
    functions: frozenset[str]
    draw: Callable[[Glance], None]
    is_listed: bool = True
    is_renewed: bool = False
    """Drawn anew when newer figures arrive; not where somebody may be writing."""


SCREENS = (
    Screen("overview", "Overview", "monitoring", "", _EVERYONE, dashboards.overview.show, is_renewed=True),
    Screen(
        "receivables",
        "Receivables",
        "account_balance",
        "Money",
        frozenset({"receivables"}),
        dashboards.receivables.show,
    ),
    Screen(
        "inventory",
        "Inventory",
        "inventory_2",
        "Goods",
        frozenset({"fulfillment", "procurement", "category"}),
        dashboards.fulfillment.show,
    ),
    Screen(
        "decisions",
        "Decisions",
        "rule",
        "Agents",
        frozenset({"agents", "procurement", "category"}),
        dashboards.agents.show,
    ),
    Screen("events", "Live events", "stream", "Log", frozenset({"events"}), dashboards.events.show),
    Screen("event", "Event", "receipt_long", "Log", frozenset({"events"}), dashboards.event.show, is_listed=False),
)


def screens_of(person: Person) -> tuple[Screen, ...]:
    """The pages somebody sees. This is navigation: reads and commands are refused by lake and API."""
    return tuple(one for one in SCREENS if not one.functions or one.functions & person.functions)


def show() -> None:
    """Draw the page that is asked for, for who is signed in."""
    st.set_page_config(page_title="Jovey", page_icon=str(ICON), layout="wide")
    st.logo(str(ICON), size="large")
    write_on_primary_buttons()
    glance = _signed_in(company())
    menu: dict[str, list[Page]] = {}
    for screen in screens_of(glance.person):
        glance.pages[screen.path] = _page(screen, glance)
        menu.setdefault(screen.section, []).append(glance.pages[screen.path])
    chosen = st.navigation(menu)
    _account(glance)
    chosen.run()


def _page(screen: Screen, glance: Glance) -> Page:
    return st.Page(
        lambda: _draw(screen, glance),
        title=screen.title,
        icon=f":material/{screen.icon}:",
        url_path=screen.path,
        default=screen is SCREENS[0],
        visibility="visible" if screen.is_listed else "hidden",
    )


def _signed_in(opened: Company) -> Glance:
    """Who looks, asked again at every run; stops the page when the session is over."""
    told: Mapping[str, Any] = st.user.to_dict()
    token = told.get("token") or ""
    is_answered = True
    try:
        person = opened.people.behind(token)
        st.session_state[_VOUCHED] = now() if person is not None else None
    except Unreachable:
        person, is_answered = _in_grace(told), False
    if person is None or not person.is_staff:
        words = "Your session is over: you signed out, or it ended by itself."
        st.info(words, title="Sign in again", icon=":material/lock:")
        st.link_button("Sign in", "/sign-in?next=/staff/", type="primary")
        st.stop()
    return Glance(opened, person, token, is_answered=is_answered)


def _in_grace(told: Mapping[str, Any]) -> Person | None:
    """Who came in, in the words of our own gate, for a while after the API last stood by them; else nobody."""
    vouched_at = st.session_state.setdefault(_VOUCHED, now())  # a first run comes right after the gate
    if vouched_at is None or (now() - vouched_at).total_seconds() > GRACE_SECONDS:
        return None
    functions = frozenset(filter(None, (told.get("functions") or "").split(",")))
    return Person(told.get("sub") or "", "staff", unquote(told.get("name") or ""), functions)


def _account(glance: Glance) -> None:
    """Who is signed in, and the way out."""
    with st.sidebar:
        st.space("small")
        with st.popover(plain(glance.person.name), icon=":material/person:", width="stretch"):
            st.caption(f"Works in {', '.join(sorted(glance.person.functions)) or 'no function'}.")
            st.link_button("To the shop", "/", icon=":material/storefront:", width="stretch")
            st.button("Sign out", icon=":material/logout:", on_click=_sign_out, args=(glance,), width="stretch")


def _sign_out(glance: Glance) -> None:
    """End the session everywhere: the cookie that names it opens nothing any more."""
    with suppress(httpx.TransportError, Refused), glance.api() as client:
        client.sign_out()
    glance.company.people.forget(glance.token)


def _draw(screen: Screen, glance: Glance) -> None:
    """The title, as of when, and the page; what is missing or broken is said in its place."""
    st.markdown(f"# {screen.title}")
    freshness = st.container()
    with explained():
        screen.draw(glance)
    with freshness:
        _freshness(screen, glance)


@st.fragment(run_every=_LOOK_AGAIN)
def _freshness(screen: Screen, glance: Glance) -> None:
    """As of what the page is true, said anew from time to time."""
    as_of = glance.oldest
    if as_of is None:
        _straight(glance)
        return
    newest = glance.newest(as_of.event_number)
    with suppress(NotThere, duckdb.Error):
        if screen.is_renewed and glance.company.lake.as_of().version > as_of.version:
            st.rerun()
    age = (now() - as_of.at).total_seconds()
    st.caption(f"As of event {whole(as_of.event_number)}, {moment(as_of.at, glance.zone)} ({span(age)} ago)")
    if newest is None:
        words = "How far behind these figures are cannot be told, and actions are off. Reading goes on."
        st.warning(words, title="The house does not answer", icon=_OFF)
    elif _waited(newest) > BEHIND_SECONDS_MAX:
        events = whole(newest["events_after"]) + ("" if newest["events_after"] < 1_000 else " or more")
        words = f"{events} newer events wait to be counted, the first for {span(_waited(newest))}."
        st.warning(words, title="These figures are behind", icon=":material/history:")


def _straight(glance: Glance) -> None:
    """Pages that ask the house itself show the log as it stands."""
    newest = glance.newest(0)
    if newest is not None:
        st.caption(f"As of event {whole(newest['event_number'])}, straight from the log, {moment(now(), glance.zone)}")


def _waited(newest: Mapping[str, Any]) -> float:
    """Seconds that the first event not yet shown has waited; 0 when all are shown."""
    since = newest["waiting_since"]
    return 0.0 if since is None else (now() - datetime.fromisoformat(since)).total_seconds()


_OFF = ":material/cloud_off:"
