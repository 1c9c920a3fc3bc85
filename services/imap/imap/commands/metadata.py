"""GETMETADATA and SETMETADATA (RFC 5464): annotations of a mailbox, or of the account for the empty name."""

from imap.commands.places import Place, allow, find
from imap.grammar.requests import GetMetadata, SetMetadata
from imap.response import Reply, no, ok
from imap.rights import reads_annotations
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.store.metadata import Annotations
from mailstead.wire.imap_strings import astring, quoted_or_literal

PRIVATE = "/private/"


async def get_metadata(session: Session, request: GetMetadata) -> Reply:
    place = await _place(session, request.mailbox)
    found = await session.backend.metadata.read(*_key(session, place))
    told = _matching(request, found if place is None or place.own else _shared(found))
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
    place = await _place(session, request.mailbox)
    if place is not None and not place.own:
        allow(place.rights, "lw", request.mailbox)
        if any(entry.startswith(PRIVATE) for entry, _ in request.entries):
            return no("private annotations are its owner's", "METADATA NOPRIVATE")  # RFC 5464 §4.3
    account_id, mailbox_id = _key(session, place)
    try:
        await session.backend.metadata.write(account_id, mailbox_id, dict(request.entries))
    except Refused as refused:
        if refused.failure is Failure.TOO_MANY:
            return no("there are too many annotations", "METADATA TOOMANY")
        raise
    session.notify.known.annotated(mailbox_id, dict(request.entries))
    return ok("set")


async def _place(session: Session, name: str) -> Place | None:
    """None: the account itself. Raises Refused: NO_SUCH_MAILBOX, NOT_PERMITTED."""
    if not name:
        return None
    place = await find(session, name)
    if not reads_annotations(place.rights):
        allow(place.rights, "lr", name)
    return place


def _key(session: Session, place: Place | None) -> tuple[int, int | None]:
    return (session.account.account_id, None) if place is None else (place.owner_id, place.mailbox.mailbox_id)


def _shared(found: Annotations) -> Annotations:
    return {entry: value for entry, value in found.items() if not entry.startswith(PRIVATE)}


def _name(session: Session, name: str) -> bytes:
    return session.dialect.mailbox(name) if name else b'""'
