"""Where requests of the gateway's own may go, when somebody else named the address.

The address of a destination, or of a file to send, comes from an administrator or an agent: it must
not lead into the gateway's own host or network (OWASP, Server-Side Request Forgery).
"""

import ipaddress

from core.config import IPNetwork

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Wherever an operator allows private ranges, these stay shut: hosts' metadata services live there,
# and the last two carry IPv4 addresses in forms that nobody needs (RFC 4291, 2.5.5.1; RFC 8215).
_NEVER = tuple(
    ipaddress.ip_network(each)
    for each in (
        "169.254.0.0/16",
        "168.63.129.16/32",
        "fe80::/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "fd00:c1::a9fe:a9fe/128",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "100.100.100.200/32",
        "::/96",
        "64:ff9b:1::/48",
        "3fff::/20",
    )
)
# What IANA gives out of IPv6 (RFC 4291, 2.4). The old site-local fec0::/10 is nobody's by Python.
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_WITHIN_IPV6 = (
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4 (RFC 3056)
)


def may_reach(address: IPAddress, private: tuple[IPNetwork, ...]) -> bool:
    """Whether a request may go to this address.

    Args:
        address: as the name was resolved, right before connecting.
        private: ranges that the operator allows although they are not public.
    """
    address = _inner(address)
    if address.is_loopback or address.is_multicast or address.is_unspecified:
        return False
    if any(address in network for network in _NEVER):
        return False
    return _is_public(address) or any(address in network for network in private)


def _is_public(address: IPAddress) -> bool:
    return address.is_global and (address.version == 4 or address in _PUBLIC_IPV6)  # noqa: PLR2004 (IP)


def _inner(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one carries, if it does."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, shift in _WITHIN_IPV6:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
    return address
