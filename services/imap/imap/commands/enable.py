"""ENABLE (RFC 5161); what is unknown is passed over in silence."""

from imap.grammar.requests import Enable
from imap.response import Reply, ok
from imap.session import Session


async def enable(session: Session, request: Enable) -> Reply:
    newly = "CONDSTORE" in request.extensions and not session.condstore
    session.condstore = session.condstore or newly
    await session.send(b"* ENABLED CONDSTORE\r\n" if newly else b"* ENABLED\r\n")
    return ok("enabled what is known")
