"""Whether a destination's address may be asked, before it is stored (core.egress)."""

import ipaddress
import socket
from urllib.parse import urlsplit

from core import egress
from core.config import Settings
from core.errors import UsageError

_NOT_ALLOWED = (
    "which is not public. If the PBX is there, allow its range with PRIVATE_NETWORKS, for every "
    "process of the gateway; loopback, link-local and metadata addresses are never allowed."
)


def remarks(url: str, settings: Settings) -> list[str]:
    """What to know about an address that may be stored; empty where all is well.

    The name is resolved, and each of its addresses must be one that the gateway may ask. What it
    leads to later is held against the same rules at each request.

    Raises:
        UsageError: it leads where nobody may have the gateway go.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in settings.sandbox_hosts:
        return []
    try:
        found = socket.getaddrinfo(host, parts.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ["Its host name is not known at the moment. Nothing arrives until it is."]
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for each in addresses:
        if not egress.may_reach(each, settings.private_networks):
            raise UsageError(f"--url leads to {each}, {_NOT_ALLOWED}")
    if parts.scheme == "http" and any(each.is_global for each in addresses):
        return ["It is http to a public address: what customers write can be read on the way."]
    return []
