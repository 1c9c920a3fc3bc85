"""SEARCH and UID SEARCH (RFC 9051 §6.4.4): the old answer and ESEARCH (RFC 4731), SAVE (RFC 5182), PARTIAL (RFC 9394)."""

from imap.commands.finding import check_numbers, effort, forget_saved, query_of, refusal, report
from imap.grammar.requests import Search
from imap.response import Reply, ok
from imap.search_plan import from_view
from imap.session import Session
from mailstead.model.failure import Refused


async def search(session: Session, request: Search) -> Reply:
    check_numbers(session, request)
    selected, view = session.selected, session.selected.view
    query = query_of(session, request.key, session.scope)
    uids = from_view(query, view)
    try:
        if uids is None:
            backend = session.backend.search
            uids = await backend.matching(selected.owner_id, selected.mailbox_id, query, effort(session))
    except Refused as refused:
        forget_saved(session, request)
        return refusal(refused)
    await report(session, request, "SEARCH", view.known(uids))  # messages that the client has not been told of are no answer
    return ok("searched")
