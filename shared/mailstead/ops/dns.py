"""DNS for any service: dnspython's resolver with one bounded cache, whose answers are values and never exceptions.

Good and bad news live in the cache as long as their TTL says (RFC 2308 for the bad), failures do not.
"""

import asyncio
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename
from dns.rdata import Rdata
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from mailstead.model.dns import Answer, Asking, Kind, NoRecords, NoSuchName, Question, Records, T, Trouble

CACHE_ENTRIES = 20_000  # answers; each lives as long as its TTL says
MAX_RECORDS = 100  # of one answer that are looked at
EDNS_OCTETS = 1232  # of a UDP answer; larger ones come over TCP

Found = tuple[Rdata, ...] | NoRecords | NoSuchName | Trouble

_TYPES = {kind: dns.rdatatype.from_text(kind.value) for kind in Kind}


class Resolver:
    """Look-ups in the Internet's DNS, or that of the servers given."""

    def __init__(self, servers: Sequence[str], port: int, *, seconds: float) -> None:
        """`servers` are addresses; none means those of /etc/resolv.conf, and where that names none every answer is Trouble.

        One name may take `seconds`, all servers and repetitions together.
        """
        try:
            resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            resolver = dns.asyncresolver.Resolver(configure=False)
        if servers:
            resolver.nameservers = list(servers)
            resolver.port = port
        resolver.cache = dns.resolver.LRUCache(CACHE_ENTRIES)
        resolver.lifetime = seconds
        resolver.use_edns(0, 0, EDNS_OCTETS)
        resolver.set_flags(dns.flags.RD | dns.flags.AD)  # RFC 6840 §5.7: say whether the answer was validated
        self._resolver = resolver
        self._under_way: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], asyncio.Task[tuple[Found, bool]]] = {}
        self.servers = tuple(str(server) for server in resolver.nameservers)

    async def close(self) -> None:
        """Wait for look-ups that nobody waits for any more; each ends by itself."""
        if self._under_way:
            await asyncio.wait(self._under_way.values())

    async def records(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Found:
        """The records as dnspython has them; `name` is absolute. Whoever asks the same at the same time shares the look-up.

        Giving up waiting does not end it: a socket that is cancelled while it is made is never closed.
        """
        return (await self.validated(name, kind))[0]

    async def validated(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[Found, bool]:
        """As `records`, and whether the resolver says that DNSSEC vouches for the answer; true only of what came as an answer.

        Worth as much as the way to the resolver: a trusted one, reached over a trusted network (RFC 7672 §2.1.1).
        """
        key = (name, kind)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._look_up(name, kind))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _look_up(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> tuple[Found, bool]:
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return NoSuchName(), False
        except dns.resolver.LifetimeTimeout:
            return Trouble("no answer in time"), False
        except dns.resolver.NoNameservers as error:  # SERVFAIL, REFUSED, or no server can be reached
            return Trouble(str(error.msg or "no server answered")[:200]), False
        except (dns.exception.DNSException, OSError) as error:
            return Trouble(type(error).__name__), False
        return tuple(answer.rrset) if answer.rrset else NoRecords(), bool(answer.response.flags & dns.flags.AD)

    async def ask(self, question: Question) -> Answer:
        """One question, from the cache where it can be."""
        try:
            if question.kind is Kind.PTR:
                name = dns.reversename.from_address(question.name)
            else:
                name = dns.name.from_unicode(question.name, dns.name.root)
        except (dns.exception.DNSException, UnicodeError, ValueError):  # a label too long, empty, …: such a name cannot exist
            return NoSuchName()
        found = await self.records(name, _TYPES[question.kind])
        if not isinstance(found, tuple):
            return found
        if question.kind is Kind.MX:
            found = tuple(sorted(found, key=lambda record: record.preference if isinstance(record, MX) else 0))
        return Records(tuple(_text(record) for record in found[:MAX_RECORDS]))

    async def run(self, core: Asking[T]) -> T:
        """Let a core ask until it is done."""
        try:
            question = next(core)
            while True:
                question = core.send(await self.ask(question))
        except StopIteration as done:
            result: T = done.value
            return result


def _text(record: Rdata) -> str:
    match record:
        case A() | AAAA():
            return str(record.address)
        case MX():
            return _name(record.exchange)
        case PTR():
            return _name(record.target)
        case TXT():
            return b"".join(record.strings).decode("latin-1")
        case _:
            return record.to_text()


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).rstrip(".")
