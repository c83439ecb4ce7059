"""The storefront as an application of its own: pages instead of JSON, words instead of problem documents."""

from __future__ import annotations

from fastapi import FastAPI


def create_pages() -> FastAPI:
    """The storefront; the house is put into its state when the application starts."""
    return FastAPI(title="Jovey storefront", openapi_url=None, docs_url=None, redoc_url=None)
