"""Addresses: a request is counted by where it comes from, and nobody chooses that by what they write."""

from __future__ import annotations

import pytest

from api.address import address_of, networks
from warehouse.settings import Settings


def scope(client, *forwarded):
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return {"type": "http", "headers": headers, "client": client and (client, 4000)}


@pytest.mark.parametrize(
    ("trusted", "client", "forwarded", "found"),
    [
        ("", "203.0.113.7", [], "203.0.113.7"),
        ("", "127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        ("10.0.0.0/8", "203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.0/8", "10.0.0.2", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.0/8", "10.0.0.2", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.2", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.0/8, 192.0.2.1", "10.0.0.2", ["198.51.100.1, 192.0.2.1"], "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.2", ["not an address"], "10.0.0.2"),
        ("10.0.0.0/8", "10.0.0.2", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ("10.0.0.0/8", "::ffff:10.0.0.2", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("", "2001:db8:1:2:aaaa::1", [], "2001:db8:1:2::/64"),
        ("", "2001:db8:1:2:bbbb::9", [], "2001:db8:1:2::/64"),
        ("fd00::/8", "fd00::1", ["2001:db8:1:2:cccc::"], "2001:db8:1:2::/64"),
        ("", "testclient", [], "testclient"),
        ("", None, [], "unknown"),
    ],
)
def test_a_request_is_counted_by_the_last_address_that_nobody_trusted_vouches_for(trusted, client, forwarded, found):
    assert address_of(scope(client, *forwarded), networks(trusted)) == found


def test_a_long_chain_of_proxies_is_followed_for_ten_hops():
    chain = ", ".join(["198.51.100.1", *["10.0.0.1"] * 50])
    assert address_of(scope("10.0.0.2", chain), networks("10.0.0.0/8")) == "10.0.0.1"


@pytest.mark.parametrize(
    "wrong", [{"trusted_proxies": "10.0.0.0/8, proxy"}, {"cors_origins": "*"}, {"cors_origins": "https://a.example/x"}]
)
def test_a_setting_that_names_no_network_or_no_origin_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)
