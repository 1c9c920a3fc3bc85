"""ID (RFC 2971). What the client says of itself goes to the log."""

from imap.grammar.requests import Id
from imap.response import Reply, ok
from imap.session import Session
from mailstead.ops.logging import get_logger

MAX_LOGGED = 100  # characters of one value

log = get_logger()

_LOGGED = ("name", "version", "vendor", "os")


async def identify(session: Session, request: Id) -> Reply:
    told = {name: value[:MAX_LOGGED] for name, value in request.parameters if name in _LOGGED and value}
    log.info("client", **{f"client_{name}": value for name, value in told.items()})
    await session.send(b'* ID ("name" "Mailstead" "vendor" "Mailstead")\r\n')
    return ok("nice to meet you")
