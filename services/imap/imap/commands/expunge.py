r"""EXPUNGE of all \Deleted messages, and UID EXPUNGE of those among the given (RFC 9051 §6.4.3, RFC 4315 §2.1)."""

from imap.commands.targets import uids_of
from imap.grammar.requests import Expunge
from imap.response import Reply, ok
from imap.session import Session


async def expunge(session: Session, request: Expunge) -> Reply:
    selected = session.require_writable()
    session.allow("e")
    uids = None if request.uids is None else uids_of(session, request.uids, by_uid=True)
    if uids is None or uids:
        gone = await session.backend.messages.expunge(selected.owner_id, selected.mailbox_id, uids, actor=session.account.address)
        session.expunged = bool(gone)
    return ok("expunged")
