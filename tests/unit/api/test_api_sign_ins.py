"""People sign in: by password and one-time password, as what their role says, until what let them in is good no more."""

import time
from base64 import b32decode
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.deps import Backend
from api.scopes import Scope
from mailstead.wire.otp import code_at
from unit.api.test_api_routes import ALICE, assert_problem, created
from unit.api.test_api_scopes import ROUTES

Client = httpx.AsyncClient
WithScopes = Callable[..., Awaitable[Client]]
WHO = {"address": "alice@a.test", "password": "correct horse"}
OWNED = {
    "mobileconfig",
    "app-passwords",
    "sieve-scripts",
    "usage",
    "sessions",
    "last-logins",
    "identities",
    "vacation",
    "password",
    "totp",
    "mailboxes",
    "deleted-messages",
    "restorations",
    "export",
    "mail-imports",
}


@pytest.fixture
async def account(client: Client) -> dict[str, Any]:
    await created(client, "/v1/domains", {"name": "a.test"})
    return await created(client, "/v1/accounts", ALICE)


async def signed_in(client: Client, **more: str) -> dict[str, str]:
    """The header of who signs in."""
    answer = await client.post("/v1/sign-ins", json=WHO | more)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_from_signing_in_to_signing_out(client: Client, account: dict[str, Any]) -> None:
    for wrong in ({"password": "wrong"}, {"address": "nobody@a.test"}):
        assert_problem(await client.post("/v1/sign-ins", json=WHO | wrong), 401)
    app = (await client.post(f"/v1/accounts/{account['id']}/app-passwords", json={"name": "phone"})).json()
    assert_problem(await client.post("/v1/sign-ins", json=WHO | {"password": app["password"]}), 401)
    me = await signed_in(client)
    current = (await client.get("/v1/sign-ins/current", headers=me)).json()
    assert (current["account_id"], current["role"]) == (account["id"], "owner")
    assert (await client.get(f"/v1/accounts/{account['id']}", headers=me)).json() == account
    assert (await client.delete("/v1/sign-ins/current", headers=me)).status_code == 204
    for path in ("/v1/sign-ins/current", f"/v1/accounts/{account['id']}"):
        assert_problem(await client.get(path, headers=me), 401)
    assert_problem(await client.get("/v1/sign-ins/current"), 401)


async def test_an_owner_reaches_their_account_and_nothing_else(client: Client, account: dict[str, Any]) -> None:
    other = await created(client, "/v1/accounts", ALICE | {"address": "bob@a.test"})
    me = await signed_in(client)
    for (method, path), scope in ROUTES.items():
        if scope is None:
            continue
        own = path.startswith("/v1/accounts/{account_id}/") and path.split("/")[4] in OWNED
        own = own or (method, path) == ("GET", "/v1/accounts/{account_id}")
        for account_id, allowed in ((account["id"], own), (other["id"], False), ("0" + str(account["id"]), False)):
            numbered = (
                "tenant_id",
                "api_key_id",
                "pause_id",
                "trace_id",
                "suppression_id",
                "name",
                "selector",
                "app_password_id",
                "rule_id",
                "webhook_id",
                "event_id",
                "mailbox_id",
                "uid",
            )
            names = dict.fromkeys(numbered, "1")
            names |= {"domain": "a.test", "address": "x@a.test", "queue_id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}
            concrete = path.format(account_id=account_id, **names)
            if allowed and (method, path.rpartition("/")[2]) == ("DELETE", "sessions"):
                continue  # it would sign us out
            answer = await client.request(method, concrete, headers=me, json=None if method == "GET" else {})
            assert (answer.status_code == 403) != allowed, (method, concrete, answer.text)


async def test_what_ends_a_sign_in(client: Client, account: dict[str, Any]) -> None:
    path = f"/v1/accounts/{account['id']}"

    async def ends(change: Awaitable[httpx.Response], me: dict[str, str]) -> None:
        assert (await client.get(path, headers=me)).status_code == 200
        assert (await change).status_code in (200, 204)
        assert_problem(await client.get(path, headers=me), 401)

    me = await signed_in(client)
    await ends(client.delete(f"{path}/sessions", headers=me), me)
    me = await signed_in(client)
    asked = {"current_password": "wrong", "password": "battery staple"}
    assert_problem(await client.put(f"{path}/password", headers=me, json=asked), 401, "current_password")
    asked["current_password"] = "correct horse"
    assert_problem(await client.put(f"{path}/password", headers=me, json=asked | {"password": "password1"}), 422, "password")
    await ends(client.put(f"{path}/password", headers=me, json=asked), me)
    me = await signed_in(client, password="battery staple")
    await ends(client.patch(path, json={"active": False}), me)
    assert_problem(await client.post("/v1/sign-ins", json=WHO | {"password": "battery staple"}), 409)


async def test_one_time_passwords(client: Client, account: dict[str, Any]) -> None:
    path = f"/v1/accounts/{account['id']}/totp"
    me = await signed_in(client)
    assert_problem(await client.put(f"{path}/confirmation", headers=me, json={"code": "000000"}), 404)
    made = (await client.put(path, headers=me)).json()
    secret = b32decode(made["secret"])
    assert made["secret"] in made["uri"]
    await signed_in(client)  # not asked for yet
    step = int(time.time() // 30)
    right = code_at(secret, step)
    wrong = next(code for code in ("000000", "111111", "222222", "333333") if code not in
                 {code_at(secret, near) for near in range(step - 2, step + 3)})  # fmt: skip
    assert_problem(await client.put(f"{path}/confirmation", headers=me, json={"code": wrong}), 401, "code")
    assert (await client.put(f"{path}/confirmation", headers=me, json={"code": right})).status_code == 204
    assert (await client.get(path, headers=me)).json() == {"enabled": True, "recovery_codes_left": 0}
    assert_problem(await client.put(path, headers=me), 409)
    for code in (None, wrong, right):  # a code is taken once
        assert_problem(await client.post("/v1/sign-ins", json=WHO | ({"code": code} if code else {})), 401, "code")
    wrong_password = await client.post("/v1/sign-ins", json=WHO | {"password": "wrong"})
    assert "errors" not in wrong_password.json(), "who does not know the password is not told"
    await signed_in(client, code=code_at(secret, step + 1))
    assert (await client.delete(path, headers=me)).status_code == 204
    assert_problem(await client.delete(path, headers=me), 404)
    await signed_in(client)


async def test_roles(client: Client, account: dict[str, Any], with_scopes: WithScopes) -> None:
    tenant = await created(client, "/v1/tenants", {"name": "theirs"})
    await created(client, "/v1/domains", {"name": "theirs.test", "tenant_id": tenant["id"]})
    path = f"/v1/accounts/{account['id']}"
    assert (await client.get(f"{path}/role")).json() == {"role": "owner"}
    operator = client.headers["authorization"]

    assert (await client.put(f"{path}/role", json={"role": "tenant_admin"})).status_code == 200
    me = await signed_in(client)
    domains = (await client.get("/v1/domains", headers=me)).json()["items"]
    assert [domain["name"] for domain in domains] == ["a.test"]
    assert_problem(await client.get("/v1/domains/theirs.test", headers=me), 404)
    assert_problem(await client.post("/v1/tenants", headers=me, json={"name": "x"}), 403)
    assert_problem(await client.put(f"{path}/role", headers=me, json={"role": "operator"}), 403, "role")

    # Whoever could set a password could become what its owner is.
    weak = await with_scopes(Scope.ACCOUNTS_WRITE, Scope.KEYS_WRITE)
    assert_problem(await weak.patch(path, json={"password": "battery staple"}), 403)
    assert_problem(await weak.put(f"{path}/role", json={"role": "owner"}), 403)
    client.headers["authorization"] = operator
    assert (await client.put(f"{path}/role", json={"role": "operator"})).status_code == 200
    limited = await with_scopes(Scope.ADMIN, tenant_id=account["tenant_id"])
    for answer in (await limited.patch(path, json={"active": False}), await limited.delete(path)):
        assert_problem(answer, 403)
    me = await signed_in(client)
    assert (await client.get("/v1/domains/theirs.test", headers=me)).status_code == 200
    actors = {entry["actor"] for entry in (await client.get("/v1/audit-log?action=give_role", headers=me)).json()["items"]}
    assert "account alice@a.test" in actors


def test_what_is_open_to_owners_is_about_their_account(backend: Backend) -> None:
    paths = {path for _, path in ROUTES if len(path.split("/")) > 4 and path.split("/")[4] in OWNED}
    assert all(path.startswith("/v1/accounts/{account_id}/") for path in paths)
    assert paths <= create_app(backend).openapi()["paths"].keys()


async def test_recovery_codes_stand_in_for_the_program_once(client: Client, account: dict[str, Any]) -> None:
    path = f"/v1/accounts/{account['id']}/totp"
    assert_problem(await client.put(f"{path}/recovery-codes"), 404, "account_id")
    secret = b32decode((await client.put(path)).json()["secret"])
    assert_problem(await client.put(f"{path}/recovery-codes"), 404, "account_id")
    code = code_at(secret, int(time.time()) // 30)
    assert (await client.put(f"{path}/confirmation", json={"code": code})).status_code == 204
    assert (await client.get(path)).json() == {"enabled": True, "recovery_codes_left": 0}

    first = (await client.put(f"{path}/recovery-codes")).json()["codes"]
    second = (await client.put(f"{path}/recovery-codes")).json()["codes"]
    assert len({*first, *second}) == 20
    who = {"address": ALICE["address"], "password": ALICE["password"]}
    assert_problem(await client.post("/v1/sign-ins", json=who), 401, "code")
    for wrong in (first[0], "x", "aaaa-aaaa-aaaa-aaaa"):
        assert_problem(await client.post("/v1/sign-ins", json=who | {"recovery_code": wrong}), 401, "recovery_code")
    given = who | {"recovery_code": second[3].upper().replace("-", " ")}
    assert (await client.post("/v1/sign-ins", json=given)).status_code == 201
    assert_problem(await client.post("/v1/sign-ins", json=given), 401, "recovery_code")
    assert (await client.get(path)).json()["recovery_codes_left"] == 9
    entries = (await client.get("/v1/audit-log", params={"action": "make_recovery_codes"})).json()["items"]
    assert len(entries) == 4 and second[0] not in str(entries)

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json() == {"enabled": False, "recovery_codes_left": 0}
