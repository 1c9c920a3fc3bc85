"""What SEARCH, SORT, THREAD and ESEARCH share: what a search may cost, and what is said of what it found."""

import asyncio
from array import array
from collections.abc import Sequence

from imap.commands.targets import NO_SUCH_NUMBER, require_uids
from imap.grammar.requests import Search, SearchReturn, Sort, Thread
from imap.grammar.search import Key
from imap.response import Reply, no, ok
from imap.search_plan import Scope, plan, uses_modseq, uses_numbers
from imap.search_results import Pairs, chosen, extended_line, plain_line
from imap.session import Bad, Session
from imap.view import NoSuchNumber
from mailstead.model.failure import Failure, Refused
from mailstead.store.query import Query
from mailstead.store.search import Effort

TOO_COSTLY = no("this search would read too much, ask for less", "LIMIT")
_COSTLY = (Failure.TOO_LARGE, Failure.TOO_MANY)


def query_of(session: Session, key: Key, scope: Scope) -> Query:
    """Raises Bad for a number that no message has."""
    try:
        return plan(key, scope)
    except NoSuchNumber as error:
        raise Bad(NO_SUCH_NUMBER) from error


def check_numbers(session: Session, request: Search | Sort | Thread) -> None:
    """Raises Bad for sequence numbers, in the keys or the answer, from a client that wanted none (RFC 9586 §3)."""
    require_uids(session, request.by_uid and not uses_numbers(request.key))


def effort(session: Session) -> Effort:
    """Within the settings; the client hears how far the search is (RFC 9585 §3)."""
    loop, settings, tag = asyncio.get_running_loop(), session.backend.settings, session.tag.decode()
    last = loop.time()

    async def progress(done: int, total: int) -> None:
        nonlocal last
        if done < total and loop.time() >= last + settings.imap_progress_seconds:
            last = loop.time()
            await session.send(ok("searching", f'INPROGRESS ("{tag}" {done} {total})').render())
            await session.flush()

    return Effort(settings.imap_search_read_octets, progress)


def refusal(refused: Refused) -> Reply:
    """What a search that costs too much is answered; other refusals are raised again."""
    if refused.failure not in _COSTLY:
        raise refused
    return TOO_COSTLY


async def report(session: Session, request: Search | Sort, word: str, pairs: Pairs) -> None:
    """Tell what was found, and keep it for `$` where SAVE asks for that."""
    options = request.returns
    if options is None and request.partial is None and session.dialect.revision2 and isinstance(request, Search):
        options = frozenset({SearchReturn.ALL})  # RFC 9051 §6.4.4: there is no other answer
    counted = chosen(options, request.partial, pairs)
    modseq = None
    if uses_modseq(request.key):
        session.dialect.hear_of_modseqs()
        modseq = await highest_modseq(session, [uid for _, uid in counted])
    found = [pair[request.by_uid] for pair in pairs]
    if options is None:
        await session.send(plain_line(word, found, modseq))
        return
    if SearchReturn.SAVE in options:
        session.saved = array("I", sorted({uid for _, uid in counted}))
    if options != {SearchReturn.SAVE} or request.partial is not None:  # RFC 5182 §2.1: else there is nothing to say
        correlator = b'TAG "%b"' % session.tag
        await session.send(
            extended_line(
                correlator, found, options, request.partial,
                by_uid=request.by_uid, ordered=isinstance(request, Sort), modseq=modseq,
            )
        )  # fmt: skip


def forget_saved(session: Session, request: Search | Sort) -> None:
    """After a NO nothing is saved (RFC 5182 §2.1)."""
    if request.returns is not None and SearchReturn.SAVE in request.returns:
        session.saved = array("I")


async def highest_modseq(session: Session, uids: Sequence[int]) -> int | None:
    """Of these messages of the selected mailbox; None when there are none."""
    selected = session.selected
    if not uids:
        return None
    rows = await session.backend.messages.flags(selected.owner_id, selected.mailbox_id, uids)
    return max((row.modseq for row in rows), default=None)
