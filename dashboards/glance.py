"""A glance: one run of a page, with who looks, what they may read, and as of what its figures are true."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import httpx
import polars as pl
import streamlit as st
from streamlit.navigation.page import Page

from api.client import Client, Refused
from dashboards.company import Company
from dashboards.draw import nothing, readers_zone
from dashboards.lake import NotThere, readable
from dashboards.people import Person
from warehouse.lake.read import AsOf

_LOG = logging.getLogger("jovey.staff")


@dataclass
class Glance:
    """What a page is given. `is_answered` is False once the API was found down: actions are off then."""

    company: Company
    person: Person
    token: str = field(repr=False)
    oldest: AsOf | None = None
    is_answered: bool = True
    pages: dict[str, Page] = field(default_factory=dict)
    """The pages that are the reader's, by path, to link to."""

    @property
    def zone(self) -> ZoneInfo:
        """The reader's time zone."""
        return readers_zone(self.company.settings.time_zone)

    @property
    def currency(self) -> str:
        """The ledger's currency."""
        return self.company.settings.currency

    def works_in(self, *functions: str) -> bool:
        """Whether the reader works in one of these functions; the database manager's sees everything."""
        return bool(self.person.functions & {*functions, "events"})

    def ask(self, sql: str, **parameters: Any) -> pl.DataFrame:
        """The rows of a SELECT. Raises NotThere."""
        answer = self.company.lake.ask(sql, parameters, readable(self.person.functions))
        if self.oldest is None or answer.as_of.event_number < self.oldest.event_number:
            self.oldest = answer.as_of
        return answer.frame

    @contextmanager
    def api(self) -> Iterator[Client]:
        """The API as this person, by their own session."""
        with Client("", self.token, http=self.company.http) as client:
            yield client

    def told(self, path: str, **query: Any) -> Any:
        """What a door of the API shows, None when it refuses, is down or has nothing: pages go on without it."""
        if not self.is_answered:
            return None
        try:
            with self.api() as client:
                return client.get(path, **query)
        except httpx.TransportError:
            self.is_answered = False
        except Refused as refused:
            self.is_answered = refused.status < httpx.codes.INTERNAL_SERVER_ERROR
        return None

    def newest(self, after: int) -> Mapping[str, Any] | None:
        """How far the log is beyond an event; asked once for all readers within some seconds."""
        known = self.company.heads.get(after)
        if known is None:
            known = self.told("/events/newest", after=after)
            if known is not None:
                self.company.heads.keep(after, known)
        return known

    def names(self, customer_ids: Sequence[str]) -> dict[str, str]:
        """What customers are called, as the API knows them; the lake is pseudonymous. Where it says nothing, the id."""
        known = self.company.names
        if any(known.get(id) is None for id in customer_ids):
            report = self.told("/ar/reports/aging", limit=len(customer_ids) + 1)
            for one in report["customers"] if report else ():
                known.keep(one["customer_id"], one["name"] or "(erased)")
        return {id: known.get(id) or f"Customer {id[-6:]}" for id in customer_ids}


@contextmanager
def section(title: str, meaning: str | None = None) -> Iterator[None]:
    """A titled card; when its figures are not there it says so, and the rest of the page stands."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"## {title}", help=meaning)
        with explained():
            yield


@contextmanager
def explained() -> Iterator[None]:
    """What cannot be read is said in words, in its place."""
    try:
        yield
    except NotThere as missing:
        nothing("Nothing here yet", str(missing))
    except duckdb.Error as error:
        _LOG.error("the lake cannot be read", exc_info=error)
        words = "Reload this page in a minute; nothing is lost."
        st.error(words, title="These figures cannot be read now", icon=":material/cloud_off:")
