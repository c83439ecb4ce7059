"""The coverage gates themselves: what counts as passed, what as missed; a gap makes them fail and is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

GATES = Path(__file__).parents[1] / "coverage_gates.py"
RULE = """\
def decide(wish):
    match wish:
        case str():
            return 1
        case int():
            return 2
        case never:
            assert_never(never)
"""
LINES, BRANCHES = (1, 2, 3, 4, 5, 6), ([2, 3], [2, 5], [2, 8])  # line 8 is left out by slipcover, line 7 is not


@pytest.fixture
def held(tmp_path):
    def told(*missed_lines, missed_branches=()) -> subprocess.CompletedProcess[str]:
        rule = tmp_path / "api" / "orders" / "decide.py"
        rule.parent.mkdir(parents=True)
        rule.write_text(RULE)
        found = {
            "executed_lines": [line for line in LINES if line not in missed_lines],
            "missing_lines": [*missed_lines, 7],
            "executed_branches": [one for one in BRANCHES[:2] if one not in missed_branches],
            "missing_branches": [*missed_branches, [2, 8]],
        }
        (tmp_path / "report.json").write_text(json.dumps({"files": {"api/orders/decide.py": found}}))
        command = [sys.executable, GATES, "report.json"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return told


def test_the_way_into_what_never_happens_is_not_asked_for(held):
    done = held()
    assert done.stdout.splitlines() == [
        "The rules: tests pass 100.0 % of the lines and branches, 100 % are wanted",
        "The house: tests pass 100.0 % of the lines and branches, 95 % are wanted",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_line_or_a_branch_of_a_rule_that_no_test_passes_fails_and_is_named(held):
    done = held(5, 6, missed_branches=([2, 5],))
    assert "The rules: tests pass 62.5 % of" in done.stdout
    assert "  api/orders/decide.py: 5, 6, 2->5\n" in done.stdout
    assert done.returncode == 1
