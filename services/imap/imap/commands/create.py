"""CREATE (RFC 9051 §6.3.4). Levels above need not exist: LIST shows them as \\Noselect."""

from imap.grammar.requests import Create
from imap.response import Reply, ok
from imap.session import Session


async def create(session: Session, request: Create) -> Reply:
    await session.backend.mailboxes.create(session.account.account_id, request.mailbox)
    return ok("created")
