"""RETR and TOP: messages on their way to the client, dot-stuffed and otherwise octet for octet as they are stored.

Nothing is sent while a transaction is open (promise D6). Messages of ordinary size are read many by one statement, and the next
ones while these are sent; a large one streams in pieces.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from mailstead.model.failure import Failure, Refused
from mailstead.store.maildrop import Whole, is_international
from mailstead.store.messages import Messages, Summary, Want
from mailstead.wire.dots import Stuffer
from pop3.errors import reply_to
from pop3.maildrop import first_lines
from pop3.metrics import Pop3Metrics
from pop3.protocol import Reply, ResponseCode
from pop3.reading import Batch, Reader, batches, expected, readable
from pop3.session import Backend
from pop3.state import Transaction

Send = Callable[[bytes], Awaitable[None]]

RETR_BATCH = 500  # pipelined RETRs that are answered together

# RFC 6856 §5; what came without SMTPUTF8 goes to any client as it is, 8-bit header fields too.
_NEEDS_UTF8 = Reply(False, "an internationalized message: use the UTF8 command before logging in", ResponseCode.UTF8).render()
_NOT_THERE = reply_to(Failure.NO_SUCH_MESSAGE).render()


class BrokenOff(Exception):
    """The store failed in the middle of a message that is being sent: only hanging up tells the client the truth."""


async def retr(
    numbers: Sequence[int], opened: Transaction, backend: Backend, reader: Reader, send: Send, answered: Callable[[int], None]
) -> None:
    """RETR of each of `numbers`, answered in order. `answered` is called with the number of answers that were sent since.

    A message that was removed elsewhere since the log-in, or has no such number, is answered -ERR. Raises Refused when nothing
    has been sent of the answer that would be next, BrokenOff otherwise.
    """
    wanted = [*batches(numbers, opened.drop)]
    following = [*wanted, *expected(numbers, opened.drop)]
    for at, batch in enumerate(wanted, 1):
        uids = readable(batch)
        found = await reader.read(opened.account_id, opened.mailbox_id, uids) if uids else {}
        await reader.begin(opened.account_id, opened.mailbox_id, following[at:])
        if len(batch) == 1 and not uids and batch[0][0]:
            await _retr_large(*batch[0], opened, backend, send)
        else:
            await send(_answers(batch, found, opened.utf8, backend.metrics))
        answered(len(batch))


def _answers(batch: Batch, found: dict[int, Whole], utf8: bool, metrics: Pop3Metrics) -> bytes:
    """To the RETRs of one batch."""
    pieces: list[bytes] = []
    messages = octets = 0
    for uid, size in batch:
        whole = found.get(uid)
        if whole is None:
            pieces.append(_NOT_THERE)
        elif whole.is_international and not utf8:
            pieces.append(_NEEDS_UTF8)
        else:
            stuffer = Stuffer()
            pieces += (b"+OK %d octets\r\n" % size, stuffer.feed(whole.octets), stuffer.end())
            messages += 1
            octets += size
    metrics.retrieved.inc(messages)
    metrics.retrieved_octets.inc(octets)
    return b"".join(pieces)


async def top(number: int, lines: int, opened: Transaction, messages: Messages, send: Send) -> None:
    """The header section and the first `lines` lines behind it (RFC 1939 §7); `TOP n 0` reads no content but the header."""
    found = await _summary(opened.drop.uid(number), opened, messages, Want.HEADER)
    if found is None:
        raise Refused(Failure.NO_SUCH_MESSAGE)
    if not opened.utf8 and is_international(found.prefix):
        await send(_NEEDS_UTF8)
        return
    await send(Reply(True, "the top of the message follows").render())
    await _stream(_top_octets(found, lines, messages), send)


async def _retr_large(uid: int, size: int, opened: Transaction, backend: Backend, send: Send) -> None:
    found = await _summary(uid, opened, backend.messages, Want.NOTHING)
    if found is None:
        await send(_NOT_THERE)
    elif not opened.utf8 and is_international(found.prefix):
        await send(_NEEDS_UTF8)
    else:
        await send(b"+OK %d octets\r\n" % size)
        await _stream(backend.messages.read(found.source), send)
        backend.metrics.retrieved.inc()
        backend.metrics.retrieved_octets.inc(size)


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
