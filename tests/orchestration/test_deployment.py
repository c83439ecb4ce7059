"""The container files agree with the code and with the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from warehouse.settings import Settings

ROOT = Path(__file__).parents[2]
VARIABLES = {field.validation_alias or f"JOVEY_{name.upper()}" for name, field in Settings.model_fields.items()}


def test_compose_sets_only_what_settings_read():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services["jovey"]["environment"]) <= VARIABLES
    assert services["jovey"]["environment"]["DATABASE_URL"].startswith("postgresql://")


def test_the_image_sets_only_what_settings_read():
    set_there = re.findall(r"\b(JOVEY_\w+)=", (ROOT / "Dockerfile").read_text())
    assert set_there
    assert set(set_there) <= VARIABLES


def test_the_image_installs_with_the_makefiles_uv():
    (pinned,) = re.findall(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    assert f"uv=={pinned}" in (ROOT / "Dockerfile").read_text()


def test_the_image_holds_every_room_and_the_files_they_read():
    copied = set(
        re.findall(r"[\w.]+", " ".join(re.findall(r"^COPY (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)))
    )
    assert {"warehouse", "api", "assets", "orchestration", "dashboards", "dagster.yaml", "workspace.yaml"} <= copied


def test_dagster_s_workspace_loads_our_definitions_under_its_lasting_name():
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert entry == {"python_module": {"module_name": "orchestration.definitions", "location_name": "jovey"}}
