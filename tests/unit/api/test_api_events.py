"""Events read by page and followed as a stream: nothing is lost between two streams, and nothing of another tenant's is shown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import orjson
import pytest

from api.scopes import Scope
from kit.nats import NatsServer
from kit.postgres import DatabaseUrls
from kit.waiting import eventually
from mailstead.bus import open_bus
from mailstead.events import Event
from mailstead.events.outside import MessageReceived
from mailstead.store import outbox
from mailstead.store.engine import Connection, Database, open_database
from mailstead.store.event_log import forget_event_readers
from mailstead.store.outbox import relay
from mailstead.store.tenants import Tenants
from unit.api.serving import Start
from unit.api.test_api_routes import assert_problem, created

Client = httpx.AsyncClient


@pytest.fixture
async def jobs_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.jobs) as database:
        yield database


@pytest.fixture
async def owner_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    async with open_database(database_urls.owner) as database:
        yield database


async def happen(
    owner_db: Database,
    jobs_db: Database,
    tenant_id: int,
    *subjects: str,
    announce: Callable[[Iterable[Event]], None] = lambda _: None,
) -> None:
    async def work(connection: Connection) -> None:
        for subject in subjects:
            values = {"account_id": 1, "address": "a@b.test", "mailbox_id": 1, "uid": 1, "trace_id": "t", "size": 1}
            event = MessageReceived.model_validate(values | {"message_id": "", "sender": "", "subject": subject})
            await outbox.put(connection, tenant_id, event)

    await owner_db.transact("happen", work)
    await relay(jobs_db, announce)


def subjects_of(page: dict[str, Any]) -> list[str]:
    return [item["data"]["subject"] for item in page["items"]]


async def test_events_by_page(client: Client, owner_db: Database, jobs_db: Database) -> None:
    tenant = (await created(client, "/v1/tenants", {"name": "one"}))["id"]
    await happen(owner_db, jobs_db, tenant, "nobody listens yet")
    assert (await client.get("/v1/events")).json() == {"items": [], "next_cursor": None}
    await happen(owner_db, jobs_db, tenant, "a", "b", "c")
    first = (await client.get("/v1/events?limit=2")).json()
    second = (await client.get("/v1/events", params={"cursor": first["next_cursor"]})).json()
    assert sorted(subjects_of(first) + subjects_of(second)) == ["a", "b", "c"]
    last = second["items"][-1]["position"]
    assert (await client.get(f"/v1/events?after={last}")).json()["items"] == []
    await happen(owner_db, jobs_db, tenant, "d")
    assert subjects_of((await client.get(f"/v1/events?after={last}&type=message.received")).json()) == ["d"]
    assert (await client.get("/v1/events?type=message.bounced&type=message.deferred")).json()["items"] == []
    assert_problem(await client.get("/v1/events?type=nothing"), 422, "type.0")
    assert_problem(await client.get("/v1/events?tenant_id=4711"), 404, "tenant_id")


async def test_each_tenant_has_its_own(
    client: Client, with_scopes: Callable[..., Awaitable[Client]], owner_db: Database, jobs_db: Database
) -> None:
    one, two = [(await created(client, "/v1/tenants", {"name": name}))["id"] for name in ("one", "two")]
    ours = await with_scopes(Scope.EVENTS_READ, tenant_id=one)
    await ours.get("/v1/events")
    await happen(owner_db, jobs_db, two, "nobody of them listens")
    await happen(owner_db, jobs_db, one, "ours")
    assert subjects_of((await ours.get("/v1/events")).json()) == ["ours"]
    assert_problem(await ours.get(f"/v1/events?tenant_id={two}"), 404, "tenant_id")
    assert_problem(await ours.get(f"/v1/events/stream?tenant_id={two}"), 404, "tenant_id")
    operator = await with_scopes(Scope.ADMIN)
    await operator.get("/v1/events")
    await happen(owner_db, jobs_db, two, "theirs")
    assert subjects_of((await operator.get("/v1/events")).json()) == ["ours", "theirs"]
    again = await with_scopes(Scope.EVENTS_READ, tenant_id=one)
    assert subjects_of((await again.get("/v1/events")).json()) == ["ours"]


async def test_who_reads_no_more_is_forgotten(client: Client, owner_db: Database, jobs_db: Database) -> None:
    tenant = (await created(client, "/v1/tenants", {"name": "one"}))["id"]
    await client.get("/v1/events")
    await owner_db.execute("time passes", "UPDATE event_readers SET expires_at = now() - interval '1 second'")
    await happen(owner_db, jobs_db, tenant, "nobody listens")
    assert await forget_event_readers(jobs_db) == 1
    assert (await client.get("/v1/events")).json()["items"] == []


class Followed:
    """The events of a stream as they come, by id; `quiet` counts comments."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.last: str | None = None  # what is said as Last-Event-ID, as browsers know it
        self.quiet = 0

    async def read(self, response: httpx.Response) -> None:
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line.startswith(":"):
                self.quiet += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                assert int(fields["id"]) >= int(self.last or 0)
                self.last = fields["id"]
                if "data" in fields:
                    event = orjson.loads(fields["data"])
                    assert (str(event["position"]), event["type"]) == (fields["id"], fields["event"])
                    assert fields["id"] not in self.events
                    self.events[fields["id"]] = event
                fields = {}

    @property
    def subjects(self) -> list[str]:
        return [event["data"]["subject"] for event in self.events.values()]


@asynccontextmanager
async def following(client: Client, path: str = "/v1/events/stream", **headers: str) -> AsyncIterator[Followed]:
    followed = Followed()
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        task = asyncio.create_task(followed.read(response))
        yield followed
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None


@asynccontextmanager
async def asking(port: int, key: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    async with Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def tenant(owner_db: Database) -> int:
    return (await Tenants(owner_db).create("one")).tenant_id


async def test_a_stream_tells_what_happens_and_goes_on_where_it_ended(
    served: Start, key: str, tenant: int, owner_db: Database, jobs_db: Database
) -> None:
    async with served() as port, asking(port, key) as client:
        async with following(client) as first:
            await happen(owner_db, jobs_db, tenant, "a")
            await happen(owner_db, jobs_db, tenant, "b")
            await eventually(lambda: first.subjects == ["a", "b"])
        await happen(owner_db, jobs_db, tenant, *map(str, range(250)))
        async with following(client, **{"Last-Event-ID": first.last or ""}) as second:
            await eventually(lambda: len(second.events) == 250)
            await happen(owner_db, jobs_db, tenant, "c")
            await eventually(lambda: len(second.events) == 251)
        async with following(client) as fresh:
            await happen(owner_db, jobs_db, tenant, "d")
            await eventually(lambda: fresh.subjects == ["d"])
        async with following(client) as empty:
            await eventually(lambda: empty.last)
        await happen(owner_db, jobs_db, tenant, "while nobody followed")
        async with following(client, **{"Last-Event-ID": empty.last or ""}) as again:
            await eventually(lambda: again.subjects == ["while nobody followed"])


async def test_streams_are_woken_by_who_relays_events_and_look_when_nobody_tells(
    served: Start, key: str, tenant: int, owner_db: Database, jobs_db: Database, nats: NatsServer
) -> None:
    async with (
        served(nats_url=nats.url, api_stream_look_seconds=3600) as port,
        asking(port, key) as client,
        open_bus(nats.url, name="jobs") as bus,
        following(client) as followed,
    ):
        await eventually(lambda: followed.last)
        for subjects in (["a"], ["a", "b"]):
            await happen(owner_db, jobs_db, tenant, subjects[-1], announce=bus.publish)
            await eventually(partial(heard, followed, subjects))
        nats.kill()
        await happen(owner_db, jobs_db, tenant, "c", announce=bus.publish)
        await eventually(partial(heard, followed, ["a", "b", "c"]))
        await happen(owner_db, jobs_db, tenant, "d")
        nats.start()
        await eventually(partial(heard, followed, ["a", "b", "c", "d"]))


def heard(followed: Followed, subjects: list[str]) -> bool:
    return followed.subjects == subjects


async def test_a_quiet_stream_beats_and_ends(
    served: Start, key: str, tenant: int, monkeypatch: pytest.MonkeyPatch, owner_db: Database, jobs_db: Database
) -> None:
    monkeypatch.setattr("api.routers.events.HEARTBEAT_SECONDS", 0.05)
    async with served(api_stream_seconds=0.5) as port, asking(port, key) as client:
        async with following(client, f"/v1/events/stream?tenant_id={tenant}&type=message.bounced") as followed:
            await happen(owner_db, jobs_db, tenant, "not asked for")
            await eventually(lambda: followed.quiet > 2)
        response = await client.get("/v1/events/stream")  # it ends by itself
        assert int(response.text.partition("id: ")[2].partition("\n")[0]) > 0, "all that was there has been looked at"
        assert response.text.startswith("retry: 2000\nid: ")


async def test_streams_are_bounded_and_end_with_their_replica(served: Start, key: str, tenant: int) -> None:
    async with served(api_max_streams_of_caller=2, drain_seconds=20) as port, asking(port, key) as client:
        async with following(client), following(client):

            async def refused() -> bool:
                async with client.stream("GET", "/v1/events/stream") as response:
                    return response.status_code == 429

            await eventually(refused)

        async def room() -> bool:
            async with client.stream("GET", "/v1/events/stream") as response:
                return response.status_code == 200

        await eventually(room)
        last = await client.send(client.build_request("GET", "/v1/events/stream"), stream=True)
    async with asyncio.timeout(5):
        await last.aclose()
