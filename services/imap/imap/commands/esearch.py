"""The command ESEARCH (RFC 7377): one search of many mailboxes, always told by UID."""

from collections.abc import Sequence

from imap.commands.finding import effort, query_of, refusal
from imap.commands.places import Place, visible
from imap.grammar.requests import MultiSearch, SearchReturn
from imap.grammar.sources import OF_SELECTED, Source
from imap.mailbox_sets import covers
from imap.response import Reply, ok
from imap.rights import ALL
from imap.search_plan import Scope, from_view, uses_modseq, uses_numbers, uses_saved
from imap.search_results import chosen, extended_line
from imap.session import Bad, Session
from imap.state import Selected
from imap.view import View
from mailstead.model.failure import Failure, Refused
from mailstead.store.mailbox_row import Mailbox


async def multi_search(session: Session, request: MultiSearch) -> Reply:
    kinds = {source.kind for source in request.sources}
    if kinds & OF_SELECTED and not isinstance(session.state, Selected):
        raise Bad("no mailbox is selected")  # RFC 7377 §2.2
    if not kinds <= OF_SELECTED and (uses_numbers(request.key) or uses_saved(request.key)):
        raise Bad("numbers of messages mean something in the selected mailbox only")  # RFC 7377 §2.1
    if SearchReturn.SAVE in request.returns:
        raise Bad("results of ESEARCH cannot be saved")
    try:
        for place in await _places(session, request.sources):
            await _search(session, request, place)
    except Refused as refused:
        return refusal(refused)
    return ok("searched")


async def _places(session: Session, sources: Sequence[Source]) -> list[Place]:
    """Each once, by name; names that no mailbox has are passed over (RFC 7377 §2.2)."""
    backend, account_id = session.backend, session.account.account_id
    own = [Place(mailbox, mailbox.name, ALL, own=True) for mailbox in await backend.mailboxes.list(account_id)]
    others = await visible(session, "r")
    subscribed = {place.name for place in own if place.mailbox.subscribed}
    if others:
        subscribed.update(await backend.mailboxes.subscriptions(account_id))
    selected = session.state.mailbox_id if isinstance(session.state, Selected) else None

    def meant(source: Source, place: Place) -> bool:
        if source.kind in OF_SELECTED:
            return place.mailbox.mailbox_id == selected
        return "l" in place.rights and covers(source, place.name, subscribed=place.name in subscribed)

    return [place for place in (*own, *others) if any(meant(source, place) for source in sources)]


async def _search(session: Session, request: MultiSearch, place: Place) -> None:
    """A mailbox where nothing is found is not spoken of (RFC 7377 §2.1)."""
    mailbox, account_id = place.mailbox, place.owner_id
    scope = await _scope(session, mailbox)
    if scope is None:
        return
    query = query_of(session, request.key, scope)
    uids = from_view(query, scope.view)
    if uids is None:
        uids = await session.backend.search.matching(account_id, mailbox.mailbox_id, query, effort(session))
    pairs = scope.view.known(uids)
    if not pairs:
        return
    modseq = None
    if uses_modseq(request.key):
        counted = [uid for _, uid in chosen(request.returns, request.partial, pairs)]
        rows = await session.backend.messages.flags(account_id, mailbox.mailbox_id, counted)
        modseq = max((row.modseq for row in rows), default=None)
    correlator = b'TAG "%b" MAILBOX %b UIDVALIDITY %d' % (
        session.tag,
        session.dialect.mailbox(place.name),
        mailbox.uidvalidity,
    )
    found = [uid for _, uid in pairs]
    await session.send(
        extended_line(correlator, found, request.returns, request.partial, by_uid=True, ordered=False, modseq=modseq)
    )


async def _scope(session: Session, mailbox: Mailbox) -> Scope | None:
    """What numbers mean in that mailbox; None when it is gone meanwhile."""
    state = session.state
    if isinstance(state, Selected) and state.mailbox_id == mailbox.mailbox_id:
        return session.scope
    try:
        opened = await session.backend.mailboxes.open(mailbox.account_id, mailbox.name)
    except Refused as refused:
        if refused.failure is Failure.NO_SUCH_MAILBOX:
            return None
        raise
    if opened.mailbox.mailbox_id != mailbox.mailbox_id:
        return None
    return Scope(View(opened.uids, opened.mailbox.highest_modseq, opened.mailbox.uidnext))
