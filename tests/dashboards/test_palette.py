"""The colours: told apart by every eye, readable on their ground, and the same in config, charts and storefront."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import pytest

import dashboards
from dashboards.draw import DARK, LIGHT, Ground

CONFIG = tomllib.loads((Path(dashboards.__file__).parent / ".streamlit" / "config.toml").read_text())
GROUNDS = pytest.mark.parametrize(("ground", "mode"), [(LIGHT, "light"), (DARK, "dark")])
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
EYES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
Colour = tuple[float, float, float]


def linear(code: str) -> Colour:
    """sRGB as light."""
    parts = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return tuple(one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)  # type: ignore[return-value]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(linear, (one, other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def oklab(colour: Colour) -> Colour:
    r, g, b = colour
    l = max(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b, 0) ** (1 / 3)
    m = max(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b, 0) ** (1 / 3)
    s = max(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b, 0) ** (1 / 3)
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


def distance(one: str, other: str, eye: str) -> float:
    """OKLab distance times 100 as this eye sees it."""
    seen = [
        oklab(tuple(sum(w * c for w, c in zip(row, linear(code), strict=True)) for row in EYES[eye]))  # type: ignore[arg-type]
        for code in (one, other)
    ]
    return 100 * sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


@GROUNDS
@pytest.mark.parametrize("eye", EYES)
def test_series_are_told_apart_by_every_eye(ground: Ground, mode: str, eye: str):
    assert min(distance(a, b, eye) for a, b in itertools.combinations(ground.series, 2)) >= 14


@GROUNDS
def test_series_and_marks_stand_out_from_the_ground(ground: Ground, mode: str):
    for colour in (*ground.series, ground.accent, ground.warn, ground.bad, ground.good):
        assert contrast(colour, ground.paper) >= 3, colour


@GROUNDS
def test_words_are_readable(ground: Ground, mode: str):
    for colour in (ground.ink, ground.soft, ground.good, ground.warn, ground.bad, ground.accent):
        assert contrast(colour, ground.paper) >= 4.5, colour


@GROUNDS
def test_captions_which_streamlit_mixes_from_ink_and_paper_are_readable(ground: Ground, mode: str):
    assert contrast(_mixed(ground.ink, ground.paper, 0.6), ground.paper) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_captions_are_readable_on_the_sidebar_and_what_opens_from_it(mode: str):
    theme = CONFIG["theme"][mode]
    side = theme["sidebar"]
    ink = side.get("textColor", theme["textColor"])
    for ground in (side["backgroundColor"], side["secondaryBackgroundColor"]):
        assert contrast(_mixed(ink, ground, 0.6), ground) >= 4.5, ground


def _mixed(one: str, other: str, share: float) -> str:
    parts = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in parts)


@GROUNDS
def test_the_ages_of_a_debt_go_one_way_and_the_oldest_stands_out_most(ground: Ground, mode: str):
    steps = [contrast(colour, ground.paper) for colour in ground.ages]
    assert steps == sorted(steps)
    for one, next_one in itertools.pairwise(ground.ages):
        assert distance(one, next_one, "normal") >= 8


@GROUNDS
def test_pages_and_charts_have_the_same_colours(ground: Ground, mode: str):
    theme = CONFIG["theme"][mode]
    assert theme["backgroundColor"] == ground.paper
    assert theme["textColor"] == ground.ink
    assert theme["primaryColor"] == theme["linkColor"] == ground.accent
    assert theme["grayColor"] == ground.soft
    assert (theme["greenColor"], theme["orangeColor"], theme["redColor"]) == (ground.good, ground.warn, ground.bad)
    assert tuple(theme["chartCategoricalColors"]) == ground.series


@GROUNDS
def test_the_house_has_one_face(ground: Ground, mode: str):
    tokens = (Path(dashboards.__file__).parents[1] / "api" / "static" / "css" / "1-tokens.css").read_text()
    for colour in (ground.ink, ground.soft, ground.accent, ground.good, ground.warn, ground.bad):
        assert colour in tokens, colour
