"""Where an address that somebody else named may lead, as a table."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from core import egress

PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "fd12:3456::/32", "0.0.0.0/0", "::/0")))

# Address; whether it is public; whether an operator who allows everything may reach it.
ADDRESSES = [
    ("93.184.216.34", True, True),
    ("8.8.8.8", True, True),
    ("2606:2800:220:1::1", True, True),
    ("10.0.0.5", False, True),
    ("172.16.0.1", False, True),
    ("172.31.255.255", False, True),
    ("172.32.0.1", True, True),
    ("192.168.1.10", False, True),
    ("100.64.0.1", False, True),
    ("192.0.2.1", False, True),
    ("198.18.0.1", False, True),
    ("240.0.0.1", False, True),
    ("255.255.255.255", False, True),
    ("fd12:3456::1", False, True),
    ("fc00::1", False, True),
    ("2001:db8::1", False, True),
    ("127.0.0.1", False, False),
    ("127.255.255.254", False, False),
    ("0.0.0.0", False, False),
    ("224.0.0.1", False, False),
    ("239.255.255.255", False, False),
    ("169.254.169.254", False, False),
    ("169.254.0.1", False, False),
    ("100.100.100.200", False, False),
    ("::1", False, False),
    ("::", False, False),
    ("ff02::1", False, False),
    ("fe80::1", False, False),
    ("fd00:ec2::254", False, False),
    ("fd20:ce::254", False, False),
    ("fec0::1", False, True),
    ("4000::1", False, True),
    ("2606:4700::1111", True, True),
    ("fd00:c1::a9fe:a9fe", False, False),
    ("::ffff:127.0.0.1", False, False),
    ("::ffff:169.254.169.254", False, False),
    ("::ffff:10.0.0.5", False, True),
    ("::ffff:93.184.216.34", True, True),
    ("64:ff9b::7f00:1", False, False),
    ("64:ff9b::a9fe:a9fe", False, False),
    ("64:ff9b::5db8:d822", True, True),
    ("2002:7f00:1::", False, False),
    ("2002:a9fe:a9fe::1", False, False),
    ("2002:5db8:d822::1", True, True),
]


@pytest.mark.parametrize(("address", "public", "allowed"), ADDRESSES)
def test_each_address_is_public_or_allowed_or_never_reached(
    address: str,
    public: bool,  # noqa: FBT001
    allowed: bool,  # noqa: FBT001
) -> None:
    assert egress.may_reach(ip_address(address), ()) is public
    assert egress.may_reach(ip_address(address), PRIVATE) is allowed


def test_a_private_range_opens_itself_and_nothing_else() -> None:
    own = (ip_network("10.1.0.0/16"),)
    assert egress.may_reach(ip_address("10.1.2.3"), own)
    assert not egress.may_reach(ip_address("10.2.2.3"), own)
    assert egress.may_reach(ip_address("::ffff:10.1.2.3"), own)
    assert not egress.may_reach(ip_address("192.168.0.1"), own)
    assert egress.may_reach(ip_address("93.184.216.34"), own)


@pytest.mark.parametrize("address", ["::127.0.0.1", "::a9fe:a9fe", "64:ff9b:1::7f00:1"])
def test_no_older_way_to_write_an_ipv4_address_leads_inside(address: str) -> None:
    assert not egress.may_reach(ip_address(address), PRIVATE)
