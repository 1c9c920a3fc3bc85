"""COPY and UID COPY, all messages or none (RFC 9051 §6.4.7), with COPYUID (RFC 4315 §3)."""

from imap.commands.targets import open_target, uids_of
from imap.grammar.requests import Copy
from imap.response import Reply, ok, uid_set_in_order
from imap.rights import flags
from imap.session import Session
from mailstead.store.messages import Copied


async def copy(session: Session, request: Copy) -> Reply:
    selected = session.selected
    uids = uids_of(session, request.targets, request.by_uid)
    target = await open_target(session, request.mailbox)
    copied = await session.backend.messages.copy(
        selected.owner_id,
        selected.mailbox_id,
        uids,
        target.mailbox.mailbox_id,
        target_account_id=target.owner_id,
        mask=flags(target.rights),
    )
    if target.mailbox.mailbox_id == selected.mailbox_id:
        session.stale = True
        session.notify.brought([uid for _, uid in copied.pairs])
    session.notify.known.filled(target.mailbox.mailbox_id, [uid for _, uid in copied.pairs])
    return ok("copied", copy_uid(copied)) if copied.pairs else ok("nothing to copy")


def copy_uid(copied: Copied) -> str:
    sources = uid_set_in_order(source for source, _ in copied.pairs)
    return f"COPYUID {copied.uidvalidity} {sources} {uid_set_in_order(new for _, new in copied.pairs)}"
