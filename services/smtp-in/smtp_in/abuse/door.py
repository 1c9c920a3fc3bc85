"""The door of the mail exchanger: how often an address may come, whether it waits to be greeted, how it asks around."""

import asyncio
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from mailstead.model.failure import Refused
from mailstead.ops.connection import Connection
from mailstead.ops.logging import get_logger
from mailstead.ops.settings import Network, contains
from mailstead.store.limits import Limits
from smtp_in import replies
from smtp_in.metrics import Metrics
from smtp_in.replies import Reply
from smtp_in.tokens import Tokens

MINUTE = 60.0  # seconds
BLOCK = 16  # tokens that a replica leases at once
NETWORKS = {4: 24, 6: 64}  # prefix length by version of IP

log = get_logger()


@dataclass(frozen=True, slots=True)
class Manners:
    """`greeting_pause` and `tarpit` in seconds; `unknown_recipients` of one connection before it is ended."""

    greeting_pause: float = 0.0
    tarpit: float = 0.0
    unknown_recipients: int = 20


def tokens(limits: Limits, scope: str, *, of_address: int, of_network: int) -> tuple[Tokens, Tokens]:
    """So many in a minute from one address, and from its whole network."""
    return Tokens(limits, scope, of_address, MINUTE, block=BLOCK), Tokens(limits, scope, of_network, MINUTE, block=BLOCK)


@dataclass(frozen=True)
class Door:
    """Of one listener. `connections` and `messages` are rates of an address and of its network."""

    connections: tuple[Tokens, Tokens]
    messages: tuple[Tokens, Tokens]
    manners: Manners
    trusted: tuple[Network, ...]
    metrics: Metrics

    async def greet(self, connection: Connection) -> Reply | None:
        """Why a connection is not served, or None where it is."""
        host = connection.peer_host
        if contains(self.trusted, host):
            return None
        if not await self._may(self.connections, host):
            return self._turned_away("connection_rate", host, replies.TOO_FAST)
        if self.manners.greeting_pause and await _talks(connection, self.manners.greeting_pause):
            return self._turned_away("early_talker", host, replies.EARLY_TALKER)
        return None

    async def message(self, host: str) -> Reply | None:
        """Why an address may not begin a message now, or None where it may."""
        if contains(self.trusted, host) or await self._may(self.messages, host):
            return None
        return self._turned_away("message_rate", host, replies.TOO_MANY_MESSAGES)

    async def unknown(self, host: str, count: int) -> Reply | None:
        """After the `count`th recipient of a connection that nobody knows: wait, and say whether that was the last."""
        if contains(self.trusted, host):
            return None
        await asyncio.sleep(self.manners.tarpit)
        if count < self.manners.unknown_recipients:
            return None
        return self._turned_away("unknown_recipients", host, replies.TOO_MANY_UNKNOWN)

    async def _may(self, tokens: tuple[Tokens, Tokens], host: str) -> bool:
        """A store that is away lets everybody in: it is going to be asked again soon enough."""
        of_address, of_network = tokens
        try:
            return await of_address.take(host) and await of_network.take(network_of(host))
        except Refused as refused:
            log.warning("rate not looked up, let in", peer=host, detail=refused.detail)
            return True

    def _turned_away(self, reason: str, host: str, reply: Reply) -> Reply:
        self.metrics.turned_away(reason)
        log.info("turned away", reason=reason, peer=host)
        return reply


async def _talks(connection: Connection, seconds: float) -> bool:
    """Whether the client says something before it is greeted (RFC 5321 §3.1 lets the server speak first)."""
    try:
        async with asyncio.timeout(seconds):
            return bool(await connection.read())
    except TimeoutError:
        return False


def network_of(host: str) -> str:
    """The network that an address is counted with: /24, or /64."""
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ip_network((address, NETWORKS[address.version]), strict=False))
