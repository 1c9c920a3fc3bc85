"""Where mail for a domain goes: what DNS answered becomes an ordered list of hosts, or a reason why there is none (RFC 5321 §5).

Pure: answers are values, chance is an argument. `mx.py` asks the questions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from delivery.dialogue import ORDINARY, Dialogue
from mailstead.model.dns import NoRecords, NoSuchName, Trouble

MAX_HOSTS = 10  # of one domain that are considered
MAX_ADDRESSES = 16  # of one domain that are considered

Shuffle = Callable[[list[str]], None]
"""Brings a list into a random order, in place; `random.shuffle` is one."""


@dataclass(frozen=True, slots=True)
class Exchanges:
    """MX records as (preference, host), hosts without the final dot; the root (RFC 7505) is an empty string."""

    records: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """A and AAAA records of one name, as literals."""

    literals: tuple[str, ...]


MxAnswer = Exchanges | NoRecords | NoSuchName | Trouble
AddressAnswer = Addresses | NoRecords | NoSuchName | Trouble


@dataclass(frozen=True, slots=True)
class Unroutable:
    """No host can be named. Its status says by its first digit whether that may change."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address to connect to, and how to speak there; `host` is the name that TLS and reports speak of."""

    host: str
    address: str
    port: int
    dialogue: Dialogue = ORDINARY


@dataclass(frozen=True, slots=True)
class SmartHost:
    """One host that mail is handed to, instead of what MX records say."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "SmartHost":
        """From `host:port` or `[v6]:port`. Raises ValueError otherwise."""
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("a smart host is host:port")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))


def literal(domain: str) -> str | Unroutable | None:
    """The address that an address literal stands for (RFC 5321 §4.1.3); None when the domain is a name."""
    if not is_literal(domain):
        return None
    text = domain[1:-1]
    try:
        if not domain.endswith("]"):
            raise ValueError("unfinished literal")
        if text[:5].lower() == "ipv6:":
            return str(IPv6Address(text[5:]))
        return str(IPv4Address(text))
    except ValueError:
        return Unroutable("5.1.2", f"{domain} is not an address literal")


def is_literal(domain: str) -> bool:
    """Whether an address's domain is an address literal, well-formed or not."""
    return domain.startswith("[")


def is_address(host: str) -> bool:
    """Whether a configured host is an address already, and needs no DNS."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def hosts_of(domain: str, answer: MxAnswer, own_names: frozenset[str], shuffle: Shuffle) -> tuple[str, ...] | Unroutable:
    """The hosts to try, best first; equal preferences in random order (RFC 5321 §5.1). `own_names` are lower case."""
    match answer:
        case Trouble(detail):
            return Unroutable("4.4.3", f"cannot look up {domain}: {detail}")
        case NoSuchName():
            return Unroutable("5.1.2", f"domain {domain} does not exist")
        case NoRecords():
            records: tuple[tuple[int, str], ...] = ((0, domain),)  # the implicit MX
        case Exchanges(given):
            records = given
    if any(not host for _, host in records):
        if len(records) == 1:
            return Unroutable("5.1.10", f"domain {domain} accepts no mail")  # RFC 7505 §4.1
        records = tuple(r for r in records if r[1])
    ours = [preference for preference, host in records if host.lower() in own_names]
    if ours:  # RFC 5321 §5.1: only hosts nearer than ourselves remain
        records = tuple(r for r in records if r[0] < min(ours))
        if not records:
            return Unroutable("5.4.6", f"mail for {domain} loops back to this system")
    ordered: list[str] = []
    for preference in sorted({p for p, _ in records}):
        equal = [host for p, host in records if p == preference]
        shuffle(equal)
        ordered += equal
    return tuple(dict.fromkeys(ordered))[:MAX_HOSTS]


def endpoints_of(
    domain: str,
    answers: Sequence[tuple[str, AddressAnswer]],
    port: int,
    forbidden: Callable[[str], str | None],
    shuffle: Shuffle,
) -> tuple[Endpoint, ...] | Unroutable:
    """The addresses to try, in the order of their hosts (`answers`: host and what DNS said of it), without forbidden ones.

    Where nothing remains, a host whose answer did not come keeps the failure temporary.
    """
    endpoints: list[Endpoint] = []
    troubles: list[str] = []
    refusals: list[str] = []
    for host, answer in answers:
        match answer:
            case Trouble(detail):
                troubles.append(f"{host}: {detail}")
            case Addresses(literals):
                equal = list(dict.fromkeys(literals))
                shuffle(equal)
                for address in equal:
                    if reason := forbidden(address):
                        refusals.append(reason)
                    else:
                        endpoints.append(Endpoint(host, address, port))
            case NoRecords() | NoSuchName():
                pass
    if endpoints:
        return tuple(endpoints[:MAX_ADDRESSES])
    if troubles:
        return Unroutable("4.4.3", f"cannot look up the hosts of {domain}: {troubles[0]}")
    if refusals:
        return Unroutable("5.4.4", f"no host of {domain} may be connected to: {refusals[0]}")
    if [host for host, _ in answers] == [domain]:
        return Unroutable("5.4.4", f"domain {domain} has no mail host")
    return Unroutable("5.4.4", f"no mail host of {domain} has an address")
