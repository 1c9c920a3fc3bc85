"""Sessions with a host that does as it is told, over real connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from delivery.commands import Envelope, EnvelopeRecipient
from delivery.outcome import Fate, Result, Verdict, verdicts
from delivery.route import Endpoint
from delivery.secured import opportunistic_tls
from delivery.transport import HostUnavailable, Session, Timeouts, open_session
from kit.certificates import TestAuthority
from kit.ports import free_port
from kit.smtp_host import SmtpHost, smtp_host
from kit.waiting import eventually

MESSAGE = b"Subject: dots\r\n\r\n.\r\n..two\r\nplain\r\n"
ENVELOPE = Envelope("alice@own.test", (EnvelopeRecipient("bob@dest.test"),), len(MESSAGE))
PATIENT = Timeouts(*([5.0] * 8))
HASTY = Timeouts(*([0.3] * 8))


@pytest.fixture
async def host() -> AsyncIterator[SmtpHost]:
    async with smtp_host("127.0.0.1", free_port()) as host:
        yield host


async def open_to(host: SmtpHost, timeouts: Timeouts = PATIENT, tls: ssl.SSLContext | None = None) -> Session:
    return await open_session(Endpoint("mx.dest.test", host.address, host.port), "mx.own.test", timeouts, tls)


async def octets(message: bytes, block: int = 7) -> AsyncIterator[bytes]:
    for at in range(0, len(message), block):
        yield message[at : at + block]


async def send(session: Session, envelope: Envelope = ENVELOPE, message: bytes = MESSAGE, block: int = 7) -> Result:
    try:
        return await session.transact(envelope, lambda: octets(message, block))
    finally:
        await session.close()


def only(result: Result) -> Verdict:
    (verdict,) = verdicts(result, host="mx.dest.test", notifies=False)
    return verdict


@pytest.mark.parametrize("offers", [[], ["PIPELINING"], ["PIPELINING", "8BITMIME", "SIZE", "DSN", "SMTPUTF8"]])
@pytest.mark.parametrize("block", [1, 7, 1000])
async def test_the_content_arrives_as_it_was(host: SmtpHost, offers: list[str], block: int) -> None:
    host.offers = offers
    assert only(await send(await open_to(host), block=block)).fate is Fate.DELIVERED
    (taken,) = host.taken
    assert taken.content == MESSAGE
    assert host.commands[-1] == "QUIT"


@pytest.mark.parametrize(
    ("message", "arrives"),
    [
        (b"", b""),
        (b".\r\n", b".\r\n"),
        (b".", b".\r\n"),
        (b"no end", b"no end\r\n"),
        (b"a\r\n.b\r\n", b"a\r\n.b\r\n"),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n.\r\nQUIT\r\n"),
    ],
)
async def test_ends_and_dots(host: SmtpHost, message: bytes, arrives: bytes) -> None:
    for block in (1, 2, 3, 100):
        assert only(await send(await open_to(host), message=message, block=block)).fate is Fate.DELIVERED
    assert [taken.content for taken in host.taken] == [arrives] * 4


async def test_two_transactions_on_one_connection(host: SmtpHost) -> None:
    host.say["RCPT"] = ["550 5.1.1 no", "250 ok"]
    session = await open_to(host)
    assert only(await session.transact(ENVELOPE, lambda: octets(MESSAGE))).status == "5.1.1"
    assert session.usable
    assert only(await send(session)).fate is Fate.DELIVERED
    assert host.connections == 1 and "RSET" in host.commands


async def test_starttls_encrypts_with_whoever_answers(host: SmtpHost, authority: TestAuthority) -> None:
    host.offers = ["STARTTLS", "PIPELINING"]
    host.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    host.tls.load_cert_chain(authority.certificate, authority.key)
    session = await open_to(host, tls=opportunistic_tls())
    assert session.tls is not None and session.tls.startswith("TLSv1.3 ")
    assert only(await send(session)).fate is Fate.DELIVERED
    assert host.taken[0].tls


async def test_a_failed_handshake_is_told_apart(host: SmtpHost) -> None:
    host.offers = ["STARTTLS"]
    host.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate
    with pytest.raises(HostUnavailable) as caught:
        await open_to(host, tls=opportunistic_tls())
    assert caught.value.in_tls


async def test_an_injection_before_the_handshake_ends_it(host: SmtpHost) -> None:
    host.offers = ["STARTTLS"]
    host.say["STARTTLS"] = ["220 go\r\n250 injected"]
    with pytest.raises(HostUnavailable) as caught:
        await open_to(host, tls=opportunistic_tls())
    assert "before the TLS handshake" in caught.value.reason


@pytest.mark.parametrize("step", ["connect", "EHLO"])
async def test_a_host_that_hangs_up_before_the_session(host: SmtpHost, step: str) -> None:
    host.drop.add(step)
    with pytest.raises(HostUnavailable):
        await open_to(host)


@pytest.mark.parametrize("step", ["connect", "EHLO"])
async def test_a_host_that_says_nothing_before_the_session(host: SmtpHost, step: str) -> None:
    host.hold.add(step)
    with pytest.raises(HostUnavailable, match="timed out"):
        await open_to(host, HASTY)


async def test_a_host_that_is_not_there() -> None:
    with pytest.raises(HostUnavailable, match="refused"):
        await open_session(Endpoint("mx.dest.test", "127.0.0.1", free_port()), "mx.own.test", PATIENT, None)


async def test_a_host_that_turns_us_away(host: SmtpHost) -> None:
    host.say["connect"] = ["554 5.7.1 no service for you"]
    with pytest.raises(HostUnavailable) as caught:
        await open_to(host)
    assert caught.value.reply is not None and caught.value.reply.code == 554


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content", "dot"])
async def test_a_reset_at_each_step(host: SmtpHost, step: str, pipelining: bool) -> None:
    host.offers = ["PIPELINING"] if pipelining else []
    host.drop.add(step)
    verdict = only(await send(await open_to(host)))
    assert (verdict.fate, verdict.status) == (Fate.DEFERRED, "4.4.2")
    if step != "content":  # a small one is on its way, final dot and all, when the reset comes: then the client cannot know
        assert verdict.in_doubt is (step == "dot")


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "dot"])
async def test_a_silence_at_each_step(host: SmtpHost, step: str) -> None:
    host.hold.add(step)
    verdict = only(await send(await open_to(host, HASTY)))
    assert (verdict.fate, verdict.status) == (Fate.DEFERRED, "4.4.2")
    assert "timed out" in verdict.reply
    assert verdict.in_doubt is (step == "dot")


async def test_a_host_that_stops_reading_holds_us_no_longer_than_allowed(host: SmtpHost) -> None:
    host.hold.add("content")
    large = b"x" * 998 + b"\r\n"
    session = await open_to(host, replace(PATIENT, block=0.3))
    verdict = only(await send(session, message=large * 20_000, block=100_000))
    assert (verdict.fate, verdict.in_doubt) == (Fate.DEFERRED, False)
    assert "while sending the content" in verdict.reply


async def test_a_large_content_flows(host: SmtpHost) -> None:
    large = (b"." + b"x" * 76 + b"\r\n") * 100_000
    assert only(await send(await open_to(host), message=large, block=256 * 1024)).fate is Fate.DELIVERED
    assert host.taken[0].content == large


async def test_cancelled_after_the_final_dot_the_session_is_in_doubt(host: SmtpHost) -> None:
    host.hold.add("dot")
    session = await open_to(host)
    sending = asyncio.create_task(session.transact(ENVELOPE, lambda: octets(MESSAGE)))
    await eventually(lambda: session.in_doubt)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert session.in_doubt
    await session.close()
    assert not session.usable


async def test_content_that_cannot_be_read_is_never_ended_by_a_dot(host: SmtpHost) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield MESSAGE
        raise LookupError("the database is away")

    session = await open_to(host)
    with pytest.raises(LookupError):
        await session.transact(ENVELOPE, broken)
    await session.close()
    await eventually(lambda: host.open_now == 0)
    assert not host.taken
