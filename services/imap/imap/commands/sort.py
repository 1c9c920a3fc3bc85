"""SORT and UID SORT (RFC 5256 §3, RFC 5957), with the answers of ESEARCH (RFC 5267 §3)."""

from imap.commands.finding import check_numbers, effort, forget_saved, query_of, refusal, report
from imap.grammar.requests import Sort
from imap.response import Reply, ok
from imap.session import Session
from mailstead.model.failure import Refused


async def sort(session: Session, request: Sort) -> Reply:
    check_numbers(session, request)
    selected, view = session.selected, session.selected.view
    query = query_of(session, request.key, session.scope)
    try:
        uids = await session.backend.search.sorted(selected.owner_id, selected.mailbox_id, query, request.order, effort(session))
    except Refused as refused:
        forget_saved(session, request)
        return refusal(refused)
    await report(session, request, "SORT", view.known(uids))
    return ok("sorted")
