"""One message's life by the API: what the tables hold of it, in order, and to each tenant its own part only."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from api.deps import Backend
from api.scopes import Scope
from kit.postgres import DatabaseUrls
from mailstead.model.flags import Flags, SystemFlag
from mailstead.store.delivery import Delivery
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.queue import Queue
from mailstead.store.queue_control import Action, QueueControl
from mailstead.store.queue_filter import QueueFilter
from mailstead.store.queued import Attempt, Outcome, RecipientOutcome
from store.builders import Town, outgoing, parsed
from unit.api.test_api_routes import assert_problem

Client = httpx.AsyncClient
TRACE = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"
CHECKED = (
    b"Return-Path: <sender@example.net>\r\nAuthentication-Results: mx.test;\r\n\tspf=pass\r\n"
    b"Received: from there\r\n\tby mx.test with ESMTP id " + TRACE.encode() + b"; now\r\n"
)
REPORT = b"Return-Path: <>\r\n"


async def test_a_life(
    client: Client,
    with_scopes: Callable[..., Awaitable[Client]],
    backend: Backend,
    database_urls: DatabaseUrls,
) -> None:
    """Filed twice, once for another tenant; deferred, delivered and cancelled elsewhere; reported on; deleted by its reader."""
    town = Town(backend.db)
    alice, bob = await town.account("alice"), await town.account("bob", tenant="theirs")
    async with (
        open_database(database_urls.smtp_in) as smtp,
        open_database(database_urls.delivery) as delivery_db,
        open_database(database_urls.imap) as imap,
        Ingest(smtp, announce=lambda _: None) as ingest,
    ):
        copies = (alice.copy(prefix=CHECKED), bob.copy(prefix=CHECKED, flags=Flags(SystemFlag.DELETED)))
        await ingest.deliver(Delivery(TRACE, parsed(), copies, (outgoing(alice, "a@one.test", "b@two.test"),)))
        queue = Queue(delivery_db, lambda _: None)
        await QueueControl(backend.db).act(Action.CANCEL, QueueFilter(domain="two.test"), 10)
        for outcome in (Outcome.DEFERRED, Outcome.DELIVERED):
            (lease,) = await queue.claim("worker", 10, timedelta(minutes=1))
            now = datetime.now(UTC)
            attempt = Attempt("mx.one.test", "192.0.2.1", "TLSv1.3", now, 0.5)
            report = Delivery(TRACE, parsed(), (alice.copy(prefix=REPORT),)) if outcome is Outcome.DELIVERED else None
            await queue.settle(lease, [RecipientOutcome(0, outcome, "2.0.0", "said", now)], attempt, report)
        mailboxes, messages = Mailboxes(imap, lambda _: None), Messages(imap, lambda _: None)
        inbox = (await mailboxes.get(bob.account_id, "INBOX")).mailbox_id
        await messages.expunge(bob.account_id, inbox, [1], actor="imap")

    whole: dict[str, Any] = (await client.get(f"/v1/messages/{TRACE}/journey")).raise_for_status().json()
    events = whole["events"]
    assert sorted(event["kind"] for event in events) == sorted(
        ["received", "filed", "filed", "queued", "cancelled", "deferred", "delivered", "report_filed", "removed"]
    )
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    (received,) = [event for event in events if event["kind"] == "received"]
    assert received["sender"] == "sender@example.net"
    assert received["detail"] == f"from there by mx.test with ESMTP id {TRACE}; now"
    assert received["verdicts"] == "mx.test; spf=pass"
    (delivered,) = [event for event in events if event["kind"] == "delivered"]
    assert (delivered["recipient"], delivered["host"], delivered["tls"]) == ("a@one.test", "mx.one.test", "TLSv1.3")
    (removed,) = [event for event in events if event["kind"] == "removed"]
    assert (removed["recipient"], removed["uid"]) == (bob.address, 1)

    theirs = await with_scopes(Scope.QUEUE_READ, tenant_id=bob.tenant_id)
    part = (await theirs.get(f"/v1/messages/{TRACE}/journey")).json()["events"]
    assert sorted(event["kind"] for event in part) == ["filed", "received", "removed"]
    assert {event["recipient"] for event in part} == {None, bob.address}
    assert_problem(await theirs.get(f"/v1/messages/{'0' * 32}/journey"), 404)
