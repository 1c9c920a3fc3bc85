"""LIST (RFC 9051 §6.3.9) with the options of RFC 5258, RFC 6154, RFC 5819 and RFC 8440."""

from imap.commands.places import visible
from imap.commands.status import status_line
from imap.dialect import Dialect
from imap.grammar.requests import List
from imap.listing import Listed, list_mailboxes
from imap.response import Reply, ok
from imap.rights import ALL, Rights, written
from imap.session import Session

ROOT = b'* LIST (\\Noselect) "/" ""\r\n'


async def list_(session: Session, request: List) -> Reply:
    if request.patterns == ("",) and not request.extended:
        await session.send(ROOT)  # RFC 9051 §6.3.9: what the separator is
        return ok("listed")
    mailboxes, account_id = session.backend.mailboxes, session.account.account_id
    own = await mailboxes.list(account_id)
    others = {place.name: place for place in await visible(session)}
    subscriptions = (
        await mailboxes.subscriptions(account_id)
        if "SUBSCRIBED" in request.selection or ("SUBSCRIBED" in request.returns and others)
        else [mailbox.name for mailbox in own if mailbox.subscribed]
    )
    for listed in list_mailboxes(request, [*own, *(place.shown for place in others.values())], subscriptions):
        await session.send(list_line(session.dialect, b"LIST", listed))
        if listed.mailbox is None:
            continue
        rights = others[listed.name].rights if listed.name in others else ALL
        if "MYRIGHTS" in request.returns and listed.matched:
            await session.send(my_rights_line(session.dialect, listed.name, rights))  # RFC 8440 §3
        if request.status and "r" in rights:
            await session.send(status_line(session, listed.mailbox, request.status))
    return ok("listed")


def my_rights_line(dialect: Dialect, name: str, rights: Rights) -> bytes:
    """RFC 4314 §3.8."""
    return b"* MYRIGHTS %b %b\r\n" % (dialect.mailbox(name), written(rights).encode())


def list_line(dialect: Dialect, word: bytes, listed: Listed) -> bytes:
    """`* LIST (\\HasNoChildren) "/" name`, for LSUB too."""
    extended = b' ("CHILDINFO" ("SUBSCRIBED"))' if listed.child_info else b""
    if listed.old_name is not None:
        extended = b' ("OLDNAME" (%b))' % dialect.mailbox(listed.old_name)
    return b'* %b (%b) "/" %b%b\r\n' % (word, " ".join(listed.attributes).encode(), dialect.mailbox(listed.name), extended)
