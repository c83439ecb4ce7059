"""Codes: every code a refusal can bear, read from the rules' own source, so that the documents forget none."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import get_args

from api.refusals import Kind

FUNCTIONS = ("agents", "category", "customers", "events", "orders", "fulfillment", "procurement", "receivables")


_CLAIMED = {
    "customers": ("email",),
    "orders": ("order_number",),
    "procurement": ("purchase_order_number", "supplier_reference"),
    "receivables": ("provider_payment",),
}
"""The natural keys that a function's streams claim: held by another, each is refused as `<scope>_taken`."""

_ASKING = ("react", "observing")
"""The modules of a function that ask for other functions' commands."""

_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}


@cache
def codes_of(function: str) -> Mapping[Kind, frozenset[str]]:
    """The codes that a function's commands may be refused with, by kind: its own and those of what it causes."""
    found: dict[Kind, set[str]] = {kind: set() for kind in get_args(Kind)}
    for reached in _reached(function):
        for kind, code in _written(reached):
            found[kind].add(code)
        found["conflict"].update(f"{scope}_taken" for scope in _CLAIMED.get(reached, ()))
    found["conflict"].add("idempotency_key_reused")
    return {kind: frozenset(codes) for kind, codes in found.items()}


@cache
def _reached(function: str) -> frozenset[str]:
    """The functions whose commands follow from this one's, through the reactions, or are asked for by what it takes."""
    reached, waiting = {function}, [function]
    while waiting:
        for other in _asked_by_reactions(waiting.pop()) - reached:
            reached.add(other)
            waiting.append(other)
    return frozenset(reached)


def _asked_by_reactions(function: str) -> set[str]:
    imports = (node for node in _nodes(function, only=_ASKING) if isinstance(node, ast.ImportFrom))
    asked = (node.module.split(".") for node in imports if node.module and node.module.endswith(".commands"))
    return {parts[1] for parts in asked} & set(FUNCTIONS)


def _written(function: str) -> Iterator[tuple[Kind, str]]:
    """Every `Refusal("code", …)` and `not_found("thing", …)` in a function's modules."""
    for node in _nodes(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        if node.func.id == "Refusal" and (code := _text(node.args[0])):
            yield _kind(node), code
        elif node.func.id == "Fault" and len(node.args) > 1 and (code := _text(node.args[1])):
            yield "conflict", code
        elif node.func.id == "not_found" and (thing := _text(node.args[0])):
            yield "not_found", f"{thing.replace(' ', '_')}_not_found"


def _kind(call: ast.Call) -> Kind:
    for keyword in call.keywords:
        if keyword.arg == "kind" and isinstance(keyword.value, ast.Constant):
            return _KINDS[str(keyword.value.value)]
    return "conflict"


def _text(node: ast.expr) -> str | None:
    """A string as written; what is computed inside it stands as `*`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return None


def _nodes(function: str, only: Collection[str] = ()) -> Iterator[ast.AST]:
    for module in sorted(files(f"api.{function}").iterdir(), key=lambda one: one.name):
        if module.name.endswith(".py") and (not only or module.name.removesuffix(".py") in only):
            yield from ast.walk(ast.parse(module.read_text()))
