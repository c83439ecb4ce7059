"""The lake in Dagster: every table an asset, every expectation and check an asset check, all made by one step."""

# no `from __future__ import annotations` here: Dagster reads the type of `context` itself, not its name
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import dagster as dg
from dagster import AssetCheckEvaluation

from assets.hot_run import Refreshed
from assets.lake import Lake
from assets.sql import Derived, Graph
from assets.table import Checked

FACTS = dg.AssetKey(["facts", "log"])
EXPECTATIONS = "expectations"


def lake_asset(graph: Graph) -> dg.AssetsDefinition:
    """One step for the whole lake. Selecting `facts/log` alone is the hot run: whatever is due is made and reported.

    Assets that are made without being selected are reported as events of the run: planning all sixty of them and their
    checks would cost a hundred and twenty events and a second before any work.
    """
    specs = [_facts_spec(), *(_spec(graph, table) for table in graph.tables)]

    @dg.multi_asset(name="lake", specs=specs, can_subset=True)
    def lake(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.MaterializeResult[None]]:
        selected = context.selected_asset_keys
        done = lake.refresh(_name(key) for key in selected if key != FACTS)
        for key, metadata in _made(done):
            if key in selected:
                yield dg.MaterializeResult(asset_key=key, metadata=metadata)
            else:
                context.log_event(dg.AssetMaterialization(key, metadata=metadata))
        for evaluation in _news(context.instance, _verdicts(done.checks)):
            context.log_event(evaluation)

    return lake


def lake_checks(graph: Graph) -> dg.AssetChecksDefinition:
    """All checks, for the night and for whoever presses the button."""

    @dg.multi_asset_check(name="lake_checks", specs=list(_check_specs(graph)), can_subset=True)
    def lake_checks(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> Iterator[dg.AssetCheckResult]:
        for verdict in _verdicts(lake.check_all()):
            if verdict.asset_check_key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    asset_key=verdict.asset_key,
                    check_name=verdict.check_name,
                    passed=verdict.passed,
                    metadata=verdict.metadata,
                    description=verdict.description,
                )

    return lake_checks


def _facts_spec() -> dg.AssetSpec:
    about = "Every event of the log, once, as a typed row of its own table in schema facts."
    return dg.AssetSpec(FACTS, description=about, group_name="facts", kinds={"postgres", "duckdb"}, skippable=True)


def _spec(graph: Graph, table: Derived) -> dg.AssetSpec:
    facts = sorted(name for name in graph.tables_read(table) if name.startswith("facts."))
    tables = sorted(name for name in graph.tables_read(table) if not name.startswith("facts."))
    columns = [dg.TableColumn(name, description=meaning) for name, meaning in table.columns.items()]
    return dg.AssetSpec(
        key_of(table.name),
        deps=[*([FACTS] if facts else []), *map(key_of, tables)],
        description=table.about,
        group_name=table.schema,
        kinds={"duckdb", "polars" if table.inputs else "sql"},
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/table_name": table.name,
            "jovey/facts": facts,
        },
        skippable=True,
    )


def _check_specs(graph: Graph) -> Iterator[dg.AssetCheckSpec]:
    for table in graph.tables:
        if table.expectations:
            about = "; ".join(table.expectations)
            yield dg.AssetCheckSpec(EXPECTATIONS, asset=key_of(table.name), description=about)
    for check in graph.checks:
        yield dg.AssetCheckSpec(check.name, asset=key_of(check.table), description=check.about)


def _made(done: Refreshed) -> Iterator[tuple[dg.AssetKey, Mapping[str, str | int]]]:
    """What a run made, upstream first, with what the UI shows of it."""
    place = {"jovey/position": done.position, "jovey/as_of": done.as_of.isoformat()}
    yield FACTS, {"jovey/events_loaded": done.loaded, "jovey/event": done.event_number, **place}
    for name, rows in done.rows.items():
        yield key_of(name), {"dagster/row_count": rows, "jovey/event": done.event_number}


def _verdicts(checks: Iterable[Checked]) -> Iterator[AssetCheckEvaluation]:
    """One verdict a check; the expectations of a table count as one, its offenders named."""
    by_check = sorted(checks, key=lambda checked: (checked.table, checked.name))
    for (table, name), group in groupby(by_check, key=lambda checked: (checked.table, checked.name)):
        broken = {checked.about: checked.offenders for checked in group if not checked.has_passed}
        yield AssetCheckEvaluation(
            asset_key=key_of(table),
            check_name=name,
            passed=not broken,
            metadata={about: dg.MetadataValue.int(offenders) for about, offenders in broken.items()},
            description="; ".join(f"{offenders} rows break: {about}" for about, offenders in broken.items()) or None,
        )


def _news(instance: dg.DagsterInstance, verdicts: Iterable[AssetCheckEvaluation]) -> Iterator[AssetCheckEvaluation]:
    """Verdicts worth an event: failures, and passes of what has not passed last time."""
    verdicts = list(verdicts)
    keys = [verdict.asset_check_key for verdict in verdicts]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys) if keys else {}
    for verdict in verdicts:
        record = latest.get(verdict.asset_check_key)
        if not verdict.passed or record is None or record.status.name != "SUCCEEDED":
            yield verdict


def key_of(name: str) -> dg.AssetKey:
    """`receivables.aging` is the asset `receivables/aging`."""
    return dg.AssetKey(name.split("."))


def _name(key: dg.AssetKey) -> str:
    return ".".join(key.path)
