"""Limiter: refuses who asks too often, before any door opens, and tells every caller of the API where they stand."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.actor import Actor
from api.address import Network, address_of
from api.allowance import Policy
from api.auth.cookies import SESSION_COOKIE, claims_of
from api.auth.tokens import Claims
from api.doorstep import API, Doorstep, No
from api.limits import Limits, Policies, Standing

EXEMPT = ("/health/", "/metrics")
"""Who watches over the house must always be answered."""
_BY_ADDRESS_ALONE = (API, "/staff", "/static/", "/docs", "/openapi.json", "/favicon.ico")
"""Callers of the API are counted behind `enter`, colleagues by what their screens ask of it; files come with pages."""
_AUTH = "/api/v1/auth/"
_NOTHING_TO_GUESS = frozenset({f"{_AUTH}refresh", f"{_AUTH}logout", f"{_AUTH}logout-everywhere"})
_GUARDED = frozenset({"/api/v1/customers/register", "/sign-in", "/register", "/forgot-password", "/reset-password"})


class Limiter:
    """ASGI middleware; X-Forwarded-For is believed of `trusted` networks."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], doorstep: Doorstep) -> None:
        self._app, self._trusted, self._doorstep = app, trusted, doorstep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request; answer it here when it is one too many."""
        if scope["type"] != "http" or scope["path"].startswith(EXEMPT):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limits: Limits = request.app.state.limits
        address = address_of(scope, self._trusted)
        standings: list[Standing] = []
        request.state.address, request.state.standings = address, standings
        told = _telling(send, standings) if scope["path"].startswith(API) else send
        for policy, subject in await _counted(request, limits.policies, address):
            standing = await limits.spend(policy, subject)
            standings.append(standing)
            if standing.is_over:
                await (await self._doorstep.answer(scope, _too_many(standing)))(scope, receive, told)
                return
        await self._app(scope, receive, told)


async def count_caller(request: Request, by: Actor) -> None:
    """Count whoever came in at a door of the API; raises HTTPException 429."""
    standings: list[Standing] | None = getattr(request.state, "standings", None)
    if standings is None:  # an exempt address
        return
    limits: Limits = request.app.state.limits
    policy = _policy_of(by, limits.policies)
    subject = request.state.address if policy is limits.policies.stranger else by.signature
    standing = await limits.spend(policy, subject)
    standings.append(standing)
    if standing.is_over:
        no = _too_many(standing)
        raise HTTPException(no.status, no.detail, no.headers)


def _too_many(standing: Standing) -> No:
    policy = standing.policy
    detail = f"More than {policy.quota:,} requests in {policy.seconds} s ({policy.name}); wait {standing.resets_in} s."
    return No(429, "too_many_requests", detail, headers={"Retry-After": str(standing.resets_in)})


async def _counted(request: Request, policies: Policies, address: str) -> list[tuple[Policy, str]]:
    """What a request is counted by before its door opens."""
    path = request.url.path
    counted = [(policies.address, address)]
    if request.method == "POST" and _is_guarded(path):
        counted.append((policies.door, address))
    if not path.startswith(_BY_ADDRESS_ALONE):
        claims = await _claims(request)
        who = (policies.stranger, address) if claims is None else (policies.buyer, f"session:{claims.person_id}")
        counted.append(who)
    return counted


async def _claims(request: Request) -> Claims | None:
    """Whose session a visitor's cookie names, by its signature alone."""
    if SESSION_COOKIE not in request.cookies:
        return None
    return await run_in_threadpool(claims_of, request, request.app.state.house.keys)


def _is_guarded(path: str) -> bool:
    """Whether somebody could guess passwords, or open accounts, at this address."""
    return path in _GUARDED or (path.startswith(_AUTH) and path not in _NOTHING_TO_GUESS)


def _policy_of(by: Actor, policies: Policies) -> Policy:
    match by.kind:
        case "staff" | "system":
            return policies.staff
        case "agent":
            return policies.agent
        case "consumer" | "dealer":
            return policies.buyer
        case "anonymous":
            return policies.stranger


def _telling(send: Send, standings: list[Standing]) -> Send:
    """Tell where the caller stands, by draft-ietf-httpapi-ratelimit-headers-10."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            policies = ", ".join(
                f'"{one.policy.name}";q={one.policy.quota};w={one.policy.seconds}' for one in standings
            )
            now = ", ".join(f'"{one.policy.name}";r={one.remaining};t={one.resets_in}' for one in standings)
            named = [(b"ratelimit-policy", policies.encode()), (b"ratelimit", now.encode())]
            message["headers"] = [*message["headers"], *named]
        await send(message)

    return told
