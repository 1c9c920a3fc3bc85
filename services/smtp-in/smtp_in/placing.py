"""From a parsed message to where it is kept: copies, queue entries, answers, and a report to its sender, in one transaction.

A mailbox may go between RCPT and the commit. Then INBOX has its copy. When INBOX is gone too and it was the only one, the message
is refused for good. When others are left, it is placed without that account, and its sender is told in the same transaction
(RFC 5321 §6.1). What a script does only once is found out by the transaction too: then scripts run again, knowing it.
"""

from collections.abc import Awaitable, Callable, Iterator, Set
from datetime import datetime, timedelta
from typing import Protocol

from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.model.ids import new_id
from mailstead.ops.logging import get_logger
from mailstead.store.delivery import (
    QUEUE_LIFETIME,
    AlreadyMarked,
    Delivery,
    LocalCopy,
    NoSuchMailboxes,
    Notify,
    Outgoing,
    OutgoingRecipient,
    Receipt,
)
from mailstead.store.directory import Recipient
from mailstead.store.mailbox_row import INBOX
from mailstead.wire.dsn import encode_xtext
from mailstead.wire.message import Parsed, parse_message
from mailstead.wire.trace import date_time, received, return_path
from smtp_in.arrival import Arrival, TurnedAway, prefix_of
from smtp_in.filtering import Filter, Filtered, Seen
from smtp_in.recipients import Recipients
from smtp_in.reports import compose, report_on, to_reader
from smtp_in.session import Transaction
from smtp_in.sieve.disposition import compose_refusal
from smtp_in.sieve.plan import Answer
from smtp_in.sieve.vacation import compose as compose_answer
from smtp_in.targets import Copy, Relay, Target

log = get_logger()

Gone = frozenset[tuple[int, str]]
"""Mailboxes that were not there when the message was to be filed: account and name."""


class Committer(Protocol):
    """What files a delivery: `mailstead.store.ingest.Ingest`."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Return once it is committed. Raises Refused."""


MakeMailbox = Callable[[int, str], Awaitable[object]]
"""Makes a mailbox of an account; `mailstead.store.mailboxes.Mailboxes.create`. Raises Refused."""


class Placer:
    """Places messages one by one; the committer makes them share transactions."""

    def __init__(self, committer: Committer, recipients: Recipients, filters: Filter, make_mailbox: MakeMailbox) -> None:
        self._committer = committer
        self._recipients = recipients
        self._filter = filters
        self._make_mailbox = make_mailbox

    async def place(self, arrival: Arrival, content: Parsed, now: datetime) -> None:
        """Return once all that can be kept of it is committed.

        Raises Refused: NO_SUCH_MAILBOX when it can be kept for nobody, for good; TurnedAway when nobody wants it; otherwise
        nothing of it is kept for now.
        """
        gone: Gone = frozenset()
        missed: Gone = frozenset()  # mailboxes that were missing once: they are made once at most
        seen: Seen = frozenset()
        filtered = await self._filter.run(arrival, content, now, seen)
        while True:
            if filtered.refusal is not None:
                raise TurnedAway(filtered.refusal)
            delivery = await self._planned(filtered, content, now, gone)
            if not (delivery.copies or delivery.queued or delivery.companions or delivery.marks):
                return  # a script discards it
            try:
                await self._committer.deliver(delivery)
                return
            except AlreadyMarked as again:
                if again.marks <= seen:
                    raise
                seen |= again.marks
                filtered = await self._filter.run(arrival, content, now, seen)
            except NoSuchMailboxes as refused:
                missing, missed = refused.mailboxes - missed, missed | refused.mailboxes
                if await self._made(filtered, missing):
                    continue
                more = gone | refused.mailboxes
                if more == gone or not _is_left(filtered.arrival.transaction, accounts_gone(more)):
                    raise
                log.warning("placing a message without some of its mailboxes", trace_id=arrival.trace_id, detail=refused.detail)
                gone = more

    async def _made(self, filtered: Filtered, missing: Gone) -> bool:
        """Whether a mailbox that is missing is there now because a script has it made (RFC 5490 §3.2)."""
        wanted = {
            (placement.recipient.account_id, placement.mailbox)
            for target in filtered.arrival.transaction.targets
            for placement in target.placements
            if isinstance(placement, Copy) and placement.create
        }
        made = False
        for account_id, mailbox in sorted(missing & wanted):
            try:
                await self._make_mailbox(account_id, mailbox)
            except Refused as refused:
                if refused.failure is Failure.UNAVAILABLE:
                    raise
                if refused.failure is not Failure.MAILBOX_EXISTS:
                    log.info("mailbox not made, INBOX has the message", account_id=account_id, reason=refused.detail)
                    continue
            made = True
        return made

    async def _planned(self, filtered: Filtered, content: Parsed, now: datetime, gone: Gone) -> Delivery:
        arrival, date = filtered.arrival, date_time(now)
        accounts = accounts_gone(gone)
        delivery = Delivery(
            arrival.trace_id,
            content,
            _copies(arrival, date, gone),
            _queued(arrival, date, now),
            companions=await self._answers(filtered, content, now, accounts),
            marks=filtered.marks,
        )
        report = report_on(arrival.transaction, accounts, arrival.hop.host, now)
        if report is None:
            return delivery
        reader = await self._reader(arrival, accounts)
        if reader is None:
            return delivery
        return compose(delivery, report, reader, return_full=arrival.transaction.sender.return_full, now=now)

    async def _answers(self, filtered: Filtered, content: Parsed, now: datetime, accounts: Set[int]) -> tuple[Delivery, ...]:
        """Vacation responses, and refusals that a reply cannot tell, each a message of its own (RFC 5230 §5, RFC 5429 §2.2.1)."""
        sender, host = filtered.arrival.transaction.sender.address, filtered.arrival.hop.host
        if not filtered.answers or sender is None:
            return ()
        answers: list[Delivery] = []
        for owner, answer in filtered.answers:
            reader = await self._reader_at(sender, owner.tenant_id, owner.account_id, accounts)
            if reader is None:
                continue
            message_id = f"{new_id().hex}@{host}"
            if isinstance(answer, Answer):
                octets = compose_answer(answer, now, message_id)
            else:
                octets = compose_refusal(answer.reason, owner.address, str(sender), content, host, now, message_id)
            answers.append(to_reader(parse_message(octets), reader))
        return tuple(answers)

    async def _reader(self, arrival: Arrival, accounts: Set[int]) -> LocalCopy | Outgoing | None:
        """Where a report to the sender goes; None where nobody is there to read it."""
        account, sender = arrival.account, arrival.transaction.sender.address
        if account is not None:
            return None if account.account_id in accounts else _report_copy(account.account_id, account.tenant_id)
        assert sender is not None  # nothing is reported to a null sender
        return await self._reader_at(sender, _tenant(arrival.transaction), None, accounts)

    async def _reader_at(
        self, address: Address, tenant_id: int, account_id: int | None, accounts: Set[int]
    ) -> LocalCopy | Outgoing | None:
        """Who reads at `address`; where it is elsewhere, a message to it in the name of this tenant and account."""
        found = await self._recipients.find(address)
        if found is not None:
            here = found.behind if isinstance(found.behind, Recipient) and found.behind.account_id not in accounts else None
            return _report_copy(here.account_id, here.tenant_id) if here else None
        # It is sent with a null sender and asks for no report about itself (RFC 3461 §5.2.2, RFC 5321 §4.5.5, RFC 5230 §5.1).
        to = OutgoingRecipient(str(address), frozenset({Notify.NEVER}))
        return Outgoing(tenant_id, account_id, "", (to,))


def accounts_gone(gone: Gone) -> frozenset[int]:
    """Those without an INBOX, for which nothing can be kept."""
    return frozenset(account_id for account_id, mailbox in gone if mailbox == INBOX)


def _report_copy(account_id: int, tenant_id: int) -> LocalCopy:
    return LocalCopy(account_id, tenant_id, INBOX, return_path(""))


def _tenant(transaction: Transaction) -> int:
    """Of the first who gets the message: in whose name a report on it is sent."""
    return next(
        placement.recipient.tenant_id if isinstance(placement, Copy) else placement.tenant_id
        for target in transaction.targets
        for placement in target.placements
        if isinstance(placement, Copy | Relay)
    )


def _is_left(transaction: Transaction, accounts: Set[int]) -> bool:
    """Whether there is anybody to keep it for."""
    return any(
        isinstance(placement, Relay) or (isinstance(placement, Copy) and placement.recipient.account_id not in accounts)
        for target in transaction.targets
        for placement in target.placements
    )


def _copies(arrival: Arrival, date: str, gone: Gone) -> tuple[LocalCopy, ...]:
    """One copy for each account, with its own prefix; several where its first target says so."""
    accounts = accounts_gone(gone)
    known: dict[int, Target] = {}  # whoever is reached by two targets is served by the first
    copies: dict[tuple[int, str], LocalCopy] = {}
    for target in arrival.transaction.targets:
        prefix = b""
        for placement in target.placements:
            if not isinstance(placement, Copy) or placement.recipient.account_id in accounts:
                continue
            recipient = placement.recipient
            if known.setdefault(recipient.account_id, target) is not target:
                continue
            mailbox = INBOX if (recipient.account_id, placement.mailbox) in gone else placement.mailbox
            prefix = prefix or prefix_of(arrival, target.address, date)
            copy = LocalCopy(recipient.account_id, recipient.tenant_id, mailbox, prefix, placement.flags)
            copies.setdefault((recipient.account_id, mailbox), copy)
    return tuple(copies.values())


def _queued(arrival: Arrival, date: str, now: datetime) -> tuple[Outgoing, ...]:
    """One queue entry for all that leaves with the same sender in the same name, redirected by the same account or by none."""
    sender = arrival.transaction.sender
    entries: dict[tuple[str, int, int | None, Address | None], dict[str, OutgoingRecipient]] = {}
    for target in arrival.transaction.targets:
        for relay in _relays(target):
            by = relay.via if relay.is_redirect else None
            key = (sender.path if relay.sender is None else relay.sender, relay.tenant_id, relay.account_id, by)
            recipient = OutgoingRecipient(relay.address, _notify(target, relay), _original(target, relay))
            entries.setdefault(key, {}).setdefault(relay.address, recipient)
    if not entries:
        return ()
    targets = arrival.transaction.targets
    only = targets[0].address if len(targets) == 1 else None
    held = max(sender.hold_until - now, timedelta(0)) if sender.hold_until else timedelta(0)
    prefix = received(arrival.hop, only, date)  # RFC 5321 §7.2: `for` would show blind recipients to each other
    return tuple(
        Outgoing(
            tenant_id,
            account_id,
            reverse_path,
            tuple(recipients.values()),
            (b"" if by is None else f"Delivered-To: {by}\r\n".encode()) + prefix,
            envelope_id=sender.envelope_id,
            return_full=sender.return_full,
            require_tls=sender.require_tls,
            not_before=sender.hold_until,
            expires_after=QUEUE_LIFETIME + held,
            report_to=None if reverse_path == sender.path else sender.path,
        )
        for (reverse_path, tenant_id, account_id, by), recipients in entries.items()
    )


def _relays(target: Target) -> Iterator[Relay]:
    return (placement for placement in target.placements if isinstance(placement, Relay))


def _notify(target: Target, relay: Relay) -> frozenset[Notify]:
    """What is asked of the next host (RFC 3461 §5.2.7): for one of several, and for a member of a group, not the same."""
    if relay.is_member:
        return frozenset({Notify.NEVER})
    if target.is_expanded and target.notify:
        return target.notify - {Notify.SUCCESS} or frozenset({Notify.NEVER})
    return target.notify


def _original(target: Target, relay: Relay) -> str | None:
    """ORCPT: of a forward that nobody gave one, the address that was written to (RFC 3461 §5.2.1)."""
    if target.original or relay.via is None or not target.address.isascii():
        return target.original
    return f"rfc822;{encode_xtext(target.address)}"
