"""The command at the terminal: quick, and one clear sentence for what its operator can mend."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def jovey(home: Path) -> Run:
    """Run the installed command with a home of its own."""

    def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / "jovey"), *words]
        own = {"JOVEY_HOME": str(home / "jovey"), "COLUMNS": "120", **environment}
        return subprocess.run(
            command, env={**os.environ, **own}, cwd=home, input=stdin, capture_output=True, text=True, check=False
        )

    return run


def test_help_imports_nothing_heavy():
    heavy = {"dagster", "duckdb", "polars", "sqlalchemy", "fastapi", "pydantic", "psycopg", "pyarrow"}
    look = f"import orchestration.cli, sys; print({heavy} & set(sys.modules) or 'light')"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "light\n"


def test_every_command_is_in_the_help(jovey: Run):
    shown = jovey("--help").stdout
    for command in ("up", "demo", "import", "sql", "bench", "user", "token", "doctor"):
        assert f" {command} " in shown


@pytest.mark.parametrize("command", ["up", "sql"])
def test_a_wrong_database_url_is_one_sentence_and_leaves_nothing(jovey: Run, home: Path, command: str):
    done = jovey(command, DATABASE_URL="mysql://root@localhost/shop", JOVEY_API_PORT="0", JOVEY_DAGSTER_PORT="0")
    assert done.returncode == 2
    assert done.stderr == "DATABASE_URL must start with postgresql://, not with mysql.\n"
    assert not (home / "jovey" / "postgres").exists()


def test_a_setting_out_of_range_is_named_and_not_repeated(jovey: Run):
    done = jovey("doctor", JOVEY_API_PORT="eighty", JOVEY_TAX_RATE="7")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "JOVEY_API_PORT: Input should be a valid integer, unable to parse string as an integer.",
        "JOVEY_TAX_RATE: Input should be less than 1.",
    ]


def test_the_doctor_of_a_fresh_folder_finds_nothing_wrong_and_makes_nothing(jovey: Run, home: Path):
    done = jovey("doctor", JOVEY_API_PORT="0", JOVEY_DAGSTER_PORT="0")
    assert done.returncode == 0, done.stdout
    assert "the first `jovey up` or `jovey demo` makes it" in done.stdout
    assert not (home / "jovey").exists()


def test_the_doctor_says_what_is_wrong_and_exits_with_one(jovey: Run):
    done = jovey("doctor", DATABASE_URL="postgresql:///shop?host=/nowhere")
    assert done.returncode == 1
    assert "does not answer on its socket" in done.stdout


def test_asking_an_empty_lake_is_one_sentence(jovey: Run):
    done = jovey("sql", "select 1")
    assert done.returncode == 2
    assert done.stderr.startswith("The lake is empty")
    assert done.stderr.count("\n") == 1


def test_a_bug_of_ours_keeps_its_traceback():
    broken = (
        "import orchestration.cli as c; c._settings = lambda: 1 / 0; import sys; sys.argv = ['jovey', 'up']; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
