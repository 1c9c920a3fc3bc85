"""STATUS (RFC 9051 §6.3.11, RFC 8438 SIZE, RFC 7162 §3.1.7 HIGHESTMODSEQ, RFC 7889 APPENDLIMIT)."""

from imap.commands.places import find
from imap.grammar.requests import Status, StatusItem
from imap.response import Reply, ok
from imap.session import Session
from mailstead.store.mailbox_row import Mailbox


async def status(session: Session, request: Status) -> Reply:
    place = await find(session, request.mailbox, "r")
    if StatusItem.HIGHESTMODSEQ in request.items:
        session.dialect.hear_of_modseqs()
    await session.send(status_line(session, place.shown, request.items))
    return ok("told")


def status_line(session: Session, mailbox: Mailbox, items: tuple[StatusItem, ...]) -> bytes:
    """For LIST-STATUS too (RFC 5819)."""
    values: dict[StatusItem, int | str] = {
        StatusItem.MESSAGES: mailbox.messages,
        StatusItem.RECENT: 0,
        StatusItem.UIDNEXT: mailbox.uidnext,
        StatusItem.UIDVALIDITY: mailbox.uidvalidity,
        StatusItem.UNSEEN: mailbox.unseen,
        StatusItem.DELETED: mailbox.deleted,
        StatusItem.SIZE: mailbox.size,
        StatusItem.HIGHESTMODSEQ: mailbox.highest_modseq,
        StatusItem.APPENDLIMIT: session.backend.settings.imap_max_message,
        StatusItem.MAILBOXID: f"({mailbox_id(mailbox).decode()})",
    }
    told = " ".join(f"{item.value} {values[item]}" for item in items)
    return b"* STATUS %b (%b)\r\n" % (session.dialect.mailbox(mailbox.name), told.encode())


def mailbox_id(mailbox: Mailbox) -> bytes:
    """The object id, which outlives a new name (RFC 8474 §4)."""
    return b"F%d" % mailbox.mailbox_id
