"""Webhooks by the API, from making one to sending again what it did not take."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.scopes import Scope
from kit.postgres import DatabaseUrls
from mailstead.store.engine import Database, open_database
from mailstead.store.outbox import relay
from mailstead.store.webhook_sending import Attempted, WebhookSending
from unit.api.test_api_routes import assert_problem, created

Client = httpx.AsyncClient
HOOK = {"url": "https://hooks.test/mail?a=b", "event_types": ["message.bounced"], "description": "the CRM"}


@pytest.fixture
async def jobs_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.jobs) as database:
        yield database


async def made(client: Client, **changes: Any) -> dict[str, Any]:
    response = await client.post("/v1/webhooks", json=HOOK | changes)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    shown = (await client.get(response.headers["location"])).json()
    assert shown | {"secret": found["secret"]} == found
    return found


async def test_a_webhook_from_beginning_to_end(client: Client) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "one"})
    hook = await made(client, tenant_id=tenant["id"], event_types=["message.bounced", "message.bounced", "message.deferred"])
    assert hook["secret"].startswith("whsec_")
    assert (hook["tenant_id"], hook["enabled"], hook["disabled_reason"]) == (tenant["id"], True, None)
    assert hook["event_types"] == ["message.bounced", "message.deferred"]
    path = f"/v1/webhooks/{hook['id']}"
    (listed,) = (await client.get("/v1/webhooks", params={"tenant_id": tenant["id"]})).json()["items"]
    assert "secret" not in listed
    seen = (await client.get(path)).headers["etag"]
    changed = await client.patch(path, json={"enabled": False}, headers={"If-Match": seen})
    assert changed.json() == listed | {"enabled": False}
    assert_problem(await client.patch(path, json={"url": "https://b.test"}, headers={"If-Match": seen}), 412)
    assert_problem(await client.post(f"{path}/test"), 409, "webhook_id")
    assert (await client.patch(path, json={"event_types": [], "url": "https://b.test/"})).json()["event_types"] == []
    secret = await client.post(f"{path}/secret")
    assert secret.status_code == 201
    assert secret.json()["secret"] != hook["secret"]
    assert (await client.delete(path)).status_code == 204
    for response in (
        await client.get(path),
        await client.patch(path, json={"enabled": True}),
        await client.delete(path),
        await client.post(f"{path}/secret"),
        await client.post(f"{path}/test"),
        await client.get(f"{path}/deliveries"),
    ):
        assert_problem(response, 404, "webhook_id")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://hooks.test/"),
        ("url", "ftp://hooks.test/"),
        ("url", "https://"),
        ("url", "https://a:b@hooks.test/"),
        ("url", "https://hooks.test/#x"),
        ("url", "https://hooks.test/ x"),
        ("url", "https://hooks.test:99999/"),
        ("url", "https://hooks.test/" + "x" * 1000),
        ("event_types.0", ["message.read"]),
        ("event_types.0", ["webhook.test"]),
        ("description", "a\nb"),
    ],
)
async def test_wrong_input_names_the_field(client: Client, field: str, value: object) -> None:
    assert_problem(await client.post("/v1/webhooks", json=HOOK | {field.partition(".")[0]: value}), 422, field)


async def test_each_tenant_has_its_own(client: Client, with_scopes: Callable[..., Awaitable[Client]]) -> None:
    one = await created(client, "/v1/tenants", {"name": "one"})
    everybodys = await made(client)
    assert everybodys["tenant_id"] is None
    ours = await with_scopes(Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE, tenant_id=one["id"])
    mine = await made(ours)
    assert mine["tenant_id"] == one["id"]
    assert [item["id"] for item in (await ours.get("/v1/webhooks")).json()["items"]] == [mine["id"]]
    assert_problem(await ours.get(f"/v1/webhooks/{everybodys['id']}"), 404)
    assert_problem(await ours.post("/v1/webhooks", json=HOOK | {"tenant_id": one["id"] + 1}), 404, "tenant_id")


async def test_the_log_of_deliveries(client: Client, jobs_db: Database) -> None:
    hook = await made(client)
    path = f"/v1/webhooks/{hook['id']}"
    events = [(await client.post(f"{path}/test")).json()["event_id"] for _ in range(3)]
    assert (await client.get(f"{path}/deliveries")).json()["items"] == []
    await relay(jobs_db)
    pages = [(await client.get(f"{path}/deliveries?limit=2")).json()]
    pages.append((await client.get(f"{path}/deliveries", params={"cursor": pages[0]["next_cursor"]})).json())
    items = [item for page in pages for item in page["items"]]
    assert [item["event_id"] for item in items] == events[::-1]
    assert {(item["state"], item["event_type"], item["attempts"]) for item in items} == {("pending", "webhook.test", 0)}

    sending = WebhookSending(jobs_db)
    now = datetime.now(UTC)
    for claimed in await sending.claim(2, 2, timedelta(minutes=1)):
        await sending.settle(claimed, "failed", Attempted(now, 0.25, 500, "it answered 500"), None, timedelta(days=1))
    failed = (await client.get(f"{path}/deliveries", params={"state": "failed"})).json()["items"]
    assert len(failed) == 2
    one = f"{path}/deliveries/{failed[0]['event_id']}"
    log = (await client.get(one)).json()["log"]
    assert [(a["attempt"], a["seconds"], a["status"], a["error"]) for a in log] == [(1, 0.25, 500, "it answered 500")]
    again = await client.post(f"{one}/redelivery")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    assert len(await sending.claim(9, 9, timedelta(minutes=1))) == 2
    for since, count in ((now + timedelta(days=1), 0), (now - timedelta(days=1), 1)):
        recovered = await client.post(f"{path}/deliveries/recovery", json={"since": since.isoformat()})
        assert (recovered.status_code, recovered.json()) == (202, {"event_count": count})
    assert_problem(await client.post("/v1/webhooks/4711/deliveries/recovery", json={"since": now.isoformat()}), 404, "webhook_id")
    missing = f"{path}/deliveries/0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    assert_problem(await client.get(missing), 404, "event_id")
    assert_problem(await client.post(f"{missing}/redelivery"), 404, "event_id")


async def test_no_secret_is_logged(client: Client) -> None:
    hook = await made(client)
    changed = (await client.post(f"/v1/webhooks/{hook['id']}/secret")).json()["secret"]
    log = (await client.get("/v1/audit-log")).text
    assert "create_webhook" in log
    assert hook["secret"] not in log and changed not in log
