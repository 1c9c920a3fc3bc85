"""LSUB (RFC 3501 §6.3.9), which RFC 9051 has left to LIST (SUBSCRIBED)."""

from imap.commands.list import list_line
from imap.commands.places import visible
from imap.grammar.requests import Lsub
from imap.listing import list_subscribed
from imap.response import Reply, ok
from imap.session import Session


async def lsub(session: Session, request: Lsub) -> Reply:
    mailboxes, account_id = session.backend.mailboxes, session.account.account_id
    existing = {mailbox.name: mailbox for mailbox in await mailboxes.list(account_id)}
    existing |= {place.name: place.shown for place in await visible(session)}
    for listed in list_subscribed(request, await mailboxes.subscriptions(account_id), existing):
        await session.send(list_line(session.dialect, b"LSUB", listed))
    return ok("listed")
