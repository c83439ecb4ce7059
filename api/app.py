"""The application: every door on its hinges, with one lock, one way to say no, and the house behind it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cache, partial
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

import api.agents.routes
import api.auth.recovery
import api.auth.routes
import api.category.routes
import api.customers.dealers
import api.customers.rights
import api.customers.routes
import api.events.export
import api.events.live
import api.events.newest
import api.events.observing
import api.events.readers
import api.events.reports
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
from api.address import networks
from api.allowance import Store
from api.auth.enter import Who
from api.auth.keys import Keyring
from api.auth.outside import Outside
from api.bodies import Bodies
from api.cors import Cors
from api.docs_page import add_docs_page
from api.doorstep import Doorstep
from api.events.integrity import Examiner
from api.faces import Faces
from api.host_cookies import HostCookies
from api.house import Here, House, mac_key
from api.limiter import Limiter, count_caller
from api.limits import Limits, Policies
from api.live import Live
from api.mail.postman import Postman
from api.mail.smtp import Smtp
from api.manners import refuse_malformed_key, wait_for_position
from api.methods import explain_methods
from api.middleware import Porch, Tally
from api.openapi import completed
from api.pages.app import create_pages
from api.pages.mishaps import mishap_at_the_door
from api.problem import explain_problems
from api.rules import rules_of
from api.shield import Shield
from api.staff_door import StaffDoor
from warehouse.clock import now
from warehouse.lake.read import Reader
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings, listed
from warehouse.settings import settings as settings_of_process

_LIMITS_POOL, _LIMITS_SECONDS = 2, 0.5  # connections, and how long one may take to count
POOL_SIZE = 16  # connections; a door holds one for a few milliseconds, so more would only queue in the database
_LOG = logging.getLogger("jovey.api")

_ROUTERS = (
    api.health.ROUTER,
    api.auth.routes.ROUTER,
    api.auth.recovery.ROUTER,
    api.category.routes.ROUTER,
    api.customers.rights.ROUTER,
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
    api.events.readers.ROUTER,
    api.events.reports.ROUTER,
    api.events.export.ROUTER,
    api.events.observing.ROUTER,
    api.agents.routes.ROUTER,
    api.agents.routes.CATALOG_ROUTER,
    api.events.routes.ROUTER,
)

_TITLE: dict[str, Any] = {
    "title": "Jovey",
    "summary": "Orders, stock, purchasing and receivables of a maker of water pumps.",
    "description": "Every write takes `Idempotency-Key`; every error is `application/problem+json`.",
    "version": "1",
}


def create_app(settings: Settings | None = None, database: Database | None = None) -> FastAPI:
    """The application, for uvicorn (`--factory`) and for those who bring a database of their own, such as tests."""
    chosen = settings or settings_of_process()

    @asynccontextmanager
    async def open_house(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            own = (database or stack.enter_context(open_database(chosen))).of(chosen)
            app.state.house = pages.state.house = stack.enter_context(_opened(chosen, own))
            app.state.limits = stack.enter_context(_counting(chosen, own))
            yield

    tally, pages = Tally(), create_pages()
    app = FastAPI(
        **_TITLE,
        lifespan=open_house,
        docs_url=None,
        redoc_url=None,
    )
    app.state.tally = tally
    app.router.routes.extend(_doors())
    explain_problems(app)
    explain_methods(app)
    _surround(app, pages, chosen, tally)
    _refuse_unlisted(app)
    app.openapi = _document  # type: ignore[method-assign]
    add_docs_page(app)
    return app


@cache
def _doors() -> Sequence[BaseRoute]:
    """All doors, built once for a process: FastAPI takes a third of a second to look at them."""
    building = FastAPI(
        dependencies=[Depends(admit)], openapi_url=None, generate_unique_id_function=lambda route: route.name
    )
    for router in _ROUTERS:
        building.include_router(router)
    return tuple(building.routes)


@cache
def _document() -> dict[str, Any]:
    """The OpenAPI document, made once for a process, when first asked for: every application has the same doors."""
    described = FastAPI(**_TITLE)
    described.router.routes.extend(_doors())
    return completed(described)


async def admit(request: Request, here: Here, by: Who) -> None:
    """What every door asks of whoever came in. One dependency: FastAPI looks at each anew for every door."""
    await count_caller(request, by)
    refuse_malformed_key(request)
    await wait_for_position(request, here)


def doors(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every (method, path) the application answers, its own documentation apart."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            yield from ((method, str(route.path)) for method in sorted(route.methods or ()))


def _surround(app: FastAPI, pages: FastAPI, settings: Settings, tally: Tally) -> None:
    """What a request passes before a door, the innermost first."""
    doorstep = Doorstep(mishap_at_the_door(pages))
    app.add_middleware(Faces, pages=pages, staff=StaffDoor(settings.staff_port))
    app.add_middleware(Bodies, doorstep=doorstep)
    app.add_middleware(Limiter, trusted=networks(settings.trusted_proxies), doorstep=doorstep)
    if settings.is_served_securely:
        app.add_middleware(HostCookies)
    app.add_middleware(Porch, tally=tally)
    app.add_middleware(Cors, origins=listed(settings.cors_origins))
    app.add_middleware(Shield, is_secure=settings.is_served_securely)


@contextmanager
def _opened(settings: Settings, database: Database) -> Iterator[House]:
    """The house with its pool and its reader, closed afterwards."""
    with ExitStack() as stack:
        engine = database.engine("jovey_append", pool_size=POOL_SIZE)
        stack.callback(engine.dispose)
        erasing = database.engine("jovey_erase", pool_size=1)
        stack.callback(erasing.dispose)
        lake = stack.enter_context(Reader(database, settings))
        examining = partial(database.engine, "jovey_read", pool_size=1, statement_timeout_s=0)
        examiner = Examiner(examining, api.events.reports.checks(settings, lake))
        stack.callback(examiner.close)
        keys, outside, mac = Keyring(engine, now()), Outside.of(settings), mac_key(database)
        stack.enter_context(Postman(engine, Smtp.of(settings)))
        rules, live = rules_of(settings), Live(engine)
        yield House(engine, lake, settings, rules, keys, mac, live, examiner, erasing, outside)


@contextmanager
def _counting(settings: Settings, database: Database) -> Iterator[Limits]:
    """The limits with a pool of their own: a busy house must not be slow to say that it is busy."""
    if settings.is_served_securely and not settings.trusted_proxies:
        _LOG.warning("https comes through a proxy: name it in JOVEY_TRUSTED_PROXIES, or all visitors count as one")
    engine = database.engine(
        "jovey_append", pool_size=_LIMITS_POOL, lock_timeout_s=_LIMITS_SECONDS, statement_timeout_s=_LIMITS_SECONDS
    )
    try:
        yield Limits(Policies.of(settings), Store(engine), mac_key(database))
    finally:
        engine.dispose()


def _refuse_unlisted(app: FastAPI) -> None:
    missing = [door for door in doors(app) if door not in DOORS]
    assert not missing, f"doors without a row in api/access.py: {missing}"
