"""Which addresses a stranger may have us connect to: their DNS records must not make us talk to the inside of a network.

The decision is taken on the address that will be connected to, after DNS, so that a name cannot change its meaning in between.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 §2.1: an IPv4 address in its last 32 bits


def forbidden(address: str) -> str | None:
    """Why this address is not one of the public Internet; None when it is. Raises ValueError for what is no address."""
    return _judge(ip_address(address))


def _judge(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv6Address) and (inner := _embedded(address)):
        return _judge(inner)
    for kind, applies in (
        ("loopback", address.is_loopback),
        ("unspecified", address.is_unspecified),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("private", address.is_private),
        ("reserved", address.is_reserved or not address.is_global),
    ):
        if applies:
            return f"{address} is a {kind} address"
    return None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if it does (mapped, 6to4, NAT64)."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
