"""ENABLE (RFC 5161); what is unknown is passed over in silence."""

from imap.grammar.requests import Enable
from imap.response import Reply, ok
from imap.session import Bad, Session
from imap.state import Selected


async def enable(session: Session, request: Enable) -> Reply:
    if isinstance(session.state, Selected) and {"IMAP4REV2", "UTF8=ACCEPT"} & set(request.extensions):
        raise Bad("not while a mailbox is selected")  # RFC 9755 §3, RFC 5161 §3.1
    newly = session.dialect.enable(request.extensions)
    session.protocol.utf8 = session.dialect.utf8
    await session.send(" ".join(["* ENABLED", *newly]).encode() + b"\r\n")
    return ok("enabled what is known")
