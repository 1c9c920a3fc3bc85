"""REPLACE and UID REPLACE: a message takes the place of another in one transaction (RFC 8508). It comes as APPEND's does."""

from imap.commands.targets import open_target, uids_of
from imap.grammar.requests import Replace
from imap.response import Reply, no, ok
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.delivery import Delivery


async def replace(session: Session, request: Replace, delivery: Delivery) -> Reply:
    """Raises Bad, Refused and TryCreate."""
    if session.stale:
        await session.check_rights()
    selected = session.require_writable()
    session.allow("te")  # as MOVE
    uids = uids_of(session, SequenceSet(((request.number, request.number),)), request.by_uid)
    if not uids:
        raise Refused(Failure.NO_SUCH_MESSAGE, f"UID {request.number} is not there")
    target = await open_target(session, request.append.mailbox)
    if target.owner_id != selected.owner_id:
        return no("a message can be replaced within the mail of one account only", "CANNOT")
    receipt = await session.backend.ingest.replace(
        delivery, selected.mailbox_id, uids[0], target.mailbox.mailbox_id, actor=selected.account.address
    )
    stored = receipt.copies[0]
    session.backend.metrics.appended.inc()
    session.stale = True
    if target.mailbox.mailbox_id == selected.mailbox_id:
        session.notify.brought([stored.uid])
    # RFC 8508 §3.3: APPENDUID comes untagged, before EXISTS and EXPUNGE.
    await session.send(ok("the replacement is here", f"APPENDUID {stored.uidvalidity} {stored.uid}").render())
    return ok("replaced")
