"""Address: where a request comes from, as the socket says, or as a proxy says whom the settings trust."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from warehouse.settings import listed

Network = IPv4Network | IPv6Network
HOPS_MAX = 10  # of proxies in front of one another
_IPV6_SITE_BITS = 64  # whoever has one such address has all of its network (RFC 6177)


def networks(trusted_proxies: str) -> tuple[Network, ...]:
    """The networks that a setting names."""
    return tuple(ip_network(name, strict=False) for name in listed(trusted_proxies))


def address_of(scope: Scope, trusted: Sequence[Network]) -> str:
    """Whom to count a request by: an IPv4 address, or the /64 network of an IPv6 one.

    X-Forwarded-For is read from its end, where the nearest proxy wrote, for as long as each hop is trusted; what a
    client wrote before that counts for nothing.
    """
    client = scope.get("client")
    nearest = str(client[0]) if client else "unknown"
    hops = [nearest]
    if trusted:
        said = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        hops += [hop.strip() for hop in reversed(said.split(","))][:HOPS_MAX]
    found = nearest
    for hop in hops:
        address = _parsed(hop)
        if address is None:
            break
        found = _site(address)
        if not any(address in network for network in trusted):
            break
    return found


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address as text; mapped ones (::ffff:192.0.2.1) are the IPv4 addresses they stand for."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _site(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((int(address), _IPV6_SITE_BITS), strict=False))
