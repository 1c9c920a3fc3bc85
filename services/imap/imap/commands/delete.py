"""DELETE (RFC 9051 §6.3.5). Mailboxes below it stay."""

from imap.commands.places import find
from imap.grammar.requests import Delete
from imap.response import Reply, ok
from imap.session import Session
from imap.state import Selected


async def delete(session: Session, request: Delete) -> Reply:
    place = await find(session, request.mailbox, "x")
    mailbox = place.mailbox
    await session.backend.mailboxes.delete(place.owner_id, mailbox.name, mailbox_id=mailbox.mailbox_id)
    session.notify.known.deleted(mailbox.mailbox_id)
    if isinstance(session.state, Selected) and session.state.mailbox_id == mailbox.mailbox_id:
        session.leave_mailbox()
        await session.send(ok("the selected mailbox is gone", "CLOSED").render())
    return ok("deleted")
