"""The commands of TRANSACTION, and CAPA: what each one answers, as octets ready to send.

What reads the store takes it as an argument; whatever is long is sent in pieces through `send`, never while a transaction is
open (promise D6). Messages go out dot-stuffed and otherwise octet for octet as they are stored.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence

from mailstead.model.failure import Failure, Refused
from mailstead.store.content import Source
from mailstead.store.messages import CHUNK, Messages, Summary, Want
from mailstead.wire.dots import Stuffer
from pop3.errors import UNEXPECTED, reply_to
from pop3.maildrop import MaildropView, first_lines
from pop3.metrics import Pop3Metrics
from pop3.protocol import END, Reply
from pop3.state import Transaction, Update

Send = Callable[[bytes], Awaitable[None]]

RETR_BATCH = 500  # pipelined RETRs that are looked up by one statement
WHOLE = 1024 * 1024  # octets up to which a message is read in one go
UPDATE_CHUNK = CHUNK  # messages that one transaction of QUIT deletes
LISTING_PIECE = 1000  # lines of LIST and UIDL that are sent at once

_NOT_THERE = reply_to(Failure.NO_SUCH_MESSAGE).render()


class BrokenOff(Exception):
    """The store failed in the middle of a message that is being sent: only hanging up tells the client the truth."""


def capabilities(*, stls: bool, mechanisms: Sequence[str]) -> bytes:
    """CAPA (RFC 2449 §5). Nothing is listed that does not hold on this connection now."""
    names = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "IMPLEMENTATION Mailstead"]
    if mechanisms:
        names += ["USER", f"SASL {' '.join(mechanisms)}"]
    if stls:
        names.append("STLS")
    lines = "".join(f"{name}\r\n" for name in names)
    return Reply(True, "capabilities follow").render() + lines.encode() + END


def stat(drop: MaildropView) -> bytes:
    return Reply(True, f"{drop.count} {drop.octets}").render()


def list_one(drop: MaildropView, number: int) -> bytes:
    return Reply(True, f"{number} {drop.size(number)}").render()


def list_all(drop: MaildropView) -> Iterator[bytes]:
    yield Reply(True, f"{drop.count} messages ({drop.octets} octets)").render()
    yield from _pieces(b"%d %d\r\n" % entry for entry in drop.sizes())
    yield END


def uidl_one(drop: MaildropView, number: int) -> bytes:
    return Reply(True, f"{number} {drop.unique_id(number)}").render()


def uidl_all(drop: MaildropView) -> Iterator[bytes]:
    yield Reply(True, "unique ids follow").render()
    yield from _pieces(f"{number} {unique_id}\r\n".encode() for number, unique_id in drop.unique_ids())
    yield END


def dele(drop: MaildropView, number: int) -> bytes:
    drop.mark(number)
    return Reply(True, "marked, to be deleted upon QUIT").render()


def rset(drop: MaildropView) -> bytes:
    drop.unmark_all()
    return Reply(True, f"{drop.count} messages ({drop.octets} octets)").render()


async def retr(
    numbers: Sequence[int],
    opened: Transaction,
    messages: Messages,
    metrics: Pop3Metrics,
    send: Send,
    answered: Callable[[], None],
) -> None:
    """RETR of each of `numbers` (at most RETR_BATCH), answered in order, with no statement for any single small message.

    A message that was removed elsewhere since the log-in, or has no such number, is answered -ERR. `answered` is called after
    each answer. Raises Refused when nothing has been sent of the answer that would be next, BrokenOff otherwise.
    """
    plan = await _sources(numbers, opened, messages)
    whole = messages.read_many([source for source in plan if source is not None and source.size <= WHOLE])
    for source in plan:
        if source is None:
            await send(_NOT_THERE)
            answered()
            continue
        if source.size <= WHOLE:
            _, octets = await anext(whole)
            await send(b"+OK %d octets\r\n%b" % (len(octets), _stuffed(octets)))
        else:
            await send(b"+OK %d octets\r\n" % source.size)
            await _stream(messages.read(source), send)
        answered()
        metrics.retrieved.inc()
        metrics.retrieved_octets.inc(source.size)


async def top(number: int, lines: int, opened: Transaction, messages: Messages, send: Send) -> None:
    """The header section and the first `lines` lines behind it (RFC 1939 §7); `TOP n 0` reads no content but the header."""
    uid = opened.drop.uid(number)
    found = await messages.summaries(opened.account_id, opened.mailbox_id, [uid], Want.HEADER)
    if not found:
        raise Refused(Failure.NO_SUCH_MESSAGE)
    await send(Reply(True, "the top of the message follows").render())
    await _stream(_top_octets(found[0], lines, messages), send)


async def update(doomed: Update, uids: Sequence[int], messages: Messages) -> int:
    """Delete these of the doomed for good, in one transaction; how many went. Raises Refused: then they may still be there."""
    actor = f"pop3 {doomed.address}"
    return len(await messages.expunge(doomed.account_id, doomed.mailbox_id, uids, only_deleted=False, actor=actor))


def not_removed(kept: int, doomed: int) -> bytes:
    """The answer to QUIT when the store failed: `kept` of the `doomed` messages may still be there (RFC 1939 §6)."""
    return Reply(False, f"{kept} of {doomed} marked messages may not be deleted, try again later", UNEXPECTED.code).render()


async def _sources(numbers: Sequence[int], opened: Transaction, messages: Messages) -> list[Source | None]:
    uids: list[int | None] = []
    for number in numbers:
        try:
            uids.append(opened.drop.uid(number))
        except Refused:
            uids.append(None)
    wanted = sorted({uid for uid in uids if uid is not None})
    found: list[Summary] = []
    if wanted:
        found = await messages.summaries(opened.account_id, opened.mailbox_id, wanted, Want.NOTHING)
    sources = {summary.uid: summary.source for summary in found}
    return [None if uid is None else sources.get(uid) for uid in uids]


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


def _stuffed(octets: bytes) -> bytes:
    stuffer = Stuffer()
    return stuffer.feed(octets) + stuffer.end()


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    piece: list[bytes] = []
    for line in lines:
        piece.append(line)
        if len(piece) == LISTING_PIECE:
            yield b"".join(piece)
            piece.clear()
    yield b"".join(piece)
