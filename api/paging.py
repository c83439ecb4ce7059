"""Paging: lists by cursor, which neither skip nor repeat a row when others are added meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha512
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from api.house import house

S = TypeVar("S")
V = TypeVar("V", bound=BaseModel)
LIMIT_MAX = 200
"""Rows of a page."""


class Page(BaseModel, Generic[V]):
    """Some rows of a list, and the address of the next ones."""

    model_config = ConfigDict(json_schema_extra={"description": "Some rows of a list, and the address of the next."})

    items: tuple[V, ...]
    next: str | None = Field(description="Address of the next page; none on the last.")


@dataclass(frozen=True, slots=True)
class Paging:
    """How many rows a request wants, and after which one: a sort key and an id.

    A cursor is sealed with the installation's key for the list it belongs to: what it says is nobody's business, and
    one that was changed, made up or taken from another list is refused. The same place has the same cursor.
    """

    request: Request
    limit: int
    cursor: str | None

    def after_text(self) -> tuple[str, UUID] | None:
        """The last row of the page before, in lists by a text."""
        return self._after(str)

    def after_instant(self) -> tuple[datetime, UUID] | None:
        """The last row of the page before, in lists by time."""
        return self._after(_aware)

    def after_number(self) -> tuple[int, UUID] | None:
        """The last row of the page before, in lists by number."""
        return self._after(int)

    def page(self, rows: Sequence[S], key: Callable[[S], tuple[str, UUID]]) -> tuple[Sequence[S], str | None]:
        """Of up to `limit` + 1 rows, those of this page, and the address of the next one."""
        if len(rows) <= self.limit:
            return rows, None
        shown = rows[: self.limit]
        return shown, self.address(*key(shown[-1]))

    def address(self, text: str, id: UUID) -> str:
        """The address of the page that begins after this row."""
        sealed = self._seal().encrypt(json.dumps([text, str(id)]).encode(), self._list())
        cursor = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
        url = self.request.url.include_query_params(cursor=cursor, limit=self.limit)
        return f"{url.path}?{url.query}"

    def _after(self, read: Callable[[str], S]) -> tuple[S, UUID] | None:
        if self.cursor is None:
            return None
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            text, id = json.loads(self._seal().decrypt(base64.urlsafe_b64decode(padded), self._list()))
            return read(text), UUID(id)
        except (InvalidTag, ValueError) as error:
            wrong = {
                "type": "invalid_cursor",
                "loc": ("query", "cursor"),
                "msg": "is not one of ours; take it from `next`",
            }
            raise RequestValidationError([wrong]) from error

    def _seal(self) -> AESSIV:
        return _seal_of(house(self.request).mac_key)

    def _list(self) -> list[bytes]:
        return [self.request.url.path.encode()]


def paging(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Rows of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=1_000, description="From `next` of the page before.")] = None,
) -> Paging:
    """The page a request asks for."""
    return Paging(request, limit, cursor)


Paged = Annotated[Paging, Depends(paging)]


@cache
def _seal_of(key: bytes) -> AESSIV:
    return AESSIV(sha512(b"cursors:" + key).digest())


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return at
