"""A replica that is told to go takes nothing with it."""

import asyncio
from contextlib import AsyncExitStack

from kit.delivering import House
from kit.waiting import eventually

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'queue_recipients'::regclass"


async def test_what_is_claimed_while_draining_is_given_back(house: House) -> None:
    """The claim is held up in the database until the replica has begun to drain."""
    queue_id = await house.send("bob@dest.test")
    async with AsyncExitStack() as replica:
        async with house.database.transaction("hold") as holder:
            await holder.execute("LOCK TABLE queue_recipients IN SHARE MODE")
            await replica.enter_async_context(house.delivering())

            async def claims() -> bool:
                return bool(await holder.fetchval(WAITING))

            await eventually(claims)
            leaving = asyncio.create_task(replica.aclose())
            await asyncio.sleep(0)
        await leaving
    (recipient,) = (await house.states(queue_id)).values()
    assert recipient.state == "waiting"
