"""MOVE and UID MOVE (RFC 6851): copy and expunge in one transaction."""

from imap.commands.copy import copy_uid
from imap.commands.targets import open_target, uids_of
from imap.grammar.requests import Move
from imap.response import Reply, ok
from imap.session import Session


async def move(session: Session, request: Move) -> Reply:
    selected = session.require_writable()
    uids = uids_of(session, request.targets, request.by_uid)
    target = await open_target(session, request.mailbox)
    moved = await session.backend.messages.move(selected.account.account_id, selected.mailbox_id, uids, target.mailbox_id)
    if target.mailbox_id == selected.mailbox_id:
        session.notify.brought([uid for _, uid in moved.pairs])
    session.expunged = bool(moved.pairs)  # RFC 6851 §4.4
    if moved.pairs:
        # RFC 6851 §4.3: COPYUID comes untagged, before the EXPUNGE responses.
        await session.send(ok("moved", copy_uid(moved)).render())
    return ok("moved" if moved.pairs else "nothing to move")
