"""What opening a lake rests on: DuckDB's extensions, as their makers signed them."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.lake.attach import EXTENSIONS, extension_file


@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_installed_extension_is_the_one_that_its_makers_signed(name):
    with duckdb.connect(config={"allow_unsigned_extensions": "false"}) as connection:
        connection.execute(f"load '{extension_file(name)}'")


def test_one_that_nobody_signed_is_refused_where_signatures_are_looked_at(tmp_path):
    changed = tmp_path / extension_file("ducklake").name
    content = bytearray(extension_file("ducklake").read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    refused = pytest.raises(duckdb.Error, match="signature")
    with duckdb.connect(config={"allow_unsigned_extensions": "false"}) as connection, refused:
        connection.execute(f"load '{changed}'")
