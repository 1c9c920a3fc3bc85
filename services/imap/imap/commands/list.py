"""LIST (RFC 9051 §6.3.9) with the options of RFC 5258, RFC 6154 and RFC 5819."""

from imap.commands.status import status_line
from imap.dialect import Dialect
from imap.grammar.requests import List
from imap.listing import Listed, list_mailboxes
from imap.response import Reply, ok
from imap.session import Session

ROOT = b'* LIST (\\Noselect) "/" ""\r\n'


async def list_(session: Session, request: List) -> Reply:
    if request.patterns == ("",) and not request.extended:
        await session.send(ROOT)  # RFC 9051 §6.3.9: what the separator is
        return ok("listed")
    mailboxes, account_id = session.backend.mailboxes, session.account.account_id
    existing = await mailboxes.list(account_id)
    subscriptions = (
        await mailboxes.subscriptions(account_id)
        if "SUBSCRIBED" in request.selection
        else [mailbox.name for mailbox in existing if mailbox.subscribed]
    )
    for listed in list_mailboxes(request, existing, subscriptions):
        await session.send(list_line(session.dialect, b"LIST", listed))
        if request.status and listed.mailbox is not None:
            await session.send(status_line(session, listed.mailbox, request.status))
    return ok("listed")


def list_line(dialect: Dialect, word: bytes, listed: Listed) -> bytes:
    """`* LIST (\\HasNoChildren) "/" name`, for LSUB too."""
    extended = b' ("CHILDINFO" ("SUBSCRIBED"))' if listed.child_info else b""
    if listed.old_name is not None:
        extended = b' ("OLDNAME" (%b))' % dialect.mailbox(listed.old_name)
    return b'* %b (%b) "/" %b%b\r\n' % (word, " ".join(listed.attributes).encode(), dialect.mailbox(listed.name), extended)
