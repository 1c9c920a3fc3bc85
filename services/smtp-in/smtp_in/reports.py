"""The report to a sender who asked to hear of success, on recipients whose mailboxes are here (RFC 3461 §5.2.3). Pure.

Success is what the transaction makes of it, so the report is filed in that very transaction, before anybody could know more.
"""

from datetime import datetime

from mailstead.model.ids import new_id, new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy, Notify
from mailstead.store.mailbox_row import INBOX
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.dsn import Action, Report, ReportedRecipient, render_dsn
from mailstead.wire.message import Parsed, parse_message
from mailstead.wire.trace import return_path
from smtp_in.policy import LocalTarget
from smtp_in.session import Transaction

DELIVERED = "2.0.0"  # RFC 3463 §3.1


def success_report(
    transaction: Transaction, account: AuthenticatedAccount | None, host: str, content: Parsed, now: datetime
) -> Delivery | None:
    """For the INBOX of the account that submitted the message; None when nobody asked for it."""
    if account is None or not transaction.sender.path:
        return None
    recipients = [
        ReportedRecipient(target.address, Action.DELIVERED, DELIVERED, original=target.original, last_attempt=now)
        for target in transaction.targets
        if isinstance(target, LocalTarget) and Notify.SUCCESS in target.notify
    ]
    if not recipients:
        return None
    report = Report(host, transaction.sender.path, recipients, now, transaction.sender.envelope_id)
    octets = render_dsn(report, content.header, whole=False, message_id=f"{new_id().hex}@{host}", now=now)
    copy = LocalCopy(account.account_id, account.tenant_id, INBOX, return_path(""))
    return Delivery(new_trace_id(), parse_message(octets), copies=(copy,))
