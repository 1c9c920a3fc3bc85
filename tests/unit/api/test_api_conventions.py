"""What holds on every route: sparse fields, ETags, requests that are sent again, limits of requests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from api import idempotency
from api.app import create_app
from api.deps import Backend
from api.idempotency import HEADER, REPLAYED
from api.rate_limit import RateLimit
from kit.postgres import DatabaseUrls
from mailstead.store.idempotency import purge_idempotency_keys
from mailstead.store.limits import Limits, Rate
from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient
WithScopes = Callable[..., Awaitable[Client]]
# POSTs that may be sent again as they are
KEYLESS = {"/v1/canary-runs", "/v1/account-imports", "/v1/sign-ins", "/v1/accounts/{account_id}/mail-imports"}


def operations(backend: Backend) -> list[tuple[str, str, dict[str, Any], set[str]]]:
    """(method, path, operation, names of its parameters)."""
    return [
        (method, path, operation, {parameter["name"] for parameter in operation.get("parameters", ())})
        for path, found in create_app(backend).openapi()["paths"].items()
        for method, operation in found.items()
    ]


async def test_every_list_has_pages_and_every_read_sparse_fields(backend: Backend) -> None:
    for method, path, operation, parameters in operations(backend):
        if method == "post" and path not in KEYLESS:
            assert HEADER in parameters, path
        if (
            method != "get"
            or path in ("/v1/health", "/v1/version", "/v1/sign-ins/current")
            or path.endswith(("/mobileconfig", "/content", "/stream", "/export"))
        ):
            continue
        assert "fields" in parameters, path
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]["$ref"]
        assert answer.rpartition("/")[2].startswith("Page_") == ({"cursor", "limit"} <= parameters), path


async def test_sparse_fields(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    path = f"/v1/accounts/{account['id']}"
    assert (await client.get(f"{path}?fields=id,address")).json() == {"id": account["id"], "address": "alice@a.test"}
    page = (await client.get("/v1/accounts?fields=address")).json()
    assert page == {"items": [{"address": "alice@a.test"}], "next_cursor": None}
    for wrong in ("password", "id,,x", "Id", "a b"):
        assert_problem(await client.get(path, params={"fields": wrong}), 422, "fields")


async def test_filters(client: Client) -> None:
    for name in ("a.test", "b.test"):
        await created(client, "/v1/domains", {"name": name})
    for address in ("al_x@a.test", "alice@a.test", "bob@b.test"):
        await created(client, "/v1/accounts", ALICE | {"address": address})
    await client.patch("/v1/domains/b.test", json={"active": False})

    async def found(path: str, field: str, **query: str) -> list[str]:
        return [item[field] for item in (await client.get(path, params=query)).json()["items"]]

    assert await found("/v1/domains", "name", active="false") == ["b.test"]
    assert await found("/v1/accounts", "address", address="al") == ["al_x@a.test", "alice@a.test"]
    assert await found("/v1/accounts", "address", address="al_") == ["al_x@a.test"]
    assert await found("/v1/accounts", "address", domain="b.test", active="true") == ["bob@b.test"]
    assert await found("/v1/accounts", "address", active="false") == []


@pytest.mark.parametrize("kind", ["domains", "accounts", "aliases"])
async def test_who_changes_what_was_changed_is_refused(client: Client, kind: str) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    await created(client, "/v1/aliases", {"address": "x@a.test", "targets": ["b@b.test"]})
    path = {"domains": "/v1/domains/a.test", "accounts": f"/v1/accounts/{account['id']}", "aliases": "/v1/aliases/x@a.test"}[kind]
    seen = (await client.get(path)).headers["etag"]
    changed = await client.patch(path, json={"active": False}, headers={"If-Match": f'"other", {seen}'})
    assert changed.status_code == 200
    assert changed.headers["etag"] == (await client.get(path)).headers["etag"] != seen
    for response in (
        await client.patch(path, json={"active": True}, headers={"If-Match": seen}),
        await client.delete(path, headers={"If-Match": seen}),
    ):
        assert_problem(response, 412)
    assert (await client.get(path)).json()["active"] is False
    if kind != "domains":
        erased = await client.delete(
            path, params={"erase": True} if kind == "accounts" else {}, headers={"If-Match": changed.headers["etag"]}
        )
        assert erased.status_code == 204
        assert_problem(await client.patch(path, json={"active": True}, headers={"If-Match": "*"}), 404)


async def test_what_is_sent_again_is_done_once(client: Client, database_urls: DatabaseUrls) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    path, body, again = f"/v1/accounts/{account['id']}/app-passwords", {"name": "phone"}, {HEADER: "k1"}
    first = await client.post(path, json=body, headers=again)
    second = await client.post(path, json=body, headers=again)
    assert second.json() == first.json()
    assert (second.status_code, second.headers[REPLAYED]) == (201, "true")
    assert REPLAYED.lower() not in first.headers
    assert len((await client.get(path)).json()["items"]) == 1
    made = [await client.post("/v1/domains", json={"name": "b.test"}, headers={HEADER: "k2"}) for _ in range(2)]
    assert [(answer.status_code, answer.headers["location"]) for answer in made] == [(201, "/v1/domains/b.test")] * 2
    assert_problem(await client.post("/v1/domains", json={"name": "c.test"}, headers={HEADER: "k2"}), 409, HEADER)
    assert_problem(await client.post("/v1/domains", json={"name": "c.test"}, headers={HEADER: "x" * 201}), 422, HEADER)

    connection = await asyncpg.connect(database_urls.owner)
    kept = await connection.fetch("SELECT answer FROM idempotency_keys")
    assert len(kept) == 2
    assert not any(first.json()["password"].encode() in row["answer"] for row in kept), "the database cannot read it"
    await connection.close()


async def test_what_failed_may_be_tried_again(client: Client) -> None:
    again = {HEADER: "k1"}
    assert_problem(await client.post("/v1/accounts", json=ALICE, headers=again), 404)
    assert_problem(await client.post("/v1/accounts", json=ALICE | {"password": "short"}, headers=again), 422)
    await created(client, "/v1/domains", {"name": "a.test"})
    assert (await client.post("/v1/accounts", json=ALICE, headers=again)).status_code == 201


async def test_two_at_once_are_done_once(client: Client, with_scopes: WithScopes, backend: Backend) -> None:
    answers = await asyncio.gather(
        *(client.post("/v1/domains", json={"name": "a.test"}, headers={HEADER: "k"}) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, HEADER)
    other = await with_scopes("admin")
    assert_problem(await other.post("/v1/domains", json={"name": "a.test"}, headers={HEADER: "k"}), 409, "name")


async def test_keys_expire_and_are_bounded(
    client: Client, database_urls: DatabaseUrls, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(database_urls.owner)
    await client.post("/v1/domains", json={"name": "a.test"}, headers={HEADER: "k"})
    await connection.execute("UPDATE idempotency_keys SET expires_at = now()")
    assert_problem(await client.post("/v1/domains", json={"name": "a.test"}, headers={HEADER: "k"}), 409, "name")
    await client.post("/v1/domains", json={"name": "b.test"}, headers={HEADER: "k"})
    await connection.execute("UPDATE idempotency_keys SET expires_at = now()")
    assert await purge_idempotency_keys(backend.db) == 1
    monkeypatch.setattr("mailstead.store.idempotency.MAX_OF_CALLER", 1)
    monkeypatch.setattr(idempotency, "MAX_ANSWER", 10)
    assert (await client.post("/v1/domains", json={"name": "c.test"}, headers={HEADER: "c"})).status_code == 201
    assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") == 0, "too long to be kept"
    monkeypatch.undo()
    monkeypatch.setattr("mailstead.store.idempotency.MAX_OF_CALLER", 1)
    await client.post("/v1/domains", json={"name": "d.test"}, headers={HEADER: "d"})
    assert_problem(await client.post("/v1/domains", json={"name": "e.test"}, headers={HEADER: "e"}), 429, HEADER)
    await connection.close()


async def test_requests_have_a_rate(backend: Backend, with_scopes: WithScopes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.rate_limit, "_rate", Rate(0.001, 40))
    monkeypatch.setattr(backend.rate_limit, "_block", 2)
    client = await with_scopes("admin")
    answers = [await client.get("/v1/version") for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["ratelimit-policy"] == '"requests";q=40;w=40000'
    assert answers[0].headers["ratelimit"] == '"requests";r=1;t=1'
    refused = await client.get("/v1/version")
    assert_problem(refused, 429)
    assert refused.headers["retry-after"]
    assert (await (await with_scopes("admin")).get("/v1/version")).status_code == 200, "another caller's is another's"


async def test_replicas_share_the_rate(backend: Backend) -> None:
    replicas = [RateLimit(Limits(backend.db), Rate(0.001, 40)) for _ in range(2)]
    spent = 0
    for replica in replicas * 40:
        try:
            await replica.spend("somebody")
        except Exception as error:
            assert "too many" in str(error)
        else:
            spent += 1
    assert spent == 40
