"""COMPRESS=DEFLATE (RFC 4978)."""

from imap.grammar.requests import Compress
from imap.response import Reply, bad, no, ok
from imap.session import Session


async def compress(session: Session, request: Compress) -> Reply | None:
    connection = session.connection
    if request.mechanism != "DEFLATE":
        return bad("that compression is not known")
    if connection.compressed:
        return no("compression is on already", "COMPRESSIONACTIVE")  # RFC 4978 §3
    if session.protocol.pending:
        return bad("nothing may follow before the answer")
    await session.send(ok("from here on compressed").render(session.tag))
    await session.flush()
    connection.compress()
    return None
