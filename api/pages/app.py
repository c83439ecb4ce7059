"""The storefront as an application of its own: pages instead of JSON, words instead of problem documents."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

import api.pages.account
import api.pages.assets
import api.pages.cart
import api.pages.catalog
import api.pages.checkout
import api.pages.orders
import api.pages.payment
import api.pages.recovery
import api.pages.rights
import api.pages.sign_in
from api.pages.catalog_index import Catalog
from api.pages.memory import Memory
from api.pages.mishaps import explain_mishaps
from api.pages.shield import Shield
from api.pages.visitor import Cookies

_PACK_FROM_BYTES = 1_000

_ROUTERS = (
    api.pages.assets.ROUTER,
    api.pages.catalog.ROUTER,
    api.pages.cart.ROUTER,
    api.pages.checkout.ROUTER,
    api.pages.orders.ROUTER,
    api.pages.payment.ROUTER,
    api.pages.sign_in.ROUTER,
    api.pages.recovery.ROUTER,
    api.pages.account.ROUTER,
    api.pages.rights.ROUTER,
)


def create_pages() -> FastAPI:
    """The storefront; the house is put into its state when the application starts."""
    pages = FastAPI(title="Jovey storefront", openapi_url=None, docs_url=None, redoc_url=None)
    pages.state.catalog, pages.state.best_sellers = Catalog(), Memory(())
    for router in _ROUTERS:
        pages.include_router(router)
    explain_mishaps(pages)
    pages.add_middleware(GZipMiddleware, minimum_size=_PACK_FROM_BYTES, compresslevel=6)  # leaves event streams alone
    pages.add_middleware(Cookies)
    pages.add_middleware(Shield)
    return pages
