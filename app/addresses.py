"""Which address a request comes from. Forwarded headers count only from a configured proxy."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from core.config import IPNetwork

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_IPV6_SITE = 64


def client_address(environ: Mapping[str, Any], trusted: tuple[IPNetwork, ...]) -> IPAddress | None:
    """The caller's address.

    Args:
        environ: the WSGI environment.
        trusted: the proxies whose X-Forwarded-For is believed.

    Returns:
        The nearest address that is no trusted proxy; None when it cannot be told, which every
        check takes as a refusal.
    """
    address = _parse(str(environ.get("REMOTE_ADDR", "")))
    hops = str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while address is not None and hops and hops != [""] and _within(address, trusted):
        address = _parse(hops.pop())
    return address


def site(address: IPAddress | None) -> str:
    """What failures are counted by: the address, or the /64 that a single IPv6 host can fill."""
    if address is None:
        return "unknown"
    if address.version == 4:  # noqa: PLR2004 (IPv4)
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_SITE), strict=False))


def _within(address: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> IPAddress | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
