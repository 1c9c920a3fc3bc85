"""What several commands address: messages by number or UID, and the mailbox that COPY, MOVE and APPEND fill."""

from imap.commands.places import Place, find
from imap.errors import TRY_CREATE
from imap.grammar.numbers import SAVED
from imap.response import Reply
from imap.session import Bad, Session
from imap.view import NoSuchNumber
from mailstead.model.failure import Failure, Refused
from mailstead.model.sequence_set import SequenceSet

NO_SUCH_NUMBER = "no message has that number"


class TryCreate(Refused):
    """The mailbox to fill is not there; the client may create it and try again (RFC 9051 §7.1 TRYCREATE)."""

    reply: Reply = TRY_CREATE

    def __init__(self, detail: str) -> None:
        super().__init__(Failure.NO_SUCH_MAILBOX, detail)


def spans_of(session: Session, targets: SequenceSet, by_uid: bool) -> list[range]:
    """Indexes of the view. Raises Bad for a number that no message has, and for any number where there are none."""
    require_uids(session, by_uid or targets == SAVED)
    try:
        return session.scope.spans(targets, by_uid=by_uid)
    except NoSuchNumber as error:
        raise Bad(NO_SUCH_NUMBER) from error


def require_uids(session: Session, by_uid: bool) -> None:
    """Raises Bad for sequence numbers from a client that wanted none (RFC 9586 §3)."""
    if session.dialect.uid_only and not by_uid:
        raise Bad("use UIDs, as you have asked for", "UIDREQUIRED")


def uids_of(session: Session, targets: SequenceSet, by_uid: bool) -> list[int]:
    """The UIDs addressed, ascending. Raises Bad."""
    uids = session.selected.view.uids
    return [uid for span in spans_of(session, targets, by_uid) for uid in uids[span.start : span.stop]]


async def open_target(session: Session, name: str) -> Place:
    """Raises TryCreate, and Refused(NOT_PERMITTED)."""
    try:
        return await find(session, name, "i")
    except Refused as refused:
        if refused.failure is Failure.NO_SUCH_MAILBOX:
            raise TryCreate(refused.detail) from refused
        raise
