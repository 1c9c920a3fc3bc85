"""The audit log: each change is there with who asked for it, what was and what became, no secret is, and nothing goes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from kit.postgres import DatabaseUrls
from mailstead.store.audit import purge_audit
from mailstead.store.engine import open_database
from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient
WithScopes = Callable[..., Awaitable[Client]]


async def entries(client: Client, **query: str | int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/v1/audit-log", params=query)).json()["items"]
    return found


async def test_changes_are_logged_with_what_was_and_what_became(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    path = f"/v1/accounts/{account['id']}"
    changed = await client.patch(path, json={"quota_bytes": 5, "password": "battery staple"})
    await client.patch(path, json={"active": False}, headers={"If-Match": '"other"'})
    await client.delete(path, params={"erase": True})
    await client.delete(path, params={"erase": True})
    await client.get(path)
    gone, deleted, refused, patched, made, domain = await entries(client)
    assert [entry["action"] for entry in (domain, made, patched, deleted)] == [
        "create_domain",
        "create_account",
        "update_account",
        "delete_account",
    ]
    assert [entry["status"] for entry in (domain, made, patched, refused, deleted, gone)] == [201, 201, 200, 412, 204, 404]
    assert (made["before"], made["after"]) == (None, account)
    assert (patched["before"], patched["after"]) == (account, changed.json())
    assert (patched["target"], patched["trace_id"]) == (path, changed.headers["x-trace-id"])
    assert (refused["before"], refused["after"]) == (None, None)
    assert (deleted["before"], deleted["after"]) == (changed.json(), None)
    assert {entry["tenant_id"] for entry in (domain, made, patched, refused, deleted)} == {account["tenant_id"]}
    assert all(entry["actor"].startswith("key ") for entry in (domain, gone))


async def test_no_secret_is_logged(client: Client, database_urls: DatabaseUrls) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    app = (await client.post(f"/v1/accounts/{account['id']}/app-passwords", json={"name": "phone"})).json()
    key = (await client.post("/v1/api-keys", json={"name": "k", "scopes": ["admin"]})).json()
    await client.patch(f"/v1/accounts/{account['id']}", json={"password": "battery staple"})
    await client.post("/v1/domains/a.test/signing-keys", json={"selector": "s1"})
    connection = await asyncpg.connect(database_urls.owner)
    rows = await connection.fetch(
        "SELECT e::text || coalesce(o::text, '') FROM audit_entries e LEFT JOIN audit_outcomes o USING (entry_id)"
    )
    text = "\n".join(row[0] for row in rows)
    for secret in ("correct horse", "battery staple", app["password"], key["key"], "PRIVATE"):
        assert secret not in text
    assert "phone" in text
    await connection.close()


async def test_filters_and_tenants(client: Client, with_scopes: WithScopes) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "theirs"})
    await created(client, "/v1/domains", {"name": "theirs.test", "tenant_id": tenant["id"]})
    ours = await created(client, "/v1/domains", {"name": "a.test"})
    await client.patch("/v1/domains/theirs.test", json={"active": False})
    assert [entry["target"] for entry in await entries(client, target="/v1/domains/")] == ["/v1/domains/theirs.test"]
    assert len(await entries(client, action="create_domain")) == 2
    assert await entries(client, actor="nobody") == await entries(client, until="2020-01-01T00:00:00Z") == []
    assert len(await entries(client, since="2020-01-01T00:00:00Z", tenant_id=tenant["id"])) == 2
    first = (await client.get("/v1/audit-log?limit=3")).json()
    rest = (await client.get("/v1/audit-log", params={"cursor": first["next_cursor"]})).json()
    assert len(first["items"]) + len(rest["items"]) == 4
    limited = await with_scopes("admin", tenant_id=ours["tenant_id"])
    assert [entry["action"] for entry in await entries(limited)] == ["create_domain"]
    assert_problem(await limited.get("/v1/audit-log", params={"tenant_id": tenant["id"]}), 404)


async def test_nothing_is_changed_that_cannot_be_logged(client: Client, database_urls: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database_urls.owner)
    await connection.execute("REVOKE INSERT ON audit_entries FROM mailstead_api")
    assert_problem(await client.post("/v1/domains", json={"name": "a.test"}), 503)
    assert await connection.fetchval("SELECT count(*) FROM domains") == 0
    await connection.execute("GRANT INSERT ON audit_entries TO mailstead_api")
    await connection.execute("REVOKE INSERT ON audit_outcomes FROM mailstead_api")
    await created(client, "/v1/domains", {"name": "a.test"})
    (entry,) = [entry for entry in await entries(client) if entry["status"] is None and entry["tenant_id"] is None][:1]
    assert entry["action"] == "create_domain"
    await connection.close()


async def test_nobody_of_the_api_can_change_it(client: Client, database_urls: DatabaseUrls) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    connection = await asyncpg.connect(database_urls.api)
    for sql in ("DELETE FROM audit_entries", "UPDATE audit_entries SET actor = ''", "DELETE FROM audit_outcomes"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)
    await connection.close()
    async with open_database(database_urls.service("jobs"), pool_size=1) as jobs:
        assert await purge_audit(jobs, timedelta(days=1)) == 0
        assert await purge_audit(jobs, timedelta()) == 1
    assert await entries(client) == []
