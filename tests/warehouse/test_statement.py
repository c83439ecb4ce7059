"""The parser that a process's threads share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from warehouse.lake.statement import NotASelect, parse


def test_threads_parse_at_once_and_what_one_gets_wrong_troubles_no_other():
    def read(number: int) -> frozenset[str] | None:
        with suppress(NotASelect):
            return parse(f"select {'from where' if number % 3 == 0 else ''} * from a.t{number}").reads
        return None

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(read, range(90)))
    assert found == [None if number % 3 == 0 else {f"a.t{number}"} for number in range(90)]
