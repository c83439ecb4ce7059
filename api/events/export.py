"""The door that hands out many events at once, as lines of JSON or as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field
from sqlalchemy import Connection, Engine, Row, literal_column, select, text
from starlette.responses import StreamingResponse

from api.actor import Actor
from api.auth.enter import Who
from api.events.archived import HEADER, archived_events
from api.events.filters import Filters
from api.events.views import EventView, event_view
from api.house import Here
from api.views import routed
from warehouse.clock import now
from warehouse.log.asker import reading
from warehouse.log.position import Snapshot
from warehouse.log.tables import history
from warehouse.log.tail import head

ROUTER = routed("/api/v1/events", "events")
PAGE_EVENTS = 1_000  # in memory at a time, whatever is asked for
_MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what spreadsheets compute (OWASP, CSV injection)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events, the oldest first, each once, as of the moment of asking.",
        "content": {media_type: {"schema": {"type": "string"}} for media_type in _MEDIA_TYPES.values()},
    }
}


class Wanted(Filters):
    """Which events, and in which form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["ndjson", "csv"] = Field(
        "ndjson", description="A JSON object a line, or a table whose `data` and `metadata` are JSON."
    )


@ROUTER.post("/export", response_class=StreamingResponse, responses=_RESPONSES)
def export_events(here: Here, by: Who, body: Wanted) -> StreamingResponse:
    """All events that fit, of the functions the caller works in; words about people read `hidden`.

    The answer begins at once and goes on page by page: an answer that breaks off is not whole. How many old events
    stand in the archive alone, and not in it, says the header `X-Jovey-Archived-Events`.
    """
    lines = _ndjson if body.format == "ndjson" else _csv
    name = f"events-{now():%Y%m%d-%H%M%S}.{body.format}"
    with here.reading(by) as connection:
        archived = str(archived_events(connection))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store", HEADER: archived}
    pages = _pages(here.engine, body, by, head(here.engine))
    return StreamingResponse(lines(pages), media_type=_MEDIA_TYPES[body.format], headers=headers)


def _pages(engine: Engine, wanted: Filters, by: Actor, until: Snapshot) -> Iterator[Sequence[Row[Any]]]:
    """The events in the order of their positions; no transaction stays open while somebody reads slowly."""
    after = 0
    while True:
        with reading(engine, by) as connection:
            rows = _page(connection, wanted, by, until, after)
        if rows:
            yield rows
            after = rows[-1].position
        if len(rows) < PAGE_EVENTS:
            return


def _page(connection: Connection, wanted: Filters, by: Actor, until: Snapshot, after: int) -> Sequence[Row[Any]]:
    known = text(f"pg_visible_in_snapshot(transaction_id, '{until}'::pg_snapshot)")
    beyond = history.c.position > literal_column(str(after))
    rows = select(history).where(*wanted.conditions(by), beyond, known).order_by(history.c.position).limit(PAGE_EVENTS)
    return connection.execute(rows).all()


def _ndjson(pages: Iterator[Sequence[Row[Any]]]) -> Iterator[str]:
    for rows in pages:
        yield "".join(f"{event_view(row).model_dump_json()}\n" for row in rows)


def _csv(pages: Iterator[Sequence[Row[Any]]]) -> Iterator[str]:
    names = list(EventView.model_fields)
    yield _table([names])
    for rows in pages:
        yield _table([[cell(one) for one in event_view(row).model_dump(mode="json").values()] for row in rows])


def _table(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def cell(value: Any) -> str:
    """A value as a spreadsheet may have it: text that it would take for a formula begins with an apostrophe."""
    said = json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else "" if value is None else str(value)
    return f"'{said}" if said.startswith(_FORMULA) else said
