"""GETMETADATA and SETMETADATA (RFC 5464): annotations of a mailbox, or of the account for the empty name."""

from imap.grammar.requests import GetMetadata, SetMetadata
from imap.response import Reply, no, ok
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.store.metadata import Annotations
from mailstead.wire.imap_strings import astring, quoted_or_literal


async def get_metadata(session: Session, request: GetMetadata) -> Reply:
    account_id = session.account.account_id
    found = await session.backend.metadata.read(account_id, await _mailbox_id(session, request.mailbox))
    told = _matching(request, found)
    too_long = [len(value) for value in told.values() if value is not None and _exceeds(value, request.max_size)]
    fitting = {entry: value for entry, value in told.items() if value is None or not _exceeds(value, request.max_size)}
    if fitting:
        pairs = b" ".join(astring(entry.encode()) + b" " + quoted_or_literal(value) for entry, value in fitting.items())
        await session.send(b"* METADATA %b (%b)\r\n" % (_name(session, request.mailbox), pairs))
    return ok("told", f"METADATA LONGENTRIES {max(too_long)}" if too_long else "")  # RFC 5464 §4.2.1


def _exceeds(value: bytes, limit: int | None) -> bool:
    return limit is not None and len(value) > limit


def _matching(request: GetMetadata, found: Annotations) -> dict[str, bytes | None]:
    """What was asked for by name, NIL where it is not there; and what lies below it as far as `depth` says (§4.2.2)."""
    told: dict[str, bytes | None] = {}
    for asked in request.entries:
        told[asked] = found.get(asked)
        for entry in sorted(found):
            below = entry.removeprefix(asked + "/") if entry.startswith(asked + "/") else ""
            if below and (request.depth is None or below.count("/") < request.depth):
                told[entry] = found[entry]
    return told


async def set_metadata(session: Session, request: SetMetadata) -> Reply:
    limit = session.backend.settings.imap_max_metadata
    if any(value is not None and len(value) > limit for _, value in request.entries):
        return no("that is too long", f"METADATA MAXSIZE {limit}")  # RFC 5464 §4.3
    mailbox_id = await _mailbox_id(session, request.mailbox)
    try:
        await session.backend.metadata.write(session.account.account_id, mailbox_id, dict(request.entries))
    except Refused as refused:
        if refused.failure is Failure.TOO_MANY:
            return no("there are too many annotations", "METADATA TOOMANY")
        raise
    session.notify.known.annotated(mailbox_id, dict(request.entries))
    return ok("set")


async def _mailbox_id(session: Session, name: str) -> int | None:
    """Raises Refused(NO_SUCH_MAILBOX)."""
    return (await session.backend.mailboxes.get(session.account.account_id, name)).mailbox_id if name else None


def _name(session: Session, name: str) -> bytes:
    return session.dialect.mailbox(name) if name else b'""'
