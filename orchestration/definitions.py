"""The code location: the lake's and the agents' assets, the sensors and schedules that move them, wired up."""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.agent_assets import AGENTS, agent_asset
from assets.graph import FACTS, key_of, lake_asset, lake_checks
from assets.lake import Lake
from orchestration.agent_sensors import round_due
from orchestration.resources import house_resources
from orchestration.schedules import keep_lake, purge_runs, schedules, seal_events
from orchestration.sensors import HOT_RUN, log_grew
from warehouse.settings import settings


def build_defs(**overrides: Any) -> dg.Definitions:
    """Assemble the code location; tests pass their own resources."""
    resources = house_resources(settings()) | overrides
    lake: Lake = resources["lake"]
    hot_run = dg.define_asset_job(
        HOT_RUN,
        selection=dg.AssetSelection.assets(FACTS).without_checks(),
        description="Take what is new in the log into the lake, with every table it touches.",
    )
    nightly = dg.define_asset_job(
        "nightly_tables",
        selection=dg.AssetSelection.assets(
            *(key_of(table.name) for table in lake.graph.tables if table.is_nightly)
        ).without_checks(),
        description="Make the tables anew that events alone do not move: forecasts, targets, their accuracy.",
    )
    agents = {
        agent: dg.define_asset_job(
            f"{agent.name}_agent",
            selection=dg.AssetSelection.assets(dg.AssetKey([agent.contract.function, "agent"])).without_checks(),
            description=f"Let the agent {agent.name} propose what is due to {agent.contract.function}.",
        )
        for agent in AGENTS
    }
    check_lake = dg.define_asset_job("check_lake", selection=dg.AssetSelection.all_asset_checks())
    return dg.Definitions(
        assets=[lake_asset(lake.graph), *map(agent_asset, AGENTS)],
        asset_checks=[lake_checks(lake.graph)],
        jobs=[hot_run, nightly, *agents.values(), check_lake, keep_lake, purge_runs, seal_events],
        sensors=[log_grew(hot_run), *(round_due(agent, job) for agent, job in agents.items())],
        schedules=schedules(lake.settings.time_zone, hot_run, nightly, check_lake),
        resources=resources,
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What workspace.yaml loads."""
    return build_defs()
