"""Proofs: sums that must agree, added up anew from their movements while somebody looks."""

from __future__ import annotations

import streamlit as st

from dashboards.draw import whole
from dashboards.glance import Glance
from warehouse.lake.proofs import PROOFS


def show_proofs(glance: Glance) -> None:
    """Each proof once more from its movements; only those whose tables the reader may read."""
    is_any = False
    for proof in PROOFS:
        if not glance.works_in(*proof.functions):
            continue
        is_any = True
        row = glance.ask(proof.sql).row(0, named=True)
        sign, tone = (":material/check_circle:", "green") if not row["wrong"] else (":material/error:", "red")
        result = (
            f"{whole(row['checked'])} agree"
            if not row["wrong"]
            else f"{whole(row['wrong'])} of {whole(row['checked'])} differ"
        )
        st.markdown(f":{tone}[{sign}] {proof.words}: **{result}**")
    if not is_any:
        st.caption("There are none for the functions you work in.")
