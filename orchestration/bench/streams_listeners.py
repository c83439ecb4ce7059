"""The listeners of the bench of streams, in a process of their own: they hear, leave at random, and come back.

Started as `python -m orchestration.bench.streams_listeners`; it is told a Plan on its first line of input, answers
`ready` when everybody listens, and after the second line, the file of what was to be heard, with a Verdict.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from warehouse.clock import now

PATH = "/api/v1/events/stream"
_AMID_SHARE = 0.5
_AGAIN_SECONDS = 0.2  # after a busy answer
_LATE_EVERY = 50  # of so many messages one is timed: reading an instant costs as much as the rest
_CATCH_UP_SECONDS_MAX = 90.0
_DATA = b'data: {"id":"'
_ID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to listen, each with whose token, and how long one stays before leaving, in the mean."""

    host: str
    port: int
    tokens: tuple[tuple[str, str], ...]
    stay_seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was heard: messages, returns, and in how many cases not each permitted event came once and in order."""

    heard: int
    returns: int
    busy_answers: int
    missing: int
    repeated: int
    foreign: int
    disordered: int
    late_ms: tuple[float, ...]
    caught_up_seconds: float


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that was to be heard: its type, its stream and its place there."""

    event_type: str
    aggregate_id: str
    version: int


@dataclass
class Listener:
    """One who listens. `heard` holds the ids of events in the order they came."""

    number: int
    token: str
    kind: str
    heard: list[str] = field(default_factory=list)
    place: str = ""
    returns: int = 0
    busy: int = 0
    late_ms: list[float] = field(default_factory=list)
    is_in: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, plan: Plan, dice: random.Random) -> None:
        """Hear, leave, come back after what was heard, until cancelled; nobody leaves before something happened.

        Every other one leaves amid the messages of a chunk, as soon as one comes after their time.
        """
        while True:
            stay = dice.expovariate(1 / plan.stay_seconds)
            with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout(stay if self.heard and dice.random() < _AMID_SHARE else None):
                    await self._visit(plan, stay, dice)
            self.returns += 1

    async def _visit(self, plan: Plan, stay: float, dice: random.Random) -> None:
        reader, writer = await asyncio.open_connection(plan.host, plan.port)
        try:
            last = f"Last-Event-ID: {self.place}\r\n" if self.place else ""
            head = f"GET {PATH} HTTP/1.1\r\nHost: {plan.host}\r\nAuthorization: Bearer {self.token}\r\n{last}\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                self.busy += 1
                await asyncio.sleep(_AGAIN_SECONDS)
                return
            until = time.monotonic() + stay
            while size := int(await reader.readline(), 16):
                chunk = (await reader.readexactly(size + 2))[:-2]
                if self.heard and time.monotonic() > until:
                    self._hear(chunk[: dice.randrange(size)].rpartition(b"\n\n")[0])
                    return
                self._hear(chunk)
        finally:
            writer.transport.abort()  # without a word, as networks break

    def _hear(self, chunk: bytes) -> None:
        """The messages of a chunk: the house sends whole ones."""
        for block in chunk.split(b"\n\n"):
            for line in block.split(b"\n"):
                if line.startswith(b"id: "):
                    self.place = line[4:].decode()
                elif line.startswith(_DATA):
                    self.heard.append(sys.intern(line[len(_DATA) : len(_DATA) + _ID_LENGTH].decode()))
                    if len(self.heard) % _LATE_EVERY == 0:
                        self.late_ms.append(_late_ms(line))
        if self.place:
            self.is_in.set()


def _late_ms(line: bytes) -> float:
    said = json.loads(line[6:])
    return (now() - datetime.fromisoformat(said["created_at"])).total_seconds() * 1000


async def listen(plan: Plan) -> Verdict:
    """Everybody listens until told what was to be heard, and has heard as much; then they are judged."""
    dice = random.Random(plan.seed)  # noqa: S311 - when one leaves is no secret
    listeners = [Listener(number, token, kind) for number, (token, kind) in enumerate(plan.tokens)]
    tasks = [asyncio.create_task(one.listen(plan, dice)) for one in listeners]
    await asyncio.gather(*(one.is_in.wait() for one in listeners))
    print("ready", flush=True)  # noqa: T201 - to the bench
    happened = await asyncio.to_thread(_told)
    counts = {kind: sum(1 for _ in permitted(happened, kind)) for _, kind in plan.tokens}
    began = time.monotonic()
    while any(len(one.heard) < counts[one.kind] for one in listeners):
        if time.monotonic() - began > _CATCH_UP_SECONDS_MAX:
            break
        await asyncio.sleep(0.1)
    took = time.monotonic() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return judged(listeners, happened, took)


def _told() -> dict[str, Happened]:
    """What was to be heard, from the file that the bench names when it is written."""
    file = Path(sys.stdin.readline().strip())
    return {id: Happened(*said) for id, said in json.loads(file.read_text()).items()}


def permitted(happened: Mapping[str, Happened], kind: str) -> Iterator[str]:
    """The ids of the events that a kind of listener may hear: `all`, or types that begin so."""
    return (id for id, one in happened.items() if kind == "all" or one.event_type.startswith(kind))


def judged(listeners: Sequence[Listener], happened: Mapping[str, Happened], took: float) -> Verdict:
    """Compare what each heard with what they were to hear."""
    missing = repeated = foreign = disordered = 0
    wanted = {kind: frozenset(permitted(happened, kind)) for kind in {one.kind for one in listeners}}
    for one in listeners:
        counts = Counter(one.heard)
        missing += len(wanted[one.kind] - counts.keys())
        foreign += len(counts.keys() - wanted[one.kind])
        repeated += counts.total() - len(counts)
        disordered += _disordered(one.heard, happened)
    return Verdict(
        heard=sum(len(one.heard) for one in listeners),
        returns=sum(one.returns for one in listeners),
        busy_answers=sum(one.busy for one in listeners),
        missing=missing,
        repeated=repeated,
        foreign=foreign,
        disordered=disordered,
        late_ms=tuple(late for one in listeners for late in one.late_ms),
        caught_up_seconds=took,
    )


def _disordered(heard: Sequence[str], happened: Mapping[str, Happened]) -> int:
    """How often an event came that its stream has earlier than one heard before."""
    last: dict[str, int] = {}
    count = 0
    for id in heard:
        if (one := happened.get(id)) is not None:
            count += last.get(one.aggregate_id, 0) >= one.version
            last[one.aggregate_id] = one.version
    return count


def main() -> None:
    """Do as told on standard input."""
    said = json.loads(sys.stdin.readline())
    plan = Plan(**said | {"tokens": tuple(map(tuple, said["tokens"]))})
    print(json.dumps(asdict(asyncio.run(listen(plan)))))  # noqa: T201 - to the bench


if __name__ == "__main__":
    main()
