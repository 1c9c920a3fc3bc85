"""Events reach a real HTTP server, signed; what fails is tried again, and nobody's URL leads into our network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from jobs.metrics import JobsMetrics
from jobs.receivers import Receivers
from jobs.sender import LEASE, Sender
from jobs.settings import JobsSettings
from kit.certificates import TestAuthority
from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.outbox import relay
from mailstead.store.webhook_deliveries import DeliveryRow, WebhookDeliveries
from mailstead.store.webhook_sending import WebhookSending
from mailstead.store.webhooks import Webhooks
from mailstead.wire.webhook_signature import new_secret, signatures, told
from store.builders import Account, Town, delivery

SECRET = b"k" * 32


@dataclass
class Receiver:
    """What it was sent; `answers` are given in turn, the last one from then on."""

    answers: list[bytes]
    port: int = 0
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            self.asked.append((headers, await reader.readexactly(int(headers["content-length"]))))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        writer.close()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook?a=b"


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver([b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % answer for answer in answers])
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def owner_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.owner) as database:
        yield database


@pytest.fixture
async def account(owner_db: Database) -> Account:
    return await Town(owner_db).account()


@pytest.fixture
async def jobs_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.jobs) as database:
        yield database


def settings_of(database_urls: DatabaseUrls, **changes: Any) -> JobsSettings:
    values: dict[str, Any] = {"database_url": SecretStr(database_urls.jobs), "hostname": "jobs.test", "observe_port": 0}
    return JobsSettings(**(values | {"jobs_webhook_retry_seconds": 0.01} | changes))


@asynccontextmanager
async def sending(db: Database, settings: JobsSettings, *, lease: timedelta = LEASE) -> AsyncIterator[CollectorRegistry]:
    registry = CollectorRegistry()
    async with Receivers(seconds=settings.jobs_webhook_seconds, private=True) as receivers:
        sender = Sender(WebhookSending(db), receivers, settings, JobsMetrics.register(registry), lease=lease)
        task = asyncio.create_task(sender.run())
        yield registry
        task.cancel()
        await asyncio.wait([task])


async def arrange(owner_db: Database, jobs_db: Database, account: Account, url: str, messages: int = 1) -> int:
    """A webhook at `url` to which these messages are to be told; its id."""
    row = await Webhooks(owner_db).create(account.tenant_id, url, (), "", True, SECRET)
    async with Ingest(owner_db, announce=lambda _: None) as ingest:
        for _ in range(messages):
            await ingest.deliver(delivery(account.copy()))
    await relay(jobs_db)
    return row.webhook_id


async def only(owner_db: Database, webhook_id: int) -> DeliveryRow:
    (row,) = await WebhookDeliveries(owner_db).list(webhook_id, 10)
    return row


def test_signatures_are_those_of_standard_webhooks() -> None:
    """Its published example."""
    secret = b"1\xf2\x90\xf6\xbf\x06)\x8a\xabO\x08\xd4<?\x08,\xf6H\xa3b\xda-\xa4\xb0"
    assert told(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    message = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    signed = signatures([secret], *message)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signatures([secret, secret], *message) == f"{signed} {signed}"
    assert len({new_secret() for _ in range(100)}) == 100


async def test_an_event_arrives_signed(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    async with receiving(b"204 Yes") as receiver, sending(jobs_db, settings_of(database_urls)):
        hook = await arrange(owner_db, jobs_db, account, receiver.url)

        async def delivered() -> bool:
            return (await only(owner_db, hook)).state == "delivered"

        await eventually(delivered)
    ((headers, body),) = receiver.asked
    row = await only(owner_db, hook)
    sent = orjson.loads(body)
    assert headers["webhook-id"] == sent["id"] == str(row.event_id)
    assert headers["webhook-signature"] == signatures([SECRET], sent["id"], int(headers["webhook-timestamp"]), body)
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert headers["host"] == f"localhost:{receiver.port}"
    assert (sent["type"], sent["tenant_id"]) == ("message.received", account.tenant_id)
    assert sent["data"]["account_id"] == account.account_id
    assert datetime.fromisoformat(sent["timestamp"]).utcoffset() == timedelta(0)
    assert (row.status, row.error, row.attempts) == (204, None, 1)


async def test_what_fails_is_tried_again_until_it_is_taken(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    answers = (b"500 No", b"302 Elsewhere\r\nLocation: http://127.0.0.1/", b"200 Yes")
    async with receiving(*answers) as receiver, sending(jobs_db, settings_of(database_urls)) as registry:
        hook = await arrange(owner_db, jobs_db, account, receiver.url)

        async def delivered() -> bool:
            return (await only(owner_db, hook)).state == "delivered"

        await eventually(delivered)
    assert len({body for _, body in receiver.asked}) == 1
    _, attempts = await WebhookDeliveries(owner_db).get(hook, (await only(owner_db, hook)).event_id)
    assert [(a.status, a.error) for a in attempts] == [(200, None), (302, "it answered 302"), (500, "it answered 500")]
    assert registry.get_sample_value("mailstead_webhook_attempts_total", {"outcome": "deferred"}) == 2


async def test_what_is_too_old_is_given_up(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    settings = settings_of(database_urls, jobs_webhook_give_up_hours=0.00001)
    async with receiving(b"500 No") as receiver, sending(jobs_db, settings):
        hook = await arrange(owner_db, jobs_db, account, receiver.url)

        async def failed() -> bool:
            return (await only(owner_db, hook)).state == "failed"

        await eventually(failed)


async def test_who_asks_for_a_pause_has_it(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    async with receiving(b"429 Slowly\r\nRetry-After: 3600") as receiver, sending(jobs_db, settings_of(database_urls)):
        hook = await arrange(owner_db, jobs_db, account, receiver.url)

        async def put_off() -> bool:
            return (await only(owner_db, hook)).status == 429

        await eventually(put_off)
        due_at = (await only(owner_db, hook)).due_at
    assert due_at is not None
    assert timedelta(minutes=55) < due_at - datetime.now(UTC) <= timedelta(hours=1)


async def test_senders_that_die_lose_nothing(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    settings = settings_of(database_urls, jobs_webhooks_of_one=5)
    async with receiving(b"200 Yes") as receiver:
        hook = await arrange(owner_db, jobs_db, account, receiver.url, 60)
        for deadly in (10, 25, 40):
            async with sending(jobs_db, settings, lease=timedelta(seconds=0.2)):
                await eventually(lambda deadly=deadly: len(receiver.asked) >= deadly)  # type: ignore[misc]
        async with sending(jobs_db, settings, lease=timedelta(seconds=0.2)), sending(jobs_db, settings):

            async def all_delivered() -> bool:
                return {row.state for row in await WebhookDeliveries(owner_db).list(hook, 100)} == {"delivered"}

            await eventually(all_delivered)
    assert len({headers["webhook-id"] for headers, _ in receiver.asked}) == 60


@pytest.mark.parametrize("trusted", [True, False])
async def test_tls_is_for_the_name_though_the_address_is_connected_to(authority: TestAuthority, trusted: bool) -> None:
    receiver = Receiver([b"HTTP/1.1 200 Yes\r\nContent-Length: 0\r\n\r\n"])
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(authority.certificate, authority.key)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=door)
    tls = authority.client_context() if trusted else None
    async with server, Receivers(seconds=5, private=True, tls=tls) as receivers:
        attempted = await receivers.post(f"https://localhost:{server.sockets[0].getsockname()[1]}/", {}, b"{}")
    if trusted:
        assert (attempted.status, attempted.error) == (200, None)
    else:
        assert attempted.error is not None and "CERTIFICATE_VERIFY_FAILED" in attempted.error


async def test_who_is_gone_is_told_no_more(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    async with receiving(b"410 Gone") as receiver, sending(jobs_db, settings_of(database_urls, jobs_webhooks_of_one=1)):
        hook = await arrange(owner_db, jobs_db, account, receiver.url, 3)

        async def gone() -> bool:
            return (await Webhooks(owner_db).get(hook)).disabled_reason == "gone"

        await eventually(gone)
    assert len(receiver.asked) < 3


async def test_a_slow_receiver_holds_up_nobody_else(
    owner_db: Database, jobs_db: Database, account: Account, database_urls: DatabaseUrls
) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    slow = await asyncio.start_server(never, "127.0.0.1", 0)
    settings = settings_of(database_urls, jobs_webhook_seconds=2, jobs_webhooks_of_one=2, jobs_webhooks_at_once=6)
    async with slow, receiving(b"200 Yes") as receiver:
        url = f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}/"
        stuck = await arrange(owner_db, jobs_db, account, url, 20)
        await arrange(owner_db, jobs_db, account, receiver.url, 10)
        async with sending(jobs_db, settings):
            await eventually(lambda: len(receiver.asked) == 10)

            async def timed_out() -> bool:
                return any(row.error for row in await WebhookDeliveries(owner_db).list(stuck, 50))

            await eventually(timed_out)
        rows = await WebhookDeliveries(owner_db).list(stuck, 50)
        assert {row.error for row in rows} <= {None, "no answer within 2 seconds"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://localhost/", "localhost has no public address"),
        ("https://127.0.0.1:1/", "127.0.0.1 has no public address"),
        ("https://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1 has no public address"),
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254 has no public address"),
        ("http://192.0.2.1/", "only https is allowed"),
        ("https://host.invalid/", "host.invalid has no public address"),
    ],
)
async def test_no_url_leads_into_our_network(url: str, why: str) -> None:
    async with Receivers(seconds=5, private=False) as receivers:
        attempted = await receivers.post(url, {}, b"{}")
    assert attempted.status is None
    assert attempted.error is not None and attempted.error.startswith(why)


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 Yes\r\nA: " + b"x" * 300_000, b""])
async def test_nonsense_is_a_failure(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Receivers(seconds=5, private=True) as receivers:
        attempted = await receivers.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")
    assert attempted.status is None
    assert attempted.error is not None and "Error" in attempted.error
