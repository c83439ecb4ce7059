"""Decisions: what agents propose, beside what the formula says and what they saw, and a person's yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import httpx
import polars as pl
import streamlit as st

from api.agents.commands import ApproveDecision, RejectDecision
from api.client import Refused
from dashboards import draw
from dashboards.acts import Told, act_in_short, act_in_words, effect_in_words, told_of
from dashboards.draw import moment, money, plain, span
from dashboards.glance import Glance, section
from dashboards.waiting import waiting_decisions
from warehouse.clock import now
from warehouse.ids import new_id

LISTED_MAX = 100
Tone = Literal["blue", "gray", "green", "orange", "red", "violet"]
_WAITING, _ALL = "Waiting", "All"
_ORIGINS: Mapping[str, tuple[str, Tone, str]] = {
    "claude": ("Claude's suggestion, checked", "violet", "auto_awesome"),
    "formula": ("Calculated by formula (no AI)", "gray", "function"),
    "fallback": ("Calculated by formula (no AI)", "gray", "function"),
}
_STATES: Mapping[str, tuple[str, Tone]] = {
    "proposed": ("Waiting", "blue"),
    "executed": ("Approved and done", "green"),
    "rejected": ("Rejected", "red"),
    "expired": ("Expired", "gray"),
    "superseded": ("Replaced by a newer one", "gray"),
    "stale": ("The world moved on", "orange"),
}
_REASONS = {
    "quantity": "The quantity is wrong",
    "price": "The price is wrong",
    "supplier": "Another supplier",
    "timing": "Not now",
    "figures": "The figures are wrong",
    "other": "Something else",
}
_FALLBACKS = {
    "overloaded": "Claude was overloaded",
    "billing": "the account at Anthropic could not pay",
    "auth": "the key was refused",
    "bad_request": "Claude did not accept the question",
    "timeout": "Claude did not answer in time",
    "refusal": "Claude declined to answer",
    "truncated": "the answer was cut short",
    "invalid": "the answer could not be read",
    "protocol": "the answer did not keep to the form",
    "guard": "the answer did not pass the guards",
    "model": "the model is not there any more",
    "budget": "the day's budget was spent",
}


def show(glance: Glance) -> None:
    """The queue, and the one that is looked at."""
    choice = st.segmented_control(
        "Decisions",
        [_WAITING, _ALL],
        default=_WAITING,
        key="decision_show",
        bind="query-params",
        label_visibility="collapsed",
    )
    status = "proposed" if choice == _WAITING else None
    page = glance.told("/agents/decisions", status=status, limit=LISTED_MAX)
    wanted = st.query_params.get("decision")
    if page is None and not glance.is_answered:
        st.error("Decisions are taken at the house itself. Reload in a minute.", title="The house does not answer")
        with section("What waits, as last seen"):
            _last_seen(glance)
        return
    items: list[Mapping[str, Any]] = list(page["items"]) if page else []
    chosen = _chosen(glance, items, wanted)
    if chosen is None:
        words = "Agents look after every change of stock, demand and cost; what they propose appears here."
        draw.nothing("Nothing waits for you", words)
        return
    queue, detail = st.columns([5, 6], gap="medium")
    with queue:
        picked = _queue(items)
    with detail:
        _detail(glance, picked or chosen)


def _last_seen(glance: Glance) -> None:
    """The queue from the lake: to read, not to decide."""
    columns = {
        "sku": st.column_config.TextColumn("Product"),
        "amount": draw.amounts(glance.currency),
        "rationale": st.column_config.TextColumn("Why", width="large"),
    }
    waiting = waiting_decisions(glance)
    draw.table(waiting, columns, alt=f"{waiting.height} decisions that wait", key="decisions_seen")


def _chosen(glance: Glance, items: list[Mapping[str, Any]], wanted: str | None) -> Mapping[str, Any] | None:
    """The one that the address names, whatever its status; else the first that waits."""
    if wanted:
        known = next((one for one in items if one["id"] == wanted), None)
        found: Mapping[str, Any] | None = known or glance.told(f"/agents/decisions/{wanted}")
        if found is not None:
            return found
        st.warning("Perhaps its address was cut short.", title="There is no such decision")
    return items[0] if items else None


def _queue(items: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What there is to choose from; answers the row that was picked."""
    frame = pl.DataFrame(
        {
            "what": [act_in_short(one["proposal"]) for one in items],
            "amount": [float(one["amount"]) for one in items],
            "state": [_STATES[one["status"]][0] for one in items],
            "left": [_left(one) for one in items],
        },
        schema={"what": pl.String, "amount": pl.Float64, "state": pl.String, "left": pl.String},
    )
    if frame.is_empty():
        st.caption("No others wait.")
        return None
    currency = items[0]["currency"]
    columns = {"what": st.column_config.TextColumn("Proposed", width=170), "amount": draw.amounts(currency)}
    if all(one["status"] == "proposed" for one in items):
        columns["left"] = st.column_config.TextColumn("Time left")
    else:
        columns["state"] = st.column_config.TextColumn("State")
    picked = draw.pick(frame, columns, alt=f"{len(items)} decisions", key="decision_queue", rows_max=14)
    return None if picked is None else items[picked]


def _left(decision: Mapping[str, Any]) -> str:
    if decision["status"] != "proposed":
        return draw.UNKNOWN
    return span((datetime.fromisoformat(decision["expires_at"]) - now()).total_seconds())


def _detail(glance: Glance, decision: Mapping[str, Any]) -> None:
    state, tone = _STATES[decision["status"]]
    words, origin_tone, icon = _ORIGINS[decision["origin"]]
    with st.container(border=True):
        st.markdown(f"## {plain(act_in_words(decision['proposal'], decision['currency']))}")
        with st.container(horizontal=True, gap="small"):
            st.badge(state, color=tone)
            st.badge(words, color=origin_tone, icon=f":material/{icon}:")
        if decision["fallback_reason"]:
            st.caption(f"By formula because {_FALLBACKS[decision['fallback_reason']]}.")
        st.markdown(plain(decision["rationale"]))
        _compare(decision)
        _told(decision)
        if decision["status"] == "proposed":
            _decide(glance, decision)
        else:
            _outcome(glance, decision)
    _evidence(glance, decision)


def _compare(decision: Mapping[str, Any]) -> None:
    """Claude's answer and the formula's, side by side; one line where they are the same."""
    currency = decision["currency"]
    if decision["proposal"] == decision["formula"]:
        agrees = decision["origin"] == "claude"
        st.caption("The formula says the same." if agrees else "Proposal and formula are the same.")
        return
    left, right = st.columns(2)
    with left.container(border=True):
        st.caption("Claude proposes")
        st.markdown(f"**{plain(act_in_words(decision['proposal'], currency))}**")
    with right.container(border=True):
        st.caption("The formula would")
        st.markdown(f"**{plain(act_in_words(decision['formula'], currency))}**")


def _decide(glance: Glance, decision: Mapping[str, Any]) -> None:
    """Yes and no; a click has one effect however often it is sent."""
    id, function = decision["id"], decision["function"]
    if function not in glance.person.functions:
        st.info(f"Deciding this is for those who work in {function}.", icon=":material/lock:")
        return
    is_off = not glance.is_answered
    with st.form(f"approve_{id}", border=False):
        st.text_input(
            "Note (optional)", key=f"approve_note_{id}", max_chars=500, placeholder="For whoever reads it later"
        )
        st.form_submit_button(
            effect_in_words(decision),
            type="primary",
            icon=":material/check:",
            key=f"approve_button_{id}",
            on_click=_approve,
            args=(glance, id),
            disabled=is_off,
            help="The house does not answer at the moment." if is_off else None,
        )
    with st.expander("Reject", icon=":material/close:"), st.form(f"reject_{id}", border=False):
        st.selectbox("Reason", list(_REASONS), format_func=_REASONS.__getitem__, key=f"reject_code_{id}")
        st.text_area("In words (optional)", key=f"reject_note_{id}", max_chars=500, height=80)
        st.form_submit_button(
            "Reject it",
            icon=":material/close:",
            key=f"reject_button_{id}",
            on_click=_reject,
            args=(glance, id),
            disabled=is_off,
        )


def _approve(glance: Glance, id: str) -> None:
    _ask(glance, id, ApproveDecision, reason=st.session_state[f"approve_note_{id}"] or "")


def _reject(glance: Glance, id: str) -> None:
    code, note = st.session_state[f"reject_code_{id}"], st.session_state[f"reject_note_{id}"] or ""
    _ask(glance, id, RejectDecision, reason_code=code, reason=note)


def _ask(glance: Glance, id: str, command: type[ApproveDecision | RejectDecision], **fields: Any) -> None:
    """Ask for it under a key that stays until an answer came: sent twice, it happens once."""
    name = f"key_{command.__name__}_{id}"
    key = st.session_state.setdefault(name, str(new_id(now())))
    try:
        with glance.api() as client:
            answered = client.send(command, key=key, decision_id=UUID(id), **fields)
    except httpx.TransportError:
        silent = "Nobody knows whether it was heard. Press the button again: it happens once at most."
        st.session_state[f"told_{id}"] = Told("error", "No answer", silent)
        return
    except Refused as refused:
        st.session_state[f"told_{id}"] = Told("error", "The house said no", f"{refused} Nothing was done.")
    else:
        st.session_state[f"told_{id}"] = told_of(answered.body)
    del st.session_state[name]


def _told(decision: Mapping[str, Any]) -> None:
    """What the last click here came to."""
    told: Told | None = st.session_state.get(f"told_{decision['id']}")
    if told is not None:
        say = {"success": st.success, "warning": st.warning, "error": st.error}[told.tone]
        say(plain(told.words), title=told.title)


def _outcome(glance: Glance, decision: Mapping[str, Any]) -> None:
    """What became of it, and what can be done about it."""
    told = told_of(decision)
    if f"told_{decision['id']}" not in st.session_state:
        st.markdown(f"**{told.title}.** {plain(told.words)}")
    if decision["decided_at"]:
        at = moment(datetime.fromisoformat(decision["decided_at"]), glance.zone)
        reason = decision["decision_reason"]
        code = _REASONS.get(decision["rejection_code"] or "", "")
        said = ": ".join(one for one in (code, plain(reason)) if one)
        st.caption(f"Decided {at}." + (f" {said}." if said else ""))


def _evidence(glance: Glance, decision: Mapping[str, Any]) -> None:
    """What was seen and which guards it passed."""
    seen = decision["situation"]
    with section("What it saw"):
        as_of = decision["as_of"]
        at = moment(datetime.fromisoformat(as_of["at"]), glance.zone)
        st.caption(f"As of event {as_of['event_number']:,}, {at}.")
        shown = [(one["name"], f"{one['value']} {one['unit']}".strip()) for one in seen]
        frame = pl.DataFrame(shown, schema={"name": pl.String, "value": pl.String}, orient="row")
        columns = {
            "name": st.column_config.TextColumn("Seen", width="medium"),
            "value": st.column_config.TextColumn("Value", width="medium"),
        }
        draw.table(frame, columns, alt=f"{len(seen)} things it saw", key=f"seen_{decision['id']}", rows_max=14)
    with section("Guards"):
        if not decision["guards"]:
            st.caption("None were needed.")
        for guard in decision["guards"]:
            tone, icon = ("green", "check_circle") if guard["has_passed"] else ("red", "cancel")
            words = f": {plain(guard['message'])}" if guard["message"] else ""
            st.markdown(f":{tone}[:material/{icon}:] **{plain(guard['name'])}**{words}")
    with st.expander("For the record", icon=":material/fingerprint:"):
        facts = ("number", "contract_version", "snapshot_hash", "proposed_by", "proposed_at", "expires_at")
        st.json({name: decision[name] for name in (*facts, "model_call_id", "model_answer")}, expanded=1)
        st.caption(f"Amount: {money(float(decision['amount']), decision['currency'])}.")
