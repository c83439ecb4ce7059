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
LINES, BRANCHES = [1, 2, 3, 4, 5, 6], [[2, 3], [2, 5]]
NEVER = {"missing_lines": [7], "missing_branches": [[2, 8]]}  # slipcover leaves line 8 out
WHOLE = {"executed_lines": LINES, "executed_branches": BRANCHES, **NEVER}


@pytest.fixture
def held(tmp_path):
    """The gates over these files of a report, each of which holds the rule."""

    def told(**found) -> subprocess.CompletedProcess[str]:
        files = {f"api/orders/{name}.py": {**WHOLE, **one} for name, one in found.items()}
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(RULE)
        (tmp_path / "report.json").write_text(json.dumps({"files": files}))
        command = [sys.executable, GATES, "report.json"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return told


def test_the_way_into_what_never_happens_is_not_asked_for(held):
    done = held(decide={})
    assert done.stdout.splitlines() == [
        "The rules: tests pass 8 of 8 lines and branches, 100 % are wanted",
        "The house: tests pass 8 of 8 lines and branches, 95 % are wanted",
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("missed", "where"),
    [
        ({"executed_lines": LINES[:5], "missing_lines": [6, 7]}, "6"),
        ({"executed_branches": BRANCHES[:1], "missing_branches": [[2, 5], [2, 8]]}, "2->5"),
        ({"missing_branches": [[2, 0], [2, 8]]}, "2->end"),
    ],
    ids=["a line", "a branch", "a branch out of the function"],
)
def test_a_line_or_a_branch_of_a_rule_that_no_test_passes_fails_and_is_named(held, missed, where):
    done = held(decide=missed, state={}, views={}, routes={})
    assert f"  api/orders/decide.py: {where}\n" in done.stdout
    assert "api/orders/state.py" not in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(("lines", "code"), [(LINES[:5], 0), (LINES[:3], 1)], ids=["97 %", "91 %"])
def test_the_rest_of_the_house_may_have_gaps_of_a_twentieth(held, lines, code):
    gap = {"executed_lines": lines, "missing_lines": [line for line in (*LINES, 7) if line not in lines]}
    done = held(decide={}, react={}, policy={}, views=gap)
    assert done.returncode == code
    assert ("  api/orders/views.py: " in done.stdout) == bool(code)
