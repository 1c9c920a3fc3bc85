"""Telling what changed: the one point from which unsolicited data leaves, within commands, in IDLE, and unasked after NOTIFY.

Without NOTIFY all changes of the selected mailbox are told, while a command is carried out. After it, what the client wants of
that mailbox and of others, at any time (RFC 5465 §3.1).
"""

import asyncio

from imap.commands.fetch import tell_new
from imap.commands.list import list_line
from imap.commands.places import visible
from imap.commands.status import status_line
from imap.dialect import Dialect
from imap.notices import AccountState, Interest, ListNotice, MetadataNotice, Notice, StatusNotice, notices
from imap.notifying import Notifying
from imap.response import ok
from imap.rights import reads_annotations
from imap.session import Session
from imap.state import Selected
from mailstead.model.failure import Refused
from mailstead.ops.logging import get_logger

OVERFLOW = "NOTIFICATIONOVERFLOW"

log = get_logger()


async def tell(session: Session, *, expunge: bool, look: bool = False, own: bool = False) -> None:
    """What changed, if anything may have; with `look`, find out. See `Session.catch_up` for `expunge` and what is raised.

    `own`: the command at work has changed the selected mailbox in a way that is to be told, whatever is wanted.
    """
    notify = session.notify
    if session.stale or look:
        await session.check_rights()
    if own or not notify.ignores_selected:
        await _tell_selected(session, expunge=expunge, look=look)
    await _tell_account(session, look=look)


async def tell_unasked(session: Session) -> None:
    """As `tell`, between commands: only what NOTIFY asks for. Raises Leave, and what sending raises."""
    notify = session.notify
    if notify.interest is None:
        return
    try:
        if notify.group is not None and isinstance(session.state, Selected):
            # What could not be told within a command may be told now, where numbers may change at any time.
            session.stale = session.stale or (notify.immediate and bool(session.state.view.withheld))
            if session.stale:
                await session.check_rights()
                await _tell_selected(session, expunge=notify.immediate, look=False)
        await _tell_account(session, look=False)
    except Refused as refused:
        log.warning("cannot look for changes", failure=refused.failure.value, reason=refused.detail)


async def _tell_selected(session: Session, *, expunge: bool, look: bool) -> None:
    notify = session.notify
    arrived = await session.catch_up(expunge=expunge, look=look)
    strange = [uid for uid in arrived if uid not in notify.made]
    notify.made.difference_update(arrived)
    if notify.group is None or not notify.group.items or not strange:
        return
    if len(strange) > session.backend.settings.imap_notify_messages:
        await _overflow(session)
    else:
        await tell_new(session, notify.group.items, strange)


async def _tell_account(session: Session, *, look: bool) -> None:
    """Raises Refused."""
    notify, settings, loop = session.notify, session.backend.settings, asyncio.get_running_loop()
    if notify.interest is None or not notify.watches or not (notify.stale or look):
        return
    if loop.time() < notify.read_at and not look:
        _wait_for_account(session, notify)
        return
    notify.stale = False
    notify.read_at = loop.time() + settings.imap_notify_seconds
    try:
        now = await read_account(session, notify.interest)
    except Refused:
        notify.stale = True
        for watch in notify.watches.values():
            watch.doubt()
        raise
    if len(now.mailboxes) > settings.imap_notify_mailboxes:
        await _overflow(session)
        return
    follow(session, notify, now)
    before, notify.known = notify.known, now
    selected = session.state.mailbox_id if isinstance(session.state, Selected) else None
    condstore = session.dialect.condstore
    for notice in notices(notify.interest, before, now, selected=selected, condstore=condstore):
        await session.send(notice_line(session, notice))


def _wait_for_account(session: Session, notify: Notifying) -> None:
    """Of an account where much happens its sessions read the state of now and then, not each state."""

    def due() -> None:
        notify.waiting = False
        session.connection.wake()

    if not notify.waiting:
        notify.waiting = True
        asyncio.get_running_loop().call_at(notify.read_at, due)


async def read_account(session: Session, interest: Interest) -> AccountState:
    """What of the account the interest is about. Raises Refused."""
    backend, account_id = session.backend, session.account.account_id
    mailboxes = await backend.mailboxes.list(account_id)
    subscriptions = set(await backend.mailboxes.subscriptions(account_id)) if interest.of_names else set[str]()
    others = await visible(session) if interest.of_others else []
    others = [place for place in others if interest.of(place.name, subscribed=place.name in subscriptions)]
    annotations = await backend.metadata.digests(account_id) if interest.of_annotations else {}
    if interest.of_annotations and others:
        annotated = [place for place in others if reads_annotations(place.rights)]
        annotations |= await backend.metadata.shared_digests([(place.owner_id, place.mailbox.mailbox_id) for place in annotated])
    return AccountState(
        {mailbox.mailbox_id: mailbox for mailbox in (*mailboxes, *(place.shown for place in others))},
        frozenset(place.mailbox.mailbox_id for place in others if "r" not in place.rights),
        subscriptions,
        annotations,
    )


def follow(session: Session, notify: Notifying, now: AccountState) -> None:
    """Hear of the account, and of those whose mailboxes it may see."""
    owners = {session.account.account_id, *(mailbox.account_id for mailbox in now.mailboxes.values())}
    for account_id in notify.watches.keys() - owners:
        notify.watches.pop(account_id).close()
    for account_id in owners - notify.watches.keys():
        notify.watches[account_id] = session.backend.watcher.watch_account(account_id, session.wake_for_account)


async def _overflow(session: Session) -> None:
    """RFC 5465 §5.8: more than is worth telling; from here on as after NOTIFY NONE."""
    ignore(session)
    session.backend.metrics.overflows.inc()
    await session.send(ok("too much happens, nothing is told any more", OVERFLOW).render())


def ignore(session: Session) -> None:
    """As NOTIFY NONE has it."""
    session.notify.close()
    session.notify = Notifying(interest=Interest(), flags_since=session.notify.flags_since)


def notice_line(session: Session, notice: Notice) -> bytes:
    match notice:
        case ListNotice(listed):
            return list_line(session.dialect, b"LIST", listed)
        case StatusNotice(mailbox, items):
            return status_line(session, mailbox, items)
        case MetadataNotice(name, entries):
            return b"* METADATA %b %b\r\n" % (_name(session.dialect, name), " ".join(entries).encode())


def _name(dialect: Dialect, name: str) -> bytes:
    return dialect.mailbox(name) if name else b'""'
