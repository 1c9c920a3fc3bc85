"""AUTHORIZATION: from a name and a password to an open, leased maildrop.

A password is taken only over TLS, or from a network that the deployer trusts. Every refused attempt waits before it is
answered, longer each time, and the last one allowed ends the connection.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Attempt, Authenticator, Peer
from mailstead.ops.logging import get_logger
from mailstead.store.limits import Limits, Rate
from mailstead.store.maildrop import Maildrops
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.sasl import (
    Cancelled,
    MalformedResponse,
    UnknownMechanism,
    decode_response,
)
from pop3.leases import Hold, LeaseKeeper
from pop3.maildrop import MaildropView
from pop3.metrics import Pop3Metrics
from pop3.protocol import END, Auth, Reply
from pop3.state import Transaction

log = get_logger()

CANCELLED = Reply(False, "authentication cancelled")
BAD_RESPONSE = Reply(False, "that is not base64")
UNKNOWN_MECHANISM = Reply(False, "unknown authentication mechanism")
USER_ACCEPTED = Reply(True, "send your password")
USER_FIRST = "USER comes first"


class NotBegun(Exception):
    """An AUTH exchange that ended for a reason of its own, which is no refused password. `reply` is its answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


async def begin(command: Auth, authenticator: Authenticator, peer: Peer) -> Attempt:
    """The exchange that `command` asks for, its initial response taken. Raises NotBegun, or Refused."""
    try:
        initial = None if command.initial is None else decode_response(command.initial)
        return await authenticator.begin(command.mechanism or "", initial, peer)
    except UnknownMechanism as error:
        raise NotBegun(UNKNOWN_MECHANISM) from error
    except MalformedResponse as error:
        raise NotBegun(BAD_RESPONSE) from error
    except Cancelled as error:
        raise NotBegun(CANCELLED) from error


async def go_on(attempt: Attempt, line: bytes) -> None:
    """Take the client's answer to a challenge. Raises NotBegun when it is none, or Refused."""
    try:
        await attempt.step(decode_response(line))
    except MalformedResponse as error:
        raise NotBegun(BAD_RESPONSE) from error
    except Cancelled as error:
        raise NotBegun(CANCELLED) from error


def mechanism_list(mechanisms: Iterable[str]) -> bytes:
    """The answer to AUTH without a mechanism, as clients older than CAPA ask."""
    return Reply(True, "mechanisms follow").render() + b"".join(f"{name}\r\n".encode() for name in mechanisms) + END


@dataclass(frozen=True, slots=True)
class Opened:
    """A log-in that succeeded."""

    account: AuthenticatedAccount
    transaction: Transaction
    hold: Hold


class Login:
    """Leases and opens the maildrop of who has proved to be its owner."""

    def __init__(
        self, maildrops: Maildrops, keeper: LeaseKeeper, limits: Limits, delay_seconds: int, metrics: Pop3Metrics
    ) -> None:
        self._maildrops = maildrops
        self._limits = limits
        self._delay_seconds = delay_seconds
        self._keeper = keeper
        self._metrics = metrics

    async def open(self, proof: Awaitable[AuthenticatedAccount], lease_lost: Callable[[], None]) -> Opened:
        """Raises Refused, as `proof`, or IN_USE, TOO_MANY (LOGIN-DELAY) or UNAVAILABLE; then nothing is held."""
        try:
            account = await proof
            hold = await self._keeper.acquire(account.account_id, lease_lost)
            try:
                await self._wait_between(account.account_id)
                drop = await self._maildrops.open(account.account_id)
            except BaseException:
                await self._keeper.release(hold)
                raise
        except Refused as refused:
            self._metrics.logins.labels(refused.failure.name.lower()).inc()
            raise
        self._metrics.logins.labels("accepted").inc()
        view = MaildropView(drop.uidvalidity, drop.uids, drop.sizes)
        return Opened(account, Transaction(account.account_id, account.address, drop.mailbox_id, view), hold)

    async def _wait_between(self, account_id: int) -> None:
        """LOGIN-DELAY, RFC 2449 §6.5: a bucket of one token for each maildrop, shared by all replicas."""
        if not self._delay_seconds:
            return
        if not await self._limits.lease("pop3 login", str(account_id), Rate(1 / self._delay_seconds, 1)):
            raise Refused(Failure.TOO_MANY, f"account {account_id} logged in less than {self._delay_seconds} s ago")
