"""Every direct dependency has a reason on record, and no reason outlives its dependency."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "decisions" / "0015-dependencies.md"


def name_of(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;]", requirement)[0].lower().replace("_", "-")


def direct() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    return {name_of(requirement) for requirement in wanted}


def reasoned() -> dict[str, str]:
    return dict(re.findall(r"^- `([\w-]+)`: (.+)$", RECORD.read_text(), re.MULTILINE))


def test_each_dependency_has_a_reason_and_each_reason_a_dependency():
    assert set(reasoned()) == direct()


def test_a_reason_is_a_sentence():
    assert [name for name, reason in reasoned().items() if len(reason.split()) < 2] == []


def test_the_lock_holds_every_direct_dependency_with_hashes():
    locked = dict(
        re.findall(
            r"^([\w.-]+)==\S+(?: ; [^\\]+)? (\\\n    --hash=sha256:\w+)",
            (ROOT / "requirements.lock").read_text(),
            re.MULTILINE,
        )
    )
    assert direct() <= set(locked)
