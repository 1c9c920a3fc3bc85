r"""FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 3501 §6.4.5), with CHANGEDSINCE, VANISHED (RFC 7162) and PARTIAL (RFC 9394).

Messages are read in pages, each a short read of its own (promise D6): one statement for the rows, one for the \Seen that is
set, and for bodies one for each few MiB. While a page is written the next one is read. What is in memory at once is two pages
of rows and one batch of bodies, whatever is asked.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from imap.binary import UnknownEncoding, binary_answer, literal, undo, without_nul
from imap.commands.targets import spans_of
from imap.fetch_plan import Encoded, Extent, FetchPlan, Located, Octets, header_part, locate, plan
from imap.grammar.fetch import Attribute, FetchItem
from imap.grammar.ranges import PartialRange
from imap.grammar.requests import Fetch
from imap.response import Reply, no, ok
from imap.resync import vanished_since
from imap.session import Bad, BrokenOff, Session
from mailstead.model.failure import Refused
from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.store.flag_changes import FlagRow
from mailstead.store.messages import Summary

ROWS_PAGE = 1_000  # messages whose metadata are read by one statement
BODIES_PAGE = 256  # the same where octets of the messages follow
WHOLE = 256 * 1024  # octets; a message up to this size is read whole even for a part of it, many by one statement

PIECES = 16  # of an answer that are gathered before they are sent, each of at most WHOLE octets

SEEN = Flags(SystemFlag.SEEN)

Page = tuple[Sequence[int], Sequence[int]]
"""Sequence numbers and UIDs."""

R = TypeVar("R")
Row = TypeVar("Row", FlagRow, Summary)


async def fetch(session: Session, request: Fetch) -> Reply:
    dialect = session.dialect
    asks_modseq = request.changed_since is not None or Attribute.MODSEQ in request.items
    if asks_modseq:
        dialect.hear_of_modseqs()
    planned = plan(request.items, dialect, by_uid=request.by_uid, modseq=asks_modseq)
    spans = spans_of(session, request.targets, request.by_uid)
    size = BODIES_PAGE if planned.sections else ROWS_PAGE
    if request.changed_since is not None:
        pages = _paged(_stretch(await _changed(session, request, spans, request.changed_since), request.partial), size)
    elif request.partial is not None:
        pages = _paged(_stretch(list(_all(session, spans)), request.partial), size)
    else:
        pages = session.selected.view.pages(spans, size)
    if dialect.uid_only:
        pages = ((uids, uids) for _, uids in pages)
    try:
        told, missing = await (_fetch_flags if planned.flags_only else _fetch_rows)(session, planned, pages)
    except UnknownEncoding:
        return no("a part's encoding is none that can be undone", "UNKNOWN-CTE")  # RFC 3516 §4.3
    session.backend.metrics.fetched.inc(told)
    if missing:
        session.stale = True
        if not request.by_uid:
            return no("some messages are gone", "EXPUNGEISSUED")  # RFC 2180 §4.1.2
    return ok("fetched")


async def tell_new(session: Session, items: Sequence[FetchItem], uids: Sequence[int]) -> None:
    r"""What NOTIFY wants to know of messages that EXISTS has just told of (RFC 5465 §5.2). Nothing becomes \Seen by it.

    Of a part whose encoding cannot be undone nothing is told: the client asks and learns why.
    """
    peeking = tuple(item if isinstance(item, Attribute) else replace(item, peek=True) for item in items)
    planned = plan(peeking, session.dialect, by_uid=True, modseq=Attribute.MODSEQ in items)
    pairs = session.selected.view.known(uids)
    if session.dialect.uid_only:
        pairs = [(uid, uid) for _, uid in pairs]
    pages = _paged(pairs, BODIES_PAGE if planned.sections else ROWS_PAGE)
    with contextlib.suppress(UnknownEncoding):
        told, _ = await (_fetch_flags if planned.flags_only else _fetch_rows)(session, planned, pages)
        session.backend.metrics.fetched.inc(told)


async def _changed(session: Session, request: Fetch, spans: Sequence[range], since: int) -> list[tuple[int, int]]:
    """(number, UID) of the addressed messages whose modseq is greater; those that are gone are told of if asked for."""
    selected, view = session.selected, session.selected.view
    if request.vanished and not (request.by_uid and session.dialect.qresync):
        raise Bad("VANISHED is for UID FETCH, once QRESYNC is enabled")  # RFC 7162 §3.2.6
    delta = await session.backend.changes.since(selected.owner_id, selected.mailbox_id, since, known_uidnext=view.uidnext)
    if request.vanished:
        await session.send(vanished_since(delta, view, request.targets))
    known = view.known([row.uid for row in delta.changed])
    return [(number, uid) for number, uid in known if any(number - 1 in span for span in spans)]


def _all(session: Session, spans: Sequence[range]) -> Iterator[tuple[int, int]]:
    uids = session.selected.view.uids
    return ((index + 1, uids[index]) for span in spans for index in span)


def _stretch(found: Sequence[tuple[int, int]], partial: PartialRange | None) -> Sequence[tuple[int, int]]:
    """RFC 9394 §3.2."""
    return found if partial is None else partial.of(found)


def _paged(pairs: Sequence[tuple[int, int]], size: int) -> Iterator[Page]:
    for at in range(0, len(pairs), size):
        page = pairs[at : at + size]
        yield [number for number, _ in page], [uid for _, uid in page]


# ---- rows


async def _fetch_flags(session: Session, planned: FetchPlan, pages: Iterable[Page]) -> tuple[int, int]:
    """(messages told, messages missing)."""
    selected, told, missing = session.selected, 0, 0

    def read(uids: Sequence[int]) -> Coroutine[Any, Any, list[FlagRow]]:
        return session.backend.messages.flags(selected.owner_id, selected.mailbox_id, uids)

    render = planned.light_head.render
    async with contextlib.aclosing(_ahead(pages, read)) as read_pages:
        async for (numbers, uids), rows in read_pages:
            await _send(session, b"".join([render(number, row) + b")\r\n" for number, row in _numbered(numbers, uids, rows)]))
            told += len(rows)
            missing += len(uids) - len(rows)
    return told, missing


async def _fetch_rows(session: Session, planned: FetchPlan, pages: Iterable[Page]) -> tuple[int, int]:
    """(messages told, messages missing)."""
    selected, told, missing = session.selected, 0, 0
    marks_seen = planned.marks_seen and not selected.read_only and "s" in session.rights  # RFC 4314 §4

    def read(uids: Sequence[int]) -> Coroutine[Any, Any, list[Summary]]:
        return session.backend.messages.summaries(selected.owner_id, selected.mailbox_id, uids, planned.want)

    render = planned.head.render
    async with contextlib.aclosing(_ahead(pages, read)) as read_pages:
        async for (numbers, uids), rows in read_pages:
            newly_seen = await _mark_seen(session, rows) if marks_seen else frozenset[int]()
            numbered = _numbered(numbers, uids, rows)
            if planned.sections:
                await _send_with_sections(session, planned, numbered, newly_seen)
            else:
                await _send(session, b"".join([render(number, row) + b")\r\n" for number, row in numbered]))
            told += len(rows)
            missing += len(uids) - len(rows)
    return told, missing


def _numbered(numbers: Sequence[int], uids: Sequence[int], rows: Sequence[Row]) -> Iterable[tuple[int, Row]]:
    if len(rows) == len(uids):
        return zip(numbers, rows, strict=True)
    number_of = dict(zip(uids, numbers, strict=True))
    return [(number_of[row.uid], row) for row in rows]


async def _ahead(
    pages: Iterable[Page], read: Callable[[Sequence[int]], Coroutine[Any, Any, R]]
) -> AsyncGenerator[tuple[Page, R], None]:
    """Each page with what was read of it; the next one is being read while the caller works on this one."""
    following: tuple[Page, asyncio.Task[R]] | None = None
    try:
        for page in pages:
            before, following = following, (page, asyncio.create_task(read(page[1])))
            if before is not None:
                yield before[0], await before[1]
        if following is not None:
            yield following[0], await following[1]
    finally:
        if following is not None:
            following[1].cancel()
            with contextlib.suppress(asyncio.CancelledError, Refused):
                await following[1]


async def _mark_seen(session: Session, rows: Sequence[Summary]) -> frozenset[int]:
    """The UIDs whose flags are changed by reading them; their rows are brought up to date."""
    unseen = [row.uid for row in rows if not row.system_flags & SystemFlag.SEEN]
    if not unseen:
        return frozenset()
    selected = session.selected
    result = await session.backend.messages.store_flags(selected.owner_id, selected.mailbox_id, unseen, FlagChange.ADD, SEEN)
    now = {row.uid: row for row in result.rows}
    for row in rows:
        if row.uid in now:
            row.system_flags, row.modseq = int(now[row.uid].flags.system), now[row.uid].modseq
            row.keywords = list(now[row.uid].flags.keywords)
    session.changed_flags(result)
    return frozenset(now)


async def _send(session: Session, data: bytes) -> None:
    session.backend.metrics.fetched_octets.inc(len(data))
    await session.send(data)


# ---- sections


async def _send_with_sections(
    session: Session, planned: FetchPlan, numbered: Iterable[tuple[int, Summary]], newly_seen: frozenset[int]
) -> None:
    rows, reads_bodies, octets_sent = list(numbered), planned.reads_bodies, session.backend.metrics.fetched_octets.inc
    bodies = session.backend.messages.read_many([row.source for _, row in rows if row.size <= WHOLE] if reads_bodies else [])
    for number, row in rows:
        whole = (await anext(bodies))[1] if reads_bodies and row.size <= WHOLE else None
        # All that can fail comes first: a line that has begun can only be finished.
        located = [(section.label, await _at_hand(session, locate(section, row), row, whole)) for section in planned.sections]
        head = planned.head_with_flags if row.uid in newly_seen else planned.head
        said = [head.render(number, row)]
        separator = b"" if head.empty else b" "
        for label, octets in located:
            said.append(separator + label)
            separator = b" "
            match octets:
                case None:
                    said.append(b" 0" if label.startswith(b"BINARY.SIZE") else b" NIL")
                case Octets(data):
                    said.append(data)
                case Extent(start, stop) if whole is not None:
                    said += (b" {%d}\r\n" % (stop - start), without_nul(whole[start:stop]))
                case Extent(start, stop):
                    said.append(b" {%d}\r\n" % (stop - start))
                    octets_sent(sum(map(len, said)))
                    await session.send_pieces(said)
                    said = []
                    await _stream(session, row, start, stop)
            if len(said) > PIECES:
                octets_sent(sum(map(len, said)))
                await session.send_pieces(said)
                said = []
        said.append(b")\r\n")
        octets_sent(sum(map(len, said)))
        await session.send_pieces(said)


async def _at_hand(session: Session, located: Located, row: Summary, whole: bytes | None) -> Located:
    """`located` with what takes more than sending octets as they are; Octets then is all behind the label.

    `whole` is BODY[] where it was read already. Raises Refused, and UnknownEncoding.
    """
    match located:
        case Extent(start, stop, fields) if fields is not None:
            header = whole[start:stop] if whole is not None else await _read(session, row, start, stop)
            return Octets(literal(header_part(fields, header)))
        case Octets(data):
            return Octets(literal(data))
        case Encoded(start, stop):
            octets = whole[start:stop] if whole is not None else await _read(session, row, start, stop)
            if whole is None:
                return Octets(binary_answer(located.item, await asyncio.to_thread(undo, located.encoding, octets)))
            return Octets(binary_answer(located.item, undo(located.encoding, octets)))
        case _:
            return located


async def _stream(session: Session, row: Summary, start: int, stop: int) -> None:
    """The octets of a literal that was announced. Raises BrokenOff when they do not all come."""
    left = stop - start
    try:
        async for piece in session.backend.messages.read(row.source, start, stop - start):
            await _send(session, without_nul(piece))
            left -= len(piece)
    except Refused as refused:
        raise BrokenOff(refused.detail) from refused
    if left:
        raise BrokenOff(f"message {row.email_id} is {left} octets short")


async def _read(session: Session, row: Summary, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in session.backend.messages.read(row.source, start, stop - start)])
