"""The PROXY protocol, versions 1 and 2: what a load balancer says of the client before that client's own octets.

(HAProxy's "The PROXY protocol", §2.1 and §2.2.) The reader sees no socket: it is shown what waits there and says how much of it
belongs to the header, so that nothing behind the header (a TLS handshake, perhaps) is taken off the socket.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_LINE = 107  # octets of version 1 with CRLF
MAX_REST = 2_048  # octets of version 2 after its fixed part: addresses, and fields that are passed over

_FIXED = 16
_V4, _V6 = 0x11, 0x21  # TCP over each
_LOCAL, _PROXIED = 0x20, 0x21


class BadProxyHeader(ValueError):
    """It is none, or one that says nothing that could be believed."""


class ProxyHeader:
    """`is_complete` once `take` has seen all of it; then `source` is the client's address and port, None where not told."""

    __slots__ = ("_seen", "is_complete", "source")

    def __init__(self) -> None:
        self._seen = b""
        self.is_complete = False
        self.source: tuple[str, int] | None = None

    def take(self, waiting: bytes) -> int:
        """How many octets of `waiting`, at its beginning, are the header's. Raises BadProxyHeader."""
        known = len(self._seen)
        octets = self._seen + waiting
        if SIGNATURE.startswith(octets[: len(SIGNATURE)]):
            end = self._end_of_second(octets)
        elif b"PROXY ".startswith(octets[:6]):
            end = self._end_of_first(octets)
        else:
            raise BadProxyHeader("no PROXY header")
        if end > len(octets):
            self._seen = octets
            return len(waiting)
        self.source = _second(octets[:end]) if octets.startswith(SIGNATURE) else _first(octets[: end - 2])
        self.is_complete = True
        return end - known

    @staticmethod
    def _end_of_first(octets: bytes) -> int:
        end = octets.find(b"\r\n", 0, MAX_LINE)
        if end < 0 and len(octets) >= MAX_LINE:
            raise BadProxyHeader("line too long")
        return end + 2 if end >= 0 else MAX_LINE

    @staticmethod
    def _end_of_second(octets: bytes) -> int:
        if len(octets) < _FIXED:
            return _FIXED
        rest = int.from_bytes(octets[14:16])
        if rest > MAX_REST:
            raise BadProxyHeader("header too long")
        return _FIXED + rest


def _first(line: bytes) -> tuple[str, int] | None:
    """`PROXY TCP4 source destination port port`; `PROXY UNKNOWN`, with whatever follows."""
    words = line.split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return None
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise BadProxyHeader("malformed line")
    try:
        addresses = [ip_address(word.decode("ascii")) for word in words[2:4]]
        ports = [_port(word) for word in words[4:]]
    except ValueError as error:
        raise BadProxyHeader("malformed address or port") from error
    version = 4 if words[1] == b"TCP4" else 6
    if any(address.version != version for address in addresses):
        raise BadProxyHeader("address of another family")
    return str(addresses[0]), ports[0]


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or (word[:1] == b"0" and word != b"0") or int(word) > 65_535:
        raise ValueError(word)
    return int(word)


def _second(header: bytes) -> tuple[str, int] | None:
    kind, family, rest = header[12], header[13], header[_FIXED:]
    if kind == _LOCAL:
        return None  # the load balancer itself, looking whether we are there
    if kind != _PROXIED:
        raise BadProxyHeader("unknown version or command")
    if family == _V4 and len(rest) >= 12:
        return str(IPv4Address(rest[:4])), int.from_bytes(rest[8:10])
    if family == _V6 and len(rest) >= 36:
        address = IPv6Address(rest[:16])
        return str(address.ipv4_mapped or address), int.from_bytes(rest[32:34])
    if family in (_V4, _V6):
        raise BadProxyHeader("addresses are missing")
    return None
