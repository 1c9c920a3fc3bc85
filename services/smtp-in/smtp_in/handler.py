"""What a listener's sessions share: the directory, who logs in, the acceptor, the limits. It looks up; `policy.py` decides."""

from collections.abc import Awaitable
from dataclasses import dataclass

from mailstead.model.address import Address
from mailstead.model.failure import Refused
from mailstead.ops.authentication import Authenticator
from mailstead.ops.connection import Connection
from mailstead.ops.logging import get_logger
from mailstead.ops.settings import Network, contains
from mailstead.store.directory import Directory
from mailstead.store.passwords import AuthenticatedAccount
from smtp_in import replies
from smtp_in.abuse.door import Door
from smtp_in.accept import Acceptor
from smtp_in.allowance import Allowances
from smtp_in.content import Budget, ContentLimits
from smtp_in.extensions import RecipientAsked, Sender
from smtp_in.metrics import Metrics
from smtp_in.policy import MailboxRules, Role
from smtp_in.recipients import Recipients
from smtp_in.replies import Reply
from smtp_in.resolve import Asker, Resolved
from smtp_in.session import Service, Session
from smtp_in.targets import Relay, Target

log = get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take. Times in seconds."""

    content: ContentLimits
    placements: int = 10_000  # that the recipients of one message come to
    commands: int = 2_000
    errors: int = 20
    login_failures: int = 3
    command_idle: float = 300.0  # RFC 5321 §4.5.3.2.7
    content_idle: float = 180.0  # RFC 5321 §4.5.3.2.5
    session: float = 3600.0


@dataclass(frozen=True)
class Handler:
    """Everything behind one listener. Methods raise Refused where the store does."""

    service: Service
    limits: Limits
    directory: Directory
    recipients: Recipients
    authenticator: Authenticator
    acceptor: Acceptor
    budget: Budget
    metrics: Metrics
    postmaster: Address
    rules: MailboxRules
    front_ends: tuple[Network, ...]
    allowances: Allowances
    door: Door | None = None  # of listeners that strangers come to

    async def mail(self, session: Session, sender: Sender) -> Reply:
        """Begin a transaction, or say why not."""
        if not self.budget.has_room(sender.size):
            return replies.NO_ROOM
        if session.account is not None and sender.address is not None:
            owned = str(sender.address) == session.account.address
            if not owned and not await self.directory.may_send_as(session.account.account_id, sender.address):
                return replies.SENDER_NOT_OWNED
        session.begin(sender)
        return replies.SENDER_OK

    async def rcpt(self, session: Session, asked: RecipientAsked) -> Reply:
        """Add a recipient to the transaction, or say why not."""
        transaction, account = session.transaction, session.account
        assert transaction is not None
        address = asked.address or self.postmaster
        sender = transaction.sender.address
        asker = Asker(
            self.service.role,
            self.rules,
            transaction.sender.size,
            sender,
            account.address if account else sender.key if sender else None,
            account.tenant_id if account else None,
            account.account_id if account else None,
        )
        resolved = await self.recipients.resolve(address, asker)
        if isinstance(resolved, Reply):
            return resolved
        if account is not None and _leaves(resolved) and await self.directory.suppressed(account.tenant_id, str(address)):
            return replies.SUPPRESSED
        if transaction.placements + len(resolved.placements) > self.limits.placements:
            return replies.TOO_MANY_RECIPIENTS
        if account is not None and not await self.allowances.spend(account.account_id, account.tenant_id):
            return replies.SENDING_LIMIT
        placements = resolved.placements
        if transaction.sender.hold_until is not None and account is not None:
            # What is held lies in the queue, whoever it is for, and comes back to us when it is due (RFC 4865 §4).
            placements = (Relay(str(address), account.tenant_id, account.account_id),)
        session.add(Target(str(address), placements, asked.notify, asked.original, resolved.is_expanded))
        return replies.RECIPIENT_OK

    async def login(self, session: Session, proof: Awaitable[AuthenticatedAccount], peer: str) -> Reply:
        """The reply to AUTH, once `proof` says who it is."""
        try:
            session.account = await proof
            reply = replies.AUTHENTICATED
        except Refused as refused:
            reply = replies.for_login_failure(refused.failure)
            log.info("login failed", listener=self.service.name, peer=peer, detail=refused.detail)
        self.metrics.login(reply)
        return reply

    def mechanisms(self, connection: Connection) -> tuple[str, ...]:
        """What AUTH offers on this connection, where it may be used."""
        return self.authenticator.mechanisms(connection.channel_binding) if self.service.offers_auth else ()

    def is_front_end(self, peer: str) -> bool:
        """Whether this peer may say whom it speaks for (XCLIENT)."""
        return contains(self.front_ends, peer)

    @property
    def is_submission(self) -> bool:
        return self.service.role is Role.SUBMISSION


def _leaves(resolved: Resolved) -> bool:
    """Whether it is an address elsewhere itself, and not one here that stands for such."""
    return not resolved.is_expanded and all(isinstance(placement, Relay) for placement in resolved.placements)
