"""Event, the base of every fact; Recorded, a fact with the envelope the log put around it; Happened, what folds see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from warehouse.events.digits import Digits

DATA_BYTES_MAX = 1_048_576  # a 2,000-line order is about 400 KB


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field about a living person: kept out of the lake, hidden in the log under the person's key.

    What the law wants kept, whoever asks for erasure, is `in_books`: hidden under the key of that year's books instead.
    """

    in_books: bool = False


_MONEY, _PIECE, _FRACTION = Digits(18, 2, is_padded=True), Digits(18, 4), Digits(9, 6)
Amount = Annotated[Decimal, _MONEY]
"""Money in the document's currency, two places."""
NonNegativeAmount = Annotated[Decimal, Field(ge=0), _MONEY]
PositiveAmount = Annotated[Decimal, Field(gt=0), _MONEY]
UnitPrice = Annotated[Decimal, _PIECE]
"""Money per piece, up to four places."""
NonNegativeUnitPrice = Annotated[Decimal, Field(ge=0), _PIECE]
Rate = Annotated[Decimal, _FRACTION]
"""A fraction: 0.05 is five percent."""
Share = Annotated[Decimal, Field(ge=0, lt=1), _FRACTION]
"""A rate of something, less than all of it: a discount, a tax."""
PersonalText = Annotated[str, Personal()]
"""Text about a living person."""


class Part(BaseModel):
    """A value inside a fact: a line, an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(BaseModel):
    """One fact in the past tense. The class is the whole declaration: name, stream, fields, lake table, documentation.

    `stream` is the aggregate_type the fact stands in; `type` its stored name (`noun.past_tense`), never an import path;
    `schema_version` grows when the fields change (an upcast step keeps the old payloads readable);
    `subject` names the field that identifies the living person the fact is about, if there is one; where the fact
    `erases_subject`, that person's key is destroyed in its transaction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: ClassVar[str]
    type: ClassVar[str]
    schema_version: ClassVar[int] = 1
    subject: ClassVar[str | None] = None
    erases_subject: ClassVar[bool] = False

    @classmethod
    def table(cls) -> str:
        """The name of the fact's table in the lake's schema `facts`: `order.placed` is `order_placed`."""
        return re.sub(r"\W", "_", cls.type)


E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Ref:
    """The address of a stream."""

    stream: str
    id: UUID


class Happened(Protocol[E_co]):
    """What a state folds from: a fact, whose it is, when it happened and who did it.

    The rest of the envelope says how it came into the log, and is no part of any state.
    """

    @property
    def event(self) -> E_co: ...

    @property
    def ref(self) -> Ref: ...

    @property
    def effective_at(self) -> datetime: ...

    @property
    def created_by(self) -> str: ...


class Recorded(NamedTuple, Generic[E_co]):
    """A fact and its envelope.

    `effective_at` is when it happened in the business; `correlation_id` is the command that began the chain,
    `causation_id` the command or event right before.
    """

    event: E_co
    id: UUID
    ref: Ref
    version: int
    effective_at: datetime
    created_by: str
    correlation_id: UUID
    causation_id: UUID
    subject_id: UUID | None = None
