"""Accounts in bulk: each row has its result, and who was imported can log in with the password they had elsewhere."""

import json

import bcrypt
import httpx
import pytest

from api.deps import Backend
from kit.postgres import DatabaseUrls
from unit.api.test_api_routes import ALICE, assert_problem, created, logs_in

Client = httpx.AsyncClient
PATH = "/v1/account-imports"
HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()


async def sent(client: Client, body: str | bytes, media_type: str = "application/x-ndjson") -> httpx.Response:
    return await client.post(PATH, content=body, headers={"Content-Type": media_type})


async def test_ndjson(client: Client, database_urls: DatabaseUrls) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    rows = [
        {"address": "Alice@a.test", "password_hash": HASH, "quota_bytes": 1000},
        {"address": "bob@a.test", "password": "correct horse battery"},
        {"address": "carol@a.test", "password": "password1"},
        {"address": "dave@a.test", "password_hash": "$1$x$y"},
        {"address": "erin@nowhere.test", "password_hash": HASH},
        {"address": "frank@a.test"},
        {"address": "alice@a.test", "password_hash": HASH},
        {"address": "x", "password_hash": HASH},
        {"addres": "y@a.test", "password_hash": HASH},
    ]
    body = "\n".join([*map(json.dumps, rows), "", "{", "[]", "\r\n"])
    answer = await sent(client, body)
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["created"], done["refused"]) == (2, 9)
    assert [row["row"] for row in done["rows"]] == list(range(1, 12))
    assert [row["field"] for row in done["rows"]] == [
        None,
        None,
        "password",
        "password_hash",
        "address",
        None,
        "address",
        "address",
        "address",
        None,
        None,
    ]
    assert all((row["id"] is None) == bool(row["detail"]) for row in done["rows"])
    account = (await client.get(f"/v1/accounts/{done['rows'][0]['id']}")).json()
    assert (account["address"], account["quota_bytes"]) == ("alice@a.test", 1000)
    assert await logs_in(database_urls, "alice@a.test", "correct horse") == account["id"]
    assert await logs_in(database_urls, "alice@a.test", "correct horses") is None
    assert await logs_in(database_urls, "bob@a.test", "correct horse battery") == done["rows"][1]["id"]
    again = (await sent(client, body)).json()
    assert (again["created"], again["refused"]) == (0, 11)


async def test_csv(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    body = (
        f"\ufeffaddress,password_hash,quota_bytes,active\r\n"
        f"alice@a.test,{HASH},,\r\n"
        f'bob@a.test,"{HASH}",5,false\r\n'
        f"carol@a.test,{HASH}\r\n"
        f"dave@a.test,{HASH},many,\r\n"
        f'erin@a.test,"{HASH},,\r\n'
    )
    done = (await sent(client, body, "text/csv; charset=utf-8")).json()
    assert [bool(row["id"]) for row in done["rows"]] == [True, True, False, False, False]
    assert done["rows"][3]["field"] == "quota_bytes"
    bob = (await client.get(f"/v1/accounts/{done['rows'][1]['id']}")).json()
    assert (bob["quota_bytes"], bob["active"]) == (5, False)
    assert (await sent(client, b"address\n\xff\n", "text/csv")).json()["refused"] == 1


async def test_what_is_turned_away(client: Client, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_problem(await client.post(PATH, json=[]), 415)
    assert_problem(await sent(client, b"x" * 17_000), 413)
    object.__setattr__(backend, "max_import_rows", 1)
    assert_problem(await sent(client, b"{}\n{}"), 413)
    assert (await sent(client, b"")).json() == {"created": 0, "refused": 0, "rows": []}


async def test_a_domain_has_no_more_accounts_than_it_may(client: Client) -> None:
    for name in ("a.test", "b.test"):
        await created(client, "/v1/domains", {"name": name})
    assert (await client.patch("/v1/domains/a.test", json={"max_accounts": 3})).json()["max_accounts"] == 3
    await created(client, "/v1/accounts", ALICE)
    rows = [
        {"address": f"{name}@{domain}.test", "password_hash": HASH} for domain in "ab" for name in ("alice", "bo", "cy", "di")
    ]
    done = (await sent(client, "\n".join(map(json.dumps, rows)))).json()
    assert [row["id"] is not None for row in done["rows"]] == [False, True, True, False, True, True, True, True]
    assert "as many accounts" in done["rows"][3]["detail"]
    assert_problem(await client.post("/v1/accounts", json=ALICE | {"address": "di@a.test"}), 409, "address")
    await client.patch("/v1/domains/a.test", json={"max_accounts": 0, "retention_days": 30})
    await created(client, "/v1/accounts", ALICE | {"address": "di@a.test"})
    assert (await client.get("/v1/domains/a.test")).json()["retention_days"] == 30
    for wrong in ({"max_accounts": -1}, {"retention_days": 40_000}):
        assert_problem(await client.patch("/v1/domains/a.test", json=wrong), 422)
