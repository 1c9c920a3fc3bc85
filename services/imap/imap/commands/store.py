"""STORE and UID STORE (RFC 9051 §6.4.6), conditional with UNCHANGEDSINCE (RFC 7162 §3.1.3)."""

from imap.commands.targets import spans_of
from imap.grammar.requests import Store
from imap.response import Reply, flags_line, no, ok, uid_set
from imap.rights import flags
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.store.flag_changes import StoreResult
from mailstead.store.messages import CHUNK


async def store(session: Session, request: Store) -> Reply:
    selected = session.require_writable()
    mask = flags(session.rights)
    if not (mask.system or mask.keywords) or (request.flags and not request.flags.within(mask)):
        raise Refused(Failure.NOT_PERMITTED, "none of these flags may be changed")  # RFC 4314 §4: one that may is enough
    if request.unchanged_since is not None:
        session.dialect.hear_of_modseqs()
    modified: list[int] = []
    missing = 0
    for numbers, uids in selected.view.pages(spans_of(session, request.targets, request.by_uid), CHUNK):
        result = await session.backend.messages.store_flags(
            selected.owner_id,
            selected.mailbox_id,
            uids,
            request.change,
            request.flags,
            unchanged_since=request.unchanged_since,
            mask=mask,
        )
        number_of = dict(zip(uids, numbers, strict=True))
        await session.send(session.new_keywords(result.rows) + _fetch_lines(session, request, result, number_of))
        session.changed_flags(result, silent=request.silent)
        modified += result.modified if request.by_uid else [number_of[uid] for uid in result.modified]
        missing += len(uids) - len(result.rows) - len(result.modified)
    if modified:
        return ok("some had changed already", f"MODIFIED {uid_set(modified)}")
    if missing and not request.by_uid:
        session.stale = True
        return no("some messages are gone", "EXPUNGEISSUED")  # RFC 2180 §4.2.1
    return ok("stored")


def _fetch_lines(session: Session, request: Store, result: StoreResult, number_of: dict[int, int]) -> bytes:
    """The flags as they are now; after .SILENT only the modseqs, where the client keeps them (RFC 7162 §3.1.3)."""
    if request.silent and not session.dialect.condstore:
        return b""
    lines = [
        flags_line(number_of[row.uid], row, session.dialect, uid=request.by_uid, silent=request.silent) for row in result.rows
    ]
    return b"".join(lines)
