"""STARTTLS (RFC 9051 §6.2.1)."""

from imap.grammar.requests import StartTls
from imap.response import Reply, bad, ok
from imap.session import Session
from imap.state import Event, NotAuthenticated, advance
from mailstead.ops.connection import PlaintextBeforeTls


async def starttls(session: Session, _request: StartTls) -> Reply | None:
    connection = session.connection
    if not connection.tls_offered:
        return bad("TLS is on already" if connection.tls else "TLS is not available")
    if session.protocol.pending:
        raise PlaintextBeforeTls  # whatever was sent in the clear behind STARTTLS is not from our client
    await session.send(ok("begin TLS").render(session.tag))
    await session.flush()
    await connection.start_tls()
    session.state = advance(session.state, Event.SECURED, NotAuthenticated())
    return None
