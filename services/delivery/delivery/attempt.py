"""One try at what one lease holds: find the hosts, talk to them in order, and say of each recipient what came of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from delivery.commands import Envelope, EnvelopeRecipient, unsendable
from delivery.dane import Tlsa
from delivery.mta_sts import Policies
from delivery.mx import DnsQuestions, Router
from delivery.outcome import Fate, Verdict, deferred, failed, of_reason, verdicts
from delivery.rates import Rates
from delivery.route import Endpoint, Unroutable, is_literal
from delivery.rulebook import Rulebook
from delivery.rules import Rule
from delivery.secured import Opened, Opener
from delivery.sign import Signer
from delivery.tls_policy import Barred, NoPolicy, PolicyUnknown, Published, at_least, demand_of
from delivery.transport import Content, HostUnavailable
from mailstead.model.dns import Trouble
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger
from mailstead.store import content
from mailstead.store.engine import Database
from mailstead.store.queued import Leased, QueuedRecipient

AT_HAND = 256 * 1024  # octets; a body up to this size is read once, for signing and for all transactions
RECIPIENTS_PER_TRANSACTION = 100  # RFC 5321 §4.5.3.1.8: what every server takes at least

log = get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one attempt may try, and how many may talk at a time. Connections that fail count apart from sessions that came
    about."""

    connections: int = 5
    sessions: int = 2
    talking: int = 100


@dataclass(slots=True)
class Tried:
    """What an attempt has come to so far; it is filled while the attempt runs, so that one that is cut short tells as much."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    host: str = ""
    address: str = ""
    tls: str | None = None
    wait: float = 0  # seconds until it is its turn, by the rate of a rule: nothing was tried
    unreached: bool = False  # none of the hosts could be: nor will any message that goes the same way reach one now
    talks: bool = False  # a session came about; until then it costs next to nothing
    in_doubt: bool = False  # cut short after the final dot and before its reply: the host may have the message

    def undecided(self, recipients: Sequence[QueuedRecipient]) -> list[QueuedRecipient]:
        """Those of whom nothing is known yet."""
        return [r for r in recipients if r.number not in self.verdicts]

    @property
    def is_complaint(self) -> bool:
        """Whether the host was not reached, or put something off for a reason that is not the recipient's alone (RFC 3463 §3)."""
        deferred = [verdict for verdict in self.verdicts.values() if verdict.fate is Fate.DEFERRED]
        return any(verdict.host is None or verdict.status[:4] not in ("4.1.", "4.2.") for verdict in deferred)

    def decide(self, recipients: Sequence[QueuedRecipient], verdict: Verdict) -> None:
        """The same verdict for all of these."""
        for recipient in recipients:
            self.verdicts[recipient.number] = verdict


class Courier:
    """Carries messages out. Its parts are shared by all attempts; an attempt's own state is its `Tried`."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        router: Router,
        rulebook: Rulebook,
        rates: Rates,
        opener: Opener,
        policies: Policies | None,
        tlsa: DnsQuestions | None,
        *,
        limits: Limits,
    ) -> None:
        """Without `policies`, MTA-STS is not asked for; without `tlsa`, DANE is not."""
        self._database = database
        self._small = content.WholeMessages(database)
        self._signer = signer
        self._router = router
        self._rulebook = rulebook
        self._rates = rates
        self._opener = opener
        self._policies = policies
        self._tlsa = tlsa
        self.name = opener.name
        self._limits = limits
        self._talking = asyncio.Semaphore(limits.talking)

    async def attempt(self, leased: Leased, tried: Tried) -> None:
        """Try; afterwards `tried` has a verdict for each recipient, or says how long to wait.

        Raises nothing for what DNS, a host or the database does to it; cancelled, it ends its connection.
        """
        try:
            rule = await self._rulebook.of(leased.tenant_id, leased.domain)
        except Refused as refused:
            log.warning("delivery rules cannot be read", reason=str(refused))
            tried.decide(leased.recipients, deferred("4.3.0", "the route could not be read; it is tried again"))
            return
        if wait := await self._rates.wait(rule, leased.domain):
            tried.wait = wait
            return
        route = await self._route(leased.domain, rule)
        if isinstance(route, Unroutable):
            tried.host, tried.unreached = leased.domain, route.status.startswith("4")
            tried.decide(leased.recipients, of_reason(route.status, route.reason))
            return
        # RFC 8689 §5: what may go without TLS is not kept back by what the recipient's domain says; REQUIRETLS goes before that.
        any_tls = leased.tls_optional and not leased.require_tls
        way = _Way(rule, NoPolicy() if any_tls else await self._published(leased.domain, rule), any_tls)
        if leased.require_tls and isinstance(way.published, PolicyUnknown):
            tried.host = leased.domain
            tried.decide(leased.recipients, deferred("4.7.5", f"REQUIRETLS needs the MTA-STS policy: {way.published.reason}"))
            return
        try:
            await self._try_endpoints(leased, route, way, _Draft(partial(self._open_message, leased)), tried)
        except Refused as refused:  # our database, not their host (D5)
            log.warning("content cannot be read", reason=str(refused))
            tried.decide(
                tried.undecided(leased.recipients), deferred("4.3.0", "the message could not be read; it is tried again")
            )

    async def _route(self, domain: str, rule: Rule) -> tuple[Endpoint, ...] | Unroutable:
        """The addresses to try, and how to speak there."""
        found = await (self._router.via(rule.smart_host) if rule.smart_host else self._router.find(domain))
        if isinstance(found, Unroutable):
            return found
        return tuple(replace(endpoint, dialogue=rule.dialogue) for endpoint in found)

    async def _published(self, domain: str, rule: Rule) -> Published:
        """What the domain says of its hosts; where the operator names the host, the domain is not asked."""
        if self._policies is None or rule.smart_host or is_literal(domain):
            return NoPolicy()
        return await self._policies.of(domain)

    async def _tlsa_of(self, domain: str, endpoint: Endpoint, rule: Rule) -> tuple[Tlsa, ...]:
        """None where DNSSEC does not vouch for the whole way from the domain. Raises HostUnavailable where DNS cannot tell."""
        if self._tlsa is None or rule.smart_host or is_literal(domain):
            return ()
        validated = await self._tlsa.exchanges_validated(domain)  # RFC 7672 §2.2.1
        if isinstance(validated, Trouble):
            raise HostUnavailable(f"the MX records of {domain} cannot be looked up: {validated.detail}")
        if not validated:
            return ()
        found = await self._tlsa.tlsa(endpoint.host, endpoint.port)
        if isinstance(found, Trouble):
            raise HostUnavailable(f"the TLSA records of {endpoint.host} cannot be looked up: {found.detail}")
        return found

    async def _try_endpoints(self, leased: Leased, route: Sequence[Endpoint], way: "_Way", draft: "_Draft", tried: Tried) -> None:
        sessions, dead = 0, True
        last: Verdict | None = None
        settled: dict[int, Verdict] = {}
        for endpoint in islice(route, self._limits.connections):
            if not sessions:
                tried.host, tried.address = endpoint.host, endpoint.address
            try:
                if not await self._visit(leased, endpoint, way, draft, tried):
                    await self._visit(leased, endpoint, way, draft, tried, fresh=True)
            except HostUnavailable as unavailable:
                log.info("host unavailable", host=endpoint.host, address=endpoint.address, reason=unavailable.reason)
                verdict = _unavailable(unavailable, endpoint.host, require_tls=leased.require_tls)
                dead &= not unavailable.insecure
                if last is None or verdict.fate is Fate.DEFERRED:  # one host that may yet take it keeps the failure temporary
                    last = verdict
                continue
            sessions += 1
            again = [] if sessions >= self._limits.sessions else [r for r in leased.recipients if _elsewhere(tried, r)]
            if not again:
                break
            settled = {r.number: tried.verdicts.pop(r.number) for r in again}
        tried.unreached = dead and not sessions
        for recipient in tried.undecided(leased.recipients):
            tried.verdicts[recipient.number] = settled.get(
                recipient.number, last or deferred("4.4.1", "no host could be reached")
            )

    async def _visit(
        self,
        leased: Leased,
        endpoint: Endpoint,
        way: "_Way",
        draft: "_Draft",
        tried: Tried,
        *,
        fresh: bool = False,
    ) -> bool:
        """Offer the message to one host; False when a session that had been waiting turned out to be over.

        Only a session that took everything waits for more: after a refusal the other side may think anew. Raises HostUnavailable.
        """
        tried.talks = False
        opened = await self._open(leased, endpoint, way, fresh=fresh)
        tried.talks = True
        tried.host, tried.address, tried.tls = endpoint.host, endpoint.address, opened.session.tls
        try:
            async with self._talking:
                heard = await self._converse(opened, leased, await draft.message(), tried)
        except BaseException:
            tried.in_doubt = opened.session.in_doubt
            await opened.session.close()
            raise
        if all(r.number in tried.verdicts and tried.verdicts[r.number].fate is Fate.DELIVERED for r in leased.recipients):
            self._opener.give_back(opened)
        else:
            await opened.session.close()
        return heard

    async def _open_message(self, leased: Leased) -> "_Message":
        """Read and signed; a body that is small stays at hand. Raises Refused."""
        source, body = leased.source, None
        if source.size - source.body_start <= AT_HAND:
            whole = await self._small.read(source)
            header, body = whole[: source.body_start], whole[source.body_start :]
        else:
            header = b"".join([piece async for piece in content.read(self._database, source, 0, source.body_start)])
        message = _Message(self._database, header, body, leased, not header.isascii() and _is_utf8(header))
        return replace(message, header=await self._signer.fields(leased, header, message.body_octets()) + header)

    async def _open(self, leased: Leased, endpoint: Endpoint, way: "_Way", *, fresh: bool) -> Opened:
        """As safe as the domain, the sender and the operator demand. Raises HostUnavailable."""
        tlsa = () if way.any_tls else await self._tlsa_of(leased.domain, endpoint, way.rule)
        named = way.rule.smart_host is not None
        demand = demand_of(endpoint.host, way.published, tlsa, require_tls=leased.require_tls, named_by_operator=named)
        if isinstance(demand, Barred):
            raise HostUnavailable(demand.reason, insecure=True)
        return await self._opener.open(endpoint, at_least(demand, way.rule.least), fresh=fresh)

    async def _converse(self, opened: Opened, leased: Leased, message: "_Message", tried: Tried) -> bool:
        """Offer the undecided recipients, in transactions of bounded size. False: nobody heard, see `_visit`."""
        session, first = opened.session, opened.reused
        waiting = iter(tried.undecided(leased.recipients))
        while session.usable and (batch := list(islice(waiting, RECIPIENTS_PER_TRANSACTION))):
            sendable: list[QueuedRecipient] = []
            for recipient in batch:
                if reason := unsendable(message.envelope(leased, [recipient]), session.offers):
                    tried.decide([recipient], failed(reason.status, reason.reason))
                else:
                    sendable.append(recipient)
            if not sendable:
                continue
            host, notifies = session.endpoint.host, "DSN" in session.offers
            result = await session.transact(message.envelope(leased, sendable), message.content)
            if first and result.unheard:
                return False
            first = False
            for recipient, verdict in zip(sendable, verdicts(result, host=host, notifies=notifies), strict=True):
                tried.verdicts[recipient.number] = verdict
        return True


@dataclass(frozen=True, slots=True)
class _Way:
    """What decides how safe a session has to be: the operator's rule, and what the domain publishes, unless `any_tls` will do."""

    rule: Rule
    published: Published
    any_tls: bool


class _Draft:
    """A message that is read and signed once there is a host to give it to: who waits for one holds no content."""

    def __init__(self, opened: Callable[[], Awaitable["_Message"]]) -> None:
        self._open = opened
        self._message: _Message | None = None

    async def message(self) -> "_Message":
        """Raises Refused."""
        if self._message is None:
            self._message = await self._open()
        return self._message


@dataclass(frozen=True, slots=True)
class _Message:
    """A message that is about to be sent: its header section, and its body where it is small, were read once.

    A larger body is streamed for each transaction.
    """

    database: Database
    header: bytes
    body: bytes | None
    leased: Leased
    utf8_header: bool

    def envelope(self, leased: Leased, recipients: Sequence[QueuedRecipient]) -> Envelope:
        return Envelope(
            sender=leased.sender,
            recipients=tuple(EnvelopeRecipient(r.address, frozenset(n.value for n in r.notify), r.original) for r in recipients),
            size=leased.source.size - leased.source.body_start + len(self.header),
            eight_bit=True,  # BODY=8BITMIME says that there may be such octets (RFC 6152 §3), and to look would be to read all
            utf8_header=self.utf8_header,
            envelope_id=leased.envelope_id,
            return_full=True if leased.return_full else None,
            require_tls=leased.require_tls,
        )

    async def _octets(self) -> AsyncIterator[bytes]:
        yield self.header
        async for block in self.body_octets():
            yield block

    async def body_octets(self) -> AsyncIterator[bytes]:
        if self.body is not None:
            yield self.body
            return
        async for block in content.read(self.database, self.leased.source, self.leased.source.body_start):
            yield block

    @property
    def content(self) -> Content:
        return self._octets


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unavailable(unavailable: HostUnavailable, host: str, *, require_tls: bool) -> Verdict:
    """A host that does not talk to us at all is no verdict on a recipient: temporary, whatever it says (as a 554 greeting)."""
    if unavailable.insecure:  # RFC 8689 §4.2.1 wants a report at once; a policy's failures wait for its operator (RFC 8461 §5)
        return failed("5.7.30", unavailable.reason) if require_tls else deferred("4.7.5", unavailable.reason)
    if unavailable.reply is None:
        return deferred("4.4.1", unavailable.reason)
    status = unavailable.reply.status
    return Verdict(Fate.DEFERRED, status if status and status[0] == "4" else "4.3.2", unavailable.reply.text, host)


def _elsewhere(tried: Tried, recipient: QueuedRecipient) -> bool:
    """Whether the next host is worth asking (RFC 5321 §5.1): deferred here, and surely not taken here."""
    verdict = tried.verdicts.get(recipient.number)
    return verdict is None or (verdict.fate is Fate.DEFERRED and not verdict.in_doubt)
