"""From a parsed message to where it is kept: copies, a queue entry, and a report to its sender, in one transaction.

A mailbox may go between RCPT and the commit. When it was the only one, the message is refused for good. When others are left,
it is placed without that mailbox, and its sender is told in the same transaction (RFC 5321 §6.1).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailstead.ops.logging import get_logger
from mailstead.store.delivery import (
    Delivery,
    LocalCopy,
    NoSuchMailboxes,
    Notify,
    Outgoing,
    OutgoingRecipient,
    Receipt,
)
from mailstead.store.mailbox_row import INBOX
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.message import Parsed
from mailstead.wire.trace import Hop, date_time, received, return_path
from smtp_in.policy import LocalTarget, RemoteTarget
from smtp_in.recipients import Recipients
from smtp_in.reports import compose, report_on
from smtp_in.session import Transaction

log = get_logger()


class Committer(Protocol):
    """What files a delivery: `mailstead.store.ingest.Ingest`."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Return once it is committed. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message after its final dot. Its octets are counted in the budget, which `Acceptor.accept` gives back."""

    listener: str
    hop: Hop
    transaction: Transaction
    content: bytes
    account: AuthenticatedAccount | None  # who submitted it; None for mail from outside

    @property
    def trace_id(self) -> str:
        return self.hop.trace_id


class Placer:
    """Places messages one by one; the committer makes them share transactions."""

    def __init__(self, committer: Committer, recipients: Recipients) -> None:
        self._committer = committer
        self._recipients = recipients

    async def place(self, arrival: Arrival, content: Parsed, now: datetime) -> None:
        """Return once all that can be kept of it is committed.

        Raises Refused: NO_SUCH_MAILBOX when it can be kept for nobody, for good; otherwise nothing of it is kept for now.
        """
        gone: frozenset[int] = frozenset()  # accounts whose INBOX is not there
        while True:
            delivery = await self._planned(arrival, content, now, gone)
            try:
                await self._committer.deliver(delivery)
                return
            except NoSuchMailboxes as refused:
                more = gone | {account_id for account_id, _ in refused.mailboxes}
                if more == gone or not _is_left(arrival.transaction, more):
                    raise
                log.warning("placing a message without some of its mailboxes", trace_id=arrival.trace_id, detail=refused.detail)
                gone = more

    async def _planned(self, arrival: Arrival, content: Parsed, now: datetime, gone: frozenset[int]) -> Delivery:
        date = date_time(now)
        delivery = Delivery(arrival.trace_id, content, _copies(arrival, date, gone), _queued(arrival, date))
        report = report_on(arrival.transaction, gone, arrival.hop.host, now)
        if report is None:
            return delivery
        reader = await self._reader(arrival, gone)
        if reader is None:
            return delivery
        return compose(delivery, report, reader, return_full=arrival.transaction.sender.return_full, now=now)

    async def _reader(self, arrival: Arrival, gone: frozenset[int]) -> LocalCopy | Outgoing | None:
        """Where a report to the sender goes; None where nobody is there to read it."""
        account, sender = arrival.account, arrival.transaction.sender.address
        if account is not None:
            return None if account.account_id in gone else _report_copy(account.account_id, account.tenant_id)
        assert sender is not None  # nothing is reported to a null sender
        recipient = await self._recipients.find(sender, 0)
        if recipient is not None:
            return None if recipient.account_id in gone else _report_copy(recipient.account_id, recipient.tenant_id)
        if await self._recipients.domain(sender.domain) is not None:
            return None
        tenant_id = next(t.recipient.tenant_id for t in arrival.transaction.targets if isinstance(t, LocalTarget))
        # A report is sent with a null sender and asks for none about itself (RFC 3461 §5.2.2, RFC 5321 §4.5.5).
        return Outgoing(tenant_id, None, "", (OutgoingRecipient(str(sender), frozenset({Notify.NEVER})),))


def _report_copy(account_id: int, tenant_id: int) -> LocalCopy:
    return LocalCopy(account_id, tenant_id, INBOX, return_path(""))


def _is_left(transaction: Transaction, gone: frozenset[int]) -> bool:
    """Whether there is anybody to keep it for."""
    return any(isinstance(t, RemoteTarget) or t.recipient.account_id not in gone for t in transaction.targets)


def _copies(arrival: Arrival, date: str, gone: frozenset[int]) -> tuple[LocalCopy, ...]:
    """One copy for each mailbox, with its own prefix."""
    local: dict[int, LocalTarget] = {}
    for target in arrival.transaction.targets:
        if isinstance(target, LocalTarget) and target.recipient.account_id not in gone:
            local.setdefault(target.recipient.account_id, target)  # whoever is named twice gets it once
    above = return_path(arrival.transaction.sender.path)
    return tuple(
        LocalCopy(
            target.recipient.account_id,
            target.recipient.tenant_id,
            INBOX,
            above + received(arrival.hop, target.address, date),
        )
        for target in local.values()
    )


def _queued(arrival: Arrival, date: str) -> tuple[Outgoing, ...]:
    """One queue entry for all that leaves."""
    targets, sender = arrival.transaction.targets, arrival.transaction.sender
    remote = {target.address: target for target in reversed(targets) if isinstance(target, RemoteTarget)}
    if not remote:
        return ()
    assert arrival.account is not None  # only those who log in may write to other hosts
    only = targets[0].address if len(targets) == 1 else None
    outgoing = Outgoing(
        arrival.account.tenant_id,
        arrival.account.account_id,
        sender.path,
        tuple(OutgoingRecipient(target.address, target.notify, target.original) for target in reversed(remote.values())),
        received(arrival.hop, only, date),  # RFC 5321 §7.2: `for` would show blind recipients to each other
        envelope_id=sender.envelope_id,
        return_full=sender.return_full,
    )
    return (outgoing,)
