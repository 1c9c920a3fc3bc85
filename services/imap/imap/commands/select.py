"""SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3; RFC 7162 §3.1.2)."""

from imap.grammar.requests import Select
from imap.response import Reply, flag_list, ok
from imap.session import Session
from imap.state import Selected
from mailstead.model.flags import SystemFlag
from mailstead.store.mailboxes import Opened

_ALL_FLAGS = 2 * max(SystemFlag) - 1


async def select(session: Session, request: Select) -> Reply:
    if isinstance(session.state, Selected):
        # The client leaves its mailbox whether or not it gets the new one.
        session.leave_mailbox()
        await session.send(ok("the mailbox before is closed", "CLOSED").render())
    opened = await session.backend.mailboxes.open(session.account.account_id, request.mailbox)
    session.condstore = session.condstore or request.condstore
    session.open(opened, read_only=request.read_only)
    await session.send(_untagged(opened, request.read_only, session))
    return ok("selected", "READ-ONLY" if request.read_only else "READ-WRITE")


def _untagged(opened: Opened, read_only: bool, session: Session) -> bytes:
    mailbox, view = opened.mailbox, session.selected.view
    known = flag_list(_ALL_FLAGS, opened.keywords)
    # RFC 3501 §7.1: "\*" says that a client may make keywords of its own.
    permanent = b"()" if read_only else known[:-1] + b" \\*)"
    lines = [
        b"* FLAGS %b" % known,
        b"* OK [PERMANENTFLAGS %b] these can be changed" % permanent,
        b"* %d EXISTS" % len(view),
        b"* 0 RECENT",
        b"* OK [UIDVALIDITY %d] UIDs are valid" % mailbox.uidvalidity,
        b"* OK [UIDNEXT %d] the next UID" % mailbox.uidnext,
        b"* OK [HIGHESTMODSEQ %d] the highest modseq" % mailbox.highest_modseq,
    ]
    first = opened.first_unseen_uid
    number = view.number_of(first) if first is not None else None
    if number is not None:
        lines.append(b"* OK [UNSEEN %d] the first that is not seen" % number)
    return b"\r\n".join(lines) + b"\r\n"
