"""IDLE (RFC 2177): tell what changes until DONE. Now and then a sign of life, so that no NAT forgets the connection."""

from imap.commands.telling import tell
from imap.grammar.requests import Idle
from imap.protocol import BadCommand
from imap.response import Reply, bad, ok
from imap.session import Leave, Session
from imap.state import Ending
from mailstead.model.failure import Refused
from mailstead.ops.connection import IdleTimeout
from mailstead.ops.logging import get_logger

MAX_LINE = 100  # octets; the only line that is expected is DONE

STILL_HERE = ok("Still here").render()

log = get_logger()


async def idle(session: Session, _request: Idle) -> Reply:
    connection, settings = session.connection, session.backend.settings
    await session.send(b"+ idling\r\n")
    session.idling = True
    session.backend.metrics.idling.inc()
    connection.idle_timeout = settings.imap_still_here_seconds
    try:
        await _tell(session, look=True)
        return await _until_done(session)
    finally:
        connection.idle_timeout = settings.imap_idle_seconds
        session.idling = False
        session.backend.metrics.idling.dec()


async def _tell(session: Session, *, look: bool = False) -> None:
    """What changed. While the store is away a client in IDLE hears nothing: the next look makes up for it."""
    try:
        await tell(session, expunge=True, look=look)  # RFC 5465 §4: as NOTIFY says, where it was used
    except Refused as refused:
        log.warning("cannot look for changes", failure=refused.failure.value, reason=refused.detail)


async def _until_done(session: Session) -> Reply:
    connection = session.connection
    while True:
        line = session.protocol.next_line(MAX_LINE)
        if line is not None:
            return ok("idled") if not isinstance(line, BadCommand) and line.upper() == b"DONE" else bad("expected DONE")
        await session.flush()
        session.leave_if_revoked()
        try:
            data = await connection.read_or_wake()
        except IdleTimeout:
            await session.send(STILL_HERE)
            continue
        if data is None:
            if connection.draining.is_set():
                raise Leave(Ending.DRAINED, "this server is going down, please reconnect", "UNAVAILABLE")
            await _tell(session)
        elif data:
            session.protocol.feed(data)
        else:
            session.hang_up()
