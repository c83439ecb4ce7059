"""The runner of benches: finds them, shows their figures, keeps their promises visible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.bench import run
from orchestration.bench.figure import Figure, at_most


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """A bench named `stub`, and what it measures."""
    figures = [at_most("p95", 120.0, "ms", 150.0), Figure("orders", 61234.5, "per h")]
    monkeypatch.setattr(run, "names", lambda: ["stub"])
    monkeypatch.setattr(run, "_figures", lambda _name: figures)
    return figures


def test_every_bench_of_the_house_is_found_by_its_name():
    assert "hot-run" in run.names()
    assert not {"figure", "run"} & set(run.names())


def test_an_unknown_bench_is_answered_with_those_there_are():
    with pytest.raises(run.UnknownBench, match=r"There is no bench nothing; there are: .*hot-run, .*all"):
        run.bench("nothing")


def test_figures_are_shown_with_what_they_promise(measured: list[Figure], capsys: pytest.CaptureFixture[str]):
    assert run.bench("stub")
    shown = capsys.readouterr().out
    assert "✓" in shown
    for word in ("p95", "120", "150", "0.8", "61,234"):
        assert word in shown


def test_a_broken_promise_is_a_failure(measured: list[Figure], capsys: pytest.CaptureFixture[str]):
    measured.append(at_most("p99", 300.0, "ms", 200.0))
    assert not run.bench("all")
    assert "✗" in capsys.readouterr().out


def test_the_file_holds_every_figure_whole(measured: list[Figure], tmp_path: Path):
    run.bench("stub", tmp_path / "figures.json")
    rows = json.loads((tmp_path / "figures.json").read_text())
    assert rows[0] == {"name": "p95", "value": 120.0, "unit": "ms", "against": 150.0, "ratio": 0.8, "ok": True}
    assert rows[1] == {"name": "orders", "value": 61234.5, "unit": "per h", "against": None, "ratio": None, "ok": True}
