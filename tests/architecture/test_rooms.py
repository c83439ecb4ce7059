"""Who may import whom: every contract is kept, and a seeded violation of each shows that it bites."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from importlinter.api import use_cases
from importlinter.domain.contract import registry

ROOMS = ("warehouse", "api", "assets", "orchestration", "dashboards")


@pytest.fixture(scope="module")
def contracts() -> dict[str, object]:
    """The contracts of pyproject.toml, by id."""
    options = use_cases.read_user_options(str(Path(__file__).parents[2] / "pyproject.toml"))
    use_cases._register_contract_types(options)
    return {
        wanted["id"]: registry.get_contract_class(wanted["type"])(wanted["name"], options.session_options, wanted)
        for wanted in options.contracts_options
    }


@pytest.fixture(scope="module")
def house() -> grimp.ImportGraph:
    """All imports among our rooms and of other packages, as they stand."""
    return grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)


def is_kept(contract, graph: grimp.ImportGraph) -> bool:
    return contract.check(graph=deepcopy(graph), verbose=False).kept


@pytest.mark.parametrize("rule", ["rooms", "assets", "dashboards", "lake", "pure", "functions", "warehouse"])
def test_the_house_keeps_the_rule(rule: str, contracts: dict[str, object], house: grimp.ImportGraph):
    assert is_kept(contracts[rule], house), f"run lint-imports --contract {rule}"


def test_no_rule_is_left_without_a_test(contracts: dict[str, object]):
    assert set(contracts) == {rule for rule, _, _ in VIOLATIONS}


VIOLATIONS = [
    ("rooms", "warehouse.ids", "api.actor"),
    ("rooms", "api.handle", "assets.facts"),
    ("rooms", "api.app", "orchestration.up"),
    ("rooms", "assets.facts", "dashboards"),
    ("assets", "assets.facts", "api.handle"),
    ("assets", "assets.facts", "api.orders.decide"),
    ("assets", "assets.facts", "api.receivables.state"),
    ("dashboards", "dashboards.receivables", "warehouse.log.append"),
    ("dashboards", "dashboards.receivables", "warehouse.lake.attach"),
    ("dashboards", "dashboards.receivables", "api.handle"),
    ("lake", "api.orders.routes", "warehouse.lake.read"),
    ("lake", "api.handle", "duckdb"),
    ("pure", "api.orders.decide", "sqlalchemy"),
    ("pure", "api.orders.placing", "time"),
    ("pure", "api.receivables.react", "warehouse.log.append"),
    ("pure", "api.category.policy", "random"),
    ("pure", "warehouse.events.orders", "pathlib"),
    ("functions", "api.orders.decide", "api.fulfillment.decide"),
    ("functions", "api.customers.routes", "api.orders.routes"),
    ("functions", "api.receivables.react", "api.orders.decide"),
    ("functions", "api.agents.react", "api.procurement.decide"),
    ("pure", "api.agents.proposing", "time"),
    ("warehouse", "warehouse.events.event", "warehouse.log.append"),
    ("warehouse", "warehouse.log.append", "warehouse.lake.attach"),
    ("warehouse", "warehouse.embedded", "warehouse.postgres"),
]


@pytest.mark.parametrize(("rule", "importer", "imported"), VIOLATIONS)
def test_a_seeded_violation_breaks_the_rule(
    rule: str, importer: str, imported: str, contracts: dict[str, object], house: grimp.ImportGraph
):
    tampered = deepcopy(house)
    for module in (importer, imported):
        if module not in tampered.modules:
            tampered.add_module(module, is_squashed=module.partition(".")[0] not in ROOMS)
    tampered.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    assert not is_kept(contracts[rule], tampered)


@pytest.mark.parametrize(
    ("rule", "importer", "imported"),
    [
        ("assets", "assets.facts", "api.orders.commands"),
        ("assets", "assets.facts", "api.receivables.policy"),
        ("assets", "assets.facts", "api.client"),
        ("dashboards", "dashboards.receivables", "warehouse.lake.read"),
        ("lake", "api.receivables.reports", "warehouse.lake.read"),
        ("functions", "api.orders.react", "api.fulfillment.commands"),
        ("functions", "api.orders.decide", "api.category.policy"),
    ],
)
def test_what_the_rule_allows_keeps_it(
    rule: str, importer: str, imported: str, contracts: dict[str, object], house: grimp.ImportGraph
):
    extended = deepcopy(house)
    for module in (importer, imported):
        if module not in extended.modules:
            extended.add_module(module)
    extended.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    assert is_kept(contracts[rule], extended)
