"""CAPABILITY (RFC 9051 §6.1.1)."""

from imap.capability import capabilities
from imap.grammar.requests import Capability
from imap.response import Reply, ok
from imap.session import Session


async def capability(session: Session, _request: Capability) -> Reply:
    await session.send(f"* CAPABILITY {capabilities(session)}\r\n".encode())
    return ok("that is what there is")
