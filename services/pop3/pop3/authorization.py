"""The commands of AUTHORIZATION: STLS, UTF8, USER and PASS, AUTH with its responses. What they bring is used by `login`."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Attempt, Peer, known
from mailstead.ops.connection import PlaintextBeforeTls
from mailstead.ops.logging import get_logger
from mailstead.store.passwords import AuthenticatedAccount
from mailstead.wire.sasl import Challenge, encode_challenge
from pop3.capabilities import mechanisms
from pop3.errors import reply_to
from pop3.login import USER_ACCEPTED, USER_FIRST, NotBegun, begin, go_on, mechanism_list
from pop3.protocol import Auth, BadCommand, Command, Pass, Reply, ResponseCode, Stls, User, Utf8
from pop3.session import Session
from pop3.state import Authorization, Challenged, Ending, Event

TLS_BEGINS = Reply(True, "begin TLS")
UTF8_BEGINS = Reply(True, "UTF-8 mode")

log = get_logger()


async def authorize(session: Session, command: Command, state: Authorization) -> None:
    match command:
        case Stls():
            await _start_tls(session, state)
        case Utf8():
            session.move(Event.WIDENED, replace(state, utf8=True))
            await session.send(UTF8_BEGINS.render())
        case Auth(mechanism=None):
            await session.send(mechanism_list(mechanisms(session)))
        case _ if not mechanisms(session):
            raise Refused(Failure.ENCRYPTION_REQUIRED)
        case User(name):
            session.move(Event.USER_NAMED, replace(state, user=name))
            await session.send(USER_ACCEPTED.render())
        case Pass(password) if state.user:
            await _log_in(session, session.backend.authenticator.log_in(state.user, password, _peer(session)))
        case Pass():
            await session.bad(USER_FIRST)
        case Auth():
            await _begin(session, command)


async def answer_response(session: Session, challenged: Challenged, line: bytes | BadCommand) -> None:
    """The next line of a SASL exchange."""
    try:
        if isinstance(line, BadCommand):
            raise NotBegun(Reply(False, line.reason))
        await go_on(challenged.attempt, line)
    except Refused as refused:
        await _refuse(session, refused)
        return
    except NotBegun as ended:
        session.move(Event.REFUSED, Authorization(challenged.failures, utf8=challenged.utf8))
        await session.send(ended.reply.render())
        return
    await _follow(session, challenged.attempt)


async def _start_tls(session: Session, state: Authorization) -> None:
    connection = session.connection
    if not connection.tls_offered:
        await session.bad("TLS is on already" if connection.tls else "TLS is not available")
        return
    if state.utf8:
        await session.bad("STLS comes before UTF8")
        return
    if session.decoder.pending:
        raise PlaintextBeforeTls  # RFC 2595 §4: whatever was sent in the clear after STLS is not from our client
    await session.send(TLS_BEGINS.render())
    await session.flush()
    await connection.start_tls()
    session.move(Event.SECURED, Authorization(state.failures))  # what USER said in the clear is forgotten


async def _begin(session: Session, command: Auth) -> None:
    try:
        attempt = await begin(command, session.backend.authenticator, _peer(session))
    except Refused as refused:
        await _refuse(session, refused)
        return
    except NotBegun as ended:
        await session.send(ended.reply.render())
        return
    await _follow(session, attempt)


async def _follow(session: Session, attempt: Attempt) -> None:
    """Send the next challenge, or let in whoever it was."""
    outcome = attempt.outcome
    if isinstance(outcome, Challenge):
        session.move(Event.CHALLENGED, Challenged(_failures(session), attempt, _utf8(session)))
        await session.send(b"+ " + encode_challenge(outcome) + b"\r\n")
        return
    await _log_in(session, known(outcome))


async def _log_in(session: Session, proof: Awaitable[AuthenticatedAccount]) -> None:
    try:
        opened = await session.backend.login.open(proof, session.connection.wake)
    except Refused as refused:
        await _refuse(session, refused)
        return
    session.hold = opened.hold
    peer = session.connection.peer_host
    session.live = session.backend.authenticator.live.add(opened.account, session.revoke, "pop3", peer)
    session.move(Event.OPENED, replace(opened.transaction, utf8=_utf8(session) or not session.backend.settings.pop3_strict_utf8))
    drop = opened.transaction.drop
    log.info("logged in", account=opened.transaction.address, messages=drop.count, tls=session.connection.tls)
    await session.send(Reply(True, f"maildrop has {drop.count} messages ({drop.octets} octets)").render())


async def _refuse(session: Session, refused: Refused) -> None:
    """Answer a log-in that failed. Only what the client did wrong counts, and waits, and ends the connection in the end."""
    settings = session.backend.settings
    reply = reply_to(refused.failure)
    guilty = reply.code is ResponseCode.AUTH or refused.failure is Failure.LOCKED_OUT
    failures = _failures(session) + guilty
    log.info("log-in refused", failure=refused.failure.value, reason=refused.detail, failures=failures)
    session.move(Event.REFUSED, Authorization(failures, utf8=_utf8(session)))
    if guilty:
        await asyncio.sleep(settings.pop3_failure_delay * failures)
    await session.send(reply.render())
    if failures >= settings.pop3_max_failures:
        session.close(Ending.TOO_MANY_FAILURES)


def _failures(session: Session) -> int:
    return session.state.failures if isinstance(session.state, Authorization | Challenged) else 0


def _utf8(session: Session) -> bool:
    return isinstance(session.state, Authorization | Challenged) and session.state.utf8


def _peer(session: Session) -> Peer:
    return Peer.of(session.connection, "pop3")
