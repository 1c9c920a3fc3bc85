"""Sessions of an account as the API lists and ends them, over all services, and when it logged in last."""

import asyncio

import httpx

from kit.certificates import TestAuthority
from kit.nats import NatsServer
from unit.api.conftest import key, served
from unit.api.serving import Start
from unit.login.clients import CLIENTS
from unit.login.conftest import StartServices
from unit.login.test_login_mechanisms import GOODBYES, connected, let_in

__all__ = ["key", "served"]


async def test_sessions_are_told_by_all_and_ended_on_all(
    services: StartServices, authority: TestAuthority, nats: NatsServer, served: Start, key: str
) -> None:
    async with (
        services(login_recheck_seconds=3600, nats_url=nats.url) as running,
        served(nats_url=nats.url) as port,
        connected(running, "imap", authority) as imap,
        connected(running, "pop3", authority) as pop3,
        connected(running, "smtp", authority) as smtp,
        httpx.AsyncClient(
            trust_env=False, base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}
        ) as client,
    ):
        clients = {"imap": imap, "pop3": pop3, "smtp": smtp}
        ways = {"imap": "app password", "pop3": "password", "smtp": "token"}
        for protocol, way in ways.items():
            await let_in(clients[protocol], way, running, protocol)
        path = f"/v1/accounts/{running.account_id}/sessions"
        told = (await client.get(path)).json()["items"]
        assert {session["protocol"]: session["by"] for session in told} == ways
        assert {session["peer"] for session in told} == {"127.0.0.1"}
        assert (await client.delete(path)).status_code == 204
        for protocol in CLIENTS:
            assert await asyncio.to_thread(clients[protocol].next_line) == GOODBYES[protocol]
        assert (await client.get(path)).json()["items"] == []
        async with connected(running, "imap", authority) as again:
            await let_in(again, "password", running, "imap")


async def test_last_logins_are_written_at_intervals_and_at_the_end(
    services: StartServices, authority: TestAuthority, served: Start, key: str
) -> None:
    async with services() as running:
        for protocol in ("imap", "imap", "pop3"):
            async with connected(running, protocol, authority) as client:
                await let_in(client, "password", running, protocol)
        account_id = running.account_id
    async with served() as port, httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as asking:
        asking.headers["Authorization"] = f"Bearer {key}"
        found = (await asking.get(f"/v1/accounts/{account_id}/last-logins")).json()["items"]
    assert [(login["protocol"], login["peer"]) for login in found] == [("imap", "127.0.0.1"), ("pop3", "127.0.0.1")]
