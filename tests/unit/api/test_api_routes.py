"""The routes over a real database: what they do, and what they answer when they do not."""

from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from api.deps import Backend
from kit.postgres import DatabaseUrls
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Authenticator, Peer
from mailstead.ops.settings import LoginSettings
from mailstead.store.engine import open_database

Client = httpx.AsyncClient
ALICE = {"address": "alice@a.test", "password": "correct horse", "quota_bytes": 1000}


async def created(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == 201, response.text
    assert (await client.get(response.headers["Location"])).json() == response.json()
    found: dict[str, Any] = response.json()
    return found


def assert_problem(response: httpx.Response, status: int, field: str | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["status"]) == (status, status), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-trace-id"]
    if field is not None:
        assert field in [fault["field"] for fault in problem["errors"]], problem
    return problem


async def test_a_domain_from_beginning_to_end(client: Client) -> None:
    domain = await created(client, "/v1/domains", {"name": "A.Test"})
    assert (domain["name"], domain["active"], domain["account_count"]) == ("a.test", True, 0)
    assert_problem(await client.post("/v1/domains", json={"name": "a.test"}), 409, "name")

    changed = await client.patch("/v1/domains/A.test", json={"active": False})
    assert changed.json() == domain | {"active": False}

    await client.patch("/v1/domains/a.test", json={"active": True})
    scored = await client.patch("/v1/domains/a.test", json={"junk_score": 4.5, "reject_score": 12})
    assert scored.json() == domain | {"junk_score": 4.5, "reject_score": 12}
    assert (await client.patch("/v1/domains/a.test", json={"junk_score": -1})).status_code == 422
    await client.patch("/v1/domains/a.test", json={"junk_score": 0, "reject_score": 0})
    account = await created(client, "/v1/accounts", ALICE)
    assert_problem(await client.delete("/v1/domains/a.test"), 409, "domain")
    assert (await client.delete(f"/v1/accounts/{account['id']}?erase=true")).status_code == 204
    assert (await client.delete("/v1/domains/a.test?erase=true")).status_code == 204
    assert_problem(await client.get("/v1/domains/a.test"), 404)
    assert_problem(await client.delete("/v1/domains/a.test"), 404)


async def logs_in(urls: DatabaseUrls, user: str, password: str) -> int | None:
    """The account that IMAP would open."""
    async with open_database(urls.imap, pool_size=1) as database:
        authenticator = Authenticator(database, LoginSettings(), CollectorRegistry())
        try:
            return (await authenticator.log_in(user, password, Peer("192.0.2.1", None, "imap"))).account_id
        except Refused as refused:
            assert refused.failure is Failure.BAD_CREDENTIALS
            return None
        finally:
            authenticator.close()


async def test_an_account_from_beginning_to_end(client: Client, database_urls: DatabaseUrls) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE | {"address": "Alice@A.test"})
    assert "password" not in account
    assert (account["address"], account["quota_bytes"], account["used_bytes"]) == ("alice@a.test", 1000, 0)
    assert await logs_in(database_urls, "alice@a.test", "correct horse") == account["id"]

    path = f"/v1/accounts/{account['id']}"
    changed = await client.patch(path, json={"quota_bytes": 0, "active": False})
    assert changed.json() == account | {"quota_bytes": 0, "active": False}
    changed = await client.patch(path, json={"password": "battery staple", "active": True})
    assert changed.json() == account | {"quota_bytes": 0}
    assert await logs_in(database_urls, "alice@a.test", "battery staple") == account["id"]
    assert await logs_in(database_urls, "alice@a.test", "correct horse") is None

    assert (await client.delete(path, params={"erase": True})).status_code == 204
    for response in (await client.get(path), await client.delete(path), await client.patch(path, json={"active": True})):
        assert_problem(response, 404)


async def test_an_alias_from_beginning_to_end(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    alias = await created(client, "/v1/aliases", {"address": "Sales@a.test", "targets": ["alice@a.test", "x+y@b.test"]})
    assert alias == {
        "address": "sales@a.test",
        "kind": "alias",
        "targets": ["alice@a.test", "x+y@b.test"],
        "members_only": False,
        "active": True,
    }
    catch_all = await created(client, "/v1/aliases", {"address": "@a.test", "targets": ["alice@a.test"]})
    group = await created(
        client, "/v1/aliases", {"address": "t@a.test", "kind": "group", "targets": ["a@b.test"], "members_only": True}
    )
    assert (await client.get("/v1/aliases?domain=a.test")).json()["items"] == [catch_all, alias, group]
    path = "/v1/aliases/sales@a.test"
    assert (await client.patch(path, json={"active": False})).json() == alias | {"active": False}
    assert_problem(await client.patch(path, json={"members_only": True}), 409, "members_only")
    assert_problem(await client.post("/v1/aliases", json={"address": "alice@a.test", "targets": ["b@b.test"]}), 409, "address")
    assert_problem(await client.post("/v1/aliases", json={"address": "b@b.test", "targets": ["b@b.test"]}), 404, "address")
    assert_problem(await client.post("/v1/accounts", json=ALICE | {"address": "sales@a.test"}), 409, "address")
    assert (await client.delete(path)).status_code == 204
    for response in (await client.get(path), await client.delete(path), await client.patch(path, json={"active": True})):
        assert_problem(response, 404, "address")
    assert account["forwards"] == account["send_as"] == []


async def test_where_the_mail_of_an_account_goes(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    path = f"/v1/accounts/{account['id']}"
    assert_problem(await client.patch(path, json={"keeps_copy": False}), 409, "keeps_copy")
    change = {"forwards": ["a@b.test"], "keeps_copy": False, "files_tags": True, "send_as": ["sales@a.test", "@b.test"]}
    assert (await client.patch(path, json=change)).json() == account | change


async def test_a_domain_alias(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    alias = await created(client, "/v1/domains", {"name": "b.test", "alias_of": "a.test"})
    assert alias["alias_of"] == "a.test"
    assert_problem(await client.post("/v1/domains", json={"name": "c.test", "alias_of": "b.test"}), 404, "alias_of")
    assert_problem(await client.delete("/v1/domains/a.test"), 409, "domain")


async def test_addresses_are_taken_once_and_need_their_domain(client: Client) -> None:
    assert_problem(await client.post("/v1/accounts", json=ALICE), 404, "address")
    await created(client, "/v1/domains", {"name": "a.test"})
    await created(client, "/v1/accounts", ALICE)
    problem = assert_problem(await client.post("/v1/accounts", json=ALICE), 409, "address")
    assert problem["errors"] == [{"in": "body", "field": "address", "detail": "This address is taken by an account."}]


async def test_it_is_told_what_has_an_address(client: Client) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    await created(client, "/v1/domains", {"name": "b.test", "alias_of": "a.test"})
    await created(client, "/v1/accounts", ALICE)
    targets = {"targets": ["x@else.test"]}
    for address, kind in (("sales@a.test", "alias"), ("all@a.test", "group"), ("@a.test", "alias")):
        await created(client, "/v1/aliases", {"address": address, "kind": kind, **targets})
    holders = {
        "alice@a.test": "by an account",
        "sales@a.test": "by an alias",
        "all@a.test": "by a group",
        "carol@b.test": "an alias of another",
        "@a.test": "has a catch-all",
    }
    for address, holder in holders.items():
        answers = [await client.post("/v1/aliases", json={"address": address, **targets})]
        if not address.startswith("@"):
            answers.append(await client.post("/v1/accounts", json=ALICE | {"address": address}))
        for answer in answers:
            assert holder in assert_problem(answer, 409, "address")["errors"][0]["detail"]


WRONG: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/domains", {}, "name"),
    ("POST", "/v1/domains", {"name": 3}, "name"),
    ("POST", "/v1/domains", {"name": ""}, "name"),
    ("POST", "/v1/domains", {"name": "a..test"}, "name"),
    ("POST", "/v1/domains", {"name": "-a.test"}, "name"),
    ("POST", "/v1/domains", {"name": "a.test\n"}, "name"),
    ("POST", "/v1/domains", {"name": "a b.test"}, "name"),
    ("POST", "/v1/domains", {"name": "127.0.0.1"}, "name"),
    ("POST", "/v1/domains", {"name": "å.test"}, "name"),
    ("POST", "/v1/domains", {"name": "a" * 64 + ".test"}, "name"),
    ("POST", "/v1/domains", {"name": ".".join(["a" * 60] * 5)}, "name"),
    ("POST", "/v1/domains", {"name": "a.test", "colour": "blue"}, "colour"),
    ("PATCH", "/v1/domains/a.test", {}, ""),
    ("PATCH", "/v1/domains/a.test", {"active": None}, "active"),
    ("PATCH", "/v1/domains/a.test", {"active": "perhaps"}, "active"),
    ("PATCH", "/v1/domains/a.test", {"name": "b.test"}, "name"),
    ("GET", "/v1/domains/a%20b", None, "domain"),
    ("GET", "/v1/domains?limit=0", None, "limit"),
    ("GET", "/v1/domains?limit=501", None, "limit"),
    ("GET", "/v1/domains?cursor=%C3%A9", None, "cursor"),
    ("POST", "/v1/accounts", ALICE | {"address": "alice"}, "address"),
    ("POST", "/v1/accounts", ALICE | {"address": "a+tag@a.test"}, "address"),
    ("POST", "/v1/accounts", ALICE | {"address": "a..b@a.test"}, "address"),
    ("POST", "/v1/accounts", ALICE | {"address": "a b@a.test"}, "address"),
    ("POST", "/v1/accounts", ALICE | {"address": "a" * 65 + "@a.test"}, "address"),
    ("POST", "/v1/accounts", ALICE | {"password": "short"}, "password"),
    ("POST", "/v1/accounts", ALICE | {"password": "with\u0000control"}, "password"),
    ("POST", "/v1/accounts", ALICE | {"password": "é" * 128}, "password"),
    ("POST", "/v1/accounts", ALICE | {"quota_bytes": -1}, "quota_bytes"),
    ("POST", "/v1/accounts", ALICE | {"quota_bytes": 2**60 + 1}, "quota_bytes"),
    ("POST", "/v1/accounts", [ALICE], ""),
    ("PATCH", "/v1/accounts/1", {"password": "short"}, "password"),
    ("PATCH", "/v1/accounts/1", {"address": "b@a.test"}, "address"),
    ("POST", "/v1/accounts/1/app-passwords", {"name": ""}, "name"),
    ("POST", "/v1/accounts/1/app-passwords", {"name": "a\u0000"}, "name"),
    ("POST", "/v1/accounts/1/app-passwords", {"name": "x", "scopes": []}, "scopes"),
    ("POST", "/v1/accounts/1/app-passwords", {"name": "x", "scopes": ["api"]}, "scopes.0"),
    ("POST", "/v1/accounts/1/app-passwords", {"name": "x", "expires_at": "2026-01-01T00:00:00"}, "expires_at"),
    ("DELETE", "/v1/accounts/1/app-passwords/0", None, "app_password_id"),
    ("GET", "/v1/accounts/0", None, "account_id"),
    ("GET", "/v1/accounts/x", None, "account_id"),
    ("GET", f"/v1/accounts/{2**63}", None, "account_id"),
    ("GET", "/v1/accounts?cursor=eHg", None, "cursor"),
    ("GET", "/v1/accounts?domain=b..c", None, "domain"),
    ("POST", "/v1/aliases", {"address": "a@a.test", "targets": []}, "targets"),
    ("POST", "/v1/aliases", {"address": "a@a.test", "targets": ["a"]}, "targets.0"),
    ("POST", "/v1/aliases", {"address": "a+b@a.test", "targets": ["a@a.test"]}, "address"),
    ("PATCH", "/v1/accounts/1", {"forwards": ["a@a.test"] * 21}, "forwards"),
    ("PATCH", "/v1/aliases/a@a.test", {"targets": []}, "targets"),
    ("PATCH", "/v1/accounts/1", {"forwards": ["a b@a.test"]}, "forwards.0"),
    ("PATCH", "/v1/accounts/1", {"send_as": ["a.test"]}, "send_as.0"),
    ("GET", "/v1/accounts?domian=a.test", None, "domian"),
    ("GET", "/v1/health?x", None, "x"),
    ("GET", "/v1/queue/x", None, "queue_id"),
    ("GET", "/v1/queue?cursor=eHg", None, "cursor"),
    ("GET", "/v1/queue?state=lost", None, "state"),
    ("GET", "/v1/queue?queued_before=2026-01-01T00:00:00", None, "queued_before"),
    ("GET", "/v1/queue?domain=a%00", None, "domain"),
    ("POST", "/v1/queue-actions", {"action": "cancel", "of": {}}, "of"),
    ("POST", "/v1/queue-actions", {"action": "cancel", "of": {"domain": None}}, "of"),
    ("POST", "/v1/queue-actions", {"action": "cancel"}, "of"),
    ("POST", "/v1/queue-actions", {"action": "cancel", "of": {"domian": "a.test"}}, "of.domian"),
    ("POST", "/v1/queue-actions", {"action": "drop", "of": {"domain": "a.test"}}, "action"),
    ("POST", "/v1/queue-actions?cursor=eHg", {"action": "hold", "of": {"domain": "a.test"}}, "cursor"),
    ("POST", "/v1/queue-pauses", {}, "domain"),
    ("POST", "/v1/suppressions", {"address": "x@b.test"}, "tenant_id"),
    ("POST", "/v1/suppressions", {"address": "x", "tenant_id": 1}, "address"),
    ("GET", "/v1/suppressions?reason=whim", None, "reason"),
    ("GET", "/v1/queue-pauses/0", None, "pause_id"),
    ("GET", "/v1/messages/x/journey", None, "trace_id"),
]


async def test_wrong_input_names_its_field(client: Client) -> None:
    for method, path, body, field in WRONG:
        assert_problem(await client.request(method, path, json=body), 422, field)


async def test_what_is_no_json_is_said_so(client: Client) -> None:
    for body in (b"", b"{", b"\xff", b'{"name": "a.test"} trailing'):
        response = await client.post("/v1/domains", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code in (400, 422)
        assert_problem(response, response.status_code)


async def test_no_path_and_no_method(client: Client) -> None:
    assert_problem(await client.get("/v1/nothing"), 404)
    response = await client.put("/v1/domains", json={})
    assert_problem(response, 405)
    assert response.headers["allow"]


async def test_a_body_too_large_is_turned_away(client: Client) -> None:
    assert_problem(await client.post("/v1/domains", content=b"x" * 10_001), 413)

    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    response = await client.post("/v1/domains", content=endless(), headers={"Content-Type": "application/json"})
    assert_problem(response, 413)


async def test_lists_come_in_pages_that_neither_repeat_nor_skip(client: Client) -> None:
    names = sorted(f"d{n}.test" for n in range(7))
    for name in reversed(names):
        await created(client, "/v1/domains", {"name": name})
    for n in range(5):
        await created(client, "/v1/accounts", ALICE | {"address": f"u{n}@d{n % 2}.test"})

    async def walk(path: str, **query: Any) -> list[dict[str, Any]]:
        items, cursor = [], None
        while True:
            parameters = {"limit": 2, **query} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(path, params=parameters)).json()
            items += page["items"]
            cursor = page["next_cursor"]
            assert len(page["items"]) == 2 or cursor is None
            if cursor is None:
                return items

    assert [domain["name"] for domain in await walk("/v1/domains")] == names
    assert [account["address"].split("@")[0] for account in await walk("/v1/accounts")] == ["u0", "u1", "u2", "u3", "u4"]
    assert [account["address"].split("@")[0] for account in await walk("/v1/accounts", domain="d1.test")] == ["u1", "u3"]
    assert await walk("/v1/accounts", domain="nowhere.test") == []


async def test_health_and_version(client: Client) -> None:
    assert (await client.get("/v1/health")).json() == {"status": "degraded", "database": "ok", "events": "away"}
    assert (await client.get("/v1/version")).json()["api"] == "v1"


@pytest.mark.breaks_invariants
async def test_our_failure_is_a_503_that_says_nothing_of_the_inside(client: Client, database_urls: DatabaseUrls) -> None:
    async with open_database(database_urls.owner) as owner:
        await owner.execute("break", "ALTER TABLE domains RENAME TO gone")
    response = await client.get("/v1/domains")
    assert_problem(response, 503)
    assert "domains" not in response.text
    assert response.headers["retry-after"]


async def test_a_bug_of_ours_is_a_503_too(client: Client, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(*_: object) -> None:
        raise ZeroDivisionError("secret of the inside")

    monkeypatch.setattr(type(backend.provisioning), "domains", bug)
    response = await client.get("/v1/domains")
    assert_problem(response, 503)
    assert "secret" not in response.text
