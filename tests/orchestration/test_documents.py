"""Generated documents say what the code says."""

from __future__ import annotations

from pathlib import Path

from orchestration import documents
from warehouse.settings import Settings


def test_every_generated_document_is_fresh():
    assert list(documents.stale()) == [], "run `make docs`"


def test_every_setting_is_in_the_example_with_its_meaning():
    example = documents.env_example()
    for name, field in Settings.model_fields.items():
        assert f"{field.validation_alias or 'JOVEY_' + name.upper()}=" in example
        assert field.description, f"{name} has no description"
        assert field.description in example


def test_the_example_is_read_as_the_defaults(tmp_path: Path):
    chosen = tmp_path / ".env"
    lines = documents.env_example().splitlines()
    chosen.write_text("\n".join(line[2:] for line in lines if line.startswith(("# JOVEY_", "# DATABASE_URL="))))
    assert Settings(_env_file=chosen) == Settings(_env_file=None)


def test_a_stale_document_is_found_and_rewritten(tmp_path: Path):
    assert documents.write(tmp_path) == list(documents.DOCUMENTS)
    (tmp_path / ".env.example").write_text("JOVEY_HOME=elsewhere\n")
    assert list(documents.stale(tmp_path)) == [".env.example"]
