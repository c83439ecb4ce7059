"""Positions: what a cut holds, and the token that carries it."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.log.position import InvalidPosition, Snapshot, Write, decode, encode, is_reached

XID_MAX = 2**63


@st.composite
def snapshots(draw, highest: int = XID_MAX, width: int = 1000):
    xmin = draw(st.integers(1, highest))
    xmax = xmin + draw(st.integers(0, width))
    in_flight = draw(st.sets(st.integers(xmin, max(xmin, xmax - 1)), max_size=min(20, xmax - xmin)))
    return Snapshot(xmin, xmax, tuple(sorted(in_flight)))


@given(snapshots())
def test_a_token_says_the_same_cut_again(snapshot):
    assert decode(encode(snapshot)) == snapshot


@given(snapshots())
def test_postgres_text_is_read_and_written_alike(snapshot):
    assert Snapshot.parse(str(snapshot)) == snapshot


@given(st.integers(1, XID_MAX))
def test_a_write_token_is_reached_by_every_cut_after_it_and_by_none_before(transaction_id):
    place = decode(encode(Write(transaction_id)))
    assert is_reached(place, Snapshot(transaction_id + 1, transaction_id + 1))
    assert not is_reached(place, Snapshot(transaction_id, transaction_id))
    assert not is_reached(place, Snapshot(transaction_id, transaction_id + 2, (transaction_id,)))


@given(snapshots(highest=20, width=15), snapshots(highest=20, width=15))
def test_a_cut_covers_another_when_every_transaction_of_it_is_in_it(one, other):
    held = {xid for xid in range(1, 60) if other.includes(xid)}
    assert one.covers(other) == all(one.includes(xid) for xid in held)


@given(st.text(max_size=40))
def test_no_text_but_a_token_is_a_position(text):
    with pytest.raises(InvalidPosition):
        decode(text)


@given(snapshots(), st.data())
def test_a_token_with_one_letter_changed_is_refused(snapshot, data):
    token = encode(snapshot)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    changed = token[:at] + other + token[at + 1 :]
    try:
        assert decode(changed) == snapshot
    except InvalidPosition:
        assert changed != token


def test_tokens_are_safe_in_an_address():
    assert encode(Snapshot(2**40, 2**40 + 7, (2**40 + 3,))).replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "body", [b"\x03\x01", b"\x02\x01\x01", b"\x01\x01"], ids=["kind", "a write of two", "a cut of one"]
)
def test_a_token_of_another_version_is_refused(body):
    token = base64.urlsafe_b64encode(body + zlib.crc32(body).to_bytes(4)).rstrip(b"=").decode()
    with pytest.raises(InvalidPosition, match="another version"):
        decode(token)
