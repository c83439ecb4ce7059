"""The client: all that dashboards, agents and scripts know of the API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic_core import to_jsonable_python

from api.agents import commands as agents
from api.category import commands as category
from api.command import Command
from api.customers import commands as customers
from api.fulfillment import commands as fulfillment
from api.orders import commands as orders
from api.procurement import commands as procurement
from api.receivables import commands as receivables
from warehouse.clock import now
from warehouse.ids import new_id

ATTEMPTS_MAX = 3
_WAIT_SECONDS_MAX = 5.0  # who asks for more patience is not waited for: the caller is told
_BROKEN_SECONDS = 0.2  # before asking again over a broken wire, doubled each time
_PAGES_MAX = 10_000
_LATER = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS})
_SIGNING_IN = frozenset({"/auth/login", "/auth/refresh"})  # doors where a token that ran out does not matter

_INVOICE, _PAYMENT = "/ar/invoices/{invoice_id}", "/ar/payments/{payment_id}"
_PURCHASE = "/procurement/purchase-orders/{purchase_order_id}"

DOORS_OF: Mapping[type[Command], tuple[str, str]] = {
    category.CreateProduct: ("POST", "/category/products"),
    category.DescribeProduct: ("PUT", "/category/products/{product_id}"),
    category.DeactivateProduct: ("DELETE", "/category/products/{product_id}"),
    category.ReactivateProduct: ("POST", "/category/products/{product_id}/reactivate"),
    category.AttachMedia: ("POST", "/category/products/{product_id}/media"),
    category.ChangeCost: ("POST", "/category/products/{product_id}/cost"),
    category.ChangePrice: ("POST", "/category/pricing/update"),
    category.CreatePriceList: ("POST", "/category/price-lists"),
    category.SetPriceListLine: ("POST", "/category/price-lists/{price_list_id}/lines"),
    category.RemovePriceListLine: ("DELETE", "/category/price-lists/{price_list_id}/lines"),
    category.ObserveCompetitorPrice: ("POST", "/category/market-intelligence"),
    customers.UpdateProfile: ("PUT", "/customers/profile"),
    customers.AddAddress: ("POST", "/customers/profile/addresses"),
    customers.ApplyAsDealer: ("POST", "/dealers/apply"),
    customers.ApproveDealer: ("POST", "/dealers/{customer_id}/approve"),
    customers.RejectDealer: ("POST", "/dealers/{customer_id}/reject"),
    customers.ChangeDealerTerms: ("PUT", "/dealers/{customer_id}/terms"),
    customers.SuspendDealer: ("POST", "/dealers/{customer_id}/suspend"),
    orders.PlaceOrder: ("POST", "/orders"),
    orders.CancelOrder: ("PUT", "/orders/{order_id}/cancel"),
    orders.HoldOrder: ("POST", "/orders/{order_id}/hold"),
    orders.ReleaseOrder: ("POST", "/orders/{order_id}/release"),
    orders.ShortCloseLine: ("POST", "/orders/{order_id}/short-close"),
    fulfillment.CreateShipment: ("POST", "/fulfillment/orders/{order_id}/pick"),
    fulfillment.PackShipment: ("POST", "/fulfillment/orders/{order_id}/pack"),
    fulfillment.ShipShipment: ("POST", "/fulfillment/orders/{order_id}/ship"),
    fulfillment.DeliverShipment: ("POST", "/fulfillment/orders/{order_id}/deliver"),
    fulfillment.CancelShipment: ("POST", "/fulfillment/orders/{order_id}/cancel-shipment"),
    fulfillment.AdjustStock: ("POST", "/fulfillment/inventory/adjust"),
    fulfillment.CountStock: ("POST", "/fulfillment/inventory/count"),
    fulfillment.ReceiveStock: ("POST", "/fulfillment/inventory/receive"),
    fulfillment.TransferStock: ("POST", "/fulfillment/inventory/transfer"),
    fulfillment.RequestReturn: ("POST", "/returns"),
    fulfillment.ApproveReturn: ("POST", "/fulfillment/returns/{return_id}/approve"),
    fulfillment.ReceiveReturn: ("POST", "/fulfillment/returns/{return_id}/receive"),
    fulfillment.InspectReturn: ("POST", "/fulfillment/returns/{return_id}/inspect"),
    fulfillment.CloseReturn: ("POST", "/fulfillment/returns/{return_id}/close"),
    procurement.CreateSupplier: ("POST", "/procurement/suppliers"),
    procurement.UpdateSupplier: ("PUT", "/procurement/suppliers/{supplier_id}"),
    procurement.DeactivateSupplier: ("DELETE", "/procurement/suppliers/{supplier_id}"),
    procurement.CreatePurchaseOrder: ("POST", "/procurement/purchase-orders"),
    procurement.ApprovePurchaseOrder: ("POST", f"{_PURCHASE}/approve"),
    procurement.SendPurchaseOrder: ("POST", f"{_PURCHASE}/send"),
    procurement.ConfirmPurchaseOrder: ("POST", f"{_PURCHASE}/confirm"),
    procurement.ReceivePurchaseOrder: ("POST", f"{_PURCHASE}/receive"),
    procurement.ShortClosePurchaseOrder: ("POST", f"{_PURCHASE}/short-close"),
    procurement.CancelPurchaseOrder: ("POST", f"{_PURCHASE}/cancel"),
    receivables.SendInvoice: ("POST", f"{_INVOICE}/send"),
    receivables.DisputeInvoice: ("POST", f"{_INVOICE}/dispute"),
    receivables.WriteOffInvoice: ("POST", f"{_INVOICE}/write-off"),
    receivables.SendReminder: ("POST", f"{_INVOICE}/remind"),
    receivables.IssueCreditNote: ("POST", f"{_INVOICE}/credit-note"),
    receivables.ReceivePayment: ("POST", "/ar/payments"),
    receivables.AllocatePayment: ("POST", f"{_PAYMENT}/allocate"),
    receivables.UnallocatePayment: ("POST", f"{_PAYMENT}/unallocate"),
    receivables.RefundPayment: ("POST", f"{_PAYMENT}/refund"),
    receivables.HoldAccount: ("POST", "/ar/accounts/{customer_id}/hold"),
    receivables.ReleaseAccount: ("POST", "/ar/accounts/{customer_id}/release"),
    agents.ProposeDecision: ("POST", "/agents/decisions"),
    agents.ApproveDecision: ("POST", "/agents/decisions/{decision_id}/approve"),
    agents.RejectDecision: ("POST", "/agents/decisions/{decision_id}/reject"),
    agents.RecordModelCall: ("POST", "/agents/model-calls"),
}
"""Where each command is asked for, below /api/v1."""


class Refused(Exception):
    """The API said no; `code` is stable, the message is for people, `errors` name fields.

    `request_id` finds the request in the API's log; `retry_after_s` is how long it asks to wait, if it does.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        super().__init__(problem.get("detail") or f"The API answered {status}.")
        self.status = status
        self.code: str = problem.get("code", "http_error")
        self.errors: list[dict[str, str]] = list(problem.get("errors", ()))
        self.request_id: str | None = problem.get("request_id")
        self.retry_after_s = retry_after_s


class NotSignedIn(Refused):
    """The caller is not known, or their session is over."""


class NotAllowed(Refused):
    """The caller may not do this."""


class NotFound(Refused):
    """There is no such thing, or not for this caller."""


class Conflict(Refused):
    """A rule of the business says no."""


class Moved(Refused):
    """It is no longer at the version that was named: read it again and decide anew."""


class Malformed(Refused):
    """The request cannot be read; `errors` name its fields."""


class TryLater(Refused):
    """Not now, and nothing was done: too many requests, or a house too busy for more than a few tries."""


class Failed(Refused):
    """Something broke on the API's side."""


_KINDS: Mapping[int, type[Refused]] = {
    400: Malformed, 401: NotSignedIn, 403: NotAllowed, 404: NotFound, 409: Conflict, 412: Moved, 413: Malformed,
    422: Malformed, 425: TryLater, 429: TryLater, 500: Failed, 502: Failed, 503: TryLater, 504: Failed,
}  # fmt: skip
_NOTHING_WAS_DONE = frozenset({425, 429})  # these answers stand before any door: asking again is always harmless
_AGAIN = _NOTHING_WAS_DONE | {503}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a write was answered: the body, the version it has now, and its place in the log."""

    body: Mapping[str, Any]
    version: int | None
    position: str
    is_repeated: bool


class Client:
    """A caller of the API. Writes carry a key, so what is retried has one effect; sessions refresh by themselves."""

    def __init__(
        self, base_url: str, token: str | None = None, *, timeout_s: float = 30, http: httpx.Client | None = None
    ) -> None:
        """`http` lends open connections to callers who come often; it is left open."""
        self._is_lent = http is not None
        self._http = http or httpx.Client(base_url=base_url, timeout=timeout_s)
        self._token = token
        self._refresh_token: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_lent:
            self._http.close()

    def sign_in(self, email: str, password: str) -> None:
        """Act as this person from now on. Raises Refused."""
        self._keep(self._request("POST", "/auth/login", {"email": email, "password": password}).json())

    def sign_out(self) -> None:
        """End the session whose token this is; it opens nothing from now on. Raises Refused."""
        self._request("POST", "/auth/logout", {})

    def send(
        self, command: type[Command], *, key: str | None = None, if_version: int | None = None, **fields: Any
    ) -> Answered:
        """Ask for a command by its fields, less those the door supplies. Raises Refused."""
        method, path = DOORS_OF[command]
        in_path = {name: one for name, one in fields.items() if f"{{{name}}}" in path}
        body = {name: one for name, one in fields.items() if name not in in_path}
        headers = {"Idempotency-Key": key or str(new_id(now()))}
        if if_version is not None:
            headers["If-Match"] = f'"{if_version}"'
        answer = self._request(method, path.format(**in_path), body, headers)
        version = answer.headers.get("ETag")
        return Answered(
            body=answer.json(),
            version=int(version.strip('"')) if version else None,
            position=answer.headers["X-Jovey-Position"],
            is_repeated="Idempotency-Replayed" in answer.headers,
        )

    def get(self, path: str, **query: Any) -> Any:
        """What a door shows; `path` is below /api/v1. Raises Refused."""
        return self._request("GET", path, query).json()

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        """Every row of a list, page by page."""
        page = self.get(path, **query)
        for _ in range(_PAGES_MAX):
            yield from page["items"]
            if page["next"] is None:
                return
            page = self.get(page["next"].removeprefix("/api/v1"))
        raise AssertionError(f"{path} has more than {_PAGES_MAX} pages")

    def _request(
        self, method: str, path: str, told: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        answer = self._attempt(method, path, told, headers or {})
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._refresh_token and path not in _SIGNING_IN:
            self._keep(self._request("POST", "/auth/refresh", {"refresh_token": self._refresh_token}).json())
            answer = self._attempt(method, path, told, headers or {})
        if answer.is_error:
            raise _refusal(answer)
        return answer

    def _attempt(self, method: str, path: str, told: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        """One request; again, with the same key, while the house is busy or the wire breaks and repeating is harmless.

        Raises httpx.TransportError when the last wire broke too.
        """
        is_harmless = method == "GET" or "Idempotency-Key" in headers
        for attempt in range(ATTEMPTS_MAX - 1):
            try:
                answer = self._once(method, path, told, headers)
            except httpx.TransportError:
                if not is_harmless:
                    raise
                time.sleep(_BROKEN_SECONDS * 2**attempt)
                continue
            pause = _retry_after_s(answer)
            is_again = answer.status_code in (_AGAIN if is_harmless else _NOTHING_WAS_DONE)
            if not is_again or pause > _WAIT_SECONDS_MAX:
                return answer
            time.sleep(pause)
        return self._once(method, path, told, headers)

    def _once(self, method: str, path: str, told: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token and path not in _SIGNING_IN else {}
        plain = to_jsonable_python(dict(told))
        if method in {"GET", "DELETE"}:
            query = {name: one for name, one in plain.items() if one is not None}
            return self._http.request(method, f"/api/v1{path}", headers={**headers, **bearer}, params=query or None)
        return self._http.request(method, f"/api/v1{path}", headers={**headers, **bearer}, json=plain)

    def _keep(self, tokens: Mapping[str, Any]) -> None:
        self._token, self._refresh_token = tokens["access_token"], tokens["refresh_token"]


def _refusal(answer: httpx.Response) -> Refused:
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    kind = _KINDS.get(answer.status_code, Refused)
    wait = _retry_after_s(answer) if "Retry-After" in answer.headers else None
    return kind(answer.status_code, answer.json() if is_problem else {}, wait)


def _retry_after_s(answer: httpx.Response) -> float:
    """How long the house asks to wait: seconds, or until a date (RFC 9110, 10.2.3); a second where it does not say."""
    said = answer.headers.get("Retry-After", "1")
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - now()).total_seconds())
    except (ValueError, TypeError):
        return 1.0
