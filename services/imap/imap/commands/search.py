"""SEARCH and UID SEARCH (RFC 9051 §6.4.4), the old answer and ESEARCH (RFC 4731)."""

from imap.commands.targets import NO_SUCH_NUMBER
from imap.grammar.requests import Search, SearchReturn
from imap.response import Reply, ok, uid_set
from imap.search_plan import from_view, plan, uses_modseq
from imap.session import Bad, Session
from imap.view import NoSuchNumber


async def search(session: Session, request: Search) -> Reply:
    selected, view = session.selected, session.selected.view
    try:
        query = plan(request.key, view)
    except NoSuchNumber as error:
        raise Bad(NO_SUCH_NUMBER) from error
    uids = from_view(query, view)
    if uids is None:
        uids = await session.backend.search.matching(selected.account.account_id, selected.mailbox_id, query)
    known = view.known(uids)  # messages that the client has not been told of are no answer
    modseq = None
    if uses_modseq(request.key):
        session.dialect.hear_of_modseqs()
        modseq = await _highest_modseq(session, _reported(request.returns, [uid for _, uid in known]))
    found = [pair[request.by_uid] for pair in known]
    if request.returns is None:
        await session.send(_search_line(found, modseq))
    else:
        await session.send(_esearch_line(session.tag, request, request.returns, found, modseq))
    return ok("searched")


def _reported(returns: frozenset[SearchReturn] | None, uids: list[int]) -> list[int]:
    """Whose modseqs count: all that were found, unless only the first and the last are told (RFC 7162 §3.1.10)."""
    if returns is None or not uids or returns & {SearchReturn.ALL, SearchReturn.COUNT}:
        return uids
    return [uids[at] for option, at in ((SearchReturn.MIN, 0), (SearchReturn.MAX, -1)) if option in returns]


async def _highest_modseq(session: Session, uids: list[int]) -> int | None:
    """Of these messages; None when there are none."""
    selected = session.selected
    if not uids:
        return None
    rows = await session.backend.messages.flags(selected.account.account_id, selected.mailbox_id, uids)
    return max((row.modseq for row in rows), default=None)


def _search_line(found: list[int], modseq: int | None) -> bytes:
    numbers = "".join(f" {number}" for number in found)
    told = f" (MODSEQ {modseq})" if modseq is not None else ""
    return f"* SEARCH{numbers}{told}\r\n".encode()


def _esearch_line(tag: bytes, request: Search, returns: frozenset[SearchReturn], found: list[int], modseq: int | None) -> bytes:
    line = f'* ESEARCH (TAG "{tag.decode()}")' + (" UID" if request.by_uid else "")
    if found and SearchReturn.MIN in returns:
        line += f" MIN {found[0]}"
    if found and SearchReturn.MAX in returns:
        line += f" MAX {found[-1]}"
    if SearchReturn.COUNT in returns:
        line += f" COUNT {len(found)}"
    if found and SearchReturn.ALL in returns:
        line += f" ALL {uid_set(found)}"
    if modseq is not None:
        line += f" MODSEQ {modseq}"
    return (line + "\r\n").encode()
