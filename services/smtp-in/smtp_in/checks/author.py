"""The domains that a message's From speaks for (RFC 9989 §4.3, RFC 5322 §3.6.2), and names as DNS has them."""

from collections.abc import Iterable

from mailstead.wire.addresses import parse_addresses
from mailstead.wire.headers import HeaderField, decode_octets, unfold

MAX_AUTHORS = 4  # domains of one message that are looked at


def author_domains(fields: Iterable[HeaderField]) -> list[str]:
    """Of all From fields, in their order, each once. More than one is hardly ever honest; all of them have to hold then."""
    domains: dict[str, None] = {}
    for field in fields:
        if field.name.lower() != b"from":
            continue
        for address in parse_addresses(unfold(field.value)):
            if address.host and address.host != b"MISSING_DOMAIN":
                domains[a_labels(decode_octets(address.host))] = None
    return list(domains)[:MAX_AUTHORS]


def a_labels(domain: str) -> str:
    """A domain in lower case, its labels as DNS has them; what cannot be a name stays as it is."""
    domain = domain.lower().removesuffix(".")
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
