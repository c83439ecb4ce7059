"""What a SELECT touches, as DuckDB's own parser sees it: tables, functions, variables. Text is never searched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import duckdb

BUILT_IN = frozenset({"", "main"})
"""Schemas of DuckDB's own functions: the parser writes some of them as `main.list_value`."""


class NotASelect(ValueError):
    """The text is not exactly one SELECT that DuckDB can parse."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The names in one SELECT; a name without a schema stands with an empty one, a CTE's is left out."""

    tables: frozenset[tuple[str, str]]
    table_functions: frozenset[tuple[str, str]]
    functions: frozenset[tuple[str, str]]
    catalogs: frozenset[str]
    variables: frozenset[str]

    @property
    def reads(self) -> frozenset[str]:
        """Every `schema.name` it reads from, tables and macros alike."""
        named = self.tables | self.table_functions | self.functions
        return frozenset(f"{schema}.{name}" for schema, name in named if schema not in BUILT_IN)


@lru_cache(maxsize=512)
def parse(sql: str) -> Statement:
    """Read one SELECT; raises NotASelect with the parser's own words."""
    with _parser().cursor() as connection:
        try:
            # a literal: at its first parameter DuckDB imports pandas
            answer = connection.execute(f"select json_serialize_sql({_quoted(sql)})").fetchone()
        except duckdb.FatalException:
            _parser.cache_clear()  # it answers nothing any more
            raise
        except duckdb.Error as error:
            raise NotASelect(str(error)) from error
    assert answer is not None
    tree = json.loads(answer[0])
    if tree["error"]:
        raise NotASelect(tree["error_message"])
    if len(tree["statements"]) != 1:
        raise NotASelect(f"One SELECT is wanted, {len(tree['statements'])} were given.")
    return _read(list(_nodes(tree)))


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """An empty database of the process's own, opened once: opening takes longer than any text's parsing."""
    return duckdb.connect(config={"threads": 1})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(nodes: list[dict[str, Any]]) -> Statement:
    tables = [node for node in nodes if node.get("type") == "BASE_TABLE"]
    table_functions = [node["function"] for node in nodes if node.get("type") == "TABLE_FUNCTION"]
    functions = [node for node in nodes if node.get("type") == "FUNCTION"]
    ctes = {entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
    named = {(node["schema_name"], node["table_name"]) for node in tables}
    return Statement(
        tables=frozenset((schema, name) for schema, name in named if schema or name not in ctes),
        table_functions=frozenset((call["schema"], call["function_name"]) for call in table_functions),
        functions=frozenset((call["schema"], call["function_name"]) for call in functions),
        catalogs=frozenset(node.get("catalog_name") or node.get("catalog") or "" for node in tables + functions) - {""},
        variables=frozenset(_variables(functions)),
    )


def _variables(functions: list[dict[str, Any]]) -> Iterator[str]:
    """Names asked for by getvariable('…')."""
    for call in functions:
        if call["function_name"] == "getvariable":
            yield call["children"][0]["value"]["value"]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the syntax tree, outermost first."""
    if isinstance(tree, dict):
        yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)
