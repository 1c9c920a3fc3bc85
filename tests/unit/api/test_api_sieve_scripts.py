"""Scripts over the API: checked before they are stored, at most one active, bounded in size and number."""

from typing import Any

import httpx
import pytest

from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient


@pytest.fixture
async def path(client: Client) -> str:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    return f"/v1/accounts/{account['id']}/sieve-scripts"


async def put(client: Client, path: str, **body: Any) -> dict[str, Any]:
    response = await client.put(path, json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_script_from_beginning_to_end(client: Client, path: str) -> None:
    assert (await client.get(path)).json() == {"items": [], "next_cursor": None}
    stored = await put(client, f"{path}/main", text="keep;\r\n# Grüße\r\n")
    assert (stored["name"], stored["active"], stored["octets"], stored["remarks"]) == ("main", False, 18, [])
    found = (await client.get(f"{path}/main")).json()
    assert found["text"] == "keep;\r\n# Grüße\r\n"
    assert (await put(client, f"{path}/main", text="discard;", active=True))["active"]
    assert (await put(client, f"{path}/main", text="keep;"))["active"]
    assert_problem(await client.delete(f"{path}/main"), 409, "name")
    assert (await put(client, f"{path}/other", text="stop; keep;", active=True))["remarks"] == [
        'line 1, column 7: nothing behind "stop" is ever done'
    ]
    assert {item["name"]: item["active"] for item in (await client.get(path)).json()["items"]} == {"main": False, "other": True}
    assert not (await put(client, f"{path}/other", text="keep;", active=False))["active"]
    for name in ("main", "other"):
        assert (await client.delete(f"{path}/{name}")).status_code == 204
        assert_problem(await client.delete(f"{path}/{name}"), 404, "name")
        assert_problem(await client.get(f"{path}/{name}"), 404, "name")


async def test_what_is_no_script_is_not_stored(client: Client, path: str) -> None:
    problem = assert_problem(await client.put(f"{path}/main", json={"text": 'require "fileinto";\r\nfileinto;'}), 422, "text")
    assert problem["errors"][0]["detail"] == 'line 2, column 1: "fileinto" lacks a string'
    assert_problem(await client.put(f"{path}/main", json={"text": "#" * 2_001}), 422, "text")
    assert_problem(await client.put(f"{path}/main", json={"text": ""}), 422, "text")
    assert_problem(await client.put(f"{path}/{'x' * 129}", json={"text": "keep;"}), 422, "name")
    assert_problem(await client.put(f"{path}/a%0Ab", json={"text": "keep;"}), 422, "name")
    assert (await client.get(path)).json() == {"items": [], "next_cursor": None}


async def test_scripts_have_a_number(client: Client, path: str) -> None:
    for name in ("a", "b", "a"):
        await put(client, f"{path}/{name}", text="keep;")
    assert_problem(await client.put(f"{path}/c", json={"text": "keep;"}), 429)


async def test_no_account(client: Client) -> None:
    assert_problem(await client.get("/v1/accounts/4711/sieve-scripts"), 404)
    assert_problem(await client.put("/v1/accounts/4711/sieve-scripts/a", json={"text": "keep;"}), 404)
