"""What is counted, for whom, and how often."""

from collections.abc import Awaitable, Callable

import httpx

from api.deps import Backend
from api.overviews import Overviews
from api.scopes import Scope
from unit.api.test_api_routes import ALICE, assert_problem, created

Client = httpx.AsyncClient


async def test_an_overview_is_of_who_asks(client: Client, with_scopes: Callable[..., Awaitable[Client]]) -> None:
    await created(client, "/v1/domains", {"name": "a.test"})
    account = await created(client, "/v1/accounts", ALICE)
    tenant = await created(client, "/v1/tenants", {"name": "theirs"})
    found = (await client.get("/v1/overview?hours=3")).json()
    assert len(found["hours"]) == 3
    assert (found["storage"]["account_count"], found["domains"]["domain_count"]) == (1, 1)
    assert found["queue"] == {"waiting_count": 0, "retried_count": 0, "oldest_queued_at": None}
    theirs = (await client.get("/v1/overview", params={"tenant_id": tenant["id"]})).json()
    assert (theirs["storage"]["account_count"], theirs["domains"]["domain_count"]) == (0, 0)

    limited = await with_scopes(Scope.SERVER_READ, tenant_id=tenant["id"])
    assert (await limited.get("/v1/overview")).json()["storage"] == theirs["storage"]
    assert_problem(await limited.get("/v1/overview", params={"tenant_id": account["tenant_id"]}), 404)
    assert_problem(await limited.get("/v1/overview?hours=73"), 422, "hours")


async def test_it_is_kept_for_a_while(backend: Backend) -> None:
    overviews = Overviews(backend.db)
    first = await overviews.of(24, None)
    assert await overviews.of(24, None) is first
    assert await overviews.of(24, 1) is not first
    impatient = Overviews(backend.db, seconds=0)
    assert await impatient.of(24, None) is not await impatient.of(24, None)
