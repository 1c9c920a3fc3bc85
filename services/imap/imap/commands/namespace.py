"""NAMESPACE (RFC 2342): the root is one's own; what others share is below one name."""

from imap.grammar.requests import Namespace
from imap.namespaces import PREFIX
from imap.response import Reply, ok
from imap.session import Session


async def namespace(session: Session, _request: Namespace) -> Reply:
    await session.send(b'* NAMESPACE (("" "/")) (("%b" "/")) NIL\r\n' % PREFIX.encode())
    return ok("that is all")
