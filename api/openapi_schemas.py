"""OpenAPI schemas, made exact where FastAPI says too little: decimals, and parameters, which are never null."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from api.json_bounds import WHOLE_NUMBER_MAX

WHOLE_DIGITS, PLACES = 12, 2
"""Of the decimals that the document calls well formed; some fields take more places."""


_SCHEMAS = "#/components/schemas/"
_KEYWORDS = {"ge": "minimum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum", "le": "maximum"}
"""What pydantic leaves beside a decimal whose bound comes after another validator, and JSON Schema's word for it."""


def made_exact(document: dict[str, Any]) -> None:
    """Change the document's schemas in place."""
    for node in list(_nodes(document)):
        if node.get("type") == "integer":
            node |= {bound: _whole(node[bound]) for bound in ("minimum", "maximum") if bound in node}
            _bound(node)
        if (branches := _decimal_branches(node)) is not None:
            number, string = branches
            number |= {_KEYWORDS[name]: node.pop(name) for name in _KEYWORDS if name in node}
            _describe_decimal(number, string)
        _require_kinds(node, document["components"]["schemas"])
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _never_null(parameter["schema"])


def plainly_named(document: dict[str, Any]) -> dict[str, Any]:
    """The document with one name for each schema: what is asked is called X, what is shown of the same class XView."""
    names = {one: one.removesuffix("-Input").replace("-Output", "View") for one in document["components"]["schemas"]}
    renamed = {old: new for old, new in names.items() if old != new}
    document["components"]["schemas"] = {
        names[old]: one | ({"title": names[old]} if old in renamed else {})
        for old, one in document["components"]["schemas"].items()
    }
    for node in _nodes(document):
        if isinstance(ref := node.get("$ref"), str) and (name := ref.removeprefix(_SCHEMAS)) in renamed:
            node["$ref"] = _SCHEMAS + renamed[name]
    return document


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        yield from _nodes(one)


def _whole(bound: float) -> int:
    """The bound of an integer as one; FastAPI makes it a float, which beyond 2^53 may be one too many."""
    return int(bound if abs(bound) < 2**53 else math.nextafter(bound, 0))


def _bound(integer: dict[str, Any]) -> None:
    """No body may hold a larger whole number (api/json_bounds.py)."""
    if "minimum" not in integer and "exclusiveMinimum" not in integer:
        integer["minimum"] = -WHOLE_NUMBER_MAX
    if "maximum" not in integer and "exclusiveMaximum" not in integer:
        integer["maximum"] = WHOLE_NUMBER_MAX


def _decimal_branches(schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The number and the string that pydantic takes for a decimal, if the schema is one's."""
    branches = schema.get("anyOf")
    if not isinstance(branches, list):
        return None
    kinds = {branch.get("type"): branch for branch in branches if isinstance(branch, dict)}
    return (kinds["number"], kinds["string"]) if "number" in kinds and "string" in kinds else None


def _describe_decimal(number: dict[str, Any], string: dict[str, Any]) -> None:
    """Give the string the bounds that pydantic gives the number alone, and the number the places."""
    least, most = number.get("minimum", number.get("exclusiveMinimum")), number.get("maximum")
    sign = "-?" if least is None else ""
    if "exclusiveMaximum" in number:  # rates, below one
        whole = "0"
    elif most is not None:
        whole = f"[0-{int(most) - 1}]"
    else:
        whole = rf"[1-9]\d{{0,{WHOLE_DIGITS - 1}}}" if "exclusiveMinimum" in number else rf"\d{{1,{WHOLE_DIGITS}}}"
        number["maximum"] = 10**WHOLE_DIGITS - 1
    if least is None:
        number["minimum"] = -(10**WHOLE_DIGITS - 1)
    number["multipleOf"] = 10**-PLACES
    string["pattern"] = rf"^{sign}{whole}(\.\d{{1,{PLACES}}})?$"


def _require_kinds(node: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say of each member of a union that it must name its kind, default or not: by it the union is told apart."""
    for ref in node.get("discriminator", {}).get("mapping", {}).values():
        member, name = schemas[ref.removeprefix(_SCHEMAS)], node["discriminator"]["propertyName"]
        member["required"] = [*(one for one in member.get("required", ()) if one != name), name]


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is absent; `null` would be the word."""
    branches = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(branches) != 1 or len(schema["anyOf"]) == 1:
        return schema
    return {**branches[0], **{name: one for name, one in schema.items() if name != "anyOf"}}
