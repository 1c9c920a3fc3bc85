"""What TLS a host has to prove before it gets a message: nothing, DANE (RFC 7672), MTA-STS (RFC 8461), REQUIRETLS (RFC 8689).

Pure: records, policies and hosts are values. `mta_sts.py` fetches policies, `secured.py` carries out what is decided here.
"""

from dataclasses import dataclass, replace
from enum import Enum

from delivery.dane import Tlsa

MAX_AGE = 31_557_600  # seconds, RFC 8461 §3.2
MAX_POLICY = 64 * 1024  # octets, RFC 8461 §3.3
MAX_PATTERNS = 100  # MX patterns of one policy that are looked at


class Mode(Enum):
    """What a policy asks for (RFC 8461 §5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A domain's own word on its hosts. `patterns` are lower case; `max_age` is seconds."""

    mode: Mode
    patterns: tuple[str, ...]
    max_age: int

    def names(self, host: str) -> bool:
        """Whether this host is one of the policy's: by its name, or `*.` for exactly one label (RFC 8461 §4.1)."""
        host = host.lower().rstrip(".")
        parent = host.partition(".")[2]
        return any(host == p or (p.startswith("*.") and p[2:] == parent) for p in self.patterns)


@dataclass(frozen=True, slots=True)
class NoPolicy:
    """The domain publishes none, or none that can be read."""


@dataclass(frozen=True, slots=True)
class PolicyUnknown:
    """Whether there is a policy, or which, cannot be said now."""

    reason: str


Published = StsPolicy | NoPolicy | PolicyUnknown


class Handshake(Enum):
    """How a connection to a host may be protected."""

    DANE = "dane"  # the certificate is one that the host's TLSA records name
    VERIFIED = "verified"  # the certificate is the host's, by an authority we trust
    UNVERIFIED = "unverified"  # encrypted with whoever answers
    PLAIN = "plain"


class Least(Enum):
    """What the operator asks for at least."""

    OPPORTUNISTIC = "opportunistic"
    ENCRYPTED = "encrypted"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Demand:
    """The ways to connect to a host, best first: where TLS fails in one, the next is tried. Never empty."""

    ways: tuple[Handshake, ...]
    label: str = "none"  # for metrics: none, dane, sts-enforce, sts-testing, requiretls, rule
    tlsa: tuple[Tlsa, ...] = ()  # for Handshake.DANE
    require_tls: bool = False  # the host has to offer REQUIRETLS too (RFC 8689 §4.2.1)

    @property
    def plain_is_enough(self) -> bool:
        """Whether a host that offers no STARTTLS gets the message nevertheless."""
        return Handshake.PLAIN in self.ways


@dataclass(frozen=True, slots=True)
class Barred:
    """This host may not be given the message."""

    reason: str


OPPORTUNISTIC = Demand((Handshake.UNVERIFIED, Handshake.PLAIN))
"""Encryption where it can be had (RFC 7435)."""


_ENOUGH = {
    Least.OPPORTUNISTIC: frozenset(Handshake),
    Least.ENCRYPTED: frozenset(Handshake) - {Handshake.PLAIN},
    Least.VERIFIED: frozenset({Handshake.DANE, Handshake.VERIFIED}),
}


def at_least(demand: Demand, least: Least) -> Demand:
    """The demand without the ways that an operator's rule does not let suffice."""
    ways = tuple(way for way in demand.ways if way in _ENOUGH[least])
    if ways == demand.ways:
        return demand
    return replace(demand, ways=ways or (Handshake.VERIFIED,), label="rule")


def record_id(texts: tuple[str, ...]) -> str | None:
    """The id of the STS record among the TXT records of `_mta-sts.DOMAIN`; None unless there is exactly one (RFC 8461 §3.1)."""
    records = [text for text in texts if text.split(";")[0].strip() == "v=STSv1"]
    if len(records) != 1:
        return None
    for field in records[0].split(";")[1:]:
        name, equals, value = field.strip().partition("=")
        if name.strip() == "id" and equals:
            value = value.strip()
            return value if 1 <= len(value) <= 32 and value.isascii() and value.isalnum() else None
    return None


def parse_policy(octets: bytes) -> StsPolicy:
    """A policy as its host serves it (RFC 8461 §3.2). Raises ValueError."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in octets.decode("utf-8").splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon:
            raise ValueError("a line without a colon")
        name, value = name.strip(), value.strip()
        if name == "mx":
            patterns.append(value.lower().rstrip("."))
        else:
            fields.setdefault(name, value)  # RFC 8461 §3.2: of a repeated field the first counts
    if fields.get("version") != "STSv1":
        raise ValueError("not version STSv1")
    mode = Mode(fields.get("mode", ""))
    age = fields.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise ValueError("no max_age")
    if not patterns and mode is not Mode.NONE:
        raise ValueError("no mx")
    return StsPolicy(mode, tuple(patterns[:MAX_PATTERNS]), min(int(age), MAX_AGE))


def demand_of(
    host: str, published: Published, tlsa: tuple[Tlsa, ...] = (), *, require_tls: bool, named_by_operator: bool = False
) -> Demand | Barred:
    """What this host has to prove. `tlsa`: its records, vouched for by DNSSEC as is its being a host of the domain.

    `named_by_operator`: its name comes from our settings, and not from DNS.
    """
    if any(record.usable for record in tlsa):  # RFC 8461 §2: goes before MTA-STS
        return Demand((Handshake.DANE,), "requiretls" if require_tls else "dane", tlsa, require_tls)
    policy = published if isinstance(published, StsPolicy) and published.mode is not Mode.NONE else None
    named = policy is not None and policy.names(host)
    if require_tls:
        if not (named or named_by_operator):  # RFC 8689 §4.2.1: nothing vouches that this is a host of the domain
            return Barred(f"{host} is not known to be a mail host of the domain by DANE or MTA-STS")
        return Demand((Handshake.VERIFIED,), "requiretls", require_tls=True)
    if policy is None or (tlsa and policy.mode is Mode.TESTING):
        # RFC 7672 §2.2: records of which none can be used still say that there is TLS
        return Demand((Handshake.UNVERIFIED,), "dane") if tlsa else OPPORTUNISTIC
    if policy.mode is Mode.TESTING:  # RFC 8461 §5: what would have failed is counted, and delivered all the same
        ways = (Handshake.VERIFIED,) if named else ()
        return Demand((*ways, *OPPORTUNISTIC.ways), "sts-testing")
    if not named:
        return Barred(f"{host} is not a mail host of the domain by its MTA-STS policy")
    return Demand((Handshake.VERIFIED,), "sts-enforce")
