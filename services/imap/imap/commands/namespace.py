"""NAMESPACE (RFC 2342): one personal namespace, the root."""

from imap.grammar.requests import Namespace
from imap.response import Reply, ok
from imap.session import Session


async def namespace(session: Session, _request: Namespace) -> Reply:
    await session.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    return ok("that is all")
