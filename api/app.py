"""The application: every door on its hinges, with one lock, one way to say no, and the house behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

import api.agents.routes
import api.auth.routes
import api.category.routes
import api.customers.dealers
import api.customers.routes
import api.events.live
import api.events.newest
import api.events.routes
import api.fulfillment.inventory
import api.fulfillment.returns_routes
import api.fulfillment.routes
import api.health
import api.orders.bulk
import api.orders.live
import api.orders.routes
import api.procurement.routes
import api.receivables.reports
import api.receivables.routes
import api.receivables.webhooks
from api.access import DOORS
from api.auth.enter import enter
from api.auth.tokens import signing_key
from api.docs_page import add_docs_page
from api.faces import Faces
from api.house import House
from api.live import Live
from api.methods import explain_methods
from api.middleware import Porch, Tally
from api.openapi import complete
from api.pages.app import create_pages
from api.problem import explain_problems
from api.rules import rules_of
from api.staff_door import StaffDoor
from warehouse.lake.read import Reader
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings
from warehouse.settings import settings as settings_of_process

POOL_SIZE = 16  # connections; a door holds one for a few milliseconds, so more would only queue in the database

_ROUTERS = (
    api.health.ROUTER,
    api.auth.routes.ROUTER,
    api.category.routes.ROUTER,
    api.customers.routes.ROUTER,
    api.customers.dealers.ROUTER,
    api.orders.bulk.ROUTER,
    api.orders.routes.ROUTER,
    api.orders.live.ROUTER,
    api.fulfillment.routes.ROUTER,
    api.fulfillment.inventory.ROUTER,
    api.fulfillment.returns_routes.ROUTER,
    api.receivables.routes.ROUTER,
    api.receivables.reports.ROUTER,
    api.receivables.webhooks.ROUTER,
    api.procurement.routes.ROUTER,
    api.events.live.ROUTER,
    api.events.newest.ROUTER,
    api.agents.routes.ROUTER,
    api.agents.routes.CATALOG_ROUTER,
    api.events.routes.ROUTER,
)


def create_app(settings: Settings | None = None, database: Database | None = None) -> FastAPI:
    """The application, for uvicorn (`--factory`) and for those who bring a database of their own, such as tests."""
    chosen = settings or settings_of_process()

    @asynccontextmanager
    async def open_house(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            app.state.house = pages.state.house = stack.enter_context(_opened(chosen, database))
            yield

    tally, pages = Tally(), create_pages()
    app = FastAPI(
        title="Jovey",
        summary="Orders, stock, purchasing and receivables of a maker of water pumps.",
        description="Every write takes `Idempotency-Key`; every error is `application/problem+json`.",
        version="1",
        lifespan=open_house,
        dependencies=[Depends(enter)],
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.tally = tally
    for router in _ROUTERS:
        app.include_router(router)
    explain_problems(app)
    explain_methods(app)
    app.add_middleware(Faces, pages=pages, staff=StaffDoor(chosen.staff_port))
    app.add_middleware(Porch, tally=tally)
    _refuse_unlisted(app)
    complete(app)
    add_docs_page(app)
    return app


def doors(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every (method, path) the application answers, its own documentation apart."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            yield from ((method, str(route.path)) for method in sorted(route.methods or ()))


@contextmanager
def _opened(settings: Settings, database: Database | None) -> Iterator[House]:
    """The house with its pool and its reader, closed afterwards."""
    with ExitStack() as stack:
        own = (database or stack.enter_context(open_database(settings))).of(settings)
        engine = own.engine("jovey_append", pool_size=POOL_SIZE)
        stack.callback(engine.dispose)
        lake = stack.enter_context(Reader(own, settings))
        yield House(engine, lake, settings, rules_of(settings), signing_key(settings), Live(engine))


def _refuse_unlisted(app: FastAPI) -> None:
    missing = [door for door in doors(app) if door not in DOORS]
    assert not missing, f"doors without a row in api/access.py: {missing}"
