"""Asks DNS what `route.py` wants to know."""

import asyncio
import random
from collections.abc import Callable, Sequence

import dns.exception
import dns.name
import dns.rdatatype
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from delivery.dane import Tlsa
from delivery.route import (
    AddressAnswer,
    Addresses,
    Endpoint,
    Exchanges,
    MxAnswer,
    SmartHost,
    Unroutable,
    endpoints_of,
    hosts_of,
    is_address,
    literal,
)
from mailstead.model import public_address
from mailstead.model.dns import Answer, Kind, NoRecords, NoSuchName, Question, Trouble
from mailstead.ops.dns import Found, Resolver


class DnsQuestions:
    """MX, A and AAAA of names. Never raises for what an answer is: a value says it."""

    def __init__(self, servers: Sequence[str], port: int, *, ipv6: bool, seconds: float) -> None:
        """`servers` are addresses; none means those of /etc/resolv.conf, and where that names none every answer is Trouble.

        Without `ipv6`, AAAA is not asked for. One name may take `seconds`, all servers and repetitions together.
        """
        self._resolver = Resolver(servers, port, seconds=seconds)
        self.servers = self._resolver.servers
        self._types = (dns.rdatatype.AAAA, dns.rdatatype.A) if ipv6 else (dns.rdatatype.A,)

    async def exchanges(self, domain: str) -> MxAnswer:
        """The MX records of a domain."""
        answer = await self._ask(domain, dns.rdatatype.MX)
        if not isinstance(answer, tuple):
            return answer
        records = [r for r in answer if isinstance(r, MX)]
        return Exchanges(tuple((r.preference, r.exchange.to_text(omit_final_dot=True).rstrip(".")) for r in records))

    async def addresses(self, host: str) -> AddressAnswer:
        """A and AAAA of a host; one family that answers is enough."""
        answers = await asyncio.gather(*(self._ask(host, kind) for kind in self._types))
        literals = [r.address for answer in answers if isinstance(answer, tuple) for r in answer if isinstance(r, A | AAAA)]
        if literals:
            return Addresses(tuple(literals))
        troubles = [answer for answer in answers if isinstance(answer, Trouble)]
        if troubles:
            return troubles[0]
        return next((a for a in answers if isinstance(a, NoRecords | NoSuchName)), NoRecords())

    async def exchanges_validated(self, domain: str) -> bool | Trouble:
        """Whether DNSSEC vouches for the MX records of a domain, or for their absence; Trouble where that cannot be told now."""
        found, validated = await self._validated(domain, dns.rdatatype.MX)
        return found if isinstance(found, Trouble) else validated

    async def tlsa(self, host: str, port: int) -> tuple[Tlsa, ...] | Trouble:
        """The TLSA records of a host; none unless DNSSEC vouches for them and for its addresses (RFC 7672 §2.1, §2.2.2).

        Trouble where its zone is or may be signed and the records cannot be looked up: somebody may be hiding them (§2.1.2).
        """
        addresses = await asyncio.gather(*(self._validated(host, kind) for kind in self._types))
        if not any(validated for _, validated in addresses):
            return next((found for found, _ in addresses if isinstance(found, Trouble)), ())
        found, validated = await self._validated(f"_{port}._tcp.{host}", dns.rdatatype.TLSA)
        if isinstance(found, Trouble):
            return found
        if not (isinstance(found, tuple) and validated):
            return ()
        return tuple(Tlsa(r.usage, r.selector, r.mtype, r.cert) for r in found if isinstance(r, TLSA))

    async def texts(self, name: str) -> Answer:
        """The TXT records of a name."""
        return await self._resolver.ask(Question(name, Kind.TXT))

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> Found:
        return (await self._validated(name, kind))[0]

    async def _validated(self, name: str, kind: dns.rdatatype.RdataType) -> tuple[Found, bool]:
        try:
            absolute = dns.name.from_unicode(name, dns.name.root)
        except (dns.exception.DNSException, UnicodeError):  # a label too long, empty, …: such a name cannot exist
            return NoSuchName(), False
        return await self._resolver.validated(absolute, kind)


class Router:
    """Finds where mail for a domain goes, by what DNS says."""

    def __init__(
        self,
        questions: DnsQuestions,
        *,
        own_names: frozenset[str],
        port: int,
        allow_private: bool = False,
    ) -> None:
        self._questions = questions
        self._own_names = own_names
        self._port = port
        self._forbidden = address_rule(allow_private)

    async def find(self, domain: str) -> tuple[Endpoint, ...] | Unroutable:
        """The addresses to try, best first; or why there is none."""
        address = literal(domain)
        if isinstance(address, Unroutable):
            return address
        if address is not None:
            given = [(domain, Addresses((address,)))]
            return endpoints_of(domain, given, self._port, self._forbidden, random.shuffle)
        hosts = hosts_of(domain, await self._questions.exchanges(domain), self._own_names, random.shuffle)
        if isinstance(hosts, Unroutable):
            return hosts
        answers = await asyncio.gather(*map(self._questions.addresses, hosts))
        return endpoints_of(domain, list(zip(hosts, answers, strict=True)), self._port, self._forbidden, random.shuffle)

    async def via(self, smart_host: SmartHost) -> tuple[Endpoint, ...] | Unroutable:
        """The operator named it, so it may be a private address; and whatever is wrong with it is no sender's fault (D5)."""
        if is_address(smart_host.host):
            return (Endpoint(smart_host.host, smart_host.host, smart_host.port),)
        answers = [(smart_host.host, await self._questions.addresses(smart_host.host))]
        found = endpoints_of(smart_host.host, answers, smart_host.port, _nothing_forbidden, random.shuffle)
        return Unroutable("4.4.3", found.reason) if isinstance(found, Unroutable) else found


def address_rule(allow_private: bool) -> Callable[[str], str | None]:
    """What says why an address from strangers' DNS records must not be connected to; None when it may."""
    return _nothing_forbidden if allow_private else public_address.forbidden


def _nothing_forbidden(_address: str) -> None:
    return None
