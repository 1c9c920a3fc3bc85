"""The suppression list by the API, each tenant's own."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from api.scopes import Scope
from unit.api.test_api_routes import assert_problem, created

Client = httpx.AsyncClient


async def listed(client: Client, **query: Any) -> list[str]:
    items = (await client.get("/v1/suppressions", params=query)).raise_for_status().json()["items"]
    return [item["address"] for item in items]


async def test_an_address_from_beginning_to_end(client: Client) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "one"})
    asked = {"address": "Bob@Example.net", "tenant_id": tenant["id"], "detail": "asked us to stop"}
    entry = await created(client, "/v1/suppressions", asked)
    assert (entry["address"], entry["reason"], entry["expires_at"]) == ("bob@example.net", "manual", None)
    until = datetime.now(UTC) + timedelta(days=1)
    again = await created(client, "/v1/suppressions", asked | {"expires_at": until.isoformat()})
    assert again["id"] == entry["id"]
    assert datetime.fromisoformat(again["expires_at"]) == until
    assert await listed(client) == ["bob@example.net"]
    assert await listed(client, address="BOB@example.net", reason="manual", tenant_id=tenant["id"]) == ["bob@example.net"]
    assert await listed(client, reason="bounce") == []
    past = await created(client, "/v1/suppressions", asked | {"expires_at": "2020-01-01T00:00:00Z"})
    assert await listed(client) == []
    assert (await client.delete(f"/v1/suppressions/{past['id']}")).status_code == 204
    assert_problem(await client.delete(f"/v1/suppressions/{past['id']}"), 404, "suppression_id")
    assert_problem(await client.post("/v1/suppressions", json=asked | {"tenant_id": 4711}), 404, "tenant_id")


async def test_each_tenant_has_its_own(client: Client, with_scopes: Callable[..., Awaitable[Client]]) -> None:
    one = await created(client, "/v1/tenants", {"name": "one"})
    two = await created(client, "/v1/tenants", {"name": "two"})
    theirs = await created(client, "/v1/suppressions", {"address": "a@b.test", "tenant_id": two["id"]})
    ours = await with_scopes(Scope.QUEUE_READ, Scope.QUEUE_WRITE, tenant_id=one["id"])
    mine = await created(ours, "/v1/suppressions", {"address": "a@b.test"})
    assert mine["tenant_id"] == one["id"]
    assert (await ours.get("/v1/suppressions")).json()["items"] == [mine]
    assert_problem(await ours.get(f"/v1/suppressions/{theirs['id']}"), 404)
    assert_problem(await ours.delete(f"/v1/suppressions/{theirs['id']}"), 404)
    assert_problem(await ours.post("/v1/suppressions", json={"address": "a@b.test", "tenant_id": two["id"]}), 404)
