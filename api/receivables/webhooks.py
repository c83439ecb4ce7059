"""The door through which card processors tell what became of a payment."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.house import Here, House
from api.receivables.paying import Result, provider_named, settle_webhook
from api.views import routed
from warehouse.clock import now
from warehouse.log.position import encode
from warehouse.log.tail import head

ROUTER = routed("/api/v1/payments", "receivables")
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
_Name = Annotated[str, Path(max_length=50, description="The processor; `sandbox` is built in.")]


class WebhookAnswer(BaseModel):
    """What became of the payment, told to the processor."""

    result: Result = Field(description="`kept_on_account`: the order no longer waited for money.")
    is_repeated: bool = Field(description="It had been told before; nothing was done again.")


@ROUTER.post("/webhooks/{provider}", openapi_extra=_BODY)
async def take_webhook(request: Request, here: Here, response: Response, provider: _Name) -> WebhookAnswer:
    """A processor's message, signed in its own header; sent again it has no second effect."""
    answer = await run_in_threadpool(_taken, here, provider, await request.body(), request)
    response.headers["X-Jovey-Position"] = encode(await run_in_threadpool(head, here.engine))
    return answer


def _taken(here: House, name: str, body: bytes, request: Request) -> WebhookAnswer:
    provider = provider_named(name, here)
    given = request.headers.get(provider.signature_header, "")
    settled = settle_webhook(here, provider, body, given, now())
    return WebhookAnswer(result=settled.result, is_repeated=settled.is_repeated)
