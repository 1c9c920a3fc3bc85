"""THREAD and UID THREAD (RFC 5256 §3)."""

import asyncio

from imap.commands.finding import check_numbers, effort, query_of, refusal
from imap.grammar.requests import Thread
from imap.response import Reply, ok
from imap.session import Session
from imap.threading import thread_line
from mailstead.model.failure import Refused

ASIDE = 2_000  # messages; more are put in order in a thread, so that the loop serves others meanwhile


async def thread(session: Session, request: Thread) -> Reply:
    check_numbers(session, request)
    selected, view, backend = session.selected, session.selected.view, session.backend
    query = query_of(session, request.key, session.scope)
    try:
        rows = await backend.search.threadable(
            selected.owner_id,
            selected.mailbox_id,
            query,
            backend.settings.imap_thread_messages,
            effort(session),
        )
    except Refused as refused:
        return refusal(refused)
    known = [(number, row) for row in rows if (number := view.number_of(row.uid)) is not None]
    numbered = [(row.uid if request.by_uid else number, row) for number, row in known]
    line = (
        await asyncio.to_thread(thread_line, request.algorithm, numbered)
        if len(numbered) > ASIDE
        else thread_line(request.algorithm, numbered)
    )
    await session.send(line)
    return ok("threaded")
