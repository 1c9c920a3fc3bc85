"""GETQUOTA and GETQUOTAROOT (RFC 9208 §4.1): one root for all mailboxes of an account. Quotas are set by whoever hosts it."""

from imap.grammar.requests import GetQuota, GetQuotaRoot
from imap.response import Reply, no, ok
from imap.session import Session
from mailstead.store.usage import Usage

ROOT = ""
KIBIBYTE = 1024  # RFC 9208 §5.1: STORAGE is counted in units of so many octets


async def get_quota(session: Session, request: GetQuota) -> Reply:
    if request.root != ROOT:
        return no("there is no such quota root", "NONEXISTENT")
    await session.send(_quota_line(await session.backend.usage(session.account.account_id)))
    return ok("told")


async def get_quota_root(session: Session, request: GetQuotaRoot) -> Reply:
    mailbox = await session.backend.mailboxes.get(session.account.account_id, request.mailbox)
    usage = await session.backend.usage(session.account.account_id)
    await session.send(b'* QUOTAROOT %b ""\r\n' % session.dialect.mailbox(mailbox.name) + _quota_line(usage))
    return ok("told")


def _quota_line(usage: Usage) -> bytes:
    """Resources without a limit are not told (RFC 9208 §4.2.1)."""
    told = []
    if usage.quota_bytes:
        told.append(f"STORAGE {-(-usage.used_bytes // KIBIBYTE)} {usage.quota_bytes // KIBIBYTE}")
    if usage.quota_messages:
        told.append(f"MESSAGE {usage.used_messages} {usage.quota_messages}")
    return f'* QUOTA "" ({" ".join(told)})\r\n'.encode()
