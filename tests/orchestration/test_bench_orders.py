"""The benches of the doors, small: they measure what they say, against a real server."""

from __future__ import annotations

import pytest

from orchestration.bench import orders, orders_without_rls, oversell


def test_the_last_units_are_sold_once_whatever_the_rush():
    figures = {figure.name: figure for figure in oversell.rows(count=14, lines=20)}
    assert figures["orders placed of the last 10 units"].value == 10
    assert figures["clean refusals of the others"].value == 4
    assert figures["units left"].value == 0
    assert figures["transactions it took"].value == 1
    assert all(figure.ok for figure in figures.values() if figure.unit == "")


@pytest.mark.proof
def test_orders_are_measured_beside_the_same_sql_by_pgbench():
    figures = {figure.name: figure for figure in orders.rows(orders=3)}
    assert figures["SQL statements per order, begin and commit apart"].value == 4
    ratio = figures["HTTP against pgbench"]
    assert 0 < ratio.ratio == ratio.value / ratio.against
    assert figures["CPU of the API per order"].value > 0


@pytest.mark.proof
def test_what_asking_who_is_there_costs_an_order_is_measured_with_and_without_policies():
    figures = {figure.name: figure for figure in orders_without_rls.rows(orders=2, turns=1)}
    whole, bare = figures["place order, one client, p50"].value, figures["the same with row-level security off"].value
    assert figures["row-level security"].value == whole - bare
    share = figures["authentication and row-level security, share of placing an order"]
    assert share.against == 0.15
    assert share.value >= figures["authentication"].value / whole
