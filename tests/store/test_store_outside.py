"""What the outside is told: written with what makes it true and only where somebody listens, relayed in order, sent by claim."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import orjson
import pytest

from mailstead.events.outside import CATALOGUE, TYPES, EventType, MessageReceived
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store import outbox
from mailstead.store.account_import import AccountImport, AccountToImport
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Connection, Database
from mailstead.store.ingest import Ingest
from mailstead.store.outbox import relay
from mailstead.store.provisioning import Provisioning
from mailstead.store.queue import Queue
from mailstead.store.queued import Attempt, Outcome, RecipientOutcome
from mailstead.store.suppressions import Complaints
from mailstead.store.webhook_deliveries import WebhookDeliveries
from mailstead.store.webhook_sending import Attempted, WebhookSending, purge_outside_events
from mailstead.store.webhooks import WebhookChange, WebhookRow, Webhooks
from store.builders import Account, Town, delivery, outgoing

MINUTE, DAYS = timedelta(minutes=1), timedelta(days=5)
SECRET = b"s" * 32
NOW = datetime(2026, 11, 24, tzinfo=UTC)
WELL = Attempted(NOW, 0.1, 204, None)
BADLY = Attempted(NOW, 0.1, 500, "it answered 500")
EVENT = MessageReceived(
    account_id=1, address="a@b.test", mailbox_id=1, uid=1, trace_id="t", size=1, message_id="", sender="\0", subject="hi"
)


@pytest.fixture
def webhooks(api_db: Database) -> Webhooks:
    return Webhooks(api_db)


@pytest.fixture
def sending(jobs_db: Database) -> WebhookSending:
    return WebhookSending(jobs_db)


async def made(webhooks: Webhooks, tenant_id: int | None, *types: str) -> WebhookRow:
    return await webhooks.create(tenant_id, "https://hooks.test/", types, "", True, SECRET)


async def put(database: Database, tenant_id: int, times: int = 1) -> None:
    async def work(connection: Connection) -> None:
        for _ in range(times):
            await outbox.put(connection, tenant_id, EVENT)

    await database.transact("put", work)


async def told(owner_db: Database) -> list[tuple[str, dict[str, Any]]]:
    """(type, data) of all events, each as its type says."""
    rows = await owner_db.fetch("look", "SELECT type, data::text FROM outside_events ORDER BY position")
    events = [(row["type"], orjson.loads(row["data"])) for row in rows]
    for kind, data in events:
        TYPES[kind].model_validate(data)
    return events


async def waiting(owner_db: Database) -> int:
    row = await owner_db.fetchrow("look", "SELECT count(*) AS n FROM outbox")
    assert row is not None
    return int(row["n"])


async def test_nothing_is_written_where_nobody_listens(
    ingest: Ingest, alice: Account, owner_db: Database, webhooks: Webhooks, town: Town
) -> None:
    other = await town.account("bob", tenant="another")
    await made(webhooks, other.tenant_id)
    await made(webhooks, alice.tenant_id, "message.bounced")
    disabled = await made(webhooks, alice.tenant_id)
    await webhooks.update(disabled.webhook_id, WebhookChange(enabled=False))
    await ingest.deliver(delivery(alice.copy()))
    await put(owner_db, alice.tenant_id)
    assert await waiting(owner_db) == 0


@pytest.mark.parametrize("everybody", [False, True])
async def test_a_message_that_arrives_is_told_once(
    ingest: Ingest, alice: Account, owner_db: Database, webhooks: Webhooks, jobs_db: Database, everybody: bool
) -> None:
    await made(webhooks, None if everybody else alice.tenant_id, "message.received")
    receipt = await ingest.deliver(delivery(alice.copy()))
    await ingest.deliver(delivery(alice.copy(prefix=b"")))  # as APPEND does
    assert await relay(jobs_db) == 1
    assert await relay(jobs_db) == 0
    ((kind, data),) = await told(owner_db)
    assert kind == "message.received"
    (stored,) = receipt.copies
    assert (data["account_id"], data["mailbox_id"], data["uid"]) == (stored.account_id, stored.mailbox_id, stored.uid)
    assert data["address"].startswith("alice@")


@pytest.mark.parametrize("listens", [False, True])
async def test_telling_takes_no_statement_more(
    smtp_db: Database, alice: Account, webhooks: Webhooks, statements: list[str], listens: bool, ingest: Ingest
) -> None:
    await ingest.deliver(delivery(alice.copy()))  # the tenant's key is known from now on
    if listens:
        await made(webhooks, alice.tenant_id)
    statements.clear()
    await ingest.deliver(delivery(alice.copy()))
    assert len(statements) == len(["BEGIN", "lock", "contents", "messages", "COMMIT"])
    assert any("INTO outbox" in statement for statement in statements) is listens


async def test_what_becomes_of_recipients_is_told(
    ingest: Ingest, alice: Account, owner_db: Database, webhooks: Webhooks, queue: Queue, jobs_db: Database
) -> None:
    await made(webhooks, alice.tenant_id)
    await ingest.deliver(delivery(queued=(outgoing(alice, "a@r.test", "b@r.test", "c@r.test", "d@r.test"),)))
    (leased,) = await queue.claim("worker", 10, MINUTE)
    kinds = (Outcome.DELIVERED, Outcome.DEFERRED, Outcome.FAILED, Outcome.SUPPRESSED)
    outcomes = [
        RecipientOutcome(n, kind, "2.0.0", "said", NOW + DAYS if kind is Outcome.DEFERRED else None)
        for n, kind in enumerate(kinds)
    ]
    await queue.settle(leased, outcomes, Attempt("mx.r.test", "192.0.2.1", None, NOW, 0.1))
    assert await relay(jobs_db) == 4
    found = sorted(await told(owner_db), key=lambda event: str(event[1]["recipient"]))
    assert [kind for kind, _ in found] == ["message.delivered", "message.deferred", "message.bounced", "message.bounced"]
    assert [data["attempts"] for _, data in found] == [1, 1, 1, 0]
    assert [data.get("suppressed") for _, data in found] == [None, None, False, True]
    assert {(data["sender"], data["host"], data["account_id"]) for _, data in found} == {
        (leased.sender, "mx.r.test", alice.account_id)
    }


async def test_a_trial_is_for_one_webhook(webhooks: Webhooks, alice: Account, jobs_db: Database, owner_db: Database) -> None:
    one, two = await made(webhooks, alice.tenant_id, "message.bounced"), await made(webhooks, None)
    event_id = await webhooks.test(one)
    await relay(jobs_db)
    assert await told(owner_db) == [("webhook.test", {"webhook_id": one.webhook_id})]
    log = WebhookDeliveries(owner_db)
    assert [row.event_id for row in await log.list(one.webhook_id, 9)] == [event_id]
    assert await log.list(two.webhook_id, 9) == []


def test_webhooks_can_ask_for_each_type_but_trials() -> None:
    assert {*get_args(EventType), "webhook.test"} == TYPES.keys()
    assert len(TYPES) == len(CATALOGUE)


async def test_what_is_provisioned_is_told(
    webhooks: Webhooks, provisioning: Provisioning, api_db: Database, jobs_db: Database, owner_db: Database
) -> None:
    await made(webhooks, None)
    domain = await provisioning.create_domain("a.test", active=False)
    await provisioning.verify_domain("a.test")
    account = await provisioning.create_account(Address.parse("bob@a.test"), "x", 0)
    await provisioning.update_account(account.account_id)
    await provisioning.update_account(account.account_id, password_hash="y", active=False)
    await Deletion(api_db).erase_account(account.account_id)
    rows = [AccountToImport(Address.parse(f"{name}@a.test"), "x") for name in ("carol", "dave", "carol")]
    imported = await AccountImport(api_db).add(rows)
    for made_id in imported[:2]:
        assert isinstance(made_id, int)
        await Deletion(api_db).erase_account(made_id)
    await Deletion(api_db).erase_domain("a.test")
    await relay(jobs_db)
    events = await told(owner_db)
    assert sorted(kind for kind, _ in events) == sorted([
        "domain.created", "domain.verified", "domain.deleted", "domain.erased", "account.updated",
        *["account.created"] * 3, *["account.deleted"] * 3, *["account.erased"] * 3,
    ])  # fmt: skip
    (changed,) = (data for kind, data in events if kind == "account.updated")
    assert (changed["active"], changed["changed"]) == (False, ["active", "password"])
    assert {data["domain_id"] for kind, data in events if kind.startswith("domain")} == {domain.domain_id}


async def test_a_complaint_is_told(
    ingest: Ingest, alice: Account, webhooks: Webhooks, smtp_db: Database, jobs_db: Database, owner_db: Database
) -> None:
    await made(webhooks, alice.tenant_id)
    sent = delivery(queued=(outgoing(alice, "a@r.test", "b@r.test"),))
    await ingest.deliver(sent)
    for _ in range(2):  # what is listed already is told again
        assert await Complaints(smtp_db).note([sent.trace_id], ["A@r.test"], "spam", DAYS) >= 0
    await relay(jobs_db)
    assert [(kind, data["recipient"], data["detail"]) for kind, data in await told(owner_db)] == [
        ("message.complained", "a@r.test", "spam")
    ] * 2


async def test_an_event_goes_with_its_transaction(owner_db: Database, alice: Account, webhooks: Webhooks) -> None:
    await made(webhooks, alice.tenant_id)
    with pytest.raises(RuntimeError):
        async with owner_db.transaction("fails") as connection:
            await outbox.put(connection, alice.tenant_id, EVENT)
            raise RuntimeError
    assert await waiting(owner_db) == 0
    await put(owner_db, alice.tenant_id)
    assert await waiting(owner_db) == 1


async def test_relays_at_once_move_each_event_once_and_in_order(
    owner_db: Database, jobs_db: Database, alice: Account, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RELAYED_AT_ONCE", 7)
    hook = await made(webhooks, alice.tenant_id)
    for _ in range(10):
        await put(owner_db, alice.tenant_id, 5)
    assert sum(await asyncio.gather(*(relay(jobs_db) for _ in range(4)))) == 50
    rows = await owner_db.fetch("look", "SELECT at FROM outside_events ORDER BY position")
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert len(await WebhookDeliveries(owner_db).list(hook.webhook_id, 100)) == 50


async def arranged(owner_db: Database, jobs_db: Database, tenant_id: int, times: int) -> None:
    await put(owner_db, tenant_id, times)
    await relay(jobs_db)


def ids(claimed: Sequence[Any]) -> list[int]:
    return sorted(one.webhook_id for one in claimed)


async def test_each_webhook_has_its_share(
    owner_db: Database, jobs_db: Database, alice: Account, webhooks: Webhooks, sending: WebhookSending
) -> None:
    one, two = await made(webhooks, alice.tenant_id), await made(webhooks, None)
    await arranged(owner_db, jobs_db, alice.tenant_id, 5)
    claimed = await sending.claim(100, 2, MINUTE)
    assert ids(claimed) == [one.webhook_id] * 2 + [two.webhook_id] * 2
    assert ids(await sending.claim(100, 2, MINUTE, avoid=[one.webhook_id])) == [two.webhook_id] * 2
    assert len(await sending.claim(3, 10, MINUTE)) == 3
    assert len(await sending.claim(100, 10, MINUTE)) == 1
    assert claimed[0].secrets == [SECRET]
    assert claimed[0].data["subject"] == "hi"
    assert claimed[0].data["sender"] == "\ufffd"


async def test_a_dead_sender_is_replaced_and_settles_nothing(
    owner_db: Database, jobs_db: Database, alice: Account, webhooks: Webhooks, sending: WebhookSending
) -> None:
    hook = await made(webhooks, alice.tenant_id)
    await arranged(owner_db, jobs_db, alice.tenant_id, 1)
    (old,) = await sending.claim(1, 1, timedelta(0))
    (new,) = await sending.claim(1, 1, MINUTE)
    assert (old.event_id, old.attempts, new.attempts) == (new.event_id, 1, 2)
    with pytest.raises(Refused) as refused:
        await sending.settle(old, "delivered", WELL, None, DAYS)
    assert refused.value.failure is Failure.CONFLICT
    await sending.settle(new, "delivered", WELL, None, DAYS)
    row, attempts = await WebhookDeliveries(owner_db).get(hook.webhook_id, new.event_id)
    assert (row.state, row.attempts, [a.attempt for a in attempts]) == ("delivered", 2, [2])


async def test_trying_again_by_itself_and_by_hand(
    owner_db: Database, api_db: Database, jobs_db: Database, alice: Account, webhooks: Webhooks, sending: WebhookSending
) -> None:
    hook = await made(webhooks, alice.tenant_id)
    log = WebhookDeliveries(api_db)
    await arranged(owner_db, jobs_db, alice.tenant_id, 1)
    (first,) = await sending.claim(1, 1, MINUTE)
    await sending.settle(first, "pending", BADLY, datetime.now(UTC) + DAYS, DAYS)
    assert (await webhooks.get(hook.webhook_id)).failing_since is not None
    assert await sending.claim(1, 1, MINUTE) == []
    await owner_db.execute("time passes", "UPDATE webhook_deliveries SET due_at = now()")
    (second,) = await sending.claim(1, 1, MINUTE)
    assert (second.attempts, second.tries) == (2, 2)
    await sending.settle(second, "failed", BADLY, None, DAYS)
    row, attempts = await log.get(hook.webhook_id, second.event_id)
    assert (row.state, row.status, [a.error for a in attempts]) == ("failed", 500, ["it answered 500"] * 2)
    await log.again(hook.webhook_id, second.event_id)
    (third,) = await sending.claim(1, 1, MINUTE)
    assert (third.attempts, third.tries) == (3, 1)
    await log.again(hook.webhook_id, second.event_id)  # while it is being sent
    await sending.settle(third, "delivered", WELL, None, DAYS)
    assert (await webhooks.get(hook.webhook_id)).failing_since is None
    with pytest.raises(Refused) as refused:
        await log.again(hook.webhook_id + 1, second.event_id)
    assert refused.value.failure is Failure.NO_SUCH_ENTRY


@pytest.mark.parametrize("gone", [False, True])
async def test_a_webhook_that_is_gone_or_fails_for_long_is_turned_off(
    owner_db: Database,
    jobs_db: Database,
    alice: Account,
    webhooks: Webhooks,
    sending: WebhookSending,
    gone: bool,
) -> None:
    hook = await made(webhooks, alice.tenant_id)
    other = await made(webhooks, None, "webhook.disabled")
    await arranged(owner_db, jobs_db, alice.tenant_id, 4)
    one, two, three = await sending.claim(3, 3, MINUTE)
    assert await sending.settle(one, "failed", BADLY, None, DAYS) is None
    if gone:
        assert await sending.settle(two, "failed", Attempted(NOW, 0.1, 410, "gone", gone=True), None, DAYS) == "gone"
    else:
        await owner_db.execute("time passes", "UPDATE webhooks SET failing_since = now() - interval '6 days'")
        assert await sending.settle(two, "failed", BADLY, None, DAYS) == "failing"
    assert await sending.settle(three, "failed", BADLY, None, timedelta(0)) is None
    row = await webhooks.get(hook.webhook_id)
    assert (row.enabled, row.disabled_reason) == (False, "gone" if gone else "failing")
    await relay(jobs_db)
    assert [data["reason"] for kind, data in await told(owner_db) if kind == "webhook.disabled"] == [row.disabled_reason]
    await webhooks.delete(other.webhook_id)
    await owner_db.execute("time passes", "UPDATE webhook_deliveries SET due_at = now()")
    assert await sending.claim(3, 3, MINUTE) == []
    assert await sending.backlog() == (0, 0.0)
    again = await webhooks.update(hook.webhook_id, WebhookChange(enabled=True))
    assert (again.enabled, again.disabled_reason, again.failing_since) == (True, None, None)
    assert len(await sending.claim(3, 3, MINUTE)) == 1


async def test_secrets_overlap(
    owner_db: Database, jobs_db: Database, alice: Account, webhooks: Webhooks, sending: WebhookSending
) -> None:
    hook = await made(webhooks, alice.tenant_id)
    await webhooks.change_secret(hook.webhook_id, b"t" * 32, DAYS)
    await webhooks.change_secret(hook.webhook_id, b"u" * 32, timedelta(0))
    await webhooks.change_secret(hook.webhook_id, b"v" * 32, DAYS)
    await arranged(owner_db, jobs_db, alice.tenant_id, 1)
    (claimed,) = await sending.claim(1, 1, MINUTE)
    assert claimed.secrets == [b"v" * 32, b"u" * 32]
    for n in range(10):
        await webhooks.change_secret(hook.webhook_id, bytes([n]) * 32, DAYS)
    row = await owner_db.fetchrow("look", "SELECT count(*) AS n FROM webhook_secrets")
    assert row is not None and row["n"] == 5


async def test_a_tenant_has_so_many_webhooks(alice: Account, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(50):
        await made(webhooks, alice.tenant_id)
    with pytest.raises(Refused) as refused:
        await made(webhooks, alice.tenant_id)
    assert refused.value.failure is Failure.TOO_MANY
    await made(webhooks, None)
    with pytest.raises(Refused) as refused:
        await made(webhooks, 4711)
    assert refused.value.failure is Failure.NO_SUCH_TENANT


async def test_events_do_not_last(owner_db: Database, jobs_db: Database, alice: Account, webhooks: Webhooks) -> None:
    hook = await made(webhooks, alice.tenant_id)
    await arranged(owner_db, jobs_db, alice.tenant_id, 3)
    await owner_db.execute("time passes", "UPDATE outside_events SET at = now() - interval '9 days' WHERE position <= 2")
    assert await purge_outside_events(jobs_db, timedelta(days=8)) == 2
    assert len(await WebhookDeliveries(owner_db).list(hook.webhook_id, 10)) == 1
