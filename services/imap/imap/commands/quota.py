"""GETQUOTA and GETQUOTAROOT (RFC 9208 §4.1): one root for all mailboxes of an account; that of another's is its
address. Quotas are set by whoever hosts it."""

from imap.commands.places import find, visible
from imap.grammar.requests import GetQuota, GetQuotaRoot
from imap.response import Reply, no, ok
from imap.session import Session
from mailstead.store.usage import Usage
from mailstead.wire.imap_strings import quoted_or_literal

KIBIBYTE = 1024  # RFC 9208 §5.1: STORAGE is counted in units of so many octets


async def get_quota(session: Session, request: GetQuota) -> Reply:
    owner_id = session.account.account_id
    if request.root:
        readable = [place for place in await visible(session, "r") if place.root == request.root.encode()]
        if not readable:
            return no("there is no such quota root", "NONEXISTENT")
        owner_id = readable[0].owner_id
    await session.send(_quota_line(quoted_or_literal(request.root.encode()), await session.backend.usage(owner_id)))
    return ok("told")


async def get_quota_root(session: Session, request: GetQuotaRoot) -> Reply:
    place = await find(session, request.mailbox, "r")
    usage = await session.backend.usage(place.owner_id)
    root = quoted_or_literal(place.root)
    await session.send(b"* QUOTAROOT %b %b\r\n" % (session.dialect.mailbox(place.shown.name), root) + _quota_line(root, usage))
    return ok("told")


def _quota_line(root: bytes, usage: Usage) -> bytes:
    """Resources without a limit are not told (RFC 9208 §4.2.1)."""
    told = []
    if usage.quota_bytes:
        told.append(f"STORAGE {-(-usage.used_bytes // KIBIBYTE)} {usage.quota_bytes // KIBIBYTE}")
    if usage.quota_messages:
        told.append(f"MESSAGE {usage.used_messages} {usage.quota_messages}")
    return b"* QUOTA %b (%b)\r\n" % (root, " ".join(told).encode())
