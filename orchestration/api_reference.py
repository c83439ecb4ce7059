"""docs/api.md: every door of the API with its callers, and every code it may say no with, from the API itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from api.app import create_app
from warehouse.settings import Settings

_INTRODUCTION = """\
# The HTTP API

Generated from the code by `make docs`; the same, for programs, is at `/openapi.json` of a running API, for trying
out at `/docs`. All addresses but `/health` and `/metrics` begin with `/api/v1`.

**Sign in.** `POST /api/v1/auth/login` with `{"email": …, "password": …}` answers an access token (15 minutes, sent
as `Authorization: Bearer …`) and a refresh token, which gives the next pair once; a refresh token that comes again
ends its session. The first colleague is made with `jovey user create`; `jovey token` gives a script a longer one.

**Once.** Send `Idempotency-Key: <any text>` with a write: the same key and body have the same answer and one effect
(`Idempotency-Replayed: true`); another body under the same key is `409 idempotency_key_reused`.

**Versions.** What is shown bears `ETag: "<version>"`; a write with `If-Match` is refused with `412 version_moved`
when the thing moved since. Every write answers `X-Jovey-Position`, its place in the log, which a reader can wait
for.

**Lists** take `limit` (up to 200) and go on at `next`; they are sorted stably, and nothing is skipped or shown
twice while others write. **Amounts** are decimal strings, **quantities** whole numbers, **instants** in UTC,
**dates** the company's.

**No** is said as `application/problem+json` with a stable `code`, a `detail` for people, `errors` that name fields
or lines, and a `request_id` for our log: 400 and 422 the request is malformed, 401 who are you, 403 you may not,
404 not there or not yours, 409 a rule says no, 412 it moved, 413 too large, 503 not at this moment (`Retry-After`).

```
curl -s localhost:8000/api/v1/orders -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: cart-7" \\
     -H "Content-Type: application/json" -d '{"lines": [{"sku": "JP-100", "quantity": 2}]}'
```
"""


def api_page() -> str:
    """The page, as Markdown."""
    document = create_app(Settings()).openapi()
    doors = list(_doors(document))
    parts = [_INTRODUCTION]
    for tag, rows in groupby(doors, key=lambda door: door[0]):
        parts += [f"## {tag}\n", "| door | who | what |", "|---|---|---|"]
        parts += [f"| `{method} {path}` | {callers} | {what} |" for _, method, path, callers, what in rows]
        parts.append("")
    parts += ["## Codes\n", "| status | codes |", "|---|---|"]
    parts += [f"| {status} | {', '.join(f'`{code}`' for code in codes)} |" for status, codes in _codes(document)]
    return "\n".join(parts) + "\n"


def _doors(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """(group, method, path, callers, first sentence) in the order the doors were opened."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            what = " ".join(operation.get("description", "").split("\n\n")[0].split())
            yield operation["tags"][0], method.upper(), path, operation["x-callers"], what


def _codes(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, set[str]] = {}
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                found.setdefault(status, set()).update(response.get("x-codes", ()))
    yield from ((status, sorted(codes)) for status, codes in sorted(found.items()) if codes)
