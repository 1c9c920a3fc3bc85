"""Makes the report to a sender into something the store can file: a local copy, or a queued message with a null sender."""

from datetime import datetime
from enum import Enum

from mailstead.model.address import Address
from mailstead.model.ids import new_id
from mailstead.store import content
from mailstead.store.delivery import Delivery, LocalCopy, Notify, Outgoing, OutgoingRecipient
from mailstead.store.directory import Directory
from mailstead.store.engine import Database
from mailstead.store.mailbox_row import INBOX
from mailstead.store.queued import Leased
from mailstead.wire.dsn import Report, render_dsn
from mailstead.wire.message import parse_message
from mailstead.wire.trace import return_path

MAX_RETURNED = 1024 * 1024  # octets of an original that RET=FULL returns; a larger one is returned as its header section


class Way(Enum):
    """Where a report goes."""

    LOCAL = "local"
    REMOTE = "remote"
    NOBODY = "nobody"


class Reporter:
    """Writes reports. Raises Refused(UNAVAILABLE) when the database is away."""

    def __init__(self, database: Database, hostname: str) -> None:
        self._database = database
        self._directory = Directory(database)
        self._hostname = hostname

    async def compose(self, leased: Leased, report: Report, now: datetime) -> tuple[Way, Delivery | None]:
        """The report as a delivery to be filed, under the trace id of what it is about.

        None where its addressee is a local address that no longer exists.
        """
        sender = Address.parse(report.sender)
        recipient = await self._directory.recipient(sender)
        if recipient is None and await self._directory.local_domain(sender.domain):
            return Way.NOBODY, None
        source = leased.source
        # RFC 3461 §4.3; what required TLS is not returned whole, and its report requires TLS too (RFC 8689 §5).
        whole = report.failed and leased.return_full and not leased.require_tls and source.size <= MAX_RETURNED
        wanted = source.size if whole else source.body_start
        original = b"".join([piece async for piece in content.read(self._database, source, 0, wanted)])
        octets = render_dsn(report, original, whole=whole, message_id=f"{new_id().hex}@{self._hostname}", now=now)
        parsed = parse_message(octets)
        if recipient:
            copy = LocalCopy(recipient.account_id, recipient.tenant_id, INBOX, return_path(""))
            return Way.LOCAL, Delivery(leased.trace_id, parsed, copies=(copy,))
        # A report is sent with a null sender and asks for none about itself (RFC 3461 §5.2.2, RFC 5321 §6.1).
        to = OutgoingRecipient(report.sender, frozenset({Notify.NEVER}))
        outgoing = Outgoing(leased.tenant_id, None, "", (to,), require_tls=leased.require_tls)
        return Way.REMOTE, Delivery(leased.trace_id, parsed, queued=(outgoing,))
