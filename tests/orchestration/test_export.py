"""`jovey export`: the lake as one plain file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from orchestration.export import ExportRefused, export
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.postgres import open_database
from warehouse.settings import Settings


def test_the_file_holds_every_table_with_its_comments_and_needs_nothing_but_duckdb(filled: Settings, tmp_path: Path):
    file = tmp_path / "jovey.duckdb"
    file.write_text("an older one")
    count = export(filled, file, replace=True)
    with duckdb.connect(str(file), read_only=True) as plain:
        tables = plain.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        about = plain.execute("select comment from duckdb_tables() where table_name = 'aging'").fetchone()
        uncommented = plain.execute("""
            select table_name, column_name from duckdb_columns()
            where schema_name = 'receivables' and comment is null""").fetchall()
        cut = plain.execute("select position from facts.cuts").fetchone()
    with open_database(filled) as database, Reader(database, filled) as reader:
        position = reader.query("select position from facts.cuts", functions=EVERYTHING).frame.item()
    assert len(tables) == count
    assert ("receivables.aging",) in tables
    assert about
    assert about[0]
    assert uncommented == []
    assert cut == (position,)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_there_is_kept_unless_told(home: Path, tmp_path: Path):
    file = tmp_path / "jovey.duckdb"
    file.write_text("precious")
    with pytest.raises(ExportRefused, match="there already"):
        export(Settings(_env_file=None, home=home), file)
    assert file.read_text() == "precious"


def test_a_folder_that_is_not_there_is_named(home: Path, tmp_path: Path):
    with pytest.raises(ExportRefused, match="There is no folder"):
        export(Settings(_env_file=None, home=home), tmp_path / "nowhere" / "jovey.duckdb")
