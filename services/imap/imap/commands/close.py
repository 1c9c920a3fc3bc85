r"""CLOSE, which expunges \Deleted messages in silence, and UNSELECT, which does not (RFC 9051 §6.4.1, §6.4.2)."""

from imap.grammar.requests import Close, Unselect
from imap.response import Reply, ok
from imap.session import Session


async def close(session: Session, _request: Close) -> Reply:
    selected = session.selected
    if not selected.read_only and "e" in session.rights:  # RFC 4314 §4: else nothing is expunged, and that is fine
        await session.backend.messages.expunge(selected.owner_id, selected.mailbox_id, None, actor=session.account.address)
    session.leave_mailbox()
    return ok("closed")


async def unselect(session: Session, _request: Unselect) -> Reply:
    session.leave_mailbox()
    return ok("closed, nothing expunged")
