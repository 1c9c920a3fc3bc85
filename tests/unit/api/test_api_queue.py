"""The queue by the API: found, held, released, tried now, cancelled, paused; by one tenant within its own mail only."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.deps import Backend
from api.scopes import Scope
from kit.postgres import DatabaseUrls
from mailstead.events import QueueFilled
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from mailstead.store.queue import Queue
from store.builders import Account, Town, delivery, outgoing
from unit.api.test_api_routes import assert_problem, created

Client = httpx.AsyncClient
WithScopes = Callable[..., Awaitable[Client]]
Send = Callable[..., Awaitable[str]]


@pytest.fixture
async def send(database_urls: DatabaseUrls) -> AsyncIterator[Send]:
    """Queues a message of an account; its id."""
    async with open_database(database_urls.smtp_in) as database, Ingest(database, announce=lambda _: None) as ingest:

        async def queued(account: Account, *recipients: str) -> str:
            receipt = await ingest.deliver(delivery(queued=(outgoing(account, *recipients),)))
            return str(receipt.queued[0])

        yield queued


@pytest.fixture
async def accounts(backend: Backend) -> tuple[Account, Account]:
    """Of two tenants."""
    town = Town(backend.db)
    return await town.account("alice"), await town.account("bob", tenant="theirs")


@pytest.fixture
def woken(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What workers were told."""
    told: list[Any] = []
    monkeypatch.setattr(backend.bus, "publish", told.extend)
    return told


async def listed(client: Client, **query: Any) -> list[str]:
    return [item["id"] for item in (await client.get("/v1/queue", params=query)).raise_for_status().json()["items"]]


async def act(client: Client, queue_id: str, action: str, *numbers: int) -> dict[str, Any]:
    body = {"action": action, "recipients": numbers}
    found: dict[str, Any] = (await client.post(f"/v1/queue/{queue_id}/actions", json=body)).raise_for_status().json()
    return found


async def states(client: Client, queue_id: str) -> list[str]:
    return [r["state"] for r in (await client.get(f"/v1/queue/{queue_id}")).json()["recipients"]]


async def test_one_message(client: Client, send: Send, accounts: tuple[Account, Account], woken: list[Any]) -> None:
    queue_id = await send(accounts[0], "a@one.test", "b@two.test")
    assert await act(client, queue_id, "hold", 1) == {
        "action": "hold",
        "recipient_count": 1,
        "under_way_count": 0,
        "next_cursor": None,
    }
    (shown,) = (await client.get("/v1/queue")).json()["items"]
    assert (shown["open_count"], shown["held_count"], shown["recipient_count"]) == (2, 1, 2)
    assert await states(client, queue_id) == ["waiting", "held"]
    assert woken == []
    assert (await act(client, queue_id, "retry"))["recipient_count"] == 2
    assert woken == [QueueFilled(1)]
    assert await states(client, queue_id) == ["waiting", "waiting"]
    assert (await act(client, queue_id, "cancel", 0))["recipient_count"] == 1
    assert (await act(client, queue_id, "return"))["recipient_count"] == 1
    assert woken == [QueueFilled(1)] * 2
    detail = (await client.get(f"/v1/queue/{queue_id}")).json()["recipients"]
    assert [(r["state"], r["asked"]) for r in detail] == [("cancelled", None), ("waiting", "return")]
    unknown = await client.post("/v1/queue/0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/actions", json={"action": "hold"})
    assert_problem(unknown, 404)


async def test_filters_and_pages(client: Client, send: Send, accounts: tuple[Account, Account]) -> None:
    alice, bob = accounts
    first = await send(alice, "a@one.test", "b@two.test")
    second = await send(bob, "c@one.test")
    assert await listed(client) == [second, first]
    assert await listed(client, domain="ONE.test") == [second, first]
    assert await listed(client, domain="two.test") == [first]
    assert await listed(client, sender=bob.address) == [second]
    assert await listed(client, recipient="c@one.test") == [second]
    assert await listed(client, tenant_id=alice.tenant_id) == [first]
    assert await listed(client, state="held") == []
    assert await listed(client, queued_before="2020-01-01T00:00:00Z") == []
    assert len(await listed(client, queued_after="2020-01-01T00:00:00Z")) == 2
    trace = (await client.get(f"/v1/queue/{first}")).json()["trace_id"]
    assert await listed(client, trace_id=trace) == [first]
    page = (await client.get("/v1/queue?limit=1&domain=one.test")).json()
    assert [item["id"] for item in page["items"]] == [second]
    assert await listed(client, limit=1, domain="one.test", cursor=page["next_cursor"]) == [first]


async def test_many_at_once(
    client: Client, backend: Backend, send: Send, accounts: tuple[Account, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailstead.store.queue_control.CHUNK", 2)
    object.__setattr__(backend, "max_queue_action", 2)
    for _ in range(3):
        await send(accounts[0], "a@one.test", "b@two.test")
    asked = {"action": "hold", "of": {"domain": "one.test"}}
    first = (await client.post("/v1/queue-actions", json=asked)).json()
    assert first["recipient_count"] == 2
    second = (await client.post("/v1/queue-actions", json=asked, params={"cursor": first["next_cursor"]})).json()
    assert (second["recipient_count"], second["next_cursor"]) == (1, None)
    assert len(await listed(client, state="held")) == 3
    held = (await client.get("/v1/queue?state=held")).json()["items"]
    assert [item["held_count"] for item in held] == [1, 1, 1]


async def test_who_is_being_tried_is_not_interrupted(
    client: Client, send: Send, accounts: tuple[Account, Account], database_urls: DatabaseUrls
) -> None:
    queue_id = await send(accounts[0], "a@one.test")
    async with open_database(database_urls.delivery) as database:
        queue = Queue(database, lambda _: None)
        (lease,) = await queue.claim("worker", 1, timedelta(minutes=1))
        assert (await act(client, queue_id, "cancel"))["under_way_count"] == 1
        (recipient,) = (await client.get(f"/v1/queue/{queue_id}")).json()["recipients"]
        assert (recipient["state"], recipient["asked"]) == ("leased", "cancel")
        await queue.release(lease)
    assert await states(client, queue_id) == ["cancelled"]


async def test_pauses(client: Client, send: Send, accounts: tuple[Account, Account], woken: list[Any]) -> None:
    await send(accounts[0], "a@one.test")
    pause = await created(client, "/v1/queue-pauses", {"domain": "One.test", "reason": "they asked"})
    assert (pause["domain"], pause["tenant_id"], pause["held_count"]) == ("one.test", None, 1)
    assert_problem(await client.post("/v1/queue-pauses", json={"domain": "one.test"}), 409, "domain")
    assert_problem(await client.post("/v1/queue-pauses", json={"tenant_id": 4711}), 404, "tenant_id")
    assert (await client.get("/v1/queue-pauses")).json()["items"] == [pause]
    assert (await client.delete(f"/v1/queue-pauses/{pause['id']}")).status_code == 204
    assert woken == [QueueFilled(1)]
    assert_problem(await client.delete(f"/v1/queue-pauses/{pause['id']}"), 404, "pause_id")
    assert_problem(await client.get(f"/v1/queue-pauses/{pause['id']}"), 404, "pause_id")


async def test_a_tenant_reaches_its_own_mail_only(
    client: Client, with_scopes: WithScopes, send: Send, accounts: tuple[Account, Account]
) -> None:
    alice, bob = accounts
    theirs, ours = await send(bob, "b@one.test"), await send(alice, "a@one.test")
    everybodys = await created(client, "/v1/queue-pauses", {"domain": "two.test"})
    limited = await with_scopes(Scope.QUEUE_READ, Scope.QUEUE_WRITE, tenant_id=alice.tenant_id)
    assert await listed(limited) == [ours]
    assert_problem(await limited.get("/v1/queue", params={"tenant_id": bob.tenant_id}), 404)
    assert_problem(await limited.get(f"/v1/queue/{theirs}"), 404)
    assert_problem(await limited.post(f"/v1/queue/{theirs}/actions", json={"action": "cancel"}), 404)
    done = await limited.post("/v1/queue-actions", json={"action": "cancel", "of": {"domain": "one.test"}})
    assert done.json()["recipient_count"] == 1
    asked = {"action": "cancel", "of": {"tenant_id": bob.tenant_id}}
    assert_problem(await limited.post("/v1/queue-actions", json=asked), 404)
    assert (await limited.get("/v1/queue-pauses")).json()["items"] == []
    assert_problem(await limited.delete(f"/v1/queue-pauses/{everybodys['id']}"), 404)
    own = await created(limited, "/v1/queue-pauses", {})
    assert own["tenant_id"] == alice.tenant_id
    assert_problem(await limited.post("/v1/queue-pauses", json={"tenant_id": bob.tenant_id}), 404)
    operator = await with_scopes(Scope.ADMIN)
    assert await states(operator, theirs) == ["waiting"]


async def test_what_is_done_is_in_the_audit_log(client: Client, send: Send, accounts: tuple[Account, Account]) -> None:
    queue_id = await send(accounts[0], "a@one.test")
    headers = {"Idempotency-Key": "once"}
    for _ in range(2):
        answer = await client.post(f"/v1/queue/{queue_id}/actions", json={"action": "cancel"}, headers=headers)
        assert answer.json()["recipient_count"] == 1, "done once, answered twice"
    entry = (await client.get("/v1/audit-log", params={"target": f"/v1/queue/{queue_id}"})).json()["items"][-1]
    assert (entry["action"], entry["tenant_id"], entry["status"]) == ("act_on_queue_message", accounts[0].tenant_id, 200)
    assert entry["after"]["action"] == "cancel"
