"""The report to a sender on recipients whose mailboxes are here: of success where it was asked for, of mailboxes that have gone.

Both are what the transaction makes of the message, so the report is filed in that very transaction (RFC 3461 §5.2). Pure.
"""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime

from mailstead.model.failure import Failure
from mailstead.model.ids import new_id, new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy, Notify, Outgoing
from mailstead.wire.dsn import Action, Report, ReportedRecipient, render_dsn
from mailstead.wire.message import parse_message
from smtp_in import replies
from smtp_in.policy import LocalTarget, Target
from smtp_in.session import Transaction

DELIVERED = "2.0.0"  # RFC 3463 §3.1
MAX_RETURNED = 1024 * 1024  # octets of an original that RET=FULL returns; a larger one is returned as its header section


def report_on(transaction: Transaction, gone: Set[int], host: str, now: datetime) -> Report | None:
    """What the sender is told of a message that is kept for all but the accounts in `gone`; None for nothing."""
    sender = transaction.sender
    if sender.address is None:  # RFC 5321 §6.1
        return None
    recipients = [told for target in transaction.targets if (told := _told(target, gone, now))]
    return Report(host, sender.path, recipients, now, sender.envelope_id) if recipients else None


def compose(delivery: Delivery, report: Report, reader: LocalCopy | Outgoing, *, return_full: bool, now: datetime) -> Delivery:
    """`delivery` together with the report on it, for whoever reads it."""
    whole = report.failed and return_full and delivery.size <= MAX_RETURNED  # RFC 3461 §4.3
    original = delivery.content.header + (delivery.content.body if whole else b"")
    parsed = parse_message(render_dsn(report, original, whole=whole, message_id=f"{new_id().hex}@{report.host}", now=now))
    if isinstance(reader, LocalCopy):
        return replace(delivery, report=Delivery(new_trace_id(), parsed, copies=(reader,)))
    return replace(delivery, report=Delivery(new_trace_id(), parsed, queued=(reader,)))


def _told(target: Target, gone: Set[int], now: datetime) -> ReportedRecipient | None:
    """RFC 3461 §5.2.3 for who has it, §5.2.5 for who is gone; what leaves the house is reported on by who takes it there."""
    if not isinstance(target, LocalTarget):
        return None
    asked, original = target.notify, target.original
    if target.recipient.account_id in gone:
        if asked and Notify.FAILURE not in asked:
            return None
        why = replies.for_failure(Failure.NO_SUCH_MAILBOX)
        said = why.wire.decode("ascii").rstrip()
        return ReportedRecipient(target.address, Action.FAILED, why.enhanced, original, diagnostic=said, last_attempt=now)
    if Notify.SUCCESS not in asked:
        return None
    return ReportedRecipient(target.address, Action.DELIVERED, DELIVERED, original, last_attempt=now)
