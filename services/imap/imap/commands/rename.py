"""RENAME (RFC 9051 §6.3.6)."""

from imap.grammar.requests import Rename
from imap.response import Reply, ok
from imap.session import Session


async def rename(session: Session, request: Rename) -> Reply:
    await session.backend.mailboxes.rename(session.account.account_id, request.old, request.new.removesuffix("/"))
    return ok("renamed")
