"""AUTHENTICATE with SASL-IR (RFC 9051 §6.2.2, RFC 4959)."""

from imap.capability import passwords_allowed
from imap.grammar.requests import Authenticate
from imap.login import log_in
from imap.response import Reply, bad, no
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.wire.sasl import (
    MAX_RESPONSE,
    Cancelled,
    Challenge,
    MalformedResponse,
    UnknownMechanism,
    decode_response,
    encode_challenge,
    start,
)


async def authenticate(session: Session, request: Authenticate) -> Reply:
    if not passwords_allowed(session):
        raise Refused(Failure.ENCRYPTION_REQUIRED)
    try:
        exchange = start(request.mechanism, None if request.initial is None else decode_response(request.initial))
        while isinstance(exchange.outcome, Challenge):
            await session.send(b"+ " + encode_challenge(exchange.outcome) + b"\r\n")
            exchange.step(decode_response(await session.read_line(MAX_RESPONSE)))
    except UnknownMechanism:
        return no("unknown authentication mechanism", "CANNOT")
    except MalformedResponse:
        return bad("that is not base64")
    except Cancelled:
        return bad("authentication cancelled")
    return await log_in(session, exchange.outcome)
