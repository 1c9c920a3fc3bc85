"""RETR and TOP: messages on their way to the client, dot-stuffed and otherwise octet for octet as they are stored.

Nothing is sent while a transaction is open (promise D6). Messages of ordinary size are read many by one statement, whatever
number of RETRs waits; a large one streams in pieces.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

from mailstead.model.failure import Failure, Refused
from mailstead.store.maildrop import is_international
from mailstead.store.messages import Messages, Summary, Want
from mailstead.wire.dots import Stuffer
from pop3.errors import reply_to
from pop3.maildrop import MaildropView, first_lines
from pop3.protocol import Reply, ResponseCode
from pop3.session import Backend
from pop3.state import Transaction

Send = Callable[[bytes], Awaitable[None]]

RETR_BATCH = 500  # pipelined RETRs that are answered together
WHOLE = 1024 * 1024  # octets up to which a message is read in one go
READ_OCTETS = 4 * 1024 * 1024  # that one statement reads
READ_MESSAGES = 256

# RFC 6856 §5; what came without SMTPUTF8 goes to any client as it is, 8-bit header fields too.
NEEDS_UTF8 = Reply(False, "an internationalized message: use the UTF8 command before logging in", ResponseCode.UTF8)
_NOT_THERE = reply_to(Failure.NO_SUCH_MESSAGE).render()


class BrokenOff(Exception):
    """The store failed in the middle of a message that is being sent: only hanging up tells the client the truth."""


async def retr(numbers: Sequence[int], opened: Transaction, backend: Backend, send: Send, answered: Callable[[], None]) -> None:
    """RETR of each of `numbers`, answered in order. `answered` is called after each answer.

    A message that was removed elsewhere since the log-in, or has no such number, is answered -ERR. Raises Refused when nothing
    has been sent of the answer that would be next, BrokenOff otherwise.
    """
    for batch in batches(numbers, opened.drop):
        small = [uid for uid, size in batch if uid and size <= WHOLE]
        found = await backend.maildrops.read(opened.account_id, opened.mailbox_id, small) if small else {}
        for uid, size in batch:
            there = uid in found
            if there and not opened.utf8 and found[uid].is_international:
                await send(NEEDS_UTF8.render())
                answered()
                continue
            if there:
                stuffer = Stuffer()
                await send(b"+OK %d octets\r\n" % size)
                await send(stuffer.feed(found[uid].octets))
                await send(stuffer.end())
            elif size > WHOLE:
                there = await _retr_large(uid, opened, backend.messages, send)
            if there:
                backend.metrics.retrieved.inc()
                backend.metrics.retrieved_octets.inc(size)
            else:
                await send(_NOT_THERE)
            answered()


def batches(numbers: Sequence[int], drop: MaildropView) -> Iterator[list[tuple[int, int]]]:
    """(UID, octets) of each of `numbers`, (0, 0) for one that is none, in lists of what may be read by one statement."""
    batch: list[tuple[int, int]] = []
    octets = 0
    for number in numbers:
        try:
            uid, size = drop.uid(number), drop.size(number)
        except Refused:
            uid = size = 0
        alone = size > WHOLE
        if batch and (alone or octets + size > READ_OCTETS or len(batch) == READ_MESSAGES):
            yield batch
            batch, octets = [], 0
        batch.append((uid, size))
        octets += size
        if alone:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


async def top(number: int, lines: int, opened: Transaction, messages: Messages, send: Send) -> None:
    """The header section and the first `lines` lines behind it (RFC 1939 §7); `TOP n 0` reads no content but the header."""
    found = await _summary(opened.drop.uid(number), opened, messages, Want.HEADER)
    if found is None:
        raise Refused(Failure.NO_SUCH_MESSAGE)
    if not opened.utf8 and is_international(found.prefix):
        await send(NEEDS_UTF8.render())
        return
    await send(Reply(True, "the top of the message follows").render())
    await _stream(_top_octets(found, lines, messages), send)


async def _retr_large(uid: int, opened: Transaction, messages: Messages, send: Send) -> bool:
    """Whether it was still there, and is sent."""
    found = await _summary(uid, opened, messages, Want.NOTHING)
    if found is None:
        return False
    if not opened.utf8 and is_international(found.prefix):
        await send(NEEDS_UTF8.render())
        return True
    await send(b"+OK %d octets\r\n" % found.size)
    await _stream(messages.read(found.source), send)
    return True


async def _summary(uid: int, opened: Transaction, messages: Messages, want: Want) -> Summary | None:
    found = await messages.summaries(opened.account_id, opened.mailbox_id, [uid], want)
    return found[0] if found else None


async def _top_octets(summary: Summary, lines: int, messages: Messages) -> AsyncIterator[bytes]:
    header = summary.header or b""
    yield header
    if not lines:
        return
    async for octets in messages.read(summary.source, len(header)):
        piece, lines = first_lines(octets, lines)
        yield piece
        if not lines:
            return


async def _stream(pieces: AsyncIterator[bytes], send: Send) -> None:
    stuffer = Stuffer()
    try:
        async for octets in pieces:
            await send(stuffer.feed(octets))
    except Refused as refused:
        raise BrokenOff(refused.detail) from refused
    await send(stuffer.end())
