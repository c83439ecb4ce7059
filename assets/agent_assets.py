"""The agents in Dagster: each an asset of its function, made by one step: look at the lake, propose through the API."""

# no `from __future__ import annotations` here: Dagster reads the type of `context` itself, not its name
from typing import Any

import dagster as dg

from assets.category.agent import PRICING
from assets.graph import key_of
from assets.procurement.agent import REORDER
from assets.proposals import Agent
from assets.rounds import Office, look, work
from warehouse import clock

AGENTS: tuple[Agent[Any], ...] = (REORDER, PRICING)


def agent_asset(agent: Agent[Any]) -> dg.AssetsDefinition:
    """The asset `<function>/agent`: the proposals of one round. What runs twice proposes once."""
    function = agent.contract.function

    @dg.asset(
        key=dg.AssetKey([function, "agent"]),
        deps=[key_of(agent.table), key_of("agents.decisions")],
        group_name=function,
        kinds={"python"},
        description=f"Proposals of the agent {agent.name}: what {agent.table} shows due and nobody was asked yet.",
    )
    def proposals(context: dg.AssetExecutionContext, office: dg.ResourceParam[Office]) -> dg.MaterializeResult[None]:
        at = clock.now()
        with office.open_reader() as reader, office.open_desk(agent) as desk:
            found = look(agent, reader, office.settings, at)
            done = work(found, reader, desk, office.settings, at)
        context.log.info("proposed %s, refused %s, left %d", dict(done.proposed), dict(done.refused), done.left)
        return dg.MaterializeResult(
            metadata={
                "jovey/due": len(found.due.cases),
                "jovey/event": found.due.as_of.event_number,
                "jovey/left": done.left,
                **{f"jovey/proposed/{label}": count for label, count in done.proposed.items()},
                **{f"jovey/refused/{code}": count for code, count in done.refused.items()},
            }
        )

    return proposals
