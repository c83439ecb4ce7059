"""The gates of `make test`: what slipcover measured, held against what is promised of the rules and of the house."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

GATES = {  # files, and how many percent of their lines and branches tests pass
    "The rules": (("api/*/decide.py", "api/*/react.py", "api/*/policy.py"), 100.0),
    "The house": (("*.py",), 95.0),
}
_NEVER = "assert_never("


@dataclass(frozen=True, slots=True)
class Measured:
    """One file: how many lines and branches tests passed, and those that none did."""

    name: str
    passed: int
    lines: Sequence[int]
    branches: Sequence[tuple[int, int]]

    @property
    def missed(self) -> int:
        return len(self.lines) + len(self.branches)

    def __str__(self) -> str:
        branches = (f"{start}->{end or 'end'}" for start, end in self.branches)
        return f"  {self.name}: {', '.join([*map(str, self.lines), *branches])}"


def measured(name: str, found: dict[str, Any], source: Sequence[str]) -> Measured:
    """A file as slipcover found it, without the way into `assert_never(...)`, which is itself left out."""
    missed = found["missing_lines"]
    never = {line for line in missed if source[line - 1].lstrip().startswith("case ") and _NEVER in source[line]}
    branches = [(start, end) for start, end in found["missing_branches"] if end - 1 not in never]
    passed = len(found["executed_lines"]) + len(found["executed_branches"])
    return Measured(name, passed, [line for line in missed if line not in never], branches)


def main(report: Path) -> int:
    """Print how far each gate is kept, and the gaps of those that are not."""
    found = json.loads(report.read_text())["files"]
    files = [measured(name, one, Path(name).read_text().splitlines()) for name, one in sorted(found.items())]
    are_kept = True
    for gate, (patterns, wanted) in GATES.items():
        held = [one for one in files if any(fnmatch(one.name, pattern) for pattern in patterns)]
        passed, missed = sum(one.passed for one in held), sum(one.missed for one in held)
        said = f"{gate}: tests pass {passed:,} of {passed + missed:,} lines and branches, {wanted:g} % are wanted"
        print(said)  # noqa: T201
        if 100 * passed < wanted * (passed + missed):
            are_kept = False
            print(*(one for one in held if one.missed), sep="\n")  # noqa: T201
    return 0 if are_kept else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
