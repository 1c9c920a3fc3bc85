"""The commands of TRANSACTION, each given to what answers it."""

from mailstead.model.failure import Refused
from pop3 import listing
from pop3.errors import UNEXPECTED
from pop3.protocol import Command, Dele, List, Noop, Reply, Retr, Rset, Stat, Top, Uidl
from pop3.retrieval import RETR_BATCH, retr, top
from pop3.session import Session
from pop3.state import Transaction

MARKED = Reply(True, "marked, to be deleted upon QUIT")


async def transact(session: Session, command: Command, state: Transaction) -> None:
    drop = state.drop
    match command:
        case Stat():
            await session.send(Reply(True, f"{drop.count} {drop.octets}").render())
        case List(None):
            await session.send_all(listing.list_all(drop))
        case List(int(number)):
            await session.send(Reply(True, f"{number} {drop.size(number)}").render())
        case Uidl(None):
            await session.send_all(listing.uidl_all(drop))
        case Uidl(int(number)):
            await session.send(Reply(True, f"{number} {drop.unique_id(number)}").render())
        case Retr(number):
            await _retr(session, number, state)
        case Top(number, lines):
            await top(number, lines, state, session.backend.messages, session.send)
        case Dele(number):
            drop.mark(number)
            await session.send(MARKED.render())
        case Rset():
            drop.unmark_all()
            await session.send(Reply(True, f"{drop.count} messages ({drop.octets} octets)").render())
        case Noop():
            await session.send(Reply(True, "").render())


async def _retr(session: Session, first: int, state: Transaction) -> None:
    """This RETR and those that wait right behind it. When the store fails, those not yet answered are refused one by one."""
    numbers = [first, *(retr.number for retr in session.decoder.following_retrs(RETR_BATCH - 1))]
    answered = 0

    def count(answers: int) -> None:
        nonlocal answered
        answered += answers

    try:
        await retr(numbers, state, session.backend, session.reader, session.send, count)
    except Refused:
        for _ in numbers[answered + 1 :]:
            await session.send(UNEXPECTED.render())
        raise
