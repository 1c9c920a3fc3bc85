"""MOVE and UID MOVE (RFC 6851): copy and expunge in one transaction."""

from imap.commands.copy import copy_uid
from imap.commands.targets import open_target, uids_of
from imap.grammar.requests import Move
from imap.response import Reply, ok
from imap.rights import flags
from imap.session import Session


async def move(session: Session, request: Move) -> Reply:
    selected = session.require_writable()
    session.allow("te")  # RFC 6851 §4.4: as STORE, COPY and EXPUNGE together
    uids = uids_of(session, request.targets, request.by_uid)
    target = await open_target(session, request.mailbox)
    moved = await session.backend.messages.move(
        selected.owner_id,
        selected.mailbox_id,
        uids,
        target.mailbox.mailbox_id,
        target_account_id=target.owner_id,
        mask=flags(target.rights),
    )
    if target.mailbox.mailbox_id == selected.mailbox_id:
        session.notify.brought([uid for _, uid in moved.pairs])
    session.notify.known.filled(target.mailbox.mailbox_id, [uid for _, uid in moved.pairs])
    session.expunged = bool(moved.pairs)  # RFC 6851 §4.4
    if moved.pairs:
        # RFC 6851 §4.3: COPYUID comes untagged, before the EXPUNGE responses.
        await session.send(ok("moved", copy_uid(moved)).render())
    return ok("moved" if moved.pairs else "nothing to move")
