"""Usage, identities and vacation over the API, and an account that is erased."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from api.schemas.vacation import VacationFields
from api.vacation import fields_of, script_of
from kit.postgres import DatabaseUrls
from mailstead.store.engine import open_database
from mailstead.store.ingest import Ingest
from mailstead.store.reclaim import Reclaim
from mailstead.wire.sieve import compile_script
from store.builders import Account, fill
from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient


@pytest.fixture
async def account(client: Client) -> dict[str, Any]:
    await created(client, "/v1/domains", {"name": "a.test"})
    return await created(client, "/v1/accounts", ALICE)


async def test_usage(client: Client, account: dict[str, Any]) -> None:
    path = f"/v1/accounts/{account['id']}/usage"
    assert (await client.get(path)).json() == {
        "used_bytes": 0,
        "quota_bytes": 1000,
        "message_count": 0,
        "quota_messages": 0,
    }
    page = (await client.get(f"{path}/mailboxes", params={"limit": 2})).json()
    assert page["items"][0] == {"name": "Archive", "message_count": 0, "unseen_count": 0, "used_bytes": 0}
    rest = (await client.get(f"{path}/mailboxes", params={"cursor": page["next_cursor"]})).json()["items"]
    assert [mailbox["name"] for mailbox in rest] == ["INBOX", "Junk", "Sent", "Trash"]


async def test_identities(client: Client, account: dict[str, Any]) -> None:
    await created(client, "/v1/domains", {"name": "b.test", "alias_of": "a.test"})
    await created(client, "/v1/aliases", {"address": "sales@a.test", "targets": ["alice@a.test", "x@b.test"]})
    await created(client, "/v1/aliases", {"address": "@a.test", "targets": ["alice@a.test"]})
    await created(client, "/v1/aliases", {"address": "group@a.test", "kind": "group", "targets": ["alice@a.test"]})
    await client.patch(f"/v1/accounts/{account['id']}", json={"send_as": ["@c.test"]})
    path = f"/v1/accounts/{account['id']}/identities"
    wanted = [
        {"address": "@c.test", "source": "grant"},
        {"address": "alice@a.test", "source": "address"},
        {"address": "alice@b.test", "source": "alias domain"},
        {"address": "sales@a.test", "source": "alias"},
    ]
    assert (await client.get(path)).json()["items"] == wanted
    first = (await client.get(path, params={"limit": 3})).json()
    rest = (await client.get(path, params={"cursor": first["next_cursor"]})).json()
    assert first["items"] + rest["items"] == wanted


async def test_a_vacation(client: Client, account: dict[str, Any]) -> None:
    path = f"/v1/accounts/{account['id']}/vacation"
    assert_problem(await client.get(path), 404)
    assert_problem(await client.delete(path), 404)
    asked = {"text": 'Gone "fishing" \\o/\nuntil then', "subject": "Away", "first_day": "2026-07-01", "last_day": "2026-07-31"}
    made = (await client.put(path, json=asked)).json()
    assert made == asked | {"days": 7, "enabled": True}
    assert (await client.get(path)).json() == made
    script = (await client.get(f"/v1/accounts/{account['id']}/sieve-scripts/vacation")).json()
    assert script["active"]
    assert not (await client.put(path, json={"text": "Gone", "enabled": False})).json()["enabled"]
    await client.put(f"/v1/accounts/{account['id']}/sieve-scripts/mine", json={"text": "keep;", "active": True})
    assert_problem(await client.put(path, json={"text": "Gone"}), 409, "enabled")
    assert_problem(await client.put(path, json=asked | {"last_day": "2026-06-01"}), 422)
    assert_problem(await client.put(path, json={"text": "x\u0000"}), 422, "text")
    assert (await client.delete(path)).status_code == 204
    await client.put(f"/v1/accounts/{account['id']}/sieve-scripts/vacation", json={"text": "keep;"})
    assert_problem(await client.get(path), 404)


@pytest.mark.parametrize("text", ["x", "a\n.\nb", 'say "hi" \\ "', "Grüße\n"])
def test_a_vacation_is_a_script(text: str) -> None:
    for more in ({}, {"first_day": "2026-01-01"}, {"subject": 'a "b"', "last_day": "2026-01-01"}):
        fields = VacationFields.model_validate({"text": text, **more})
        script = script_of(fields)
        compile_script(script.encode())
        assert fields_of(script) == fields


async def test_what_is_erased_waits_for_nothing(client: Client, account: dict[str, Any], database_urls: DatabaseUrls) -> None:
    other = await created(client, "/v1/accounts", ALICE | {"address": "bob@a.test"})
    async with open_database(database_urls.owner) as owner:
        async with Ingest(owner, announce=lambda _: None) as ingest:
            for row, count in ((account, 3), (other, 2)):
                await fill(ingest, Account(row["id"], row["tenant_id"], row["address"]), count)
        connection = await asyncpg.connect(database_urls.owner)
        before = await connection.fetchval("SELECT count(*) FROM contents")
        assert (await client.delete(f"/v1/accounts/{account['id']}?erase=true")).status_code == 204
        assert await connection.fetchval("SELECT count(*) FROM contents WHERE referred_at = 'epoch'") == 3
        assert await Reclaim(owner).contents(timedelta(days=1)) == 3
        assert await connection.fetchval("SELECT count(*) FROM contents") == before - 3
        await connection.close()
