"""Every mechanism over every protocol by clients of others' making, and sessions that end when their log-in is good no more."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kit.certificates import TestAuthority
from kit.nats import NatsServer
from kit.revoking import WAYS, Revoke, add_app_password, revoke_app_passwords
from kit.scram_client import ScramAnswers
from kit.transcripts import OCTETS, WHOLE, load, play_live, transcripts
from mailstead.bus import open_bus
from mailstead.events import AccountChanged
from unit.login.clients import CLIENTS, Answers, Denied, ImapClient, Pop3Client, SmtpClient
from unit.login.conftest import PASSWORD, Services, StartServices

Client = ImapClient | Pop3Client | SmtpClient
OFFERED = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"}
GOODBYES = {
    "imap": b"* BYE this log-in is good no more, please log in again\r\n",
    "pop3": b"-ERR [AUTH] this log-in is good no more\r\n",
    "smtp": b"421 4.7.0 This login is good no more, log in again",
}


def scram(mechanism: str, password: str, user: str = "alice@a.test") -> Answers:
    return lambda sock: ScramAnswers(mechanism, user, password, sock)


def said(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def said_once(text: str) -> Answers:
    """The whole client's side in one message; what comes after it is answered with nothing."""
    left = [text]
    return lambda _sock: lambda _challenge: left.pop() if left else ""


def oauthbearer(token: str) -> Answers:
    return said_once(f"n,a=alice@a.test,\1host=localhost\1auth=Bearer {token}\1\1")


def xoauth2(token: str) -> Answers:
    return said_once(f"user=alice@a.test\1auth=Bearer {token}\1\1")


@asynccontextmanager
async def connected(running: Services, protocol: str, authority: TestAuthority) -> AsyncIterator[Client]:
    client: Client = await asyncio.to_thread(CLIENTS[protocol], running.ports[protocol], authority.client_context())
    try:
        yield client
    finally:
        await asyncio.to_thread(client.close)


@pytest.mark.parametrize("protocol", CLIENTS)
async def test_every_mechanism(services: StartServices, authority: TestAuthority, protocol: str) -> None:
    async with services() as running:

        async def outcome(mechanism: str, answers: Answers) -> str:
            async with connected(running, protocol, authority) as client:
                assert await asyncio.to_thread(client.offers) == OFFERED
                try:
                    await asyncio.to_thread(client.authenticate, mechanism, answers)
                except Denied as denied:
                    return str(denied)
            return "accepted"

        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            assert await outcome(mechanism, scram(mechanism, PASSWORD)) == "accepted"
            assert await outcome(mechanism, scram(mechanism, "wrong")) != "accepted"
            assert await outcome(mechanism, scram(mechanism, PASSWORD, "nobody@a.test")) != "accepted"
        token = running.issuer.token("alice@a.test")
        for name, answers in (("OAUTHBEARER", oauthbearer), ("XOAUTH2", xoauth2)):
            assert await outcome(name, answers(token)) == "accepted"
            assert await outcome(name, answers(token[:-4])) != "accepted"
            assert await outcome(name, answers(running.issuer.token("bob@a.test"))) != "accepted"
        assert await outcome("PLAIN", said_once(f"\0alice@a.test\0{PASSWORD}")) == "accepted"


@pytest.mark.parametrize("path", transcripts("login"))
async def test_dialog(services: StartServices, authority: TestAuthority, path: Path) -> None:
    async with services() as running:
        issuer = running.issuer
        good, expired = issuer.token("alice@a.test"), issuer.token("alice@a.test", exp=1_000_000_000)
        why = {
            "status": "invalid_token",
            "schemes": "bearer",
            "openid-configuration": f"{issuer.url}/.well-known/openid-configuration",
        }
        variables = {
            "bearer": said(f"n,a=alice@a.test,\1host=localhost\1auth=Bearer {good}\1\1"),
            "expired_bearer": said(f"n,a=alice@a.test,\1auth=Bearer {expired}\1\1"),
            "xoauth2": said(f"user=alice@a.test\1auth=Bearer {good}\1\1"),
            "xoauth2_as_bob": said(f"user=bob@a.test\1auth=Bearer {good}\1\1"),
            "why": said(json.dumps(why)),
        }
        for split in (WHOLE, OCTETS):
            await play_live(
                load(path), "127.0.0.1", running.ports[path.stem], variables, tls=authority.client_context(), split=split
            )


async def let_in(client: Client, by: str, running: Services, protocol: str) -> None:
    match by:
        case "app password":
            secret = await add_app_password(running.owner, running.account_id, protocol)
            await asyncio.to_thread(client.log_in, running.address, secret)
        case "token":
            await asyncio.to_thread(client.authenticate, "XOAUTH2", xoauth2(running.issuer.token(running.address)))
        case _:
            await asyncio.to_thread(client.log_in, running.address, PASSWORD)


@pytest.mark.parametrize("protocol", CLIENTS)
@pytest.mark.parametrize(
    ("by", "revoke"),
    [*(("password", way) for way in WAYS), ("app password", revoke_app_passwords), ("token", WAYS[1])],
)
async def test_a_session_ends_in_bounded_time_without_an_event(
    services: StartServices, authority: TestAuthority, protocol: str, by: str, revoke: Revoke
) -> None:
    async with (
        services(login_recheck_seconds=0.2) as running,
        connected(running, protocol, authority) as client,
    ):
        await let_in(client, by, running, protocol)
        await revoke(running.owner, running.account_id)
        assert await asyncio.to_thread(client.next_line) == GOODBYES[protocol]


@pytest.mark.parametrize("protocol", CLIENTS)
async def test_a_session_ends_at_once_with_the_event(
    services: StartServices, authority: TestAuthority, protocol: str, nats: NatsServer
) -> None:
    async with (
        services(login_recheck_seconds=3600, nats_url=nats.url) as running,
        open_bus(nats.url, name="api") as bus,
        connected(running, protocol, authority) as client,
    ):
        await let_in(client, "password", running, protocol)
        await revoke_and_tell(running, lambda: bus.publish([AccountChanged(running.account_id, running.address, active=True)]))
        before = time.monotonic()
        assert await asyncio.to_thread(client.next_line) == GOODBYES[protocol]
        assert time.monotonic() - before < 5


async def revoke_and_tell(running: Services, tell: Callable[[], None]) -> None:
    await WAYS[0](running.owner, running.account_id)
    tell()


async def test_an_idle_imap_session_ends_too(services: StartServices, authority: TestAuthority) -> None:
    async with services(login_recheck_seconds=0.2) as running, connected(running, "imap", authority) as client:
        assert isinstance(client, ImapClient)
        await let_in(client, "app password", running, "imap")
        await asyncio.to_thread(client.client.select)
        client.client.send(b"x IDLE\r\n")
        assert await asyncio.to_thread(client.next_line) == b"+ idling\r\n"
        await revoke_app_passwords(running.owner, running.account_id)
        assert await asyncio.to_thread(client.next_line) == GOODBYES["imap"]


async def test_other_sessions_stay(services: StartServices, authority: TestAuthority) -> None:
    """A new password ends those of the old one, not those of app passwords."""
    async with (
        services(login_recheck_seconds=0.2) as running,
        connected(running, "imap", authority) as first,
        connected(running, "smtp", authority) as second,
    ):
        await let_in(first, "app password", running, "imap")
        await let_in(second, "password", running, "smtp")
        await WAYS[0](running.owner, running.account_id)
        assert await asyncio.to_thread(second.next_line) == GOODBYES["smtp"]
        assert isinstance(first, ImapClient)
        assert (await asyncio.to_thread(first.client.noop))[0] == "OK"
