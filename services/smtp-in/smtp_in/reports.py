"""The report to a sender on recipients whose mailboxes are here: of success where it was asked for, of what cannot be reached.

Both are what the transaction makes of the message, so the report is filed in that very transaction (RFC 3461 §5.2). Pure.
"""

from collections.abc import Iterator, Set
from dataclasses import replace
from datetime import datetime

from mailstead.model.failure import Failure
from mailstead.model.ids import new_id, new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy, Notify, Outgoing
from mailstead.wire.dsn import Action, Report, ReportedRecipient, render_dsn
from mailstead.wire.message import Parsed, parse_message
from smtp_in import replies
from smtp_in.replies import Reply
from smtp_in.session import Transaction
from smtp_in.targets import Copy, Target, Unreached

DELIVERED = "2.0.0"  # RFC 3463 §3.1
MAX_RETURNED = 1024 * 1024  # octets of an original that RET=FULL returns; a larger one is returned as its header section


def report_on(transaction: Transaction, gone: Set[int], host: str, now: datetime) -> Report | None:
    """What the sender is told of a message that is kept for all but the accounts in `gone`; None for nothing."""
    sender = transaction.sender
    if sender.address is None:  # RFC 5321 §6.1
        return None
    recipients = [told for target in transaction.targets for told in _told(target, gone, now)]
    return Report(host, sender.path, recipients, now, sender.envelope_id) if recipients else None


def compose(delivery: Delivery, report: Report, reader: LocalCopy | Outgoing, *, return_full: bool, now: datetime) -> Delivery:
    """`delivery` together with the report on it, for whoever reads it."""
    whole = report.failed and return_full and delivery.size <= MAX_RETURNED  # RFC 3461 §4.3
    original = delivery.content.header + (bytes(delivery.content.body) if whole else b"")
    parsed = parse_message(render_dsn(report, original, whole=whole, message_id=f"{new_id().hex}@{report.host}", now=now))
    about = replace(to_reader(parsed, reader), trace_id=delivery.trace_id)
    return replace(delivery, companions=(*delivery.companions, about))


def to_reader(parsed: Parsed, reader: LocalCopy | Outgoing) -> Delivery:
    """A message of our own for who reads it, here or elsewhere."""
    if isinstance(reader, LocalCopy):
        return Delivery(new_trace_id(), parsed, copies=(reader,))
    return Delivery(new_trace_id(), parsed, queued=(reader,))


def _told(target: Target, gone: Set[int], now: datetime) -> Iterator[ReportedRecipient]:
    """RFC 3461 §5.2.3 for who has it, §5.2.5 for who is gone; what leaves the house is reported on by who takes it there."""
    asked, original = target.notify, target.original
    if not asked or Notify.FAILURE in asked:
        for address, why in _lost(target, gone):
            said = why.wire.decode("ascii").rstrip()
            yield ReportedRecipient(address, Action.FAILED, why.enhanced, original, diagnostic=said, last_attempt=now)
    if Notify.SUCCESS not in asked:
        return
    if target.is_expanded:  # RFC 3461 §5.2.7.2: the others are not told of one by one
        yield ReportedRecipient(target.address, Action.EXPANDED, DELIVERED, original, last_attempt=now)
    elif any(isinstance(placement, Copy) and placement.recipient.account_id not in gone for placement in target.placements):
        yield ReportedRecipient(target.address, Action.DELIVERED, DELIVERED, original, last_attempt=now)


def _lost(target: Target, gone: Set[int]) -> Iterator[tuple[str, Reply]]:
    """Who does not get it, and why; of several, each under an address of its own."""
    told = set[str]()
    for placement in target.placements:
        if isinstance(placement, Unreached):
            yield placement.address, placement.why
        elif isinstance(placement, Copy) and placement.recipient.account_id in gone:
            address = placement.recipient.address if target.is_expanded else target.address
            if address not in told:
                told.add(address)
                yield address, replies.for_failure(Failure.NO_SUCH_MAILBOX)
