"""CREATE (RFC 9051 §6.3.4), for a special use if asked (RFC 6154 §3). Levels above need not exist: LIST has them."""

from dataclasses import replace

from imap.commands.places import new_place
from imap.commands.status import mailbox_id
from imap.grammar.requests import Create
from imap.response import Reply, no, ok
from imap.session import Session

SPECIAL_USES = frozenset({"\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"})


async def create(session: Session, request: Create) -> Reply:
    if len(request.special_uses) > 1 or not SPECIAL_USES.issuperset(request.special_uses):
        return no("that is no special use of one mailbox here", "USEATTR")  # RFC 6154 §3
    special_use = next(iter(request.special_uses), None)
    owner_id, name = await new_place(session, request.mailbox)
    if special_use is not None and owner_id != session.account.account_id:
        return no("what another uses a mailbox for is not yours to say", "USEATTR")
    mailbox = await session.backend.mailboxes.create(owner_id, name, special_use)
    if owner_id != session.account.account_id:
        mailbox = replace(mailbox, name=request.mailbox)
    session.notify.known.created(mailbox)
    return ok("created", f"MAILBOXID ({mailbox_id(mailbox).decode()})")  # RFC 8474 §4.1
