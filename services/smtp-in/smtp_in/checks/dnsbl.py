"""DNS lists of addresses (RFC 5782): whether a client is on one, and how much that counts."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from mailstead.model.dns import Asking, Kind, Question, Records

_LISTED = ip_network("127.0.0.0/8")  # RFC 5782 §2.1
_ERRORS = ip_network("127.255.255.0/24")  # what large lists answer to those whom they do not serve


@dataclass(frozen=True, slots=True)
class Zone:
    """A list, and what being on it adds to a message's score."""

    name: str
    weight: float

    @classmethod
    def parse(cls, text: str, default: float) -> "Zone":
        """From `zone` or `zone=weight`. Raises ValueError otherwise."""
        name, equals, weight = (part.strip() for part in text.partition("="))
        if not name or "." not in name or any(c.isspace() for c in name):
            raise ValueError("a list is a domain, or domain=weight")
        return cls(name.lower(), float(weight) if equals else default)


def check_list(client: str, zone: Zone) -> Asking[bool]:
    """Whether the IP address is listed; not, where that cannot be found out."""
    answer = yield Question(f"{_reversed(client)}.{zone.name}", Kind.A)
    addresses = [ip_address(value) for value in answer.values] if isinstance(answer, Records) else []
    return any(address in _LISTED and address not in _ERRORS for address in addresses)


def _reversed(client: str) -> str:
    """RFC 5782 §2.1, §2.4."""
    return ip_address(client).reverse_pointer.rsplit(".", 2)[0]
