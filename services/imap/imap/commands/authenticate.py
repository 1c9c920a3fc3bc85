"""AUTHENTICATE with SASL-IR (RFC 9051 §6.2.2, RFC 4959)."""

from imap.capability import login_allowed
from imap.grammar.requests import Authenticate
from imap.login import log_in
from imap.response import Reply, bad, no
from imap.session import Session
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Peer
from mailstead.wire.sasl import MAX_RESPONSE, Cancelled, MalformedResponse, UnknownMechanism


async def authenticate(session: Session, request: Authenticate) -> Reply:
    if not login_allowed(session):
        raise Refused(Failure.ENCRYPTION_REQUIRED)

    async def ask(challenge: bytes) -> bytes:
        await session.send(b"+ " + challenge + b"\r\n")
        return await session.read_line(MAX_RESPONSE)

    peer = Peer.of(session.connection, "imap")
    proof = session.backend.authenticator.authenticate(request.mechanism, request.initial, peer, ask)
    try:
        return await log_in(session, proof)
    except UnknownMechanism:
        return no("unknown authentication mechanism", "CANNOT")
    except MalformedResponse:
        return bad("that is not base64")
    except Cancelled:
        return bad("authentication cancelled")
