"""SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3; RFC 7162 §3.1.2, §3.2.5; RFC 8474 §4.2)."""

from imap.commands.places import open_place
from imap.commands.status import mailbox_id
from imap.grammar.requests import KnownState, Select
from imap.response import Reply, ok
from imap.resync import catch_up_lines
from imap.rights import writes
from imap.session import Bad, Session
from imap.state import Selected
from mailstead.store.mailboxes import Opened


async def select(session: Session, request: Select) -> Reply:
    if request.known is not None and not session.dialect.qresync:
        raise Bad("QRESYNC is not enabled")  # RFC 7162 §3.2.5
    if isinstance(session.state, Selected):
        # The client leaves its mailbox whether or not it gets the new one.
        session.leave_mailbox()
        await session.send(ok("the mailbox before is closed", "CLOSED").render())
    opened, place = await open_place(session, request.mailbox, "r")
    read_only = request.read_only or not writes(place.rights)  # RFC 4314 §5.2
    if request.condstore:
        session.dialect.hear_of_modseqs()
    session.open(opened, place.rights, read_only=read_only)
    await session.send(_untagged(opened, place.shown.name, session))
    if request.known is not None and request.known.uidvalidity == opened.mailbox.uidvalidity:
        await _resynchronize(session, request.known)
    return ok("selected", "READ-ONLY" if read_only else "READ-WRITE")


async def _resynchronize(session: Session, known: KnownState) -> None:
    selected, view = session.selected, session.selected.view
    delta = await session.backend.changes.since(selected.owner_id, selected.mailbox_id, known.modseq, known_uidnext=view.uidnext)
    for line in catch_up_lines(delta, view, known, session.dialect):
        await session.send(line)


def _untagged(opened: Opened, name: str, session: Session) -> bytes:
    mailbox, view, dialect = opened.mailbox, session.selected.view, session.dialect
    lines = [
        session.flags_lines(),
        b"* %d EXISTS\r\n" % len(view),
        b"" if dialect.revision2 else b"* 0 RECENT\r\n",
        b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % mailbox.uidvalidity,
        b"* OK [UIDNEXT %d] the next UID\r\n" % mailbox.uidnext,
        b"* OK [HIGHESTMODSEQ %d] the highest modseq\r\n" % mailbox.highest_modseq,
        b"* OK [MAILBOXID (%b)] its name for good\r\n" % mailbox_id(mailbox),
    ]
    first = opened.first_unseen_uid
    number = view.number_of(first) if first is not None else None
    if number is not None and not dialect.revision2 and not dialect.uid_only:
        lines.append(b"* OK [UNSEEN %d] the first that is not seen\r\n" % number)
    if dialect.revision2:  # RFC 9051 §6.3.2
        lines.append(b'* LIST () "/" %b\r\n' % dialect.mailbox(name))
    return b"".join(lines)
