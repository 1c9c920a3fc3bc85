"""SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8)."""

from imap.grammar.requests import Subscribe, Unsubscribe
from imap.response import Reply, ok
from imap.session import Session


async def subscribe(session: Session, request: Subscribe) -> Reply:
    await session.backend.mailboxes.subscribe(session.account.account_id, request.mailbox, True)
    session.notify.known.subscribed(request.mailbox, True)
    return ok("subscribed")


async def unsubscribe(session: Session, request: Unsubscribe) -> Reply:
    await session.backend.mailboxes.subscribe(session.account.account_id, request.mailbox, False)
    session.notify.known.subscribed(request.mailbox, False)
    return ok("unsubscribed")
