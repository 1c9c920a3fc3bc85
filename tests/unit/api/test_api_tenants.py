"""Tenants and keys that reach one of them: nothing of another's is found, listed, changed or made, on any route."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.callers import NARROWED, PLACES
from api.deps import Backend
from api.scopes import OF_OPERATORS, Scope
from mailstead.model.api_key import fingerprint, new_key
from unit.api.test_api_routes import ALICE, assert_problem, created
from unit.api.test_api_scopes import ROUTES

Client = httpx.AsyncClient
WithScopes = Callable[..., Awaitable[Client]]
NONE_OF_THEIRS = ("/v1/queue/", "/v1/messages/")  # they have sent nothing
WITHIN = {"name", "selector", "app_password_id", "mailbox_id", "uid", "event_id"}  # names within what another parameter names


@pytest.fixture
async def theirs(client: Client) -> dict[str, Any]:
    """What another tenant has, by path parameter."""
    tenant = await created(client, "/v1/tenants", {"name": "theirs"})
    await created(client, "/v1/domains", {"name": "theirs.test", "tenant_id": tenant["id"]})
    account = await created(client, "/v1/accounts", ALICE | {"address": "alice@theirs.test"})
    assert account["tenant_id"] == tenant["id"]
    await created(client, "/v1/aliases", {"address": "sales@theirs.test", "targets": ["alice@theirs.test"]})
    await client.post("/v1/domains/theirs.test/signing-keys", json={"selector": "s1"})
    await client.put(f"/v1/accounts/{account['id']}/sieve-scripts/main", json={"text": "keep;"})
    listed = await created(client, "/v1/suppressions", {"tenant_id": tenant["id"], "address": "x@b.test"})
    pause = await created(client, "/v1/queue-pauses", {"tenant_id": tenant["id"]})
    key = (await client.post("/v1/api-keys", json={"name": "their key", "scopes": ["admin"], "tenant_id": tenant["id"]})).json()
    rule = await created(client, "/v1/delivery-rules", {"tenant_id": tenant["id"], "domain": "", "host": "relay.test"})
    hook = (await client.post("/v1/webhooks", json={"tenant_id": tenant["id"], "url": "https://hooks.test/"})).json()
    return {
        "tenant_id": tenant["id"],
        "webhook_id": hook["id"],
        "event_id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "rule_id": rule["id"],
        "domain": "theirs.test",
        "account_id": account["id"],
        "address": "sales@theirs.test",
        "api_key_id": key["id"],
        "name": "main",
        "selector": "s1",
        "app_password_id": 1,
        "mailbox_id": 1,
        "uid": 1,
        "pause_id": pause["id"],
        "suppression_id": listed["id"],
        "trace_id": "0" * 32,
        "queue_id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    }


async def test_a_tenant_from_beginning_to_end(client: Client) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "one"})
    assert (tenant["domain_count"], tenant["account_count"]) == (0, 0)
    assert_problem(await client.post("/v1/tenants", json={"name": "one"}), 409, "name")
    path = f"/v1/tenants/{tenant['id']}"
    assert (await client.patch(path, json={"name": "two"})).json() == tenant | {"name": "two"}
    await created(client, "/v1/tenants", {"name": "three"})
    assert_problem(await client.patch(path, json={"name": "three"}), 409, "name")
    await created(client, "/v1/domains", {"name": "a.test", "tenant_id": tenant["id"]})
    assert_problem(await client.delete(path), 409, "tenant_id")
    await client.delete("/v1/domains/a.test?erase=true")
    assert (await client.delete(path)).status_code == 204
    for response in (await client.get(path), await client.delete(path), await client.patch(path, json={"name": "x"})):
        assert_problem(response, 404)
    assert_problem(await client.post("/v1/domains", json={"name": "a.test", "tenant_id": tenant["id"]}), 404, "tenant_id")


async def test_a_tenant_is_suspended_with_all_that_is_its(
    client: Client, backend: Backend, with_scopes: WithScopes, theirs: dict[str, Any]
) -> None:
    path, domain = f"/v1/tenants/{theirs['tenant_id']}", "/v1/domains/theirs.test"
    before = (await client.get(domain)).json()
    signing_in = {"address": "alice@theirs.test", "password": ALICE["password"]}
    suspended = (await client.patch(path, json={"active": False})).json()
    assert suspended == (await client.get(path)).json()
    assert suspended["active"] is False
    assert (await client.get(domain)).json() == before | {"held": True}
    later = await created(client, "/v1/domains", {"name": "later.test", "tenant_id": theirs["tenant_id"]})
    assert (later["active"], later["held"]) == (True, True)
    assert_problem(await client.post("/v1/sign-ins", json=signing_in), 409)
    key = new_key()
    await backend.api_keys.create("of theirs", [Scope.ADMIN], fingerprint(key), tenant_id=theirs["tenant_id"])
    ours = {"Authorization": f"Bearer {key}"}
    assert_problem(await client.get("/v1/domains", headers=ours), 401)
    settings = {"host": "autoconfig.theirs.test"}
    assert (await client.get("/mail/config-v1.1.xml", headers=settings)).status_code == 404

    assert (await client.patch(path, json={"active": True})).json()["active"] is True
    assert (await client.get(domain)).json() == before
    assert (await client.post("/v1/sign-ins", json=signing_in)).status_code == 201
    assert (await client.get("/v1/domains", headers=ours)).status_code == 200
    assert (await client.get("/mail/config-v1.1.xml", headers=settings)).status_code == 200


async def test_operators_do_not_shut_themselves_out(client: Client, theirs: dict[str, Any]) -> None:
    await client.put(f"/v1/accounts/{theirs['account_id']}/role", json={"role": "operator"})
    path = f"/v1/tenants/{theirs['tenant_id']}"
    assert_problem(await client.patch(path, json={"active": False}), 409, "active")
    assert (await client.get(path)).json()["active"] is True
    await client.put(f"/v1/accounts/{theirs['account_id']}/role", json={"role": "owner"})
    assert (await client.patch(path, json={"active": False, "name": "late payers"})).status_code == 200


def test_every_path_parameter_is_somebodys(backend: Backend) -> None:
    for path in create_app(backend).openapi()["paths"]:
        parameters = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert parameters <= PLACES.keys() | NARROWED | WITHIN, path
        assert not parameters or parameters & (PLACES.keys() | NARROWED), path


async def test_what_is_anothers_is_not_there(client: Client, with_scopes: WithScopes, theirs: dict[str, Any]) -> None:
    mine = await created(client, "/v1/tenants", {"name": "mine"})
    ours = await with_scopes(Scope.ADMIN, tenant_id=mine["id"])
    for (method, path), scope in ROUTES.items():
        if "{" not in path or path.startswith(NONE_OF_THEIRS):
            continue
        response = await ours.request(method, path.format(**theirs), json={} if method != "GET" else None)
        wanted = 403 if scope in OF_OPERATORS else 404
        assert response.status_code == wanted, (method, path, response.text)

    operator = await with_scopes(Scope.ADMIN)
    for method, path in ROUTES:
        if method == "GET" and "{" in path and not path.startswith(NONE_OF_THEIRS):
            nothing = path.endswith(("/vacation", "/{uid}", "/content", "/{event_id}"))
            wanted = 503 if path.endswith("/sessions") else 404 if nothing else 200
            assert (await operator.get(path.format(**theirs))).status_code == wanted, path


async def test_lists_show_the_callers_tenant_only(client: Client, with_scopes: WithScopes, theirs: dict[str, Any]) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    await created(client, "/v1/aliases", {"address": "x@a.test", "targets": ["b@b.test"]})
    lists = ("domains", "accounts", "aliases", "tenants", "api-keys", "queue")
    everything = {name: (await client.get(f"/v1/{name}")).json()["items"] for name in lists}
    ours = await with_scopes(Scope.ADMIN, tenant_id=account["tenant_id"])
    shown = {name: (await ours.get(f"/v1/{name}")).json()["items"] for name in lists}
    assert [domain["name"] for domain in shown["domains"]] == ["a.test"]
    assert shown["accounts"] == [account]
    assert [alias["address"] for alias in shown["aliases"]] == ["x@a.test"]
    assert [tenant["id"] for tenant in shown["tenants"]] == [account["tenant_id"]]
    assert len(shown["api-keys"]) == 1
    assert {len(everything[name]) for name in ("domains", "accounts", "aliases", "tenants")} == {2}
    for name in ("domains", "accounts", "aliases", "api-keys"):
        assert_problem(await ours.get(f"/v1/{name}", params={"tenant_id": theirs["tenant_id"]}), 404)

    operator = await with_scopes(Scope.ADMIN)
    for name in ("domains", "accounts", "aliases", "api-keys"):
        only = (await operator.get(f"/v1/{name}", params={"tenant_id": theirs["tenant_id"]})).json()["items"]
        assert len(only) == 1, name


async def test_nothing_is_made_beyond_the_callers_tenant(client: Client, with_scopes: WithScopes, theirs: dict[str, Any]) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    ours = await with_scopes(Scope.ADMIN, tenant_id=account["tenant_id"])
    assert_problem(await ours.post("/v1/domains", json={"name": "b.test", "tenant_id": theirs["tenant_id"]}), 404, "tenant_id")
    assert_problem(await ours.post("/v1/domains", json={"name": "b.test", "alias_of": "theirs.test"}), 404, "alias_of")
    assert_problem(await ours.post("/v1/accounts", json=ALICE | {"address": "bob@theirs.test"}), 404, "address")
    assert_problem(await ours.post("/v1/aliases", json={"address": "b@theirs.test", "targets": ["b@b.test"]}), 404, "address")
    for sender in ("alice@theirs.test", "@elsewhere.test"):
        assert_problem(await ours.patch(f"/v1/accounts/{account['id']}", json={"send_as": [sender]}), 403, "send_as")
    assert (await ours.patch(f"/v1/accounts/{account['id']}", json={"send_as": ["@a.test"]})).status_code == 200
    made = await created(ours, "/v1/domains", {"name": "b.test"})
    assert made["tenant_id"] == account["tenant_id"]


async def test_a_key_gives_no_more_than_it_has(client: Client, with_scopes: WithScopes, theirs: dict[str, Any]) -> None:
    writer = await with_scopes(Scope.KEYS_WRITE, Scope.DOMAINS_READ)
    asked = {"name": "n", "scopes": ["domains:read", "domains:write"]}
    assert_problem(await writer.post("/v1/api-keys", json=asked), 403, "scopes.1")
    assert_problem(await writer.post("/v1/api-keys", json=asked | {"scopes": ["admin"]}), 403, "scopes.0")
    made = await writer.post("/v1/api-keys", json=asked | {"scopes": ["domains:read"]})
    assert made.status_code == 201
    assert made.json()["tenant_id"] is None
    assert_problem(await writer.post("/v1/api-keys", json=asked | {"scopes": ["domains:read"]}), 409, "name")

    limited = await with_scopes(Scope.ADMIN, tenant_id=theirs["tenant_id"])
    made = await limited.post("/v1/api-keys", json={"name": "m", "scopes": ["admin"]})
    assert made.json()["tenant_id"] == theirs["tenant_id"]
    secret, path = made.json()["key"], f"/v1/api-keys/{made.json()['id']}"
    assert (await client.get("/v1/domains", headers={"Authorization": f"Bearer {secret}"})).status_code == 200
    assert (await limited.delete(path)).status_code == 204
    assert (await client.get("/v1/domains", headers={"Authorization": f"Bearer {secret}"})).status_code == 401
