"""Accounts and domains that are deleted: what can be done with them, and how they come back."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from mailstead.events import AccountChanged
from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient


@pytest.fixture
async def account(client: Client) -> dict[str, Any]:
    await created(client, "/v1/domains", {"name": "a.test"})
    return await created(client, "/v1/accounts", ALICE)


def path_of(account: dict[str, Any]) -> str:
    return f"/v1/accounts/{account['id']}"


async def test_an_account_is_deleted_and_restored(client: Client, account: dict[str, Any]) -> None:
    path = path_of(account)
    assert_problem(await client.post(f"{path}/restore"), 409, "account_id")
    assert (await client.delete(path)).status_code == 204
    deleted = (await client.get(path)).json()
    assert deleted == account | {"active": False, "deleted_at": deleted["deleted_at"], "erase_at": deleted["erase_at"]}
    assert deleted["deleted_at"] < deleted["erase_at"]
    signing_in = {"address": ALICE["address"], "password": ALICE["password"]}
    assert_problem(await client.post("/v1/sign-ins", json=signing_in), 409)
    assert (await client.get("/v1/accounts")).json()["items"] == []
    assert (await client.get("/v1/accounts?deleted=true")).json()["items"] == [deleted]
    assert (await client.get("/v1/overview")).json()["storage"]["suspended_count"] == 0

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json() == deleted, "its time is not put off"

    restored = await client.post(f"{path}/restore")
    assert restored.json() == account
    assert (await client.post("/v1/sign-ins", json=signing_in)).status_code == 201


async def test_what_was_suspended_is_so_again(client: Client, account: dict[str, Any]) -> None:
    await client.patch(path_of(account), json={"active": False})
    await client.delete(path_of(account))
    assert (await client.post(f"{path_of(account)}/restore")).json() == account | {"active": False}


async def test_a_full_domain_takes_no_account_back(client: Client, account: dict[str, Any]) -> None:
    await client.patch("/v1/domains/a.test", json={"max_accounts": 1})
    await client.delete(path_of(account))
    await created(client, "/v1/accounts", ALICE | {"address": "bob@a.test"})
    problem = assert_problem(await client.post(f"{path_of(account)}/restore"), 409, "account_id")
    assert "as many accounts as it may have" in problem["errors"][0]["detail"]
    assert (await client.get(path_of(account))).json()["deleted_at"]


async def test_names_of_what_is_deleted_are_taken_and_it_is_told_why(client: Client, account: dict[str, Any]) -> None:
    await client.delete(path_of(account))
    for path, body in (
        ("/v1/accounts", ALICE),
        ("/v1/aliases", {"address": ALICE["address"], "targets": ["x@b.test"]}),
    ):
        problem = assert_problem(await client.post(path, json=body), 409, "address")
        assert problem["type"] == "urn:mailstead:problem:deleted"
    imported = await client.post(
        "/v1/account-imports",
        content=b'{"address": "alice@a.test", "password": "correct horse"}\n',
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert "deleted" in imported.json()["rows"][0]["detail"]
    assert_problem(await client.patch(path_of(account), json={"active": True}), 409)

    assert (await client.delete(path_of(account), params={"erase": True})).status_code == 204
    assert_problem(await client.get(path_of(account)), 404)
    await created(client, "/v1/accounts", ALICE)


async def test_a_domain_is_deleted_and_restored(client: Client, account: dict[str, Any]) -> None:
    await created(client, "/v1/domains", {"name": "also.test", "alias_of": "a.test"})
    assert_problem(await client.delete("/v1/domains/a.test"), 409, "domain")
    await client.delete(path_of(account))
    assert_problem(await client.delete("/v1/domains/a.test"), 409, "domain")
    await client.delete("/v1/domains/also.test")
    before = (await client.get("/v1/domains/a.test")).json()
    assert before["account_count"] == 0
    assert (await client.delete("/v1/domains/a.test")).status_code == 204

    assert (await client.get("/v1/domains")).json()["items"] == []
    shown = (await client.get("/v1/domains?deleted=true")).json()["items"]
    assert [(domain["name"], domain["active"]) for domain in shown] == [("a.test", False), ("also.test", False)]
    assert (await client.get("/v1/overview")).json()["domains"]["suspended"] == []
    for answer, field in (
        (await client.post("/v1/domains", json={"name": "a.test"}), "name"),
        (await client.post("/v1/accounts", json=ALICE | {"address": "bob@a.test"}), "address"),
        (await client.post("/v1/aliases", json={"address": "bob@a.test", "targets": ["x@b.test"]}), "address"),
        (await client.post(f"{path_of(account)}/restore"), "account_id"),
        (await client.post("/v1/domains/also.test/restore"), "domain"),
    ):
        problem = assert_problem(answer, 409, field)
        assert problem["type"] == "urn:mailstead:problem:deleted"
    assert_problem(await client.patch("/v1/domains/a.test", json={"active": True}), 409)

    assert (await client.post("/v1/domains/a.test/restore")).json() == before
    assert_problem(await client.post("/v1/domains/a.test/restore"), 409, "domain")
    assert (await client.post(f"{path_of(account)}/restore")).json() == account


async def test_a_domain_is_erased_with_what_is_deleted_of_it(client: Client, account: dict[str, Any]) -> None:
    await created(client, "/v1/domains", {"name": "also.test", "alias_of": "a.test"})
    await created(client, "/v1/aliases", {"address": "sales@a.test", "targets": ["x@b.test"]})
    assert_problem(await client.delete("/v1/domains/a.test?erase=true"), 409, "domain")
    await client.delete(path_of(account))
    await client.delete("/v1/domains/also.test")
    assert (await client.delete("/v1/domains/a.test?erase=true")).status_code == 204
    for path in (path_of(account), "/v1/domains/a.test", "/v1/domains/also.test", "/v1/aliases/sales@a.test"):
        assert_problem(await client.get(path), 404)
    await created(client, "/v1/domains", {"name": "a.test"})


async def test_sessions_hear_of_it(
    client: Client, account: dict[str, Any], backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(backend.bus, "publish", told.extend)
    await client.delete(path_of(account))
    await client.post(f"{path_of(account)}/restore")
    assert told == [AccountChanged(account["id"], account["address"], active) for active in (False, True)]


async def test_who_may_not_change_accounts_restores_none(
    client: Client, account: dict[str, Any], with_scopes: Callable[..., Awaitable[Client]]
) -> None:
    await client.delete(path_of(account))
    reader = await with_scopes("accounts:read")
    assert_problem(await reader.post(f"{path_of(account)}/restore"), 403)
