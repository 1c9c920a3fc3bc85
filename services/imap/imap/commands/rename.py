"""RENAME (RFC 9051 §6.3.6)."""

from imap.grammar.requests import Rename
from imap.response import Reply, ok
from imap.session import Session
from mailstead.store.mailbox_row import INBOX


async def rename(session: Session, request: Rename) -> Reply:
    new = request.new.removesuffix("/")
    await session.backend.mailboxes.rename(session.account.account_id, request.old, new)
    if request.old != INBOX:  # else there is a new mailbox, which has a number of its own
        session.notify.known.renamed(request.old, new)
    return ok("renamed")
