"""Opens sessions that are as safe as a demand asks, going from one way to the next only where the demand allows it."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from delivery.breaker import Breaker
from delivery.dane import authenticates
from delivery.route import Endpoint
from delivery.session_cache import SessionCache
from delivery.tls_policy import Demand, Handshake
from delivery.transport import HostUnavailable, Session, Timeouts, open_session, where
from mailstead.ops.logging import get_logger

log = get_logger()


@dataclass(frozen=True, slots=True)
class Contexts:
    """What handshakes are made with."""

    verified: ssl.SSLContext
    unverified: ssl.SSLContext

    def of(self, way: Handshake) -> ssl.SSLContext | None:
        match way:
            case Handshake.VERIFIED:
                return self.verified
            case Handshake.UNVERIFIED | Handshake.DANE:
                return self.unverified
            case Handshake.PLAIN:
                return None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session in somebody's hands, to be given back to the `Opener` or closed. `reused`: it had been waiting."""

    session: Session
    demand: Demand
    reused: bool = False


class Opener:
    """Makes sessions. `observe` hears (demand, result) of each one under a policy, in the words of RFC 8460 §4.3."""

    def __init__(
        self,
        name: str,
        timeouts: Timeouts,
        contexts: Contexts,
        cache: SessionCache,
        breaker: Breaker,
        observe: Callable[[str, str], None],
    ) -> None:
        self.name = name
        self._timeouts = timeouts
        self._contexts = contexts
        self._cache = cache
        self._breaker = breaker
        self._observe = observe

    async def open(self, endpoint: Endpoint, demand: Demand, *, fresh: bool = False) -> Opened:
        """One that waits, unless it has to be `fresh`, or a new one. Raises HostUnavailable."""
        if not fresh and (waiting := self._cache.take(endpoint, demand)):
            return Opened(waiting, demand, reused=True)
        clock = asyncio.get_running_loop().time
        if not self._breaker.may_try(endpoint, clock()):
            raise HostUnavailable(f"{where(endpoint)} has not answered lately and is left alone for a while")
        try:
            session = await self._connect(endpoint, demand)
        except HostUnavailable as unavailable:
            if not unavailable.insecure:  # such a host answers
                self._breaker.failed(endpoint, clock())
            raise
        except asyncio.CancelledError:  # given up before it answered
            self._breaker.failed(endpoint, clock())
            raise
        self._breaker.worked(endpoint)
        return Opened(session, demand)

    def give_back(self, opened: Opened) -> None:
        """For the next message, or to its end."""
        self._cache.keep(opened.session, opened.demand)

    async def _connect(self, endpoint: Endpoint, demand: Demand) -> Session:
        """Raises HostUnavailable, `insecure` where this host does not prove what is demanded."""
        failed: HostUnavailable | None = None
        for way in demand.ways:
            try:
                session = await open_session(endpoint, self.name, self._timeouts, self._contexts.of(way))
            except HostUnavailable as unavailable:
                if not unavailable.in_tls:
                    raise
                log.info("TLS failed", host=endpoint.host, way=way.value, reason=unavailable.reason)
                if way in (Handshake.VERIFIED, Handshake.DANE):
                    self._observe(demand.label, unavailable.tls_result)
                failed = unavailable
                continue
            proven = way is not Handshake.DANE or authenticates(
                demand.tlsa, session.certificates, endpoint.host, datetime.now(UTC)
            )
            if way in (Handshake.VERIFIED, Handshake.DANE):
                shown = "successful" if proven else "validation-failure"
                self._observe(demand.label, shown if session.tls else "starttls-not-supported")
            if not session.tls and not demand.plain_is_enough:
                await session.close()
                raise HostUnavailable(f"{where(endpoint)} does not offer STARTTLS", insecure=True)
            if not proven:
                await session.close()
                raise HostUnavailable(f"{where(endpoint)} shows no certificate that its TLSA records name", insecure=True)
            if demand.require_tls and "REQUIRETLS" not in session.offers:  # RFC 8689 §4.2.1
                await session.close()
                raise HostUnavailable(f"{where(endpoint)} does not offer REQUIRETLS", insecure=True)
            return session
        assert failed is not None  # there is a way, and none led to a session
        raise failed


def opportunistic_tls() -> ssl.SSLContext:
    """Encryption with whoever answers: no certificate is verified, for without a policy the alternative is plain text (RFC 7435).

    A host that knows nothing newer than TLS 1.1 gets plain text, as one that knows no TLS at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def verified_tls(authorities: str | None) -> ssl.SSLContext:
    """The host's certificate has to be its own, by `authorities` (a PEM file) or those of this system."""
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 8461 §4.1: subjectAltName only
    return context
