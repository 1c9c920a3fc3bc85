"""NOTIFY (RFC 5465 §3.1): what the client wants to hear of, at any time, from here on."""

import asyncio

from imap.commands.telling import OVERFLOW, follow, ignore, notice_line, read_account
from imap.grammar.events import MailEvent
from imap.grammar.fetch import Attribute
from imap.grammar.requests import Notify
from imap.notices import AccountState, Interest, first_statuses, inaccessible
from imap.notifying import Notifying
from imap.response import Reply, flags_line, no, ok
from imap.session import Session
from imap.state import Selected

SUPPORTED = " ".join(event.value for event in MailEvent)


async def notify(session: Session, request: Notify) -> Reply:
    """What has changed in the selected mailbox meanwhile is told by the caller, as after NOOP."""
    if request.unsupported:
        return no("there are no such events here", f"BADEVENT ({SUPPORTED})")
    if not request.groups:
        ignore(session)
        return ok("nothing is told")
    interest = Interest(request.groups)
    if interest.of_account:
        # What happens from here on wakes the session, so that nothing falls between the reading and the first event.
        following = Notifying(interest, flags_since=session.notify.flags_since)
        follow(session, following, AccountState())
        try:
            following.known = await read_account(session, interest)
        except BaseException:
            following.close()
            raise
        if len(following.known.mailboxes) > session.backend.settings.imap_notify_mailboxes:
            following.close()
            return no("that is too much to tell of", OVERFLOW)
        follow(session, following, following.known)
        following.read_at = asyncio.get_running_loop().time() + session.backend.settings.imap_notify_seconds
    else:
        following = Notifying(interest, flags_since=session.notify.flags_since)
    session.notify.close()
    session.notify = following
    if following.group is not None and Attribute.MODSEQ in following.group.items:
        session.dialect.hear_of_modseqs()
    for notice in inaccessible(interest, following.known):
        await session.send(notice_line(session, notice))
    if request.status:
        await _tell_statuses(session, interest, following.known)
    await _tell_missed_flags(session)
    return ok("that is told")


async def _tell_statuses(session: Session, interest: Interest, known: AccountState) -> None:
    selected = session.state.mailbox_id if isinstance(session.state, Selected) else None
    for notice in first_statuses(interest, known, selected=selected):
        await session.send(notice_line(session, notice))


async def _tell_missed_flags(session: Session) -> None:
    """Flags that changed while the client did not want to hear of them (RFC 5465 §3.1: accumulated changes)."""
    since = session.notify.flags_since
    if since is None or not session.notify.wants_flags or not isinstance(session.state, Selected):
        return
    state, view = session.state, session.state.view
    delta = await session.backend.changes.since(state.owner_id, state.mailbox_id, since, known_uidnext=view.uidnext)
    session.notify.flags_since = None
    numbered = [(view.number_of(row.uid), row) for row in delta.changed if row.modseq <= view.modseq]
    rows = [(number, row) for number, row in numbered if number is not None]
    await session.send(session.new_keywords(row for _, row in rows))
    await session.send(b"".join(flags_line(number, row, session.dialect, uid=True) for number, row in rows))
