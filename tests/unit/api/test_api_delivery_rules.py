"""Delivery rules: made, shown without their password, replaced, removed; and what does not fit together."""

from typing import Any

import httpx
import pytest

from kit.postgres import DatabaseUrls
from mailstead.store.delivery_rules import SecretRule, load_rules
from mailstead.store.engine import open_database
from unit.api.test_api_routes import assert_problem, created

Client = httpx.AsyncClient
RULES = "/v1/delivery-rules"


async def rules_of(urls: DatabaseUrls) -> list[SecretRule]:
    """As delivery reads them."""
    async with open_database(urls.delivery) as database:
        return await load_rules(database)


async def test_a_rule_from_beginning_to_end(client: Client, database_urls: DatabaseUrls) -> None:
    asked = {"domain": "Example.ORG", "host": "Relay.test", "tls": "verified", "username": "us", "password": "hush hush"}
    rule = await created(client, RULES, asked)
    assert (rule["domain"], rule["host"], rule["port"], rule["protocol"]) == ("example.org", "relay.test", 587, "smtp")
    assert "password" not in rule and "hush" not in str(rule)
    (kept,) = await rules_of(database_urls)
    assert kept.password == "hush hush" and "hush" not in repr(kept)

    path = f"{RULES}/{rule['id']}"
    read = await client.get(path)
    assert read.json() == rule
    assert (await client.get(RULES)).json()["items"] == [rule]
    changed: dict[str, object] = {
        "domain": ".example.org",
        "host": "10.0.0.1",
        "protocol": "lmtp",
        "source": "192.0.2.1",
        "hello": "out.test",
    }
    changed |= {"messages_per_minute": 30}
    assert (await client.put(path, json=changed, headers={"If-Match": '"other"'})).status_code == 412
    replaced = await client.put(path, json=changed, headers={"If-Match": read.headers["ETag"]})
    assert replaced.json() == rule | changed | {"port": 24, "tls": "opportunistic", "username": None}
    (kept,) = await rules_of(database_urls)
    assert (kept.username, kept.password) == (None, None)

    assert (await client.delete(path)).status_code == 204
    for response in (await client.get(path), await client.delete(path), await client.put(path, json=changed)):
        assert_problem(response, 404)


async def test_there_is_one_rule_for_a_tenant_and_a_domain(client: Client) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "one"})
    await created(client, RULES, {"domain": ""})
    own = await created(client, RULES, {"domain": "", "tenant_id": tenant["id"]})
    assert_problem(await client.post(RULES, json={"domain": ""}), 409, "domain")
    other = await created(client, RULES, {"domain": "a.test", "tenant_id": tenant["id"]})
    assert_problem(await client.put(f"{RULES}/{other['id']}", json={"domain": "", "tenant_id": tenant["id"]}), 409, "domain")
    assert_problem(await client.post(RULES, json={"domain": "b.test", "tenant_id": 4711}), 404, "tenant_id")
    assert (await client.delete(f"/v1/tenants/{tenant['id']}")).status_code == 204
    assert_problem(await client.get(f"{RULES}/{own['id']}"), 404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": "a b"},
        {"domain": "..a.test"},
        {"domain": "a.test", "port": 25},
        {"domain": "a.test", "protocol": "lmtp"},
        {"domain": "a.test", "host": "h.test", "username": "us", "tls": "verified"},
        {"domain": "a.test", "host": "h.test", "password": "hush"},
        {"domain": "a.test", "host": "h.test", "username": "us", "password": "hush"},
        {"domain": "a.test", "username": "us", "password": "hush", "tls": "verified"},
        {"domain": "a.test", "host": "h.test\r\nRSET"},
        {"domain": "a.test", "source": "here"},
    ],
)
async def test_what_does_not_fit_together_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    assert_problem(await client.post(RULES, json=wrong), 422)
