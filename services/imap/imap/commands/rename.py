"""RENAME (RFC 9051 §6.3.6). A mailbox stays with its owner."""

from imap.commands.places import find, new_place
from imap.grammar.requests import Rename
from imap.namespaces import others
from imap.response import Reply, no, ok
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.store.mailbox_row import INBOX


async def rename(session: Session, request: Rename) -> Reply:
    new = request.new.removesuffix("/")
    owner_id, old_name, mailbox_id = session.account.account_id, request.old, None
    if others(request.old) is not None:
        place = await find(session, request.old, "x")
        owner_id, old_name, mailbox_id = place.owner_id, place.mailbox.name, place.mailbox.mailbox_id
        if old_name == INBOX and not place.own:
            raise Refused(Failure.NOT_PERMITTED, "the INBOX of another")
    new_owner_id, new_name = await new_place(session, new)
    if new_owner_id != owner_id:
        return no("a mailbox stays with its owner", "CANNOT")
    await session.backend.mailboxes.rename(owner_id, old_name, new_name, mailbox_id=mailbox_id)
    if old_name != INBOX:  # else there is a new mailbox, which has a number of its own
        session.notify.known.renamed(request.old, new)
    return ok("renamed")
