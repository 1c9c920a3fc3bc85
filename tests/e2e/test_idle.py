"""How soon somebody in IDLE hears of a message: from its 250 to the untagged EXISTS, which may even come first."""

import asyncio
import statistics
import time

from kit.idling import Idler, idling
from kit.sending import send
from kit.stack import Stack

MESSAGES = 20


async def test_an_idle_client_hears_of_new_mail(stack: Stack) -> None:
    person = await stack.new_account()
    waits = []
    async with idling(stack, person) as idler:
        for number in range(1, MESSAGES + 1):
            heard = asyncio.create_task(_heard(idler, number))
            answered = await send(stack.ports.smtp, person.user, b"Subject: hello\r\n\r\nA line.\r\n")
            assert answered is not None
            async with asyncio.timeout(10):
                waits.append((await heard - answered) * 1000)
    middle, longest = statistics.median(waits), max(waits)
    print(f"from the 250 to the untagged EXISTS, {MESSAGES} messages: median {middle:.2f} ms, longest {longest:.2f} ms")


async def _heard(idler: Idler, count: int) -> float:
    """When the client was told that there are `count` messages."""
    while await idler.exists() < count:
        pass
    return time.perf_counter()
