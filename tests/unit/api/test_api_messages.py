"""Mail as its owner sees it over the API, and deleted mail that is given back under new UIDs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry

from api.app import create_app
from api.auditing import MAIL
from api.deps import Backend
from api.metrics import ApiMetrics
from api.middleware import Outermost
from api.routers import ROUTERS
from api.scopes import Scope
from kit.postgres import DatabaseUrls
from mailstead.model.ids import new_trace_id
from mailstead.store.delivery import Delivery, LocalCopy
from mailstead.store.engine import Database, open_database
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.messages import Messages
from mailstead.store.search import Effort
from mailstead.wire.message import parse_message
from unit.api.test_api_routes import ALICE, assert_problem, created
from unit.api.test_api_scopes import ROUTES

Client = httpx.AsyncClient
WithScopes = Callable[..., Awaitable[Client]]


def message(n: int) -> bytes:
    head = f"From: Bo <bo@b.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {n}\r\nMessage-ID: <{n}@b.test>\r\n\r\n"
    return head.encode() + b"Dear Alice.\r\n" * (n * 100)


class Mail:
    """An account's mail, behind the API's back."""

    def __init__(self, database: Database, ingest: Ingest, account: dict[str, Any]) -> None:
        self.account_id: int = account["id"]
        self.path = f"/v1/accounts/{account['id']}"
        self._ingest = ingest
        self._tenant_id = account["tenant_id"]
        self._mailboxes = Mailboxes(database, lambda _: None)
        self._messages = Messages(database, lambda _: None)

    async def deliver(self, *numbers: int, mailbox: str = "INBOX") -> None:
        for n in numbers:
            copy = LocalCopy(self.account_id, self._tenant_id, mailbox, b"Received: here\r\n")
            await self._ingest.deliver(Delivery(new_trace_id(), parse_message(message(n)), copies=(copy,)))

    async def mailbox_id(self, name: str = "INBOX") -> int:
        return (await self._mailboxes.get(self.account_id, name)).mailbox_id

    async def delete(self, *uids: int) -> None:
        await self._messages.expunge(self.account_id, await self.mailbox_id(), list(uids), actor="imap", only_deleted=False)

    async def remove_mailbox(self, name: str) -> None:
        await self._mailboxes.delete(self.account_id, name)

    async def uids(self, name: str = "INBOX") -> list[int]:
        return list((await self._mailboxes.open(self.account_id, name)).uids)


@pytest.fixture
async def mail(client: Client, database_urls: DatabaseUrls) -> AsyncIterator[Mail]:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE | {"quota_bytes": 0})
    async with open_database(database_urls.owner) as database, Ingest(database, announce=lambda _: None) as ingest:
        yield Mail(database, ingest, account)


async def test_mailboxes_and_messages_newest_first(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2, 3)
    boxes = (await client.get(f"{mail.path}/mailboxes")).json()["items"]
    inbox = next(box for box in boxes if box["name"] == "INBOX")
    assert (inbox["message_count"], inbox["unseen_count"]) == (3, 3)
    assert {box["special_use"] for box in boxes} >= {"\\Sent", "\\Junk"}
    path = f"{mail.path}/mailboxes/{inbox['id']}/messages"
    first = (await client.get(path, params={"limit": 2})).json()
    assert [item["subject"] for item in first["items"]] == ["Grüße 3", "Grüße 2"]
    rest = (await client.get(path, params={"cursor": first["next_cursor"]})).json()
    assert ([item["uid"] for item in rest["items"]], rest["next_cursor"]) == ([1], None)
    one = (await client.get(f"{path}/3")).json()
    assert one == first["items"][0] and one["preview"].startswith("Dear Alice.") and one["flags"] == []
    content = await client.get(f"{path}/3/content")
    assert content.content == b"Received: here\r\n" + message(3)
    assert (content.headers["content-type"], content.headers["content-length"]) == ("message/rfc822", str(one["size"]))
    assert_problem(await client.get(f"{mail.path}/mailboxes/4711/messages"), 404)
    assert_problem(await client.get(f"{path}/4"), 404)
    assert_problem(await client.get(f"{path}/4/content"), 404)


async def test_filters_find_what_a_search_finds(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2, 3, 4)
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    await client.patch(f"{inbox}/messages/2", json={"add": ["\\Seen", "$Work"]})
    await client.patch(f"{inbox}/messages/4", json={"add": ["\\Seen", "\\Flagged"]})

    async def found(**filters: Any) -> list[int]:
        answer = await client.get(f"{inbox}/messages", params=filters | {"fields": "uid"})
        assert answer.status_code == 200, answer.text
        return [item["uid"] for item in answer.json()["items"]]

    assert await found(seen=True) == [4, 2]
    assert await found(seen=True, flagged=False) == [2]
    assert await found(seen=False, answered=False) == [3, 1]
    assert await found(keyword="$work") == [2]
    assert await found(subject="GRÜSSE 3") == [3]
    assert await found(text="dear alice") == [4, 3, 2, 1]
    assert await found(**{"from": "bo@b.test"}, text="grüße 2") == [2]
    assert await found(to="nobody") == []
    assert await found(larger=2000, smaller=5000) == [3, 2]
    assert await found(since="2020-01-01", before="2020-01-02") == []
    assert await found(since="2020-01-01") == [4, 3, 2, 1]
    page = (await client.get(f"{inbox}/messages", params={"seen": True, "limit": 1})).json()
    rest = (await client.get(f"{inbox}/messages", params={"seen": True, "limit": 1, "cursor": page["next_cursor"]})).json()
    assert [item["uid"] for item in page["items"] + rest["items"]] == [4, 2]
    assert rest["next_cursor"] is None
    for wrong in ({"since": "1769234"}, {"text": ""}, {"text": "a\x00"}, {"seen": "perhaps"}, {"larger": -1}, {"body": "x"}):
        assert_problem(await client.get(f"{inbox}/messages", params=wrong), 422, next(iter(wrong)))
    assert_problem(await client.get(f"{mail.path}/mailboxes/4711/messages", params={"seen": True}), 404)


async def test_a_search_reads_no_more_than_it_may(backend: Backend, client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2)
    app = create_app(replace(backend, search_effort=Effort(10)))
    frugal = Outermost(app, ApiMetrics.register(CollectorRegistry()), 10_000)
    transport = httpx.ASGITransport(frugal)
    async with Client(transport=transport, base_url="http://api.test", headers=client.headers) as other:
        path = f"{mail.path}/mailboxes/{await mail.mailbox_id()}/messages"
        assert_problem(await other.get(path, params={"text": "alice"}), 413, "text")
        assert len((await other.get(path, params={"seen": False})).json()["items"]) == 2


async def test_what_was_deleted_is_given_back_with_a_new_uid(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2, 3)
    await mail.delete(1, 3)
    inbox = await mail.mailbox_id()
    deleted = (await client.get(f"{mail.path}/deleted-messages")).json()["items"]
    assert {(item["mailbox"], item["uid"], item["subject"]) for item in deleted} == {
        ("INBOX", 1, "Grüße 1"),
        ("INBOX", 3, "Grüße 3"),
    }
    asked = {"messages": [{"mailbox_id": inbox, "uid": 1}, {"mailbox_id": inbox, "uid": 99}]}
    back = await client.post(f"{mail.path}/restorations", json=asked)
    assert back.json() == {
        "count": 1,
        "complete": True,
        "messages": [{"from_mailbox_id": inbox, "from_uid": 1, "mailbox": "INBOX", "uid": 4}],
    }
    assert await mail.uids() == [2, 4]
    content = await client.get(f"{mail.path}/mailboxes/{inbox}/messages/4/content")
    assert content.content.endswith(message(1))
    assert (await client.post(f"{mail.path}/restorations", json=asked)).json()["count"] == 0  # once
    assert len((await client.get(f"{mail.path}/deleted-messages")).json()["items"]) == 1


async def test_all_since_some_time_wherever_it_was(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2)
    await mail.deliver(3, mailbox="Archive")
    await mail.delete(1, 2)
    await mail.remove_mailbox("Archive")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert (await client.post(f"{mail.path}/restorations", json={"since": later})).json()["count"] == 0
    back = (await client.post(f"{mail.path}/restorations", json={"since": "2020-01-01T00:00:00Z"})).json()
    assert sorted((row["mailbox"], row["uid"]) for row in back["messages"]) == [("INBOX", 3), ("INBOX", 4), ("Restored", 1)]
    await mail.delete(3, 4)
    into = {"since": "2020-01-01T00:00:00Z", "into": "Found/again"}
    assert {row["mailbox"] for row in (await client.post(f"{mail.path}/restorations", json=into)).json()["messages"]} == {
        "Found/again"
    }
    assert await mail.uids("Found/again") == [1, 2]


async def test_what_cannot_be_given_back(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2)
    await mail.delete(1)
    await client.patch(mail.path, json={"quota_messages": 1})
    since = {"since": "2020-01-01T00:00:00Z"}
    assert_problem(await client.post(f"{mail.path}/restorations", json=since), 409)
    assert await mail.uids() == [2]
    assert_problem(await client.post(f"{mail.path}/restorations", json=since | {"into": "a//b"}), 422, "into")
    both = since | {"messages": [{"mailbox_id": 1, "uid": 1}]}
    wrongs: tuple[dict[str, Any], ...] = ({}, {"messages": []}, both)
    for wrong in wrongs:
        assert_problem(await client.post(f"{mail.path}/restorations", json=wrong), 422)
    for number in ("1769234", "1.5"):  # a time is written out
        assert_problem(await client.get(f"{mail.path}/deleted-messages", params={"since": number}), 422, "since")
    assert_problem(await client.post(f"{mail.path}/restorations", json={"since": 1769234}), 422, "since")
    assert_problem(await client.get("/v1/accounts/4711/deleted-messages"), 404)


async def test_pages_of_what_was_deleted(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2, 3)
    await mail.delete(1, 2, 3)
    seen, cursor = [], None
    while True:
        page = (
            await client.get(f"{mail.path}/deleted-messages", params={"limit": 1} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [item["uid"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen) == [1, 2, 3]


def test_every_route_that_reads_mail_is_audited() -> None:
    reads = {path for (method, path), scope in ROUTES.items() if method == "GET" and scope is Scope.MESSAGES_READ}
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    named = {route.name for route in routes if route.path in reads and "GET" in (route.methods or ())}
    assert named == MAIL


async def test_reading_anothers_mail_is_in_the_audit_log(client: Client, with_scopes: WithScopes, mail: Mail) -> None:
    await mail.deliver(1)
    reader = await with_scopes(Scope.MESSAGES_READ, Scope.AUDIT_READ)
    path = f"{mail.path}/mailboxes/{await mail.mailbox_id()}/messages/1/content"
    assert (await reader.get(path)).status_code == 200
    (entry,) = (await reader.get("/v1/audit-log", params={"action": "get_message_content"})).json()["items"]
    assert (entry["target"], entry["status"]) == (path, 200)
