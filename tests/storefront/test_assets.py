"""Files as served: named after their content, and those of others exactly as their makers packed them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from api.pages.assets import FOLDER, STYLE_SHEET, assets

VENDORS = (FOLDER / "vendor", Path(__file__).parent / "vendor")


@pytest.mark.parametrize("folder", VENDORS, ids=["served", "for tests"])
def test_every_file_of_others_is_what_its_maker_packed_and_its_licence_is_kept(folder: Path):
    listed = tomllib.loads((folder / "vendor.toml").read_text())["file"]

    for file in listed:
        assert hashlib.sha384((folder / file["name"]).read_bytes()).hexdigest() == file["sha384"], file["name"]
        assert len((folder / file["licence_text"]).read_text()) > 500, file["name"]
        assert file["integrity"].startswith("sha512-")
    there = {path.name for path in folder.iterdir() if path.suffix in {".js", ".woff2", ".css"}}
    assert there == {file["name"] for file in listed}


def test_a_file_is_served_under_a_name_that_its_content_makes_and_kept_for_ever(town):
    answer = town.nobody().get(assets().address(STYLE_SHEET))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert hashlib.sha256(answer.content).hexdigest()[:8] in assets().address(STYLE_SHEET)


def test_who_reads_no_gzip_gets_the_same_file_plain(town):
    address = assets().address("vendor/htmx-4.0.1.min.js")

    plain = town.nobody().get(address, accept_encoding="identity")

    assert "content-encoding" not in plain.headers
    assert plain.content == (FOLDER / "vendor" / "htmx-4.0.1.min.js").read_bytes()


@pytest.mark.parametrize(
    "name", ["store.00000000.css", "store.css", "../app.py", "..%2f..%2fapp.py", "", "css/1-tokens.css"]
)
def test_nothing_else_is_served(town, name: str):
    assert town.nobody().get(f"/static/{name}").status_code == 404


def test_a_browser_that_asks_for_the_icon_by_habit_gets_it(town):
    icon = town.nobody().get("/favicon.ico")

    assert icon.headers["content-type"] == "image/svg+xml"
    assert icon.headers["cache-control"] == "public, max-age=86400"


def test_the_style_sheet_mentions_only_files_that_are_served():
    sheet = assets().served[assets().named[STYLE_SHEET]].content.decode()

    mentioned = re.findall(r'url\("/static/([^"]+)"\)', sheet)

    assert len(mentioned) == 2
    assert set(mentioned) <= set(assets().served)
    assert "http" not in sheet
    assert sheet.count("{") == sheet.count("}")


def test_the_first_page_stays_within_its_budget():
    packed = {name: len(one.packed or one.content) for name, one in assets().served.items()}

    assert sum(size for name, size in packed.items() if name.endswith(".css")) <= 14 * 1024
    assert sum(size for name, size in packed.items() if name.endswith(".js")) <= 22 * 1024
    assert sum(size for name, size in packed.items() if name.endswith(".woff2")) <= 140 * 1024


def test_pages_keep_browsers_to_their_own_origin(town):
    for path in ("/", "/pumps", "/nothing-here", assets().address("icon.svg")):
        headers = town.nobody().get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
