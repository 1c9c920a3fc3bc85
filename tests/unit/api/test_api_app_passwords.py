"""App passwords, SCRAM keys and the strength of passwords over the API: what it stores is what a log-in finds."""

from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from kit.postgres import DatabaseUrls
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Authenticator, Peer
from mailstead.ops.settings import LoginSettings
from mailstead.store.app_passwords import MAX_OF_ACCOUNT
from mailstead.store.engine import open_database

Client = httpx.AsyncClient
ALICE = {"address": "alice@a.test", "password": "correct horse"}


@pytest.fixture
async def account(client: Client) -> dict[str, Any]:
    await client.post("/v1/domains", json={"name": "a.test"})
    made: dict[str, Any] = (await client.post("/v1/accounts", json=ALICE)).json()
    return made


async def outcome(urls: DatabaseUrls, password: str) -> str:
    """What IMAP says to alice and this password: `accepted`, or the failure."""
    async with open_database(urls.imap, pool_size=1) as database:
        authenticator = Authenticator(database, LoginSettings(), CollectorRegistry())
        try:
            await authenticator.log_in("alice@a.test", password, Peer("192.0.2.1", None, "imap"))
        except Refused as refused:
            return refused.failure.name
        finally:
            authenticator.close()
    return "accepted"


async def test_an_app_password_from_beginning_to_end(
    client: Client, account: dict[str, Any], database_urls: DatabaseUrls
) -> None:
    path = f"/v1/accounts/{account['id']}/app-passwords"
    asked = {"name": "Phone", "scopes": ["imap"], "expires_at": "2100-01-01T00:00:00Z"}
    response = await client.post(path, json=asked)
    assert response.status_code == 201, response.text
    made = response.json()
    assert asked.items() <= made.items()
    assert await outcome(database_urls, made["password"]) == "accepted"
    (listed,) = (await client.get(path)).json()["items"]
    assert "password" not in listed
    assert (listed["id"], listed["last_used_at"] is not None) == (made["id"], True)
    assert (await client.delete(f"{path}/{made['id']}")).status_code == 204
    assert await outcome(database_urls, made["password"]) == Failure.BAD_CREDENTIALS.name
    assert (await client.delete(f"{path}/{made['id']}")).status_code == 404
    assert (await client.get("/v1/accounts/999/app-passwords")).status_code == 404
    assert (await client.post("/v1/accounts/999/app-passwords", json=asked)).status_code == 404


async def test_an_account_has_so_many_at_most(client: Client, account: dict[str, Any]) -> None:
    path = f"/v1/accounts/{account['id']}/app-passwords"
    for _ in range(MAX_OF_ACCOUNT):
        assert (await client.post(path, json={"name": "x"})).status_code == 201
    assert (await client.post(path, json={"name": "x"})).status_code == 409


@pytest.mark.parametrize("password", ["password1", "alice1234", "Alice@A.test", "qwertyuiop", "aaaaaaaaaaaaaaaa", "a.testalice"])
async def test_a_password_that_is_easily_guessed_is_refused(client: Client, account: dict[str, Any], password: str) -> None:
    made = await client.post("/v1/accounts", json={"address": "alice@a.test", "password": password})
    changed = await client.patch(f"/v1/accounts/{account['id']}", json={"password": password})
    for response in (made, changed):
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["field"] == "password"


async def test_scram_keys_are_kept_where_the_domain_asks(
    client: Client, account: dict[str, Any], database_urls: DatabaseUrls
) -> None:
    async def keys() -> int:
        async with open_database(database_urls.owner, pool_size=1) as owner:
            return len(await owner.fetch("look", "SELECT FROM scram_keys"))

    assert await keys() == 0
    assert (await client.patch("/v1/domains/a.test", json={"scram": True})).json()["scram"] is True
    assert await keys() == 0, "the password is known when it is set next"
    await client.patch(f"/v1/accounts/{account['id']}", json={"password": "battery staple"})
    await client.post("/v1/accounts", json={"address": "bob@a.test", "password": "correct horse"})
    assert await keys() == 2
    await client.patch("/v1/domains/a.test", json={"scram": False})
    assert await keys() == 0
